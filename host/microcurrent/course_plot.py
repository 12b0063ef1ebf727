"""The trend of a course as a picture (PNG): dose, impedance and threshold over its sessions."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from . import moments
from .course import Session, Status
from .errors import RecordError
from .plotting import CHARGE, COMMANDED, DELIVERED, IMPEDANCE, VOLTAGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_IN, _DPI = (9, 8), 140  # as pictures of sessions
_TEXT_PT, _HEAD_PT = 9, 11
_MARKERS = "osD^vP*X"
_COLOURS = (DELIVERED, VOLTAGE, CHARGE, IMPEDANCE, "#E69F00", "#56B4E9", "#000000")
_MOST_PLACES = 8  # ours: more lines cannot be told apart
_LEAST_SPAN = timedelta(days=7)  # ours: a single session stands in a week, not in a microsecond


def plot_course(status: Status, thresholds: Sequence[dict], target: Path) -> None:
    """Draw the sessions of a course, and the thresholds of its subject as stored rows. Works on none.

    Raises RecordError when `target` cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_IN, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    zone = moments.zone(status.row["plan"]["zone"])
    chosen = _of_course(thresholds, status)
    _dose_axes(axes[0], status)
    _impedance_axes(axes[1], status.sessions)
    _threshold_axes(axes[2], chosen)
    _time_axis(axes, status, chosen)
    axes[-1].set_xlabel(f"day ({zone.key})")
    figure.align_ylabels(axes)
    plan = status.row["plan"]
    figure.suptitle(
        f"{plan['name']}: {status.row['programme']} of {status.row['subject']}   ({status.state}: {status.done} done, "
        f"{status.missed} missed)",
        fontsize=_HEAD_PT,
    )
    try:
        figure.savefig(target, format="png")
    except OSError as error:
        raise RecordError(
            f"{target} cannot be written ({error.strerror}); the records are kept; choose another place with --plot"
        ) from None


def _of_course(thresholds: Sequence[dict], status: Status) -> list[dict]:
    """Those measured since the course was made, or since its first day."""
    first = moments.parse_day(status.row["plan"]["start"])
    zone = moments.zone(status.row["plan"]["zone"])
    return [row for row in thresholds if moments.day(row["at_utc"], zone) >= first]


def _dose_axes(axes: "Axes", status: Status) -> None:
    done = [one for one in status.sessions if one.done]
    tries = [one for one in status.sessions if not one.done]
    known = [one.dose_uc / 1000 for one in status.sessions if one.dose_uc is not None]
    for sessions, colour, label in ((done, DELIVERED, "session"), (tries, VOLTAGE, "given up early")):
        dosed = [one for one in sessions if one.dose_uc is not None]
        if dosed:
            times, doses = _times(dosed), [(one.dose_uc or 0) / 1000 for one in dosed]
            axes.vlines(times, 0, doses, color=colour, lw=1.4)
            axes.plot(times, doses, "o", color=colour, ms=4, label=label)
    for number, row in enumerate(row for row in status.rows if row.missed):
        label = None if number else "with missed sessions"
        axes.axvspan(
            _number(_midnight(row.period.first, status)),
            _number(_midnight(row.period.after, status)),
            color=COMMANDED,
            alpha=0.4,
            lw=0,
            label=label,
        )
    axes.set_ylim(0, max(known, default=0) * 1.15 or 1)
    axes.set_ylabel("delivered dose (mC)")
    _say_if_empty(axes, status.sessions, "no session yet")
    _tidy(axes)


def _impedance_axes(axes: "Axes", sessions: Sequence[Session]) -> None:
    measured = [one for one in sessions if one.impedance_ohm is not None]
    values_kohm = [(one.impedance_ohm or 0) / 1000 for one in measured]
    if measured:
        axes.plot(_times(measured), values_kohm, "--o", color=IMPEDANCE, lw=1.4, ms=4, label="median of a session")
    axes.set_ylim(0, max(values_kohm, default=0) * 1.15 or 1)
    axes.set_ylabel("impedance (kΩ)")
    _say_if_empty(axes, measured, "no impedance measured")
    _tidy(axes)


def _threshold_axes(axes: "Axes", rows: Sequence[dict]) -> None:
    places = sorted({(row["site"], row["side"]) for row in rows})
    for number, (site, side) in enumerate(places[:_MOST_PLACES]):
        found = [row for row in rows if (row["site"], row["side"]) == (site, side)]
        axes.plot(
            [_number(moments.instant(row["at_utc"])) for row in found],
            [row["threshold_ua"] for row in found],
            marker=_MARKERS[number % len(_MARKERS)],
            color=_COLOURS[number % len(_COLOURS)],
            lw=1.4,
            ms=5,
            label=f"{site}, {side}".replace("_", " "),
        )
    axes.set_ylim(0, max((row["threshold_ua"] for row in rows), default=0) * 1.15 or 1)
    axes.set_ylabel("threshold (µA)")
    if len(places) > _MOST_PLACES:
        axes.text(0.005, 0.04, f"and {len(places) - _MOST_PLACES} more places", transform=axes.transAxes, fontsize=8)
    _say_if_empty(axes, rows, "no threshold measured")
    _tidy(axes)


def _time_axis(axes: "Sequence[Axes]", status: Status, thresholds: Sequence[dict]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    first = _midnight(moments.parse_day(status.row["plan"]["start"]), status)
    times = [one.started_utc for one in status.sessions] + [moments.instant(row["at_utc"]) for row in thresholds]
    last = max([*times, _midnight(status.today, status), first + _LEAST_SPAN])
    margin = (last - first) / 50
    zone = moments.zone(status.row["plan"]["zone"])
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=10)
    axes[-1].set_xlim(_number(first - margin), _number(last + margin))
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))


def _midnight(day: date, status: Status) -> datetime:
    """The beginning of a day of the course."""
    return moments.end_of(day - timedelta(days=1), moments.zone(status.row["plan"]["zone"]))


def _times(sessions: Sequence[Session]) -> list[float]:
    return [_number(one.started_utc) for one in sessions]


def _number(at: datetime) -> float:
    from matplotlib.dates import date2num

    return float(date2num(at))


def _say_if_empty(axes: "Axes", values: Sequence[object], text: str) -> None:
    if not values:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=_TEXT_PT, color="#555555"
        )


def _tidy(axes: "Axes") -> None:
    axes.grid(True, color="#DDDDDD", lw=0.6)
    axes.set_axisbelow(True)
    handles, names = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=min(len(names), 4),
            fontsize=_TEXT_PT,
            frameon=False,
        )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
