"""A record's telemetry as lines of a plot: time since the start, breaks where nothing was measured, few points."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from firmware.shared import protocol

Point = tuple[float, float | None]  # seconds since the start, value; None: the line breaks
Row = dict[str, int]
BUCKETS = 360  # ours: two points each are as many as a printed line shows
GAP_S = 3.0  # ours: rows come ten times a second; a longer silence is a hole, not a line
# What a report takes of each row; figures come from the record's summary.
COLUMNS = (
    *("time_ms", "session", "step", "state", "contact", "sensing", "lift_offs"),
    *("commanded_ua", "delivered_ua", "impedance_ohm", "total_charge_nc", "net_charge_nc"),
)
FLOWING_STATES = (protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN)
_IN_STEP = (*FLOWING_STATES, protocol.PAUSED)


@dataclass(frozen=True)
class Span:
    """A stretch of the time axis. label: what stands above it."""

    begin_s: float
    end_s: float
    label: str = ""


@dataclass(frozen=True)
class Timeline:
    """The rows of one channel with their times since the first row of the session."""

    rows: Sequence[Row]
    time_s: Sequence[float]

    @property
    def end_s(self) -> float:
        """Time of the last row."""
        return self.time_s[-1] if self.time_s else 0.0

    def line(self, value: Callable[[Row], float | None]) -> list[Point]:
        """The points of one quantity, thinned."""
        return thinned(list(self._points(value)))

    def _points(self, value: Callable[[Row], float | None]) -> Iterator[Point]:
        before_s = self.time_s[0] if self.time_s else 0.0
        for at_s, row in zip(self.time_s, self.rows, strict=True):
            if at_s - before_s > GAP_S:
                yield before_s, None
            before_s = at_s
            yield at_s, value(row)


def timeline(rows: Sequence[Row], start_ms: int | None = None) -> Timeline:
    """start_ms: device time that is 0 s; None: that of the first row."""
    begin_ms = start_ms if start_ms is not None else rows[0]["time_ms"] if rows else 0
    return Timeline(rows, [(row["time_ms"] - begin_ms) / 1000 for row in rows])


def thinned(points: list[Point], buckets: int = BUCKETS) -> list[Point]:
    """At most two points per bucket, its lowest and its highest, so that no peak is lost; short lines stay whole."""
    if len(points) <= 2 * buckets:
        return points
    width_s = (points[-1][0] - points[0][0]) / buckets or 1.0
    begin_s, kept = points[0][0], []
    for _number, group in groupby(points, key=lambda point: int((point[0] - begin_s) / width_s)):
        kept += _extremes(list(group))
    return kept


def _extremes(bucket: list[Point]) -> list[Point]:
    known = [(value, at_s) for at_s, value in bucket if value is not None]
    if not known:
        return [bucket[0]]
    found = sorted({min(known)[::-1], max(known)[::-1]})
    return [(at_s, value) for at_s, value in found]


def total_charge(rows: Sequence[Row], name: str = "total_charge_nc") -> list[int]:
    """The charge since the start of the record: the device counts anew with each of its sessions."""
    total, before, found = 0, 0, []
    session = rows[0]["session"] if rows else 0
    for row in rows:
        if row["session"] != session:
            total, before, session = total + before, 0, row["session"]
        before = row[name]
        found.append(total + before)
    return found


def impedance_ohm(row: Row) -> int | None:
    """A reading of the skin: none while the output looks for contact or the electrodes are off."""
    if row["sensing"] or row["contact"] == protocol.CONTACT_OPEN or row["state"] not in FLOWING_STATES:
        return None
    return row["impedance_ohm"] if row["impedance_ohm"] >= 0 else None


def lost_contact(line: Timeline) -> list[Span]:
    """From each lift-off until contact was found again, or the current ended."""
    spans: list[Span] = []
    begin_s: float | None = None
    for (_before_s, before), (at_s, row) in pairwise(zip(line.time_s, line.rows, strict=True)):
        if row["session"] == before["session"] and row["lift_offs"] > before["lift_offs"] and begin_s is None:
            begin_s = at_s
        elif begin_s is not None and not _is_lost(row):
            spans.append(Span(begin_s, at_s))
            begin_s = None
    return spans if begin_s is None else [*spans, Span(begin_s, line.end_s)]


def _is_lost(row: Row) -> bool:
    return bool(row["sensing"]) and row["state"] in FLOWING_STATES


class StepRows:
    """The rows of a channel by step: by its number where the firmware tells it, else by the device's session."""

    def __init__(self, line: Timeline) -> None:
        self._by_step: dict[int, list[tuple[float, Row]]] = defaultdict(list)
        self._by_session: dict[int, list[tuple[float, Row]]] = defaultdict(list)
        for at_s, row in zip(line.time_s, line.rows, strict=True):
            if row["state"] in _IN_STEP:
                step = row.get("step")
                (self._by_step[step] if step else self._by_session[row["session"]]).append((at_s, row))

    def of(self, index: int, device_session: int | None) -> Timeline:
        """The rows of one step, in order."""
        kept = self._by_step.get(index, [])
        if device_session is not None:
            kept = sorted(kept + self._by_session.get(device_session, []), key=lambda each: each[0])
        return Timeline([row for _at_s, row in kept], [at_s for at_s, _row in kept])


def impedance_course(line: Timeline, buckets: int = 24) -> list[Point]:
    """The median impedance of equal stretches of a step, in ohm: few points that a small picture shows."""
    if not line.rows:
        return []
    begin_s = line.time_s[0]
    width_s = (line.end_s - begin_s) / buckets or 1.0
    found: dict[int, list[int]] = {}
    for at_s, row in zip(line.time_s, line.rows, strict=True):
        value_ohm = impedance_ohm(row)
        if value_ohm is not None:
            found.setdefault(min(int((at_s - begin_s) / width_s), buckets - 1), []).append(value_ohm)
    return [(begin_s + (number + 0.5) * width_s, statistics.median(values)) for number, values in found.items()]
