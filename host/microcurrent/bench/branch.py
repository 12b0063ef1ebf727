"""One way the pump's current can go, electrodes or dummy load, with its whole history.

State is advanced only when something changes; every change starts a segment, kept as numbers so that any past instant
can be computed exactly.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from .pump import Pump
from .segments import OPEN, Circuit, Segment
from .transitions import mode_at, next_transition

FIELDS = 5  # numbers kept per segment: start, regime + 8 * circuit, capacitor voltage, pump target, pump delta


class Branch:
    """Driven by `pump` while `driven`, else open. Times must not go backwards but in questions about the past.

    `present` is the segment that holds until `transition_ns`, when another regime begins by itself.
    """

    def __init__(self, circuit: Circuit, pump: Pump) -> None:
        self._pump = pump
        self.circuits = [circuit]
        self.segments = array("d")
        self.driven = False
        self.transition_ns = inf
        self._next_mode = OPEN
        self.present = self._begin(0.0, OPEN, 0.0, pump.at(0.0))

    def restart(self, t_ns: float) -> None:
        """A new segment at `t_ns`, in whatever regime the circuit is then."""
        if t_ns >= self.transition_ns:
            self.advance(t_ns)
        self._begin_at(t_ns, self.present.at(self.present.voltage, t_ns))

    def drive(self, t_ns: float, driven: bool) -> None:
        """Connect the pump, or leave the load to itself."""
        self.advance(t_ns)
        self.driven = driven
        self.restart(t_ns)

    def rewire(self, t_ns: float, circuit: Circuit, *, discharged: bool) -> None:
        """Another circuit, with the capacity's voltage as it is or at zero."""
        self.advance(t_ns)
        v = 0.0 if discharged else self.present.at(self.present.voltage, t_ns)
        self.circuits.append(circuit)
        self._begin_at(t_ns, v)

    def advance(self, t_ns: float) -> None:
        """Bring `present` to an instant."""
        while self.transition_ns <= t_ns:
            at = self.transition_ns
            self._begin(at, self._next_mode, self.present.at(self.present.voltage, at), self._pump.at(at))

    def current_ua(self, t_ns: float) -> float:
        """Current at an instant, past or present."""
        segment = self._segment_at(t_ns)
        return segment.at(segment.current, t_ns)

    def voltage_mv(self, t_ns: float) -> float:
        """Voltage across the load at an instant, past or present."""
        segment = self._segment_at(t_ns)
        return segment.at(segment.electrode, t_ns)

    def walk(self, from_ns: float, to_ns: float) -> Iterator[Segment]:
        """The segments that cover an interval, in order, one by one: as objects they are ten times as large."""
        self.advance(to_ns)
        for index in range(max(self._count_begun(from_ns) - 1, 0), self._count_begun(to_ns)):
            yield self._stored(index)

    def regimes(self, from_ns: float) -> Iterator[tuple[Segment, float]]:
        """(segment, its end) from an instant not after the present segment's start on, as far as it goes by itself."""
        for segment, following in pairwise(self.walk(from_ns, self.present.start_ns)):
            yield segment, following.start_ns
        segment, end, mode = self.present, self.transition_ns, self._next_mode
        while end < inf:
            yield segment, end
            target, v0 = self._pump.target, segment.at(segment.voltage, end)
            segment = Segment(end, mode, segment.circuit, v0, target, self._pump.at(end) - target)
            end, mode = next_transition(segment)
        yield segment, inf

    def forget(self, before_ns: float) -> None:
        """Keep no more of the past than is needed from `before_ns` on, which must not be in the future."""
        del self.segments[: max(self._count_begun(before_ns) - 1, 0) * FIELDS]

    def _count_begun(self, t_ns: float) -> int:
        """How many kept segments begin at `t_ns` or earlier."""
        segments = self.segments
        return bisect_right(range(len(segments) // FIELDS), t_ns, key=lambda index: segments[index * FIELDS])

    def _segment_at(self, t_ns: float) -> Segment:
        if t_ns >= self.transition_ns:
            self.advance(t_ns)
        if t_ns >= self.present.start_ns:
            return self.present
        index = len(self.segments) // FIELDS - 2
        while index > 0 and self.segments[index * FIELDS] > t_ns:
            index -= 1
        return self._stored(index)

    def _stored(self, index: int) -> Segment:
        start, packed, v0, target, delta = self.segments[index * FIELDS : (index + 1) * FIELDS]
        return Segment(start, int(packed) & 7, self.circuits[int(packed) >> 3], v0, target, delta)

    def _begin_at(self, t_ns: float, v: float) -> None:
        circuit, pump_ua = self.circuits[-1], self._pump.at(t_ns)
        self._begin(t_ns, mode_at(circuit, v, pump_ua) if self.driven else OPEN, v, pump_ua)

    def _begin(self, t_ns: float, mode: int, v0: float, pump_ua: float) -> Segment:
        circuits, target = self.circuits, self._pump.target
        delta = pump_ua - target
        segment = self.present = Segment(t_ns, mode, circuits[-1], v0, target, delta)
        self.segments.extend((t_ns, mode + 8.0 * (len(circuits) - 1), v0, target, delta))
        self.transition_ns, self._next_mode = next_transition(segment)
        return segment
