"""The report as one HTML file: no script, no request, light and dark, two printed pages.

Everything from a record passes through Jinja's escaping; what is drawn is numbers only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import texts
from .charts import Chart, Plots
from .colours import DARK, LIGHT
from .content import Report
from .series import Point, Span
from .step_table import COLUMNS, StepRow

TEMPLATE = "report.html"
_WIDE, _HIGH = 1000.0, 100.0  # a plot's own units; the page stretches them
_SPARK_WIDE, _SPARK_HIGH = 100.0, 24.0
_SPARK_SPAN = 0.2  # ours: share of the mean that a small picture spans at least, so that noise stays flat
_LABEL_PERCENT = 2.2  # ours: narrower steps have no room for their number


@dataclass(frozen=True)
class Stroke:
    """A line of a plot. path: SVG, in the plot's own units."""

    label: str
    style: str
    channel: int
    path: str


@dataclass(frozen=True)
class Mark:
    """A tick or a number beside a plot: where, in percent, and what it says."""

    percent: float
    text: str


@dataclass(frozen=True)
class Band:
    """A shaded stretch, in percent of the plot's width. text: its number; empty where there is no room."""

    left: float
    width: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One plot."""

    chart: Chart
    strokes: list[Stroke]
    ticks: list[Mark]


def render(report: Report) -> str:
    """The whole page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__ or "", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plots = report.plots
    return environment.get_template(TEMPLATE).render(
        light=LIGHT,
        dark=DARK,
        report=report,
        panels=[_panel(chart, plots.end_s) for chart in plots.charts] if plots else [],
        times=[_mark(value, label, 0, plots.end_s) for value, label in plots.time_ticks] if plots else [],
        bands=_bands(plots),
        columns=COLUMNS,
        footnote=texts.FOOTNOTE,
        spark=spark,
    )


def _bands(plots: Plots | None) -> dict[str, list[Band]]:
    if plots is None:
        return {"steps": [], "lost": [], "paused": []}
    return {
        name: [_band(span, plots.end_s) for span in spans]
        for name, spans in (("steps", plots.steps), ("lost", plots.lost), ("paused", plots.paused))
    }


def _band(span: Span, end_s: float) -> Band:
    left, width = 100 * span.begin_s / end_s, 100 * (span.end_s - span.begin_s) / end_s
    return Band(left, width, span.label if width >= _LABEL_PERCENT else "")


def _mark(value: float, text: str, bottom: float, top: float) -> Mark:
    return Mark(100 * (value - bottom) / (top - bottom), text)


def _panel(chart: Chart, end_s: float) -> Panel:
    def place(point: tuple[float, float]) -> tuple[float, float]:
        return _WIDE * point[0] / end_s, _HIGH * (chart.top - point[1]) / (chart.top - chart.bottom)

    strokes = [Stroke(line.label, line.style, line.channel, path(line.points, place)) for line in chart.lines]
    return Panel(chart, strokes, [_mark(value, label, chart.bottom, chart.top) for value, label in chart.ticks])


def path(points: Sequence[Point], place: Callable[[tuple[float, float]], tuple[float, float]]) -> str:
    """An SVG path that breaks where nothing was measured; a lone point is a dot."""
    parts: list[str] = []
    pen_down = False
    for at_s, value in points:
        if value is None:
            pen_down = False
            continue
        x, y = place((at_s, value))
        parts.append(f"L{x:.1f} {y:.1f}" if pen_down else f"M{x:.1f} {y:.1f}h0")
        pen_down = True
    return "".join(parts)


def spark(row: StepRow) -> str:
    """The impedance of a step as a small path."""
    values = [value for _at_s, value in row.course if value is not None]
    if not values:
        return ""
    low, high = spark_range(values)
    begin_s, end_s = row.course[0][0], row.course[-1][0]

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return _SPARK_WIDE * (point[0] - begin_s) / ((end_s - begin_s) or 1), _SPARK_HIGH * (high - point[1]) / (
            high - low
        )

    return path(row.course, place)


def spark_range(values: Sequence[float]) -> tuple[float, float]:
    """The range of a small picture: that of its values, and never so little that noise looks like a change."""
    middle = (min(values) + max(values)) / 2
    half = max(max(values) - min(values), _SPARK_SPAN * middle, 1) * 0.6
    return middle - half, middle + half
