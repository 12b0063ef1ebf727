"""What a report shows, made from a record once: the page and the picture only lay it out. Every text is clean.

Figures come from the record's summary, plots from its telemetry. Nothing here says that a treatment worked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .. import __version__
from ..errors import RecordError
from ..record_reader import StoredSessions
from ..report import waves_text
from . import facts, key_figures, texts
from .charts import Plots, plots_of
from .facts import Fact, Notice
from .figure_map import FigureMap, maps_of
from .key_figures import KeyFigure
from .parts import has_figures, parts_of
from .series import COLUMNS, Row, timeline
from .step_table import StepRow, table_of

DISCLAIMER = "Not a medical device; no claim that it works."


@dataclass(frozen=True)
class Head:
    """What stands at the top. ended_tone: good, warn or bad."""

    title: str
    version: str
    subject: str
    started: str
    ended: str
    ended_tone: str


@dataclass(frozen=True)
class Report:
    """Everything that is shown. number: the record's id; plots: None without telemetry."""

    number: str
    head: Head
    notices: list[Notice]
    key_figures: list[KeyFigure]
    plots: Plots | None
    maps: list[FigureMap]
    steps: list[StepRow]
    screening: list[Fact]
    device: list[Fact]
    origin: list[Fact]
    disclaimer: str
    made_by: str


def read_report(records: StoredSessions, name: str) -> Report:
    """The report of the record whose id begins with `name`, or of 'last'.

    Raises RecordError when there is none, and for one whose fields no version of this program would have written.
    """
    session = records.session(name)
    number = session["id"]
    entries = [entry for entry in records.rows("chain") if entry.get("session_id") == number]
    try:
        columns = COLUMNS if has_figures(session) else None
        rows, rows2 = (records.telemetry(number, channel, columns) for channel in (1, 2))
        return build(session, rows, rows2, records.events(number), entries[-1]["hash"] if entries else None)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise RecordError(
            f"session {number[:8]} holds what this version cannot read ({type(error).__name__}: {error!s:.60}); "
            f"nothing was written; look at it with: microcurrent records export {number[:8]}"
        ) from None


def build(
    session: dict, rows: Sequence[Row], rows2: Sequence[Row], events: Sequence[dict], chain_hash: str | None
) -> Report:
    """The report of a decoded record. rows, rows2: telemetry by channel; chain_hash: None outside the chain."""
    first = timeline(rows)
    lines = (first, timeline(rows2, rows[0]["time_ms"] if rows else None))
    parts = parts_of(session, lines, _told_of_steps(events))
    return Report(
        number=texts.clean(session["id"], 80),
        head=_head(session),
        notices=facts.notices(session, parts, events),
        key_figures=key_figures.key_figures(session, parts, events),
        plots=plots_of(lines, parts) if rows else None,
        maps=maps_of(parts),
        steps=table_of(parts),
        screening=facts.screening(session),
        device=facts.device(session, chain_hash),
        origin=facts.origin(session),
        disclaimer=DISCLAIMER,
        made_by=f"microcurrent {__version__}",
    )


def _told_of_steps(events: Sequence[dict]) -> dict[int, dict]:
    """What the board said of each step when it began."""
    told = [event["detail"] for event in events if event["kind"] == "step"]
    return {detail["step"]: detail for detail in told if texts.whole(detail.get("step")) is not None}


def _head(session: dict) -> Head:
    programme = session.get("programme") or {}
    ended, tone = facts.ended(session)
    version = texts.clean(programme.get("version"), 20)
    return Head(
        title=texts.clean(programme.get("title") or programme.get("name"), 80) or f"Session: {waves_text(session)}",
        version=f"version {version}" if version else "",
        subject=texts.clean(session.get("subject"), 40) or "no subject named",
        started=texts.instant(session["started_utc"]),
        ended=ended,
        ended_tone=tone,
    )
