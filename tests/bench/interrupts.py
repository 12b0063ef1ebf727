"""What an interrupt costs on a virtual Pico: cycles from entry to exit, without the 28 of entry and exit themselves."""

from microcurrent.bench.pico import VirtualPico

CYCLE_NS = 8
TIMER_IRQ_0 = 16  # exception number of the sample interrupt
TIMER_IRQ_3 = 19  # of the timer that MicroPython's alarms run on


def interrupt_cycles(pico: VirtualPico, count: int, exception: int = TIMER_IRQ_0) -> list[int]:
    """Cycles of the next interrupts of a number, those included that other interrupts took out of them."""
    core = pico.mcu.core
    costs: list[int] = []
    while len(costs) < count:
        while core.ipsr == 0:
            pico.run_until(pico.now_ns + (CYCLE_NS if not core.waiting else 200))
        began_ns, irq = pico.now_ns, core.ipsr
        while core.ipsr:
            pico.run_until(pico.now_ns + CYCLE_NS)
        if irq == exception:
            costs.append((pico.now_ns - began_ns) // CYCLE_NS)
    return costs
