"""Traces as VCD, for GTKWave, PulseView and sigrok: wires as bits; DAC code, currents and voltage as reals.

libsigrok 0.5.2 stops reading at a vector of several bits but passes over reals, so the code is a real too; and it
expands the file to samples of the timescale, so 1 ns costs it ten times the work of 10 ns.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TextIO

import numpy as np

from .bus_edges import LONGEST_BITS, SCL, SDA, BusEdges
from .trace import LONGEST_TRANSFER_NS, Trace, cut

WINDOW_NS = 50_000_000  # written in pieces, so that memory stays small
Change = tuple[int, str]  # (t_ns, line)

_BUS_IDS = {SDA: "!", SCL: '"'}
_DAC_ID, _COMMANDED_ID, _DELIVERED_ID, _ELECTRODE_ID = "&", "'", "(", ")"
_SWITCH_ID = "*"
_FIRST_PIN_ID = "A"


def write_vcd(trace: Trace, path: Path, from_ns: int, to_ns: int | None, analog_step_ns: int, tick_ns: int) -> int:
    """Write [from_ns, to_ns) of a trace, None being the present; returns the bytes written.

    tick_ns: the timescale, 1, 10 or 100. Raises OSError.
    """
    end = trace.now_ns() if to_ns is None else min(to_ns, trace.now_ns())
    with open(path, "w", encoding="ascii") as file:
        writer = _Writer(trace, file, analog_step_ns, tick_ns)
        begin = max(from_ns, trace.begin_ns)
        writer.header(begin, "" if begin == from_ns else f"; what was before {begin} ns is not kept")
        writer.body(begin, max(begin, end))
        return file.tell()


class _Writer:
    def __init__(self, trace: Trace, file: TextIO, analog_step_ns: int, tick_ns: int) -> None:
        self._trace = trace
        self._file = file
        self._pin_ids = {number: chr(ord(_FIRST_PIN_ID) + index) for index, number in enumerate(trace.pin_names)}
        self._wire_ids = {number: _BUS_IDS[SDA if name == "SDA" else SCL] for number, name in trace.wire_names.items()}
        self._step_ns = analog_step_ns
        self._tick_ns = tick_ns
        self._bus = BusEdges(trace.bus)
        self._reach_ns = LONGEST_BITS * max((bit_ns for _, bit_ns in trace.bus.bit_changes), default=0)
        self._shown: dict[str, str] = {}
        self._now = -1

    def header(self, from_ns: int, note: str) -> None:
        """Names and the levels at `from_ns`; `note` is added to the comment."""
        write = self._file.write
        write(f"$comment virtual Pico, emulated time{note} $end\n")
        write(f"$timescale {self._tick_ns} ns $end\n$scope module pico $end\n")
        write(f"$var wire 1 {_BUS_IDS[SDA]} SDA $end\n$var wire 1 {_BUS_IDS[SCL]} SCL $end\n")
        for number, name in self._trace.pin_names.items():
            write(f"$var wire 1 {self._pin_ids[number]} {name} $end\n")
        write(f"$var wire 1 {_SWITCH_ID} switch $end\n")
        for identifier, name in (
            (_DAC_ID, "dac_code"),
            (_COMMANDED_ID, "commanded_ua"),
            (_DELIVERED_ID, "delivered_ua"),
            (_ELECTRODE_ID, "electrode_mv"),
        ):
            write(f"$var real 64 {identifier} {name} $end\n")
        write("$upscope $end\n$enddefinitions $end\n")
        initial = [(from_ns, f"{level}{_BUS_IDS[wire]}") for wire, level in self._bus_levels(from_ns).items()]
        for number in self._trace.pin_names:
            before = [level for t_ns, level in self._trace.pin_edges(number) if t_ns <= from_ns]
            initial.append((from_ns, f"{before[-1] if before else 0}{self._pin_ids[number]}"))
        initial.append((from_ns, f"{int(self._trace.stage.switch.at(from_ns))}{_SWITCH_ID}"))
        last = max(bisect_right(self._trace.dac_ns, from_ns) - 1, 0)
        initial += self._dac_changes(last, last + 1, from_ns)
        self._emit(initial)

    def _bus_levels(self, at_ns: int) -> dict[int, int]:
        """{SDA: level, SCL: level} at an instant, which may be in the middle of a transfer."""
        edges = BusEdges(self._trace.bus).between(max(0, at_ns - LONGEST_TRANSFER_NS), at_ns + self._reach_ns)
        past = [(t_ns, wire, level) for t_ns, wire, level in edges if t_ns <= at_ns]
        return {SDA: 1, SCL: 1} | {wire: level for _, wire, level in sorted(past, key=itemgetter(0))}

    def body(self, from_ns: int, to_ns: int) -> None:
        """Window by window: an event of the bus reaches back by its own length, so edges wait for the next window."""
        reach = self._reach_ns
        waiting: list[Change] = []
        seen = from_ns
        while seen < to_ns + reach:
            window = seen + WINDOW_NS
            waiting += self._bus_changes(seen, window)
            for source in (self._wire_changes, self._pin_changes, self._dac_window, self._analog_changes):
                waiting += source(max(from_ns, seen - reach), min(window - reach, to_ns))
            waiting.sort(key=itemgetter(0))
            ready = bisect_left(waiting, window - reach, key=itemgetter(0))
            self._emit(change for change in waiting[:ready] if from_ns <= change[0] < to_ns)
            del waiting[:ready]
            seen = window
        self._file.write(f"#{to_ns // self._tick_ns}\n")

    def _emit(self, changes: "Iterator[Change] | list[Change]") -> None:
        shown, now, lines, tick_ns = self._shown, self._now, [], self._tick_ns
        for t_ns, line in changes:
            tick = t_ns // tick_ns
            identifier = line[-1]
            if shown.get(identifier) == line:
                continue
            shown[identifier] = line
            if tick != now:
                now = tick
                lines.append(f"#{tick}\n{line}\n")
            else:
                lines.append(f"{line}\n")
        self._now = now
        self._file.write("".join(lines))

    def _bus_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        text = {(wire, level): f"{level}{identifier}" for wire, identifier in _BUS_IDS.items() for level in (0, 1)}
        return [(t_ns, text[wire, level]) for t_ns, wire, level in self._bus.between(from_ns, to_ns)]

    def _wire_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        wires = self._trace.wires
        return [(t_ns, f"{level}{self._wire_ids[number]}") for t_ns, number, level in cut(wires, from_ns, to_ns)]

    def _pin_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        ids, trace = self._pin_ids, self._trace
        pins = [
            (t_ns, f"{level}{ids[number]}") for t_ns, number, level in cut(trace.pins, from_ns, to_ns) if number in ids
        ]
        return pins + [(t, f"{int(closed)}{_SWITCH_ID}") for t, closed in trace.switch if from_ns <= t < to_ns]

    def _dac_window(self, from_ns: int, to_ns: int) -> list[Change]:
        times = self._trace.dac_ns
        return self._dac_changes(bisect_left(times, from_ns), bisect_left(times, to_ns))

    def _dac_changes(self, first: int, last: int, at_ns: int | None = None) -> list[Change]:
        trace, changes = self._trace, []
        commanded_ua: Callable[[int, int], float] = trace.stage.parameters.commanded_ua
        for t_ns, packed in zip(trace.dac_ns[first:last], trace.dac_codes[first:last], strict=True):
            at, code = t_ns if at_ns is None else at_ns, packed & 0xFFF
            changes.append((at, f"r{code} {_DAC_ID}"))
            changes.append((at, f"r{commanded_ua(code, packed >> 12):.3f} {_COMMANDED_ID}"))
        return changes

    def _analog_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        step = self._step_ns
        first = -(-from_ns // step) * step
        if first >= to_ns:
            return []
        instants = range(first, to_ns, step)
        delivered, electrode = self._trace.analog(np.array(instants, dtype=np.float64))
        changes: list[Change] = []
        for t_ns, ua, mv in zip(instants, delivered.tolist(), electrode.tolist(), strict=True):
            changes.append((t_ns, f"r{ua:.3f} {_DELIVERED_ID}"))
            changes.append((t_ns, f"r{mv:.2f} {_ELECTRODE_ID}"))
        return changes
