"""Traces as CSV: every DAC update, switch and probed pin edge as a row, with exact current and voltage."""

from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import TextIO

import numpy as np

from .trace import WINDOW_NS, Trace, cut

Row = tuple[int, str]  # (t_ns, "what,value")


def write_csv(traces: Sequence[Trace], path: Path, from_ns: int, to_ns: int | None) -> int:
    """Write [from_ns, to_ns] of a virtual Pico, None being the present; returns the rows. Raises OSError.

    traces: of its outputs, all kept from the same instant on. What is the second's own has a 2 in its name, and columns
    of its own. A first row "record,begins" stands where from_ns is before what is kept.
    """
    first = traces[0]
    end = first.now_ns() if to_ns is None else min(to_ns, first.now_ns())
    rows = [(first.begin_ns, "record,begins")] if from_ns < first.begin_ns <= end else []
    count = 0
    with open(path, "w", encoding="ascii") as file:
        columns = "".join(f",delivered{mark}_ua,electrode{mark}_mv" for mark in ("", "2")[: len(traces)])
        file.write(f"t_ns,what,value{columns}\n")
        for start in range(max(from_ns, first.begin_ns), end + 1, WINDOW_NS):
            stop = min(start + WINDOW_NS, end + 1)
            rows += _rows(first, "", first.pin_names, start, stop) + _resets(first, start, stop)
            for second in traces[1:]:
                rows += _rows(second, "2", second.pin_names.keys() - first.pin_names.keys(), start, stop)
            _write_rows(traces, file, sorted(rows, key=itemgetter(0)))
            count += len(rows)
            rows = []
    return count


def _rows(trace: Trace, mark: str, pins: "set[int] | dict[int, str]", from_ns: int, to_ns: int) -> list[Row]:
    """What happened in [from_ns, to_ns) to one output and the pins given, each in order."""
    first, last = bisect_left(trace.dac_ns, from_ns), bisect_left(trace.dac_ns, to_ns)
    updates = zip(trace.dac_ns[first:last], trace.dac_codes[first:last], strict=True)
    rows = [(t, f"dac{mark},{code & 0xFFF}") for t, code in updates]
    edges = cut(trace.pins, from_ns, to_ns)
    rows += [(t, f"{trace.pin_names[number]}{mark},{level}") for t, number, level in edges if number in pins]
    return rows + [(t, f"switch{mark},{int(closed)}") for t, closed in trace.switch if from_ns <= t < to_ns]


def _resets(trace: Trace, from_ns: int, to_ns: int) -> list[Row]:
    return [(t, f"reset,{cause}") for t, cause in trace.resets if from_ns <= t < to_ns]


def _write_rows(traces: Sequence[Trace], file: TextIO, rows: list[Row]) -> None:
    t_ns = np.array([row[0] for row in rows], dtype=np.float64)
    texts = [f"{t},{what}" for t, what in rows]
    for trace in traces:
        delivered, electrode = trace.analog(t_ns)
        texts = [f"{text},{ua:.4f},{mv:.3f}" for text, ua, mv in zip(texts, delivered, electrode, strict=True)]
    file.writelines(f"{text}\n" for text in texts)
