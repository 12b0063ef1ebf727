"""Faults of the chip and of the program on it."""

from .case import Case
from .ram import Words, end_samples_early, stop_samples
from .variants import RAISE_IN_LOOP, RAISE_SCRATCH
from .waves import US

_SAMPLES = 1 << 0  # TIMER_IRQ_0
_TIMERS = 0xF  # with it TIMER_IRQ_3, which MicroPython's alarms use
_FREE_RAM = 0x20041FF0  # end of the RAM that the firmware does not use
_BRANCH_TO_ITSELF = 0xE7FEE7FE  # twice the Thumb instruction `b .`
_STALL_NS = 150_000_000
_SLOW = 4
_MANY_SAMPLES = 1 << 20  # a bit that is clear in every session of the campaign: 105 s


def interrupt_late(case: Case) -> None:
    """The timer's interrupt is held back for two sample periods and a half."""
    core, pico = case.pico.mcu.core, case.pico
    core.enabled_interrupts &= ~_SAMPLES

    def release() -> None:
        core.enabled_interrupts |= _SAMPLES
        core.interrupts_updated = True
        core.waiting = False  # nothing else would wake a sleeping core

    pico.at(pico.now_ns + 5 * case.sample_us * US // 2, release)


def interrupt_dead(case: Case) -> None:
    """A flipped bit: the timer's alarm calls no interrupt any more."""
    stop_samples(case.pico)


def main_loop_hung(case: Case) -> None:
    """The main program stands still for 150 ms, or for ever; interrupts go on."""
    where = _hang(case, interrupts=True)
    if case.key.variant != "for ever":
        case.pico.run_until(case.injected_ns + _STALL_NS)
        _outside_interrupts(case)
        case.pico.mcu.core.pc = where


def cpu_hung(case: Case) -> None:
    """Nothing runs any more, interrupts neither; in the variant "timers" because their block is dead."""
    if case.key.variant == "timers":
        case.pico.mcu.core.enabled_interrupts &= ~_TIMERS
    else:
        _hang(case, interrupts=False)


def main_loop_raises(case: Case) -> None:
    """The main loop meets an exception that nobody expected."""
    case.pico.mcu.watchdog.scratch_data[RAISE_SCRATCH] = RAISE_IN_LOOP


def interrupt_raises(case: Case) -> None:
    """The sample interrupt comes on time and returns in its middle: nothing supervises any more."""
    _outside_interrupts(case)
    end_samples_early(case.pico)


def phase_too_long(case: Case) -> None:
    """Flipped bits in the engine's RAM: the phase under way does not end."""
    words = Words(case.pico, case.key.output)
    case.notes["phase_limit"] = words["_PHASE_LIMIT"]  # the next self-test has another
    words["_PHASE_STEP"] = 0
    if words["_K"] < words["_GAP_END"]:
        words["_GAP_END"] = 1 << 20
    words["_WIDTH"] = words["_N_THIS"] = words["_N_BASE"] = 1 << 20


def clock_slow(case: Case) -> None:
    """The count of samples lags behind the time: a bit of it flips, or they come at a quarter of their rate."""
    words = Words(case.pico, case.key.output)
    if case.key.variant != "quarter":
        words["_LEFT"] |= _MANY_SAMPLES
    else:
        words["_PERIOD"] *= _SLOW


def _hang(case: Case, *, interrupts: bool) -> int:
    """Send the main program into `b .`; returns where it was."""
    core = case.pico.mcu.core
    _outside_interrupts(case)
    case.pico.mcu.write_uint32(_FREE_RAM, _BRANCH_TO_ITSELF)
    where = core.pc
    core.pc = _FREE_RAM
    core.waiting = False
    core.pm = not interrupts
    return where


def _outside_interrupts(case: Case) -> None:
    core = case.pico.mcu.core
    while core.ipsr:
        case.pico.run_until(case.pico.now_ns + 1000)
