"""Traces as VCD, for GTKWave, PulseView and sigrok: wires as bits; DAC code, currents and voltage as reals.

libsigrok 0.5.2 stops reading at a vector of several bits but passes over reals, so the code is a real too; and it
expands the file to samples of the timescale, so 1 ns costs it ten times the work of 10 ns.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TextIO

from .trace import Trace
from .vcd_signals import Change, Signals

WINDOW_NS = 50_000_000  # written in pieces, so that memory stays small


def write_vcd(
    traces: Sequence[Trace], path: Path, from_ns: int, to_ns: int | None, analog_step_ns: int, tick_ns: int
) -> int:
    """Write [from_ns, to_ns) of a virtual Pico, None being the present; returns the bytes written. Raises OSError.

    traces: of its outputs, all kept from the same instant on. tick_ns: the timescale, 1, 10 or 100. The comment says so
    when the file begins later than asked because no more is kept.
    """
    first = traces[0]
    end = first.now_ns() if to_ns is None else min(to_ns, first.now_ns())
    with open(path, "w", encoding="ascii") as file:
        writer = _Writer(traces, file, analog_step_ns, tick_ns)
        begin = max(from_ns, first.begin_ns)
        writer.header(begin, "" if begin == from_ns else f"; what was before {begin} ns is not kept")
        writer.body(begin, max(begin, end))
        return file.tell()


class _Writer:
    def __init__(self, traces: Sequence[Trace], file: TextIO, analog_step_ns: int, tick_ns: int) -> None:
        self._file = file
        self._tick_ns = tick_ns
        shown: set[int] = set()  # a pin that acts on both outputs is the first's
        self._signals: list[Signals] = []
        for number, trace in enumerate(traces, 1):
            pins = [pin for pin in trace.pin_names if pin not in shown]
            self._signals.append(Signals(trace, number, pins, analog_step_ns))
            shown.update(pins)
        self._reach_ns = max(signals.reach_ns for signals in self._signals)
        self._shown: dict[str, str] = {}
        self._now = -1

    def header(self, from_ns: int, note: str) -> None:
        """Names and the levels at `from_ns`; `note` is added to the comment."""
        write = self._file.write
        write(f"$comment virtual Pico, emulated time{note} $end\n")
        write(f"$timescale {self._tick_ns} ns $end\n$scope module pico $end\n")
        for signals in self._signals:
            write(signals.declarations())
        write("$upscope $end\n$enddefinitions $end\n")
        for signals in self._signals:
            self._emit(signals.levels(from_ns))

    def body(self, from_ns: int, to_ns: int) -> None:
        """Window by window: an event of the bus reaches back by its own length, so edges wait for the next window."""
        reach = self._reach_ns
        waiting: list[Change] = []
        seen = from_ns
        while seen < to_ns + reach:
            window = seen + WINDOW_NS
            for signals in self._signals:
                waiting += signals.bus_changes(seen, window)
                waiting += signals.changes(max(from_ns, seen - reach), min(window - reach, to_ns))
            waiting.sort(key=itemgetter(0))
            ready = bisect_left(waiting, window - reach, key=itemgetter(0))
            self._emit(change for change in waiting[:ready] if from_ns <= change[0] < to_ns)
            del waiting[:ready]
            seen = window
        self._file.write(f"#{to_ns // self._tick_ns}\n")

    def _emit(self, changes: Iterable[Change]) -> None:
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
