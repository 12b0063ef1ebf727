"""Recorded sessions as text, CSV and JSON."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from firmware.shared import faults, protocol, waveform

from . import quantities
from .errors import BadValueError, RecordError
from .figures import delivered_text, ended_text
from .record_reader import ABSENT, RUNNING
from .refusals import in_options


def wave_text(wave: dict) -> str:
    """A waveform in one line: '200uA 10Hz square biphasic'."""
    return (
        f"{quantities.show(wave['amplitude_ua'], quantities.CURRENT)} "
        f"{quantities.show(wave['frequency_mhz'], quantities.FREQUENCY)} {wave['shape']} {wave['polarity']}"
    )


def changed_text(changes: dict) -> str:
    """What a running session was given, as options: '--amplitude 80uA, square'."""
    shown = [in_options(f"{name} {value}") for name, value in changes.items() if name != "shape"]
    return ", ".join([*shown, *([changes["shape"]] if "shape" in changes else [])])


def list_row(session: dict) -> tuple[str, ...]:
    """One session as a row of `records list`."""
    summary = session["summary"] or {}
    return (
        session["id"][:8],
        session["started_utc"][:19].replace("T", " "),
        wave_text(session["wave"]),
        f"{summary.get('elapsed_ms', 0) / 1000:.1f} s",
        delivered_text(summary),
        ended_text(session["ended"] or RUNNING, summary),
    )


def played_text(wave: dict, accepted: dict) -> str:
    """What the board plays where it is not what was asked, in one line; empty when nothing differs.

    accepted: the session's terms, the reply to arm; those that an older firmware does not tell are taken as asked.
    """
    shown = [
        f"{name} {accepted[field]} {unit} (asked {asked} {unit})"
        for name, field, unit, asked in _asked(wave)
        if accepted.get(field, asked) != asked
    ]
    grid = f"{accepted['sample_us']} us" if "sample_us" in accepted else "sample"
    return f"played on the board's {grid} grid: {', '.join(shown)}" if shown else ""


def _asked(wave: dict) -> list[tuple[str, str, str, int]]:
    """(name, field of the reply to arm, unit, value asked for) of the terms that the board's grid may change."""
    terms = []
    if wave["shape"] == waveform.SQUARE:
        phase_us = round(wave.get("width_us") or 500000 / wave["frequency_mhz"] * wave["duty_permille"])
        terms += [("phase", "phase_us", "us", phase_us), ("gap", "gap_us", "us", wave["gap_us"])]
    if wave["polarity"] == waveform.ALTERNATE:
        terms.append(("polarity for", "alternate_ms", "ms", wave["alternate_ms"]))
    return terms


def show_rows(session: dict) -> list[tuple[str, str]]:
    """What `records show` prints above the figures."""
    wave, device, summary = session["wave"], session["device"], session["summary"] or {}
    rows = [
        ("id", session["id"]),
        ("started", session["started_utc"]),
        ("ended", f"{session['ended_utc'] or '-'} ({ended_text(session['ended'] or RUNNING, summary)})"),
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
    played = played_text(wave, session["accepted"] or {})
    if played:
        rows.append(("played", played))
    if session["load"]:
        rows.append(("load", f"{session['load']} (virtual)"))
    if summary.get("error"):
        rows.append(("error", summary["error"]))
    return rows


def named(row: dict[str, int]) -> dict[str, int | str | None]:
    """A telemetry row for other programs: state, contact and fault by name, None for what is unknown."""
    known = row["supply_mv"] > 0  # of a firmware that measures it
    return {
        **row,
        "state": _name(protocol.STATE_NAMES, row["state"]),
        "contact": _name(protocol.CONTACT_NAMES, row["contact"]),
        "fault": faults.name_of(row["fault"]),
        "impedance_ohm": row["impedance_ohm"] if row["impedance_ohm"] >= 0 else None,
        "series_ohm": row["series_ohm"] if row["series_ohm"] >= 0 else None,
        "temperature_c": row["temperature_c"] if known else None,
        "supply_mv": row["supply_mv"] if known else None,
    }


def named_event(event: dict) -> dict:
    """A recorded event for other programs; its telemetry tuple as a named row."""
    values = event["detail"].get("t", ())
    if not values or len(values) > len(protocol.TELEMETRY_FIELDS):  # none, or one of a newer firmware
        return event
    # Fields are only ever added at the end: a shorter tuple is an older firmware's.
    row = named({**ABSENT, **dict(zip(protocol.TELEMETRY_FIELDS, values, strict=False))})
    return {**event, "detail": {**event["detail"], "t": row}}


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else f"unknown-{index}"


def as_json(session: dict, rows: list[dict], events: list[dict]) -> str:
    """Everything about one session."""
    telemetry = [named(row) for row in rows]
    return json.dumps({**session, "events": [named_event(event) for event in events], "telemetry": telemetry}, indent=1)


def as_csv(rows: list[dict]) -> str:
    """The telemetry, one row per line, units in the column names; an unknown impedance is empty."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(named(row) for row in rows)
    return out.getvalue()


def write(path: Path, session: dict, rows: list[dict], events: list[dict]) -> None:
    """Write .csv or .json. Raises BadValueError for another ending, RecordError when the file cannot be written."""
    if path.suffix not in (".csv", ".json"):
        raise BadValueError(f"{path.name} ends neither in .csv nor in .json; nothing was written; choose one of them")
    text = as_csv(rows) if path.suffix == ".csv" else as_json(session, rows, events) + "\n"
    try:
        path.write_text(text)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written ({error.strerror}); the record is kept; choose another place"
        ) from None
