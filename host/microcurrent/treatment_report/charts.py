"""The plots of a report as numbers: lines over time, ticks, what is shaded and what is marked."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware.shared import protocol

from . import texts
from .parts import Part
from .series import Point, Row, Span, Timeline, impedance_ohm, lost_contact, thinned, total_charge

COMMANDED, DELIVERED, IMPEDANCE, CHARGE, NET = "commanded", "delivered", "impedance", "charge", "net"
_TIMES_USUAL = 3  # ours: a reading beyond so many times nine tenths of all must not flatten the rest
_ROOM = 1.06  # ours: the highest line stays below the frame
_TIME_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TIME_TICKS = 8


@dataclass(frozen=True)
class Line:
    """style: COMMANDED ...; it decides colour and width. channel: the second one's is dashed."""

    label: str
    style: str
    channel: int
    points: list[Point]


@dataclass(frozen=True)
class Chart:
    """One panel. ticks: (value, label) of the vertical axis, which goes from bottom to top."""

    title: str
    unit: str
    lines: list[Line]
    bottom: float
    top: float
    ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class Plots:
    """All panels over the same time. steps: shaded; lost: electrodes that came off; paused: by hand."""

    charts: list[Chart]
    end_s: float
    time_ticks: list[tuple[float, str]]
    steps: list[Span]
    lost: list[Span]
    paused: list[Span]


def plots_of(lines: tuple[Timeline, Timeline], parts: list[Part]) -> Plots:
    """The panels of a record with telemetry."""
    first, second = lines
    channels = (first, second) if second.rows else (first,)
    end_s = max(line.end_s for line in channels) or 1.0
    currents = [_current_chart(channels, number, parts) for number in range(1, len(channels) + 1)]
    return Plots(
        charts=[*currents, _impedance_chart(channels), _charge_chart(channels)],
        end_s=end_s,
        time_ticks=time_ticks(end_s),
        steps=_step_spans(parts),
        lost=_merged([span for line in channels for span in lost_contact(line)]),
        paused=_spans_of(first, lambda row: row["state"] == protocol.PAUSED),
    )


def _named(name: str, number: int, channels: Sequence[Timeline]) -> str:
    return f"{name}, channel {number}" if len(channels) > 1 else name


def _current_chart(channels: Sequence[Timeline], number: int, parts: list[Part]) -> Chart:
    own = [part for part in parts if part.channel == number]
    by_step = {part.index: part.mean_share for part in own}
    by_session = {row["session"]: part.mean_share for part in own for row in part.line.rows[:1]}
    usual = own[0].mean_share if own else 1.0

    def commanded_ua(row: Row) -> float:
        share = by_step.get(row.get("step") or None, by_session.get(row["session"], usual))
        return row["commanded_ua"] * share

    line = channels[number - 1]
    return _chart(
        _named("Current", number, channels),
        "µA",
        [
            Line("commanded", COMMANDED, 1, line.line(commanded_ua)),
            Line("delivered", DELIVERED, 1, line.line(lambda row: row["delivered_ua"])),
        ],
    )


def _impedance_chart(channels: Sequence[Timeline]) -> Chart:
    def kilohm(row: Row) -> float | None:
        value_ohm = impedance_ohm(row)
        return None if value_ohm is None else value_ohm / 1000

    lines = [
        Line(_named("impedance", number, channels), IMPEDANCE, number, line.line(kilohm))
        for number, line in enumerate(channels, 1)
    ]
    known = [value for line in lines for _at_s, value in line.points if value is not None]
    return _chart("Impedance", "kΩ", lines, _highest_usual(known))


def _highest_usual(known: list[float]) -> float:
    if len(known) < 2:
        return max(known, default=1.0)
    return min(max(known), _TIMES_USUAL * statistics.quantiles(known, n=10)[-1])


def _charge_chart(channels: Sequence[Timeline]) -> Chart:
    moved = [total_charge(line.rows) for line in channels]
    factor, unit = texts.charge_scale(max((values[-1] for values in moved if values), default=0))
    lines = []
    for number, line in enumerate(channels, 1):
        for label, style, values in (
            ("moved in all", CHARGE, moved[number - 1]),
            ("net", NET, total_charge(line.rows, "net_charge_nc")),
        ):
            points = [(at_s, value / factor) for at_s, value in zip(line.time_s, values, strict=True)]
            lines.append(Line(_named(label, number, channels), style, number, thinned(list(points))))
    return _chart("Charge", unit, lines)


def _chart(title: str, unit: str, lines: list[Line], top: float | None = None) -> Chart:
    known = [value for line in lines for _at_s, value in line.points if value is not None]
    highest = max(known, default=1.0) if top is None else top
    lowest = min([0.0, *known])
    ticks, distance = nice_ticks(lowest, highest if highest > 0 else 1.0)
    bottom = min(0.0, lowest * _ROOM, *(value for value, _label in ticks))
    high = max(highest * _ROOM, distance)
    return Chart(title, unit, lines, bottom, high, [tick for tick in ticks if tick[0] <= high])


def nice_ticks(low: float, high: float, most: int = 4) -> tuple[list[tuple[float, str]], float]:
    """((value, label) of round numbers from about low to high, 0 among them; the distance between them)."""
    rough = (high - low) / most
    size = 10 ** math.floor(math.log10(rough))
    distance = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times >= rough * 0.999)
    decimals = max(0, -math.floor(math.log10(distance)) + (1 if round(distance / size, 1) == 2.5 else 0))
    first, last = math.ceil(low / distance - 0.5), math.floor(high / distance + 1e-9)
    values = [number * distance for number in range(first, last + 1)]
    return [(value, f"{value:.{decimals}f}".replace("-", texts.MINUS)) for value in values], distance


def time_ticks(end_s: float) -> list[tuple[float, str]]:
    """(time in s, label) of the time axis."""
    distance = next((step for step in _TIME_STEPS_S if end_s / step <= _MOST_TIME_TICKS), 7200)
    count = math.floor(end_s / distance + 1e-9)
    in_minutes = end_s >= 120 and distance >= 30
    scale, unit = (60, "min") if in_minutes else (1, "s")
    values = [number * distance for number in range(count + 1)]
    return [(value, f"{value / scale:g}\N{NO-BREAK SPACE}{unit}" if value else "0") for value in values]


def _step_spans(parts: list[Part]) -> list[Span]:
    """Of the steps that have telemetry; a plain session has none."""
    return [
        Span(part.line.time_s[0], part.line.end_s, str(part.index))
        for part in parts
        if part.index is not None and part.channel == 1 and part.line.rows
    ]


def _spans_of(line: Timeline, is_meant: Callable[[Row], bool]) -> list[Span]:
    """The stretches whose rows are meant."""
    spans: list[Span] = []
    begin_s: float | None = None
    for at_s, row in zip(line.time_s, line.rows, strict=True):
        if is_meant(row):
            begin_s = at_s if begin_s is None else begin_s
        elif begin_s is not None:
            spans.append(Span(begin_s, at_s))
            begin_s = None
    return spans if begin_s is None else [*spans, Span(begin_s, line.end_s)]


def _merged(spans: list[Span]) -> list[Span]:
    """Spans of both channels, those that overlap as one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: each.begin_s):
        if found and span.begin_s <= found[-1].end_s:
            found[-1] = Span(found[-1].begin_s, max(found[-1].end_s, span.end_s))
        else:
            found.append(span)
    return found
