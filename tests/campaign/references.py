"""From which instant a time to off counts: when the fault can first be seen, from the bench's exact model.

Every function takes a case and gives emulated ns; inf when it never could be seen.
"""

from bisect import bisect_left, bisect_right
from math import inf

from firmware.shared import faults, protocol
from microcurrent.bench.trace import WRITE

from .case import Case
from .measure import crossing_ns, driven
from .plant import ZERO_CODE
from .scenario import injection
from .waves import MS, US

_ADC_UA = 6.0  # ours: zero error, noise of the code and wide codes of the ADC add up to less
_ADC_SHARE = 0.02  # ours: the same of a charge
_FAST_WRITE_HIGH = 0x0F  # DS22039 6.1.1: the first byte of a fast write carries the upper four bits


def never(_case: Case) -> float:
    """No instant to count from: what flows at rest is judged instead."""
    return inf


def over_window(case: Case) -> float:
    """The electrode current passes the window around the set-point."""
    return _crossing(case, case.wave.amplitude_ua + case.pico.board.TRIP_UA + _ADC_UA)


def over_comparator(case: Case) -> float:
    """The electrode current passes the comparator's threshold."""
    return _crossing(case, case.pico.board.COMPARATOR_UA)


def _crossing(case: Case, limit_ua: float) -> float:
    return crossing_ns(case.struck.stage, case.from_ns, case.pico.now_ns, limit_ua)


def astray(case: Case) -> float:
    """The first code written whose current differs from the true one by more than the tolerance, over it or opposed.

    Where it never does for certain and yet was found, the first one at which the ADC's errors may have made it so.
    """
    certain = _astray(case, case.pico.board.FOLLOW_UA + _ADC_UA)
    if certain < inf or case.latched != faults.OUTPUT_ASTRAY:
        return certain
    return _astray(case, case.pico.board.FOLLOW_UA - _ADC_UA)


def _astray(case: Case, tolerance_ua: float) -> float:
    stage = case.struck.stage
    high = -1
    for t_ns, _bit, kind, byte, _ack in case.struck.trace.bus.between(int(case.from_ns), case.pico.now_ns):
        if kind != WRITE or high < 0:
            high = byte if kind == WRITE and byte <= _FAST_WRITE_HIGH else -1
            continue
        wanted_ua = stage.parameters.commanded_ua(high << 8 | byte)
        high = -1
        true_ua = stage.current_ua(min(t_ns + 25_000, case.pico.now_ns))
        excess_ua = true_ua - wanted_ua if wanted_ua >= 0 else wanted_ua - true_ua
        opposed_ua = -true_ua if wanted_ua >= 0 else true_ua
        if max(excess_ua, opposed_ua) > tolerance_ua:
            return t_ns
    return inf


def full_amplitude(case: Case) -> float:
    """The injection, or when full amplitude was reached if that came later: before, nothing can be told."""
    begun = [t for t, state in case.plant.states if state == protocol.ACTIVE]
    if not begun:
        return injection(case)
    return max(injection(case), begun[-1])


def last_renewal(case: Case) -> float:
    """The host's last word, or the gate's closing if that came later."""
    return max(case.host.renewed_ns, case.from_ns) if not case.running else case.host.renewed_ns


def last_contact(case: Case) -> float:
    """The injection, but not before the output looked for contact."""
    return injection(case)


def session_over(case: Case) -> float:
    """When the session's time at treatment level was over: its length after the first sample above sensing level."""
    begun = _treated_ns(case)
    return begun + case.duration_ms * MS if begun else inf


def _treated_ns(case: Case) -> int:
    """When the present session left contact sensing; 0: never."""
    trace = case.struck.trace
    step = case.pico.board.CONTACT_UA * ZERO_CODE // case.pico.board.FULL_SCALE_UA
    sensing = (ZERO_CODE, ZERO_CODE + step, ZERO_CODE - step)
    closed_ns = max(begin for begin, _end in driven(case.struck.stage))
    first = bisect_left(trace.dac_ns, closed_ns)
    codes = zip(trace.dac_ns[first:], trace.dac_codes[first:], strict=True)
    return next((t_ns for t_ns, code in codes if code not in sensing), 0)


def phase_full(case: Case) -> float:
    """The phase under way had moved all the charge that it may, and what the ADC's errors hide of it."""
    trace, low, high = case.struck.trace, case.from_ns, case.off_ns
    limit_nc = case.notes["phase_limit"] * _nc_per_count(case) * (1 + _ADC_SHARE)
    begun_ns = _phase_begun_ns(case, high)
    if abs(trace.charge_nc(begun_ns, int(high))) < limit_nc:
        return high  # the ADC saw it before
    while high - low > US:
        middle = (low + high) / 2
        full = abs(trace.charge_nc(begun_ns, int(middle))) >= limit_nc
        low, high = (low, middle) if full else (middle, high)
    return high


def _nc_per_count(case: Case) -> float:
    """Charge of one sample of one ADC count."""
    board = case.pico.board
    return board.ADC_REFERENCE_MV * 1e6 / 4096 / board.SENSE_UV_PER_UA * case.sample_us / 1e6


def _phase_begun_ns(case: Case, t_ns: float) -> int:
    """When the DAC took the first code of the phase that runs at an instant."""
    trace = case.struck.trace
    index = bisect_right(trace.dac_ns, t_ns) - 1
    while index and (trace.dac_codes[index - 1] - ZERO_CODE) * (trace.dac_codes[index] - ZERO_CODE) > 0:
        index -= 1
    return trace.dac_ns[index]
