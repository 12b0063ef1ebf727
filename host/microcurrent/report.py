"""Recorded sessions as text, CSV and JSON."""

import csv
import io
import json
from pathlib import Path

from . import quantities
from .errors import BadValueError, RecordError


def wave_text(wave: dict) -> str:
    """A waveform in one line: '200uA 10Hz square biphasic'."""
    return (
        f"{quantities.show(wave['amplitude_ua'], quantities.CURRENT)} "
        f"{quantities.show(wave['frequency_mhz'], quantities.FREQUENCY)} {wave['shape']} {wave['polarity']}"
    )


def list_row(session: dict) -> tuple[str, ...]:
    """One session as a row of `records list`."""
    summary = session["summary"] or {}
    delivered = summary.get("delivered_mean_ua")
    return (
        session["id"][:8],
        session["started_utc"][:19].replace("T", " "),
        wave_text(session["wave"]),
        f"{summary.get('elapsed_ms', 0) / 1000:.1f} s",
        "-" if delivered is None else f"{delivered} uA",
        session["ended"] or "running",
    )


def show_rows(session: dict) -> list[tuple[str, str]]:
    """What `records show` prints above the figures."""
    wave, device = session["wave"], session["device"]
    rows = [
        ("id", session["id"]),
        ("started", session["started_utc"]),
        ("ended", f"{session['ended_utc'] or '-'} ({session['ended'] or 'running'})"),
        ("waveform", wave_text(wave)),
        (
            "timing",
            f"{quantities.show(wave['duration_ms'], quantities.DURATION)}, ramps "
            f"{quantities.show(wave['ramp_ms'], quantities.DURATION)}",
        ),
        ("area", quantities.show(wave["area_mm2"], quantities.AREA)),
        ("board", f"{device['board']} {device['uid']} on {session['port']}"),
        ("firmware", f"{device['firmware']} on MicroPython {device['micropython']} (manifest {device['manifest']})"),
    ]
    if session["load"]:
        rows.append(("load", f"{session['load']} (virtual)"))
    if session["summary"] and session["summary"].get("error"):
        rows.append(("error", session["summary"]["error"]))
    return rows


def as_json(session: dict, rows: list[dict], events: list[dict]) -> str:
    """Everything about one session."""
    return json.dumps({**session, "events": events, "telemetry": rows}, indent=1) + "\n"


def as_csv(rows: list[dict]) -> str:
    """The telemetry, one row per line, units in the column names."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def write(path: Path, session: dict, rows: list[dict], events: list[dict]) -> None:
    """Write .csv or .json. Raises BadValueError for another ending, RecordError when the file cannot be written."""
    if path.suffix not in (".csv", ".json"):
        raise BadValueError(f"{path.name} ends neither in .csv nor in .json; nothing was written; choose one of them")
    text = as_csv(rows) if path.suffix == ".csv" else as_json(session, rows, events)
    try:
        path.write_text(text)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written ({error.strerror}); the record is kept; choose another place"
        ) from None
