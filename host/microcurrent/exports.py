"""Recorded sessions for other programs: JSON, CSV, and telemetry rows with names in them."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from firmware.shared import faults, protocol

from .errors import BadValueError, RecordError
from .record_reader import ABSENT
from .report import TUPLES


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
    """A recorded event for other programs; its telemetry tuples as named rows."""
    detail = event["detail"]
    rows = {name: _named_tuple(detail[name]) for name in TUPLES if detail.get(name)}
    return {**event, "detail": {**detail, **rows}}


def _named_tuple(values: list[int]) -> dict | list[int]:
    """As it is when a newer firmware sent it."""
    if len(values) > len(protocol.TELEMETRY_FIELDS):
        return values
    # Fields are only ever added at the end: a shorter tuple is an older firmware's.
    return named({**ABSENT, **dict(zip(protocol.TELEMETRY_FIELDS, values, strict=False))})


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else f"unknown-{index}"


def as_json(session: dict, rows: list[dict], events: list[dict], rows2: Sequence[dict] = ()) -> str:
    """Everything about one session. rows2: telemetry of its second channel."""
    telemetry: dict = {"telemetry": [named(row) for row in rows]}
    if session.get("wave2"):
        telemetry["telemetry2"] = [named(row) for row in rows2]
    return json.dumps({**session, "events": [named_event(event) for event in events], **telemetry}, indent=1)


def as_csv(rows: list[dict], rows2: Sequence[dict] = ()) -> str:
    """The telemetry, one row per line, units in the column names; an unknown impedance is empty.

    rows2: of a second channel, whose columns stand behind those of the first, with channel2_ before their names.
    """
    seconds = {(row["seq"], row["time_ms"]): row for row in rows2}
    lines = [named(row) | _second_columns(seconds.get((row["seq"], row["time_ms"]))) for row in rows]
    out = io.StringIO()
    if lines:
        names = list(dict.fromkeys(name for line in lines for name in line))
        writer = csv.DictWriter(out, fieldnames=names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return out.getvalue()


def _second_columns(row: dict | None) -> dict:
    return {f"channel2_{name}": value for name, value in named(row).items() if name != "seq"} if row else {}


def write(path: Path, session: dict, rows: list[dict], events: list[dict], rows2: Sequence[dict] = ()) -> None:
    """Write .csv or .json. Raises BadValueError for another ending, RecordError when the file cannot be written."""
    if path.suffix not in (".csv", ".json"):
        raise BadValueError(f"{path.name} ends neither in .csv nor in .json; nothing was written; choose one of them")
    text = as_csv(rows, rows2) if path.suffix == ".csv" else as_json(session, rows, events, rows2) + "\n"
    try:
        path.write_text(text)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written ({error.strerror}); the record is kept; choose another place"
        ) from None
