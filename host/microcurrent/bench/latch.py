"""The over-current latch behind the comparators: when it will set, kept up to date at no cost while it cannot."""

from collections.abc import Callable
from math import ceil, inf

from .branch import Branch
from .comparator import first_trip, harmless_ua
from .faults import StageFaults
from .parameters import TRIP_TEST_SHARE, StageParameters


class Latch:
    """Sets at `due_ns` unless something changes before; inf: never. on_due is told whenever that instant changes."""

    def __init__(self, parameters: StageParameters) -> None:
        self.set = False
        self.due_ns = inf
        self.on_due: Callable[[float], None] = _nobody
        self._parameters = parameters
        self._faults = StageFaults()
        self._threshold_ua = parameters.comparator_ua
        self._harmless_ua = inf  # up to which current of the pump nobody need look
        self._from_ns = 0.0  # since when the comparators have seen what they see
        self._seen: tuple[object, ...] = ()

    def watch(self, t_ns: float, branch: Branch | None, faults: StageFaults, *, trip_test: bool) -> None:
        """From `t_ns` on look at the current in `branch` (None: not at all), and begin anew if that is a change."""
        p = self._parameters
        self._faults = faults
        self._threshold_ua = p.comparator_ua * (TRIP_TEST_SHARE if trip_test else 1)
        sense = (faults.sense_stuck_mv, faults.sense_gain, faults.sense_offset_mv)
        seen = (branch, self._threshold_ua, faults.watching, sense)
        if seen != self._seen:
            self._seen, self._from_ns = seen, t_ns
        self._harmless_ua = inf
        self._expect(inf)
        if branch and faults.watching:
            self._harmless_ua = harmless_ua(self._threshold_ua, p, faults)
            self.look(t_ns, branch)

    def look(self, t_ns: float, branch: Branch) -> None:
        """The current in the watched `branch` took another course at `t_ns`."""
        if self._harmless_ua == inf:
            return
        present = branch.present
        if max(abs(present.target), abs(present.target + present.delta)) <= self._harmless_ua:
            if self.due_ns < inf:
                self._expect(inf)
            return
        p = self._parameters
        since_ns = max(self._from_ns, t_ns - p.comparator_ns)  # nothing older can still be pending
        due_ns = first_trip(branch.regimes(since_ns), since_ns, self._threshold_ua, p, self._faults)
        self._expect(max(ceil(due_ns), t_ns) if due_ns < inf else inf)  # whole ns: the clock's alarms are exact then

    def put(self, is_set: bool) -> None:
        """Set or cleared."""
        self.set = is_set
        self._expect(inf)

    def _expect(self, due_ns: float) -> None:
        if due_ns != self.due_ns:
            self.due_ns = due_ns
            self.on_due(due_ns)


def _nobody(due_ns: float) -> None:
    """Nobody wants to know."""
