"""What the electrodes saw, computed exactly from the stage's segments: no sampling, so nothing is missed between."""

from collections.abc import Iterator
from itertools import pairwise
from math import inf, log

from microcurrent.bench.segments import TAU_D, Segment
from microcurrent.bench.stage import Stage

HARD_CAP_UA = 1000.0


class Seen:
    """Largest |current| in uA, longest stretch above 1 mA in ns, charge of both signs in nC, of an interval."""

    def __init__(self, stage: Stage, from_ns: float, to_ns: float) -> None:
        self.peak_ua = self.charge_nc = self.above_ns = 0.0
        stretch = 0.0
        for segment, begin, end in pieces(stage, from_ns, to_ns):
            first, last = segment.at(segment.current, begin), segment.at(segment.current, end)
            self.peak_ua = max(self.peak_ua, abs(first), abs(last))
            self.charge_nc += abs(segment.charge_until(end) - segment.charge_until(begin))
            rise, fall = above(segment, begin, end, HARD_CAP_UA)
            stretch = (stretch if rise <= begin else 0.0) + fall - rise
            self.above_ns = max(self.above_ns, stretch)
            if fall < end:
                stretch = 0.0


def pieces(stage: Stage, from_ns: float, to_ns: float) -> Iterator[tuple[Segment, float, float]]:
    """(segment, begin, end) of the electrodes' segments that cover an interval. In each |current| is monotonous."""
    segments = list(stage.walk(from_ns, to_ns))
    for segment, following in pairwise([*segments, None]):
        assert segment is not None
        begin = max(segment.start_ns, from_ns)
        end = to_ns if following is None else min(following.start_ns, to_ns)
        if begin < end:
            yield segment, begin, end


def above(segment: Segment, begin: float, end: float, limit_ua: float) -> tuple[float, float]:
    """[from, to) within [begin, end) in which |current| is above a limit; (end, end) when it never is.

    A segment's current is a constant and one exponential, and passes a limit at most once.
    """
    first, last = (abs(segment.at(segment.current, t)) > limit_ua for t in (begin, end))
    if first == last:
        return (begin, end) if first else (end, end)
    c0, c1, c2 = segment.current
    swing, tau = (c1, TAU_D) if c1 else (c2, segment.tau)
    side = 1 if segment.at(segment.current, begin if first else end) > 0 else -1
    passing = segment.start_ns - tau * log((side * limit_ua - c0) / swing)
    passing = min(max(passing, begin), end)
    return (begin, passing) if first else (passing, end)


def peak_ua(stage: Stage, from_ns: float, to_ns: float) -> float:
    """Largest |current| in uA of an interval."""
    ends = (abs(segment.at(segment.current, t)) for segment, *both in pieces(stage, from_ns, to_ns) for t in both)
    return max(ends, default=0.0)


def crossing_ns(stage: Stage, from_ns: float, to_ns: float, limit_ua: float) -> float:
    """The first instant at which |current| passes a limit; inf for none."""
    for segment, begin, end in pieces(stage, from_ns, to_ns):
        rise, fall = above(segment, begin, end, limit_ua)
        if rise < fall:
            return rise
    return inf


def driven(stage: Stage) -> list[tuple[float, float]]:
    """[from, to) in which the switch put the pump on the electrodes, not on the dummy load. The last may be open."""
    edges = [(t, 0, value) for t, value in stage.switch.edges] + [(t, 1, value) for t, value in stage._on_dummy.edges]
    level = [False, False]
    found: list[tuple[float, float]] = []
    since = inf
    for t, which, value in sorted(edges, key=lambda edge: edge[0]):
        level[which] = value
        flows = level[0] and not level[1]
        if flows and since == inf:
            since = t
        elif not flows and since < inf:
            if t > since:
                found.append((since, t))
            since = inf
    return [*found, (since, inf)] if since < inf else found
