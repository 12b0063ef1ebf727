"""Where the DAC's updates fall, from the trace: their distance from the sample grid, and what is missing on it."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microcurrent.bench.trace import Trace

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Spread:
    """Updates of an interval against the grid of their period through their median phase.

    std_us, worst_us: distance from the grid. lost: grid points without an update. over: updates more than 0.1 us away.
    """

    updates: int
    std_us: float
    worst_us: float
    lost: int
    over: int

    def figures(self) -> dict[str, float]:
        """The same as numbers with their units, rounded to nanoseconds."""
        return {
            "updates": self.updates,
            "lost": self.lost,
            "std_us": round(self.std_us, 3),
            "worst_us": round(self.worst_us, 3),
            "beyond_0.1_us": self.over,
        }


def updates(trace: Trace, from_ns: int, to_ns: int | None = None) -> tuple[Ints, Ints]:
    """(instants in ns, codes less the zero code) of the DAC's updates in an interval."""
    first = bisect_left(trace.dac_ns, from_ns)
    last = len(trace.dac_ns) if to_ns is None else bisect_left(trace.dac_ns, to_ns)
    times = np.array(trace.dac_ns[first:last], dtype=np.int64)
    return times, (np.array(trace.dac_codes[first:last], dtype=np.int64) & 0xFFF) - 2048


def spread(times: Ints, period_us: float) -> Spread:
    """How far updates are from their grid; at least two of them."""
    period_ns = period_us * 1000
    index = np.rint((times - times[0]) / period_ns)
    off = times - times[0] - index * period_ns
    off -= np.median(off)
    lost = int(index[-1]) + 1 - len(set(index.tolist()))
    away = np.abs(off)
    return Spread(len(times), float(np.std(off)) / 1000, float(away.max()) / 1000, lost, int((away > 100).sum()))
