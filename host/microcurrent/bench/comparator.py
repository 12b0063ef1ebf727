"""The window comparators on the sense amplifier's output: when they will trip, in closed form.

Within a segment the current is c0 + c1 * exp(-s / tau), one exponential: it passes a threshold at most once.
"""

from collections.abc import Iterable
from math import inf, log

from .faults import StageFaults
from .parameters import StageParameters
from .segments import TAU_D, Segment


class Comparator:
    """One side of the window, +1 the upper, -1 the lower: trips when over its threshold for the response time."""

    def __init__(self, side: int, threshold_ua: float, response_ns: float) -> None:
        self._side = side
        self._threshold_ua = threshold_ua
        self._response_ns = response_ns
        self._since_ns = inf

    def trip_ns(self, c0: float, c1: float, tau: float, start_ns: float, begin_ns: float, end_ns: float) -> float:
        """The trip's instant within [begin, end) of the segment that started at `start_ns`; inf for none.

        Segments must be given in order: what is over its threshold at the end of one may trip in the next.
        """
        first, last = _over(c0 * self._side - self._threshold_ua, c1 * self._side, tau)
        first, last = max(start_ns + first, begin_ns), min(start_ns + last, end_ns)
        if first >= last:
            self._since_ns = inf
            return inf
        if first > begin_ns or self._since_ns == inf:
            self._since_ns = first
        trip_ns = self._since_ns + self._response_ns
        if trip_ns <= last:
            return trip_ns
        if last < end_ns:
            self._since_ns = inf
        return inf


def first_trip(
    regimes: Iterable[tuple[Segment, float]],
    from_ns: float,
    threshold_ua: float,
    parameters: StageParameters,
    faults: StageFaults,
) -> float:
    """The first trip if nothing changes, for comparators that look from `from_ns` on; inf for none.

    regimes: (segment, its end), in order, the last one without end.
    """
    sides = [Comparator(side, threshold_ua, parameters.comparator_ns) for side in faults.watching]
    for segment, end_ns in regimes:
        begin_ns = max(segment.start_ns, from_ns)
        if begin_ns >= end_ns:
            continue
        c0, c1, tau = _seen(segment, parameters, faults)
        trip_ns = min(side.trip_ns(c0, c1, tau, segment.start_ns, begin_ns, end_ns) for side in sides)
        if trip_ns < inf:
            return trip_ns
    return inf


def harmless_ua(threshold_ua: float, parameters: StageParameters, faults: StageFaults) -> float:
    """Up to which current of the pump the comparators cannot trip, so that nobody need look: inf for any."""
    stuck_mv, gain = faults.sense_stuck_mv, abs(faults.sense_gain)
    if stuck_mv is not None:
        return inf if abs(_shown_ua(stuck_mv - parameters.reference_mv / 2, parameters)) <= threshold_ua else -1.0
    room_ua = threshold_ua - abs(_shown_ua(faults.sense_offset_mv, parameters))
    highest_ua = max(map(abs, faults.limits_ua(parameters.limiter_ua)))
    if not gain:
        return inf if room_ua >= 0 else -1.0
    return inf if highest_ua * gain <= room_ua else room_ua / gain


def _seen(segment: Segment, parameters: StageParameters, faults: StageFaults) -> tuple[float, float, float]:
    """(c0, c1, tau) of the current that the sense amplifier shows."""
    if faults.sense_stuck_mv is not None:
        return _shown_ua(faults.sense_stuck_mv - parameters.reference_mv / 2, parameters), 0.0, 1.0
    c0, c1, c2 = segment.current
    gain, offset_ua = faults.sense_gain, _shown_ua(faults.sense_offset_mv, parameters)
    return c0 * gain + offset_ua, (c1 or c2) * gain, TAU_D if c1 else segment.tau


def _shown_ua(mv: float, parameters: StageParameters) -> float:
    """The current that the sense amplifier's output means when it is `mv` away from its rest."""
    return mv * 1000 / parameters.sense_uv_per_ua


def _over(g0: float, g1: float, tau: float) -> tuple[float, float]:
    """[from, to) in which g0 + g1 * exp(-s / tau) is above zero, s >= 0; (inf, inf) for never."""
    start, end = g0 + g1, g0
    if start > 0 and end >= 0:
        return 0.0, inf
    if start <= 0 and end <= 0:
        return inf, inf
    root = tau * log(-g1 / g0)
    return (0.0, root) if start > 0 else (root, inf)
