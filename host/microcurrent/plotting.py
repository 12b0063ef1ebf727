"""Pictures of sessions (PNG). matplotlib is imported when a picture is drawn, not before."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.shared import protocol

from .errors import RecordError
from .record_reader import RUNNING
from .report import loads_text, wave_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe-Ito and a pale grey: told apart in print and with every kind of colour vision. What was commanded is a pale
# band, what was delivered a thin dark line on it: both are seen where they agree.
COMMANDED, DELIVERED, PEAK, VOLTAGE, CHARGE, IMPEDANCE = (
    "#C9C9C9",
    "#0072B2",
    "#000000",
    "#D55E00",
    "#009E73",
    "#7A3E8E",
)
SEEKING = "seeking contact"
_CONTACT_COLOURS = {
    "good": "#009E73",
    "dry": "#E69F00",
    "open": "#D55E00",
    "short": "#000000",
    "unknown": "#C9C9C9",
    SEEKING: "#56B4E9",
}
_WIDTH_IN, _DPI = 9, 140  # ours: 1260 pixels; a README shows 900 of them, and 9 points are still 12 pixels there
_TEXT_PT, _HEAD_PT = 9, 11
IMPEDANCE_ROOM = 1.7  # ours: keeps its line below the voltage's plateau
IMPEDANCE_TIMES_MEDIAN = 3  # ours: what is above (electrodes came off, megaohms) leaves the axis; the strip tells


@dataclass(frozen=True)
class Samples:
    """A stretch of the virtual Pico's trace on an even time grid."""

    time_ms: Sequence[float]
    commanded_ua: Sequence[float]
    delivered_ua: Sequence[float]
    electrode_mv: Sequence[float]


def plot_record(session: dict, rows: list[dict], target: Path, rows2: Sequence[dict] = ()) -> None:
    """One recorded session over its whole length, a second channel below the first.

    Raises RecordError when there is nothing to draw.
    """
    _require_rows(session, rows)
    if not rows2:
        figure = _figure(8)
        _whole_session(figure, rows)
    else:
        figure = _figure(14)
        grid = figure.add_gridspec(2, 1, hspace=0.03)
        for channel, (wave, found) in enumerate((("wave", rows), ("wave2", list(rows2))), 1):
            part = figure.add_subfigure(grid[channel - 1])
            _whole_session(part, found)
            _head(part, f"Channel {channel}: {wave_text(session[wave])}")
    _finish(figure, session, target)


def plot_run(session: dict, rows: list[dict], samples: Samples, target: Path) -> None:
    """A session on the virtual Pico: a few cycles as the probes saw them above the whole session's telemetry."""
    _require_rows(session, rows)
    figure = _figure(10.5)
    grid = figure.add_gridspec(2, 1, height_ratios=(4, 7), hspace=0.04)
    upper, lower = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    current, voltage = upper.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _cycle_axes(current, voltage, samples)
    _whole_session(lower, rows)
    _head(upper, "A few cycles, as the virtual probes saw them")
    _head(lower, "The whole session, as the board reported it")
    _finish(figure, session, target)


def _whole_session(figure: "Figure | SubFigure", rows: list[dict]) -> None:
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(3, 2, 2, 0.4))
    _session_axes(axes[0], rows)
    _voltage_axes(axes[1], rows)
    _charge_axes(axes[2], rows)
    _contact_axes(axes[3], rows)
    axes[-1].set_xlabel("time since the start (s)")
    axes[-1].set_xlim(left=0)
    figure.align_ylabels(axes[:3])


def _head(figure: "SubFigure", text: str) -> None:
    figure.suptitle(text, fontsize=_HEAD_PT, x=0.02, ha="left", weight="bold")


def _require_rows(session: dict, rows: list[dict]) -> None:
    if not rows:
        raise RecordError(
            f"session {session['id'][:8]} has no telemetry; nothing was drawn; choose another with: "
            f"microcurrent records list"
        )


def _figure(height_in: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _finish(figure: "Figure", session: dict, target: Path) -> None:
    load = f", load {loads_text(session)}" if session["load"] else ""
    played = "two channels" if session.get("wave2") else wave_text(session["wave"])  # their waveforms head their parts
    figure.suptitle(
        f"{played}{load}   ({session['started_utc'][:19].replace('T', ' ')} UTC, ended: {session['ended'] or RUNNING})",
        fontsize=_HEAD_PT,
    )
    try:
        figure.savefig(target, format="png")
    except OSError as error:
        raise RecordError(
            f"{target} cannot be written ({error.strerror}); the record is kept; choose another place with --output"
        ) from None


def _cycle_axes(current: "Axes", voltage: "Axes", samples: Samples) -> None:
    current.plot(
        samples.time_ms, samples.commanded_ua, color=COMMANDED, lw=6, label="commanded", drawstyle="steps-post"
    )
    current.plot(samples.time_ms, samples.delivered_ua, color=DELIVERED, lw=1.4, label="delivered")
    current.set_ylabel("current (µA)")
    _tidy(current)
    voltage.plot(
        samples.time_ms, [value / 1000 for value in samples.electrode_mv], color=VOLTAGE, lw=1.4, label="electrodes"
    )
    voltage.set_ylabel("voltage (V)")
    voltage.set_xlabel("time (ms)")
    _tidy(voltage)


def _session_axes(axes: "Axes", rows: list[dict]) -> None:
    time_s = _time_s(rows)
    axes.plot(time_s, [row["commanded_ua"] for row in rows], color=COMMANDED, lw=6, label="commanded, peak")
    axes.plot(
        time_s,
        [row["delivered_ua"] for row in rows],
        color=DELIVERED,
        lw=1.6,
        label="delivered, mean while it flows",
    )
    axes.plot(time_s, [row["peak_ua"] for row in rows], color=PEAK, lw=1.4, ls=(0, (1, 3)), label="delivered, peak")
    axes.set_ylabel("current (µA)")
    axes.set_ylim(bottom=0)
    _tidy(axes)


def _voltage_axes(axes: "Axes", rows: list[dict]) -> None:
    time_s = _time_s(rows)
    axes.plot(time_s, [row["electrode_mv"] / 1000 for row in rows], color=VOLTAGE, lw=1.4, label="electrodes, peak")
    axes.set_ylabel("voltage (V)", color=VOLTAGE)
    axes.set_ylim(bottom=0)
    measured_ohm = [row["impedance_ohm"] for row in rows if row["impedance_ohm"] >= 0]
    right = axes.twinx()
    right.plot(
        time_s,
        [row["impedance_ohm"] / 1000 if row["impedance_ohm"] >= 0 else math.nan for row in rows],
        color=IMPEDANCE,
        lw=1.4,
        ls="--",
        label="impedance",
    )
    right.set_ylabel("impedance (kΩ)", color=IMPEDANCE)
    right.set_ylim(0, _impedance_top_kohm(measured_ohm))
    right.locator_params(axis="y", nbins=4)
    _tidy(axes, right)


def _impedance_top_kohm(values_ohm: list[int]) -> float:
    """The upper end of the impedance axis; some number when nothing was measured."""
    if not any(values_ohm):
        return 1
    return IMPEDANCE_ROOM * min(max(values_ohm), IMPEDANCE_TIMES_MEDIAN * statistics.median(values_ohm) or 1) / 1000


def _charge_axes(axes: "Axes", rows: list[dict]) -> None:
    time_s = _time_s(rows)
    axes.plot(time_s, [row["net_charge_nc"] / 1000 for row in rows], color=CHARGE, lw=1.4, label="net charge")
    axes.plot(
        time_s,
        [row["phase_charge_nc"] / 1000 for row in rows],
        color=DELIVERED,
        lw=1.4,
        ls="--",
        label="charge of one phase",
    )
    axes.set_ylabel("charge (µC)")
    _tidy(axes)


def _contact_axes(axes: "Axes", rows: list[dict]) -> None:
    """A strip coloured by contact, with each contact named once."""
    named: set[str] = set()
    begin_s, *ends_s = _time_s(rows)
    for row, end_s in zip(rows, [*ends_s, ends_s[-1] if ends_s else begin_s], strict=True):
        contact = SEEKING if row["sensing"] else protocol.CONTACT_NAMES[row["contact"]]
        label = None if contact in named else contact
        named.add(contact)
        axes.axvspan(begin_s, end_s, color=_CONTACT_COLOURS[contact], lw=0, label=label)
        begin_s = end_s
    axes.set_yticks([])
    axes.set_ylabel("contact", rotation=0, ha="right", va="center")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=6, fontsize=_TEXT_PT, frameon=False)
    axes.margins(x=0)


def _time_s(rows: list[dict]) -> list[float]:
    """Time of each row since the first one: the search for contact and pauses included, which are no session time."""
    return [(row["time_ms"] - rows[0]["time_ms"]) / 1000 for row in rows]


def _tidy(axes: "Axes", *others: "Axes") -> None:
    axes.grid(True, color="#DDDDDD", lw=0.6)
    axes.set_axisbelow(True)
    lines = [line for each in (axes, *others) for line in each.get_lines()]
    names = [str(line.get_label()) for line in lines]
    axes.legend(
        lines, names, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), fontsize=_TEXT_PT, frameon=False
    )
    axes.margins(x=0)
    for each in (axes, *others):
        each.spines["top"].set_visible(False)
