"""The board's settings as people see them: with units, and as a file."""

import json
from pathlib import Path

from firmware.shared import settings

from . import quantities
from .errors import BadValueError, RecordError
from .quantities import Kind

FILE_FORMAT = "microcurrent settings"
MAX_FILE_BYTES = 65536
_KINDS = {
    "_ua": quantities.CURRENT,
    "_ms": quantities.DURATION,
    "_hz": quantities.RATE,
    "_mm2": quantities.AREA,
    "_uv": quantities.VOLTAGE,
}  # by the unit suffix that every setting's name carries


def kind_of(name: str) -> Kind:
    """The quantity of a setting. Raises BadValueError for an unknown name."""
    if name not in {row[0] for row in settings.FIELDS}:
        known = ", ".join(row[0] for row in settings.FIELDS)
        raise BadValueError(f"there is no setting {name!r}; nothing was changed; there are: {known}")
    return next(kind for suffix, kind in _KINDS.items() if name.endswith(suffix))


def parse(name: str, text: str) -> int:
    """The value of `name` that `text` stands for. Raises BadValueError."""
    kind = kind_of(name)
    low, high = next(row[1:3] for row in settings.FIELDS if row[0] == name)
    try:
        return quantities.parse(text, kind, low, high)
    except quantities.QuantityError as error:
        raise BadValueError(f"{name}: {error.args[0]}") from None


def shown(name: str, value: int) -> str:
    """A setting's value with its unit, as `parse` reads it back."""
    return quantities.show(value, kind_of(name))


def table(values: dict[str, int]) -> list[tuple[str, ...]]:
    """(name, value, range, meaning) of every setting."""
    return [
        (name, shown(name, values[name]), f"{shown(name, low)} .. {shown(name, high)}", meaning)
        for name, low, high, _default, meaning in settings.FIELDS
        if name in values
    ]


def write_file(path: Path, values: dict[str, int]) -> None:
    """Write settings as JSON. Raises RecordError."""
    content = {"format": FILE_FORMAT, "schema": settings.SCHEMA_VERSION, "values": values}
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
    if not isinstance(schema, int) or schema > settings.SCHEMA_VERSION:
        raise BadValueError(
            f"{path} has schema {schema}, this program knows {settings.SCHEMA_VERSION}; the board is "
            f"unchanged; update microcurrent"
        )
    problem = settings.check(content.get("values"))
    if problem:
        raise BadValueError(f"{path}: {problem}; the board is unchanged; correct the file")
    return content["values"]
