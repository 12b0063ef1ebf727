"""What happened, with emulated nanoseconds: DAC updates, pin edges, bus events, and the stage's exact history."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
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

    def __len__(self) -> int:
        return len(self.events)


class Trace:
    """The record of one virtual Pico. Times are emulated ns since power-on, currents uA, voltages mV.

    pin_names: {GPIO: name} of the probed pins; wire_names the same for SDA and SCL.
    """

    def __init__(
        self, stage: Stage, now_ns: Callable[[], int], pin_names: dict[int, str], wire_names: dict[int, str]
    ) -> None:
        self.stage = stage
        self.now_ns = now_ns
        self.pin_names = pin_names
        self.wire_names = wire_names
        self.bus = BusLog()
        self.pins: list[tuple[int, int, int]] = []  # (t_ns, GPIO, level) of the probed pins, the first at power-on
        self.wires: list[tuple[int, int, int]] = []  # the same for SDA and SCL, only while a program bit-bangs them
        self.resets: list[tuple[int, str]] = []  # (t_ns, cause)
        self.dac_ns = array("q")
        self.dac_codes = array("H")  # code | power-down bits << 12

    def dac(self) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """(t_ns, code) of every write of the DAC's register, the first at power-on."""
        import numpy as np

        return np.array(self.dac_ns, dtype=np.int64), np.array(self.dac_codes, dtype=np.int64) & 0xFFF

    def pin_edges(self, pin: int) -> list[tuple[int, int]]:
        """(t_ns, level) of a probed GPIO: its level at power-on, then every edge."""
        return [(t_ns, level) for t_ns, number, level in self.pins if number == pin]

    def current(self, from_ns: int, to_ns: int, step_ns: int) -> "tuple[Floats, Floats, Floats, Floats]":
        """(t_ns, commanded uA, delivered uA, electrode mV), sampled every `step_ns`, end excluded, up to the present.

        Commanded is what a perfect stage would drive from the DAC's code; delivered is exact at each instant.
        """
        import numpy as np

        t_ns = np.arange(from_ns, min(to_ns, self.now_ns()), step_ns, dtype=np.float64)
        delivered, electrode = self.analog(t_ns)
        return t_ns, self.commanded(t_ns), delivered, electrode

    def charge_nc(self, from_ns: int, to_ns: int) -> float:
        """Net delivered charge of an interval up to the present, integrated exactly."""
        to_ns = min(to_ns, self.now_ns())
        total = 0.0
        segments = self.stage.segments_between(from_ns, to_ns)
        for segment, following in zip(segments, [*segments[1:], None], strict=True):
            end = to_ns if following is None else following.start_ns
            total += segment.charge_until(end)
            if segment.start_ns < from_ns:
                total -= segment.charge_until(from_ns)
        return total

    def write_csv(self, path: Path, from_ns: int = 0, to_ns: int | None = None) -> int:
        """Every DAC update and probed pin edge as a row, with the exact current and voltage then; returns the rows."""
        import numpy as np

        end = self.now_ns() if to_ns is None else min(to_ns, self.now_ns())
        rows = [(t, f"dac,{code & 0xFFF}") for t, code in zip(self.dac_ns, self.dac_codes, strict=True)]
        rows += [(t, f"{self.pin_names[number]},{level}") for t, number, level in self.pins]
        rows += [(t, f"reset,{cause}") for t, cause in self.resets]
        rows = sorted((row for row in rows if from_ns <= row[0] <= end), key=lambda row: row[0])
        delivered, electrode = self.analog(np.array([row[0] for row in rows], dtype=np.float64))
        with open(path, "w", encoding="ascii") as file:
            file.write("t_ns,what,value,delivered_ua,electrode_mv\n")
            for (t_ns, what), ua, mv in zip(rows, delivered, electrode, strict=True):
                file.write(f"{t_ns},{what},{ua:.4f},{mv:.3f}\n")
        return len(rows)

    def write_vcd(
        self, path: Path, from_ns: int = 0, to_ns: int | None = None, *, analog_step_ns: int = 50_000, tick_ns: int = 10
    ) -> int:
        """An interval as VCD for GTKWave, PulseView or sigrok; returns the bytes written. Raises OSError."""
        from .vcd import write_vcd

        return write_vcd(self, path, from_ns, to_ns, analog_step_ns, tick_ns)

    def commanded(self, t_ns: "Floats") -> "Floats":
        """Commanded uA at instants."""
        import numpy as np

        commanded_ua = self.stage.parameters.commanded_ua
        values = {packed: commanded_ua(packed & 0xFFF, packed >> POWER_DOWN_SHIFT) for packed in set(self.dac_codes)}
        index = np.searchsorted(np.array(self.dac_ns), t_ns, side="right") - 1
        steps = np.array([values[packed] for packed in self.dac_codes])
        return steps[index]

    def analog(self, t_ns: "Floats") -> "tuple[Floats, Floats]":
        """(delivered uA, electrode mV) at instants in ascending order, none in the future."""
        import numpy as np

        from .segments import TAU_D

        if not len(t_ns):
            return t_ns, t_ns
        segments = self.stage.segments_between(t_ns[0], t_ns[-1])
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
