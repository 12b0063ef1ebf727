"""The bars of a lost contact: sensing level in time, and no shock when the electrode touches the skin again."""

from bisect import bisect_left

from .case import Case
from .measure import peak_ua
from .plant import ZERO_CODE
from .waves import MS, US

TO_SENSING_NS = 2 * MS
SENSING_UA = 10.0
RECONTACT_NS = 50 * MS
RECONTACT_UA = 10.5  # 10 uA and 5 %


def check(case: Case) -> list[str]:
    """What is wrong with how a case lost its contact; notes "sensing_us" and "recontact_ua"."""
    problems = []
    if case.running:
        sensing_ns = _sensing_ns(case) - case.injected_ns
        case.notes["sensing_us"] = round(max(sensing_ns, 0) / US, 1)
        if sensing_ns > TO_SENSING_NS:
            problems.append(f"sensing level {sensing_ns / MS:.2f} ms after the lift-off")
    touched_ns = case.notes.get("contact_ns")
    if touched_ns:
        shock_ua = peak_ua(case.struck.stage, touched_ns, min(touched_ns + RECONTACT_NS, case.pico.now_ns))
        case.notes["recontact_ua"] = round(shock_ua, 2)
        if shock_ua > RECONTACT_UA:
            problems.append(f"{shock_ua:.1f} uA within 50 ms after contact")
    return problems


def _sensing_ns(case: Case) -> float:
    """When the DAC took the first code of those that stay at sensing level or below."""
    trace, board = case.struck.trace, case.pico.board
    step = SENSING_UA * ZERO_CODE / board.FULL_SCALE_UA
    first = bisect_left(trace.dac_ns, case.injected_ns)
    until_ns = case.notes.get("contact_ns", case.pico.now_ns)
    above = [
        index
        for index in range(first, bisect_left(trace.dac_ns, until_ns))
        if abs(trace.dac_codes[index] - ZERO_CODE) > step
    ]
    if not above:
        return case.injected_ns
    return trace.dac_ns[above[-1] + 1] if above[-1] + 1 < len(trace.dac_ns) else case.pico.now_ns
