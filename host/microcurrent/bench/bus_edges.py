"""SDA and SCL bit by bit, rebuilt from the log of bus events.

Inside a bit the clock is low for its first 60 %, data change at 1/8: set-up and hold times of fast mode are kept
(UM10204, table 10) and decoders see stable data while the clock is high.
"""

from .trace import RESTART, START, STOP, BusLog

SDA, SCL = 0, 1
Edge = tuple[int, int, int]  # (t_ns, SDA or SCL, level)
LONGEST_BITS = 9  # of one event


class BusEdges:
    """Produces the edges of a log in pieces of ascending time."""

    def __init__(self, log: BusLog) -> None:
        self._log = log
        self._sda = 1
        self._edges: list[Edge] = []

    def between(self, from_ns: int, to_ns: int) -> list[Edge]:
        """Edges of the events that end in [from_ns, to_ns), each wire's in ascending order; levels that repeat too.

        To be called for one interval after the other.
        """
        self._edges = []
        for end, bit_ns, kind, byte, acknowledge in self._log.between(from_ns, to_ns):
            if kind == START:
                self._start(end, bit_ns)
            elif kind == RESTART:
                self._restart(end, bit_ns)
            elif kind == STOP:
                self._stop(end, bit_ns)
            else:
                self._byte(end, bit_ns, byte << 1 | (not acknowledge))
        return self._edges

    def _start(self, end: int, bit_ns: int) -> None:
        self._edges += ((end - bit_ns // 2, SDA, 0), (end, SCL, 0))
        self._sda = 0

    def _restart(self, end: int, bit_ns: int) -> None:
        begin = end - bit_ns
        self._edges += (
            (begin + bit_ns // 8, SDA, 1),
            (begin + bit_ns * 3 // 8, SCL, 1),
            (begin + bit_ns * 6 // 8, SDA, 0),
            (end, SCL, 0),
        )
        self._sda = 0

    def _stop(self, end: int, bit_ns: int) -> None:
        begin = end - bit_ns
        self._edges += ((begin + bit_ns // 8, SDA, 0), (begin + bit_ns * 6 // 10, SCL, 1), (end, SDA, 1))
        self._sda = 1

    def _byte(self, end: int, bit_ns: int, nine_bits: int) -> None:
        add, sda = self._edges.append, self._sda
        low, hold = bit_ns * 6 // 10, bit_ns // 8
        begin = end - LONGEST_BITS * bit_ns
        for shift in range(LONGEST_BITS - 1, -1, -1):
            bit = nine_bits >> shift & 1
            if bit != sda:
                sda = bit
                add((begin + hold, SDA, bit))
            add((begin + low, SCL, 1))
            begin += bit_ns
            add((begin, SCL, 0))
        self._sda = sda
