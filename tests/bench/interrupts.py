"""What an interrupt costs on a virtual Pico: cycles from entry to exit, without the 28 of entry and exit themselves."""

from microcurrent.bench.pico import VirtualPico

CYCLE_NS = 8
TIMER_IRQ_3 = 16 + 3  # exception number of the timer that MicroPython's alarms run on
LEAST_NS = 2000  # what is shorter only re-arms the alarm


def interrupt_cycles(pico: VirtualPico, count: int, least_ns: int = LEAST_NS) -> list[int]:
    """Cycles of the next timer interrupts, those included that other interrupts took out of them."""
    core = pico.mcu.core
    costs: list[int] = []
    while len(costs) < count:
        while core.ipsr == 0:
            pico.run_until(pico.now_ns + (CYCLE_NS if not core.waiting else 200))
        began_ns, irq = pico.now_ns, core.ipsr
        while core.ipsr:
            pico.run_until(pico.now_ns + CYCLE_NS)
        if irq == TIMER_IRQ_3 and pico.now_ns - began_ns > least_ns:
            costs.append((pico.now_ns - began_ns) // CYCLE_NS)
    return costs
