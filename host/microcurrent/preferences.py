"""The board's settings as people see them: with names and units, and as a file."""

import json
from pathlib import Path
from typing import Any

from firmware.shared import rules, settings, waveform

from . import quantities
from .errors import BadValueError, RecordError
from .quantities import Kind

FILE_FORMAT = "microcurrent settings"
MAX_FILE_BYTES = 65536
NONE = "none"  # how 0 is written where it stands for nothing stored
_KINDS = {
    "_ua": quantities.CURRENT,
    "_ms": quantities.DURATION,
    "_hz": quantities.RATE,
    "_mm2": quantities.AREA,
}  # by the unit suffix that the name of every setting with a unit carries
_RANGES = {name: (low, high) for name, low, high, _default, _meaning in settings.FIELDS}
_NONE_AT_ZERO = ("area_mm2", "threshold_ua")
_SWITCHES = ("usb_isolated", "host_may_leave", "buzzer")
# Settings whose number is an index into these names.
CHOICES: dict[str, tuple[str, ...]] = {
    "profile": rules.PROFILES,
    "zone": waveform.ZONES[: _RANGES["zone"][1] + 1],
    **dict.fromkeys(_SWITCHES, ("no", "yes")),
}


def require_known(name: str) -> None:
    """Raise BadValueError for an unknown name."""
    if name not in _RANGES:
        raise BadValueError(f"there is no setting {name!r}; nothing was changed; there are: {', '.join(_RANGES)}")


def parse(name: str, text: str) -> int:
    """The value of `name` that `text` stands for. Raises BadValueError."""
    require_known(name)
    if name in CHOICES:
        return _chosen(name, text)
    if name in _NONE_AT_ZERO and text == NONE:
        return 0
    try:
        return quantities.parse(text, _kind_of(name), *_RANGES[name])
    except quantities.QuantityError as error:
        raise BadValueError(f"{name}: {error.args[0]}") from None


def shown(name: str, value: int) -> str:
    """A setting's value with its name or unit, as `parse` reads it back."""
    if name in CHOICES:
        return CHOICES[name][value]
    if value == 0 and name in _NONE_AT_ZERO:
        return NONE
    return quantities.show(value, _kind_of(name))


def named(values: dict[str, int]) -> dict[str, int | str]:
    """Settings with names in place of indices, for JSON."""
    return {name: CHOICES[name][value] if name in CHOICES else value for name, value in values.items()}


def table(values: dict[str, int]) -> list[tuple[str, ...]]:
    """(name, value, range, meaning) of every setting."""
    return [
        (name, shown(name, values[name]), _range_of(name), meaning)
        for name, _low, _high, _default, meaning in settings.FIELDS
        if name in values
    ]


def _kind_of(name: str) -> Kind:
    return next(kind for suffix, kind in _KINDS.items() if name.endswith(suffix))


def _range_of(name: str) -> str:
    if name in CHOICES:
        return ", ".join(CHOICES[name])
    low, high = _RANGES[name]
    if name in _NONE_AT_ZERO:
        return f"{NONE}, {shown(name, 1)} .. {shown(name, high)}"
    return f"{shown(name, low)} .. {shown(name, high)}"


def _chosen(name: str, text: str) -> int:
    names = CHOICES[name]
    if text in names:
        return names.index(text)
    if name in _SWITCHES and text in ("0", "1"):
        return int(text)
    why = rules.ZONE_REASONS.get(text, "no such zone") if name == "zone" else "no such value"
    raise BadValueError(f"{name} {text!r}: {why}; nothing was sent; choose one of: {', '.join(names)}")


def write_file(path: Path, values: dict[str, int]) -> None:
    """Write settings as JSON. Raises RecordError."""
    content = {"format": FILE_FORMAT, "schema": settings.SCHEMA_VERSION, "values": named(values)}
    try:
        path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written ({error.strerror}); the board is unchanged; choose another file"
        ) from None


def read_file(path: Path) -> dict[str, int]:
    """The settings in a file, checked. Raises RecordError for an unreadable file, BadValueError for its content."""
    try:
        data = path.read_bytes()[:MAX_FILE_BYTES]
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror}); the board is unchanged; check the path") from None
    try:
        content = json.loads(data)
    except ValueError:
        raise BadValueError(
            f"{path} is cut short or no JSON; the board is unchanged; export the settings again"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FILE_FORMAT:
        raise BadValueError(
            f"{path} is not a settings file; the board is unchanged; write one with: microcurrent config export FILE"
        )
    schema = content.get("schema")
    if not waveform.is_int(schema) or schema not in range(1, settings.SCHEMA_VERSION + 1):
        raise BadValueError(
            f"{path} has schema {schema}, this program knows {settings.SCHEMA_VERSION}; the board is "
            f"unchanged; update microcurrent"
        )
    values = _numbers(settings.upgraded(schema, content.get("values")))
    problem = settings.check(values)
    if problem:
        raise BadValueError(f"{path}: {problem}; the board is unchanged; correct the file")
    return values


def _numbers(values: Any) -> Any:
    """Names back to indices; what is neither a dict nor a known name is left for settings.check() to refuse."""
    if not isinstance(values, dict):
        return values
    return {
        name: CHOICES[name].index(value) if name in CHOICES and value in CHOICES[name] else value
        for name, value in values.items()
    }
