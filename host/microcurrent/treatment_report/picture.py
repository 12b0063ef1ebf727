"""The report as one picture without a browser: A4 upright at 150 dpi, longer when it has more steps than a page."""

from math import ceil
from typing import TYPE_CHECKING

from . import texts
from .charts import COMMANDED, Chart, Plots
from .colours import LIGHT
from .content import Report
from .facts import Fact
from .figure_map import FigureMap
from .page import spark_range
from .sheet import HEIGHT_IN, MONO, SANS, WIDTH_IN, Sheet, line_in, outline
from .step_table import COLUMNS, StepRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDE_IN, _TOP_IN, _FOOT_IN = 0.4, 0.36, 0.28
_ROOM_IN = WIDTH_IN - 2 * _SIDE_IN
_TITLE, _HEAD, _TEXT, _SMALL, _CELL, _VALUE = 15, 9, 7.4, 6.2, 5.9, 11.5  # sizes in points
_OVERVIEW_IN, _MAP_IN = 2.12, 1.75
_CHART_IN, _CHART_HEAD_IN, _AXIS_IN = 0.8, 0.2, 0.22
_SHORTER_IN, _LONGER_IN = -0.22, 0.45  # ours: what a plot gives to a full page, and takes from an empty one
_ROW_IN = 0.16
_GAP_IN = 0.13
_LINE_WIDTHS = {"commanded": 3.2, "charge": 1.3, "net": 1.0, "lost": 3.2, "paused": 3.2}
# Where each column of the table ends (begins, for those on the left), as a share of the width.
_PLACES = {
    "number": 0.0, "place": 0.042, "side": 0.118, "wave": 0.17, "frequency": 0.345, "commanded": 0.43,
    "permitted": 0.535, "delivered": 0.62, "full": 0.655, "impedance": 0.735, "course": 0.848, "charge": 0.902,
    "lift_offs": 0.936, "ended": 1.0,
}  # fmt: skip
_LEFT = ("number", "place", "side", "wave")
_ROOMS_IN = {"place": 0.55, "side": 0.37, "wave": 0.83, "ended": 0.46}
_HEADINGS = {"full": "Full", "lift_offs": "Offs", "course": "Its course"}


def draw(report: Report) -> bytes:
    """The PNG."""
    needed_in = _Drawing(report, Sheet(HEIGHT_IN)).draw()  # once to know its length
    share_in = (HEIGHT_IN - needed_in) / max(1, len(_charts(report)))
    extra_in = min(max(share_in, _SHORTER_IN), _LONGER_IN)
    drawing = _Drawing(report, Sheet(max(HEIGHT_IN, needed_in + extra_in * len(_charts(report)))), extra_in)
    drawing.draw()
    return drawing.sheet.png()


def _charts(report: Report) -> list[Chart]:
    return report.plots.charts if report.plots else []


class _Drawing:
    """Draws downwards; `y_in` is where the next thing begins."""

    def __init__(self, report: Report, sheet: Sheet, extra_in: float = 0.0) -> None:
        self.report = report
        self.sheet = sheet
        self.chart_in = _CHART_IN + extra_in
        self.y_in = _TOP_IN

    def draw(self) -> float:
        """Everything; the height that it takes."""
        self._head()
        self._overview()
        if self.report.plots:
            self._plots(self.report.plots)
        self._table()
        self._facts()
        self._footer()
        return self.y_in + _FOOT_IN

    def _head(self) -> None:
        sheet, head = self.sheet, self.report.head
        version_in = sheet.width_in(head.version, _HEAD) + 0.1
        title = sheet.shortened(head.title, _TITLE, _ROOM_IN - version_in, bold=True)
        sheet.text(_SIDE_IN, self.y_in, title, _TITLE, bold=True)
        title_in = sheet.width_in(title, _TITLE, bold=True)
        sheet.text(_SIDE_IN + title_in + 0.1, self.y_in + 0.075, head.version, _HEAD, "soft")
        self.y_in += 0.33
        x_in = _SIDE_IN
        for name, value, colour in (
            ("Subject", head.subject, "ink"),
            ("Date", head.started, "ink"),
            ("How it ended", head.ended, head.ended_tone),
        ):
            sheet.text(x_in, self.y_in, name, _HEAD, "soft")
            x_in += sheet.width_in(name, _HEAD) + 0.07
            shown = sheet.shortened(value, _HEAD, WIDTH_IN - _SIDE_IN - x_in, bold=True)
            sheet.text(x_in, self.y_in, shown, _HEAD, colour, bold=True)
            x_in += sheet.width_in(shown, _HEAD, bold=True) + 0.2
        self.y_in += 0.21
        sheet.text(_SIDE_IN, self.y_in, self.report.disclaimer, _TEXT, "soft")
        self.y_in += 0.24
        for notice in self.report.notices:
            lines = sheet.lines(notice.text, _TEXT, _ROOM_IN - 0.2)
            high_in = len(lines) * line_in(_TEXT) + 0.1
            sheet.box(_SIDE_IN, self.y_in, _ROOM_IN, high_in, "tile")
            sheet.box(_SIDE_IN, self.y_in, 0.035, high_in, notice.tone or "paused")
            for number, line in enumerate(lines):
                sheet.text(_SIDE_IN + 0.12, self.y_in + 0.05 + number * line_in(_TEXT), line, _TEXT)
            self.y_in += high_in + 0.07

    def _overview(self) -> None:
        maps = self.report.maps
        x_in = _SIDE_IN
        for each in maps:
            _draw_map(self.sheet, each, x_in, self.y_in)
            x_in += _MAP_IN + 0.12
        columns = 2 if maps else 4
        tiles = self.report.key_figures
        lines = -(-len(tiles) // columns)
        wide_in = (WIDTH_IN - _SIDE_IN - x_in - 0.08 * (columns - 1)) / columns
        high_in = (_OVERVIEW_IN - 0.08 * (lines - 1)) / lines if maps else 0.5
        for number, tile in enumerate(tiles):
            left_in = x_in + number % columns * (wide_in + 0.08)
            top_in = self.y_in + number // columns * (high_in + 0.08)
            self._tile(left_in, top_in, wide_in, high_in, (tile.name, tile.value, tile.note, tile.tone))
        self.y_in += lines * (high_in + 0.08) + 0.06

    def _tile(self, x_in: float, y_in: float, wide_in: float, high_in: float, tile: tuple[str, str, str, str]) -> None:
        name, value, note, tone = tile
        self.sheet.box(x_in, y_in, wide_in, high_in, "tile", "rule")
        room_in = wide_in - 0.18
        colour = tone if tone in ("warn", "bad") else "ink"
        self.sheet.text(x_in + 0.09, y_in + 0.04, name, _SMALL + 0.3, "soft")
        self.sheet.text(
            x_in + 0.09,
            y_in + 0.145,
            self.sheet.shortened(value, _VALUE, room_in, bold=True),
            _VALUE,
            colour,
            bold=True,
        )
        shown = self.sheet.shortened(note, _SMALL, room_in)
        self.sheet.text(x_in + 0.09, y_in + 0.335, shown, _SMALL, "soft")

    def _plots(self, plots: Plots) -> None:
        for number, chart in enumerate(plots.charts):
            self._chart_head(plots, chart, number == 0)
            if number == 0 and plots.steps:
                self._step_numbers(plots)
            axes = self.sheet.axes(_SIDE_IN + 0.38, self.y_in, _ROOM_IN - 0.38, self.chart_in)
            last = number == len(plots.charts) - 1
            _draw_chart(axes, chart, plots, last)
            self.y_in += self.chart_in + (_AXIS_IN if last else 0.08)

    def _chart_head(self, plots: Plots, chart: Chart, is_first: bool) -> None:
        sheet, x_in = self.sheet, _SIDE_IN + 0.38
        sheet.text(x_in, self.y_in, chart.title, _TEXT + 0.6, bold=True)
        x_in += sheet.width_in(chart.title, _TEXT + 0.6, bold=True) + 0.06
        sheet.text(x_in, self.y_in + 0.01, chart.unit, _TEXT, "soft")
        x_in += sheet.width_in(chart.unit, _TEXT) + 0.22
        keys = [(line.label, line.style) for line in chart.lines] if len(chart.lines) > 1 else []
        if is_first:
            keys += [("contact lost", "lost")] if plots.lost else []
            keys += [("paused", "paused")] if plots.paused else []
        dashed = {line.label for line in chart.lines if line.channel == 2}
        for label, style in keys:
            wide = _LINE_WIDTHS.get(style, 1.4)
            middle_in = self.y_in + 0.07
            if label in dashed:
                sheet.rule(x_in, middle_in, 0.08, style, wide)
                sheet.rule(x_in + 0.12, middle_in, 0.08, style, wide)
            else:
                sheet.rule(x_in, middle_in, 0.2, style, wide)
            sheet.text(x_in + 0.26, self.y_in + 0.01, label, _TEXT - 0.4)
            x_in += 0.26 + sheet.width_in(label, _TEXT - 0.4) + 0.2
        self.y_in += _CHART_HEAD_IN

    def _step_numbers(self, plots: Plots) -> None:
        left_in, wide_in = _SIDE_IN + 0.38, _ROOM_IN - 0.38
        for span in plots.steps:
            if (span.end_s - span.begin_s) / plots.end_s * wide_in > 0.13:
                middle_in = left_in + (span.begin_s + span.end_s) / 2 / plots.end_s * wide_in
                self.sheet.text(middle_in, self.y_in - 0.02, span.label, _SMALL, "soft", align="center")
        self.y_in += 0.11

    def _table(self) -> None:
        sheet = self.sheet
        self.y_in += 0.06
        sheet.text(_SIDE_IN, self.y_in, "Zones and steps", _HEAD, bold=True)
        self.y_in += 0.22
        for key, heading, unit in COLUMNS:
            x_in, align = _SIDE_IN + _PLACES[key] * _ROOM_IN, "left" if key in _LEFT else "right"
            sheet.text(x_in, self.y_in, _HEADINGS.get(key, heading), _CELL, bold=True, align=align)
            sheet.text(x_in, self.y_in + 0.1, unit, _CELL - 0.5, "soft", align=align)
        self.y_in += 0.22
        sheet.rule(_SIDE_IN, self.y_in, _ROOM_IN, "soft", 0.8)
        for number, row in enumerate(self.report.steps):
            follows = self.report.steps[number + 1 : number + 2]
            self._row(row)
            if not (follows and follows[0].second):
                sheet.rule(_SIDE_IN, self.y_in, _ROOM_IN)
        self.y_in += _GAP_IN

    def _row(self, row: StepRow) -> None:
        colour = "soft" if row.tone == "none" else "ink"
        for key, _heading, _unit in COLUMNS:
            x_in = _SIDE_IN + _PLACES[key] * _ROOM_IN
            text, tone = getattr(row, key), colour
            if key == "course":
                _draw_spark(self.sheet, row, x_in - 0.83, self.y_in + 0.028)
                text, tone = row.course_text, "soft"
            elif key == "ended":
                tone = row.tone if row.tone in LIGHT else colour
            elif under := getattr(row, f"{key}_small", ""):
                text += f", {under}" if key == "wave" else f" {under}"
            shown = self.sheet.shortened(text, _CELL, _ROOMS_IN.get(key, 0.78))
            align = "left" if key in _LEFT else "right"
            self.sheet.text(x_in, self.y_in + 0.035, shown, _CELL, tone, align=align)
        self.y_in += _ROW_IN

    def _facts(self) -> None:
        half_in = (_ROOM_IN - 0.3) / 2
        top_in = self.y_in
        ends_in = []
        left = [("Programme", self.report.origin), ("Screening", self.report.screening)]
        device = [("Device and record", self.report.device)]
        groups = (left, device) if any(facts for _name, facts in left) else (device,)
        for number, group in enumerate(groups):
            self.y_in = top_in
            for heading, facts in group:
                self._fact_list(_SIDE_IN + number * (half_in + 0.3), half_in, heading, facts)
            ends_in.append(self.y_in)
        self.y_in = max(ends_in)

    def _fact_list(self, x_in: float, wide_in: float, heading: str, facts: list[Fact]) -> None:
        if not facts:
            return
        self.sheet.text(x_in, self.y_in, heading, _HEAD - 0.5, bold=True)
        self.y_in += 0.19
        names_in = max(self.sheet.width_in(fact.name, _SMALL) for fact in facts) + 0.12
        for fact in facts:
            family = MONO if fact.code else SANS
            size = _SMALL - 0.8 if fact.code else _SMALL
            self.sheet.text(x_in, self.y_in, fact.name, _SMALL, "soft")
            for line in self._fact_lines(fact, size, wide_in - names_in, family):
                self.sheet.text(x_in + names_in, self.y_in, line, size, family=family)
                self.y_in += line_in(_SMALL)
            self.y_in += 0.015
        self.y_in += 0.09

    def _fact_lines(self, fact: Fact, size: float, room_in: float, family: str) -> list[str]:
        """In lines that fit; a hash in parts of the same length."""
        count = ceil(self.sheet.width_in(fact.value, size, family=family) / room_in)
        if not fact.code or count < 2:
            return self.sheet.lines(fact.value, size, room_in, family=family)
        length = ceil(len(fact.value) / count)
        return [fact.value[begin : begin + length] for begin in range(0, len(fact.value), length)]

    def _footer(self) -> None:
        self.y_in += 0.02
        self.sheet.rule(_SIDE_IN, self.y_in, _ROOM_IN)
        text = f"{self.report.disclaimer} {texts.FOOTNOTE} Written by {self.report.made_by}."
        self.sheet.text(_SIDE_IN, self.y_in + 0.06, text, _SMALL - 0.3, "soft")
        self.y_in += 0.16


def _draw_map(sheet: Sheet, figure: FigureMap, x_in: float, y_in: float) -> None:
    from matplotlib.patches import PathPatch

    axes = sheet.axes(x_in, y_in, _MAP_IN, _OVERVIEW_IN - 0.34)
    axes.axis("off")
    axes.set(xlim=(8, 192), ylim=(250, 6), aspect="equal")
    for curve in figure.lines:
        axes.add_patch(PathPatch(outline(curve), fill=False, edgecolor=LIGHT["soft"], linewidth=0.8))
    for zone in figure.zones:
        for curve in zone.curves:
            axes.add_patch(PathPatch(outline(curve), facecolor=LIGHT["zone"], alpha=zone.strength, linewidth=0))
            axes.add_patch(PathPatch(outline(curve), fill=False, edgecolor=LIGHT["zone"], linewidth=0.6))
            _halo_text(axes, curve.centre, zone.label)
    beside = 72 if figure.name == "Face" else 46
    for word, x in (("right", 100 - beside), ("left", 100 + beside)):
        axes.text(x, 18, word, fontsize=_SMALL, color=LIGHT["soft"], ha="center", va="center", parse_math=False)
    _draw_scale(sheet, figure, x_in, y_in + _OVERVIEW_IN - 0.3)


def _halo_text(axes: "Axes", at: tuple[float, float], text: str) -> None:
    from matplotlib.patheffects import withStroke

    axes.text(
        *at,
        text,
        fontsize=_SMALL,
        weight="bold",
        color=LIGHT["ink"],
        ha="center",
        va="center",
        parse_math=False,
        path_effects=[withStroke(linewidth=1.8, foreground=LIGHT["paper"])],
    )


def _draw_scale(sheet: Sheet, figure: FigureMap, x_in: float, y_in: float) -> None:
    """From the faintest to the fullest colour, and what they stand for."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    end_in = sheet.width_in(figure.most, _SMALL)
    sheet.text(x_in, y_in - 0.02, "0", _SMALL, "soft")
    sheet.text(x_in + _MAP_IN, y_in - 0.02, figure.most, _SMALL, "soft", align="right")
    axes = sheet.axes(x_in + 0.12, y_in, _MAP_IN - 0.2 - end_in, 0.07)
    axes.axis("off")
    colours = [to_rgba(LIGHT["zone"], 0.16), to_rgba(LIGHT["zone"], 0.9)]
    shades = LinearSegmentedColormap.from_list("charge", colours)
    axes.imshow([[number / 63 for number in range(64)]], aspect="auto", cmap=shades)
    sheet.text(x_in, y_in + 0.12, "charge by zone, with its steps", _SMALL, "soft")


def _draw_chart(axes: "Axes", chart: Chart, plots: Plots, is_last: bool) -> None:
    axes.set(xlim=(0, plots.end_s), ylim=(chart.bottom, chart.top))
    for spans, colour, alpha in (
        (plots.steps, "band", 1.0),
        (plots.paused, "paused", 0.22),
        (plots.lost, "lost", 0.35),
    ):
        for span in spans:
            edge = LIGHT[colour] if colour == "lost" else "none"
            axes.axvspan(
                span.begin_s, span.end_s, facecolor=LIGHT[colour], alpha=alpha, edgecolor=edge, linewidth=0.8, zorder=0
            )
    for line in chart.lines:
        axes.plot(
            [at_s for at_s, _value in line.points],
            [float("nan") if value is None else value for _at_s, value in line.points],
            color=LIGHT[line.style],
            linewidth=_LINE_WIDTHS.get(line.style, 1.1),
            linestyle="--" if line.channel == 2 else "-",
            zorder=2 if line.style == COMMANDED else 3,
            solid_joinstyle="round",
        )
    _style_axes(axes, chart, plots, is_last)


def _style_axes(axes: "Axes", chart: Chart, plots: Plots, is_last: bool) -> None:
    axes.set_yticks([value for value, _label in chart.ticks], [label for _value, label in chart.ticks])
    times = plots.time_ticks if is_last else []
    axes.set_xticks([value for value, _label in times], [label for _value, label in times])
    axes.tick_params(length=0, labelsize=_SMALL, labelcolor=LIGHT["soft"], pad=3)
    axes.grid(True, axis="y", color=LIGHT["rule"], linewidth=0.5)
    axes.set_axisbelow(True)
    axes.patch.set_alpha(0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_spark(sheet: Sheet, row: StepRow, x_in: float, y_in: float) -> None:
    values = [value for _at_s, value in row.course if value is not None]
    if not values:
        return
    axes = sheet.axes(x_in, y_in, 0.3, 0.1)
    axes.axis("off")
    axes.set_ylim(*spark_range(values))
    axes.plot([at_s for at_s, _value in row.course], values, color=LIGHT["impedance"], linewidth=0.9, clip_on=False)
