"""What happened, with emulated nanoseconds: DAC updates, pin edges, bus events, and the stage's exact history."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from .stage import Stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

START, RESTART, ADDRESS, WRITE, READ, STOP = range(6)
BUS_KINDS = ("START", "RESTART", "ADDRESS", "WRITE", "READ", "STOP")
POWER_DOWN_SHIFT = 12  # in Trace.dac_codes
LONGEST_TRANSFER_NS = 10_000_000  # how far before an instant the bus is looked at for its levels then
ANALOG_STEP_NS, TICK_NS = 50_000, 10  # of a VCD: between two values of the currents and the voltage; its timescale
WINDOW_NS = 250_000_000  # worked on at a stretch where a whole trace is asked for, so that memory stays small
DAC_BYTES, EVENT_BYTES, EDGE_BYTES = 10, 8, 110  # of memory per DAC update, bus event, edge (a tuple, an int in it)
Edges = list[tuple[int, int, int]]  # (t_ns, GPIO, level)


def cut(edges: Edges, from_ns: int, to_ns: int) -> Edges:
    """The edges in [from_ns, to_ns)."""
    start = bisect_left(edges, from_ns, key=itemgetter(0))
    return edges[start : bisect_left(edges, to_ns, key=itemgetter(0))]


class BusLog:
    """Bus events, eight bytes each: time of the end << 16 | kind << 12 | acknowledge << 8 | byte."""

    def __init__(self) -> None:
        self.events = array("Q")
        self.bit_ns = 0
        self.bit_changes: list[tuple[int, int]] = []  # (index of the first event, bit time)

    def add(self, t_ns: float, kind: int, byte: int, acknowledge: bool) -> None:
        """An element of a transfer ended at `t_ns`. `byte` of an ADDRESS has the read bit in bit 0."""
        self.events.append(int(t_ns) << 16 | kind << 12 | acknowledge << 8 | byte)

    def set_bit_ns(self, bit_ns: int) -> None:
        """The bit time of the events that follow."""
        self.bit_ns = bit_ns
        self.bit_changes.append((len(self.events), bit_ns))

    def between(self, from_ns: int, to_ns: int) -> Iterator[tuple[int, int, int, int, bool]]:
        """(end in ns, bit time in ns, kind, byte, acknowledge) of the events that end in [from_ns, to_ns)."""
        events = self.events
        first, last = bisect_left(events, from_ns << 16), bisect_left(events, to_ns << 16)
        changes = [change for change in self.bit_changes if change[0] < last]
        for index, (begin, bit_ns) in enumerate(changes):
            end = changes[index + 1][0] if index + 1 < len(changes) else last
            for event in events[max(begin, first) : end]:
                yield event >> 16, bit_ns, event >> 12 & 0xF, event & 0xFF, bool(event & 0x100)

    def forget(self, before_ns: int) -> None:
        """Drop the events that ended before `before_ns`."""
        count = bisect_left(self.events, before_ns << 16)
        del self.events[:count]
        ruling = max(bisect_right(self.bit_changes, count, key=itemgetter(0)) - 1, 0)
        self.bit_changes = [(max(index - count, 0), bit_ns) for index, bit_ns in self.bit_changes[ruling:]]

    def __len__(self) -> int:
        return len(self.events)


class Trace:
    """The record of one output. Times are emulated ns since power-on, currents uA, voltages mV.

    Delivered current is what flows through the electrodes: while the dummy load is selected, nothing.

    pin_names: {GPIO: name} of the probed pins; wire_names the same for SDA and SCL. What was before `begin_ns` is not
    kept: questions about it are answered from `begin_ns` on. It is 0 unless somebody calls `bound`.
    """

    def __init__(
        self, stage: Stage, now_ns: Callable[[], int], pin_names: dict[int, str], wire_names: dict[int, str]
    ) -> None:
        self.stage = stage
        self.now_ns = now_ns
        self.pin_names = pin_names
        self.wire_names = wire_names
        self.begin_ns = 0
        self.bus = BusLog()
        self.pins: Edges = []  # of the probed pins, first the level of each when the record begins
        self.wires: Edges = []  # the same for SDA and SCL, only while a program bit-bangs them
        self.resets: list[tuple[int, str]] = []  # (t_ns, cause)
        self.dac_ns = array("q")
        self.dac_codes = array("H")  # code | power-down bits << 12

    def dac(self) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """(t_ns, code) of every write of the DAC's register, first what it held when the record begins."""
        import numpy as np

        return np.array(self.dac_ns, dtype=np.int64), np.array(self.dac_codes, dtype=np.int64) & 0xFFF

    def pin_edges(self, pin: int) -> list[tuple[int, int]]:
        """(t_ns, level) of a probed GPIO: its level when the record begins, then every edge."""
        return [(t_ns, level) for t_ns, number, level in self.pins if number == pin]

    @property
    def switch(self) -> list[tuple[int, bool]]:
        """(t_ns, conducts) of the gate switch itself: its state when the record begins, then every change.

        It is what the electrodes see: the comparators open the switch, a fault keeps it closed, whatever the pin says.
        """
        return [(int(t_ns), closed) for t_ns, closed in self.stage.switch.edges]

    @property
    def size_bytes(self) -> int:
        """Memory that the record takes, about."""
        edges = (len(self.pins) + len(self.wires)) * EDGE_BYTES
        return len(self.dac_ns) * DAC_BYTES + len(self.bus) * EVENT_BYTES + self.stage.size_bytes + edges

    def bound(self, limit_bytes: int) -> None:
        """Forget the oldest when the record is larger than this: an eighth of the time at once, as often as needed."""
        while self.size_bytes > limit_bytes and self.begin_ns < self.now_ns():
            self.forget(self.begin_ns + max((self.now_ns() - self.begin_ns) // 8, 1))

    def forget(self, before_ns: int) -> None:
        """Keep what is needed to answer exactly from `before_ns` on, which must not be in the future."""
        self.begin_ns = before_ns
        updates = max(bisect_left(self.dac_ns, before_ns) - 1, 0)
        del self.dac_ns[:updates], self.dac_codes[:updates]
        self.bus.forget(max(before_ns - LONGEST_TRANSFER_NS, 0))
        self.stage.forget(before_ns)
        edges = bisect_left(self.pins, before_ns, key=itemgetter(0))
        last = {number: (t_ns, number, level) for t_ns, number, level in self.pins[:edges]}
        self.pins[:edges] = sorted(last.values())
        del self.wires[: bisect_left(self.wires, before_ns, key=itemgetter(0))]

    def current(self, from_ns: int, to_ns: int, step_ns: int) -> "tuple[Floats, Floats, Floats, Floats]":
        """(t_ns, commanded uA, delivered uA, electrode mV), sampled every `step_ns`, end excluded, up to the present.

        Commanded is what a perfect stage would drive from the DAC's code; delivered is exact at each instant. The first
        is at from_ns, or whole steps later in what is kept.
        """
        import numpy as np

        from_ns += max(-((from_ns - self.begin_ns) // step_ns) * step_ns, 0)
        t_ns = np.arange(from_ns, min(to_ns, self.now_ns()), step_ns, dtype=np.float64)
        delivered, electrode = self.analog(t_ns)
        return t_ns, self.commanded(t_ns), delivered, electrode

    def charge_nc(self, from_ns: int, to_ns: int) -> float:
        """Net delivered charge in nC of an interval up to the present, integrated exactly over what is kept of it."""
        from_ns, to_ns = max(from_ns, self.begin_ns), min(to_ns, self.now_ns())
        if from_ns >= to_ns:
            return 0.0
        segments = self.stage.walk(from_ns, to_ns)
        segment = next(segments)
        total = -segment.charge_until(from_ns)
        for following in segments:
            total += segment.charge_until(following.start_ns)
            segment = following
        return total + segment.charge_until(to_ns)

    def write_csv(self, path: Path, from_ns: int = 0, to_ns: int | None = None) -> int:
        """This output alone as CSV, see csv_file.py; returns the rows. Raises OSError."""
        from .csv_file import write_csv

        return write_csv([self], path, from_ns, to_ns)

    def write_vcd(
        self,
        path: Path,
        from_ns: int = 0,
        to_ns: int | None = None,
        *,
        analog_step_ns: int = ANALOG_STEP_NS,
        tick_ns: int = TICK_NS,
    ) -> int:
        """This output alone as VCD, see vcd.py; returns the bytes written. Raises OSError."""
        from .vcd import write_vcd

        return write_vcd([self], path, from_ns, to_ns, analog_step_ns, tick_ns)

    def commanded(self, t_ns: "Floats") -> "Floats":
        """Commanded uA at instants in ascending order, none before `begin_ns`."""
        import numpy as np

        if not len(t_ns):
            return t_ns
        first, last = max(bisect_right(self.dac_ns, t_ns[0]) - 1, 0), bisect_right(self.dac_ns, t_ns[-1])
        commanded_ua = self.stage.parameters.commanded_ua
        codes, which = np.unique(np.array(self.dac_codes[first:last]), return_inverse=True)
        values = np.array([commanded_ua(int(code) & 0xFFF, int(code) >> POWER_DOWN_SHIFT) for code in codes])
        return values[which[np.searchsorted(np.array(self.dac_ns[first:last]), t_ns, side="right") - 1]]

    def analog(self, t_ns: "Floats") -> "tuple[Floats, Floats]":
        """(delivered uA, electrode mV) at instants in ascending order, none in the future, none before `begin_ns`."""
        import numpy as np

        if not len(t_ns):
            return t_ns, t_ns
        bounds = np.searchsorted(t_ns, np.arange(t_ns[0] + WINDOW_NS, t_ns[-1], WINDOW_NS))
        parts = [self._analog(part) for part in np.split(t_ns, bounds) if len(part)]
        return np.concatenate([delivered for delivered, _ in parts]), np.concatenate([mv for _, mv in parts])

    def _analog(self, t_ns: "Floats") -> "tuple[Floats, Floats]":
        import numpy as np

        from .segments import TAU_D

        segments = list(self.stage.walk(t_ns[0], t_ns[-1]))
        starts = np.array([segment.start_ns for segment in segments])
        index = np.searchsorted(starts, t_ns, side="right") - 1
        s = t_ns - starts[index]
        fast = np.exp(-s / TAU_D)
        slow = np.exp(-s / np.array([segment.tau for segment in segments])[index])

        def value(terms: "Floats") -> "Floats":
            return terms[index, 0] + terms[index, 1] * fast + terms[index, 2] * slow

        return (
            value(np.array([segment.current for segment in segments])),
            value(np.array([segment.electrode for segment in segments])),
        )
