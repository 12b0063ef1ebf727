"""Telemetry rows and events for other programs, with names in them; and back to what was stored."""

from collections.abc import Sequence

from firmware.shared import faults, protocol

from .record_reader import ABSENT
from .report import TUPLES

_UNKNOWN = {"impedance_ohm": -1, "series_ohm": -1, "temperature_c": 0, "supply_mv": 0}


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


def unnamed(row: dict) -> dict:
    """The row that `named` made this of, with the value for unknown where it told none. Raises ValueError."""
    found = {**row, **{name: _UNKNOWN[name] for name in _UNKNOWN if row.get(name, 0) is None}}
    found["state"] = _index(protocol.STATE_NAMES, row.get("state"), "state")
    found["contact"] = _index(protocol.CONTACT_NAMES, row.get("contact"), "contact")
    found["fault"] = _fault_code(row.get("fault"))
    return found


def unnamed_event(event: dict) -> dict:
    """The event that `named_event` made this of. Raises ValueError."""
    detail = event["detail"]
    tuples = {}
    for name in TUPLES:
        if isinstance(detail.get(name), dict):
            row = unnamed(detail[name])
            tuples[name] = [row.get(field) for field in protocol.TELEMETRY_FIELDS]
    return {**event, "detail": {**detail, **tuples}}


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


def _index(names: Sequence[str], name: object, what: str) -> int:
    if name in names:
        return names.index(str(name))
    return _number(name, "unknown-", what)


def _fault_code(name: object) -> int:
    codes = {row[1]: row[0] for row in faults.TABLE} | {faults.name_of(faults.NONE): faults.NONE}
    return codes[str(name)] if name in codes else _number(name, "fault-", "fault")


def _number(name: object, before: str, what: str) -> int:
    text = str(name)
    if not text.startswith(before):
        raise ValueError(f"a row of its telemetry has no known {what}")
    return int(text.removeprefix(before))


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else f"unknown-{index}"
