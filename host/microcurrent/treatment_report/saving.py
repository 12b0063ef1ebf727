"""A report as a file: .html or .png, by its name."""

from pathlib import Path

from ..errors import BadValueError, RecordError
from .content import Report

HTML, PNG = ".html", ".png"


def check_name(target: Path) -> None:
    """Raise BadValueError for a name that ends in neither."""
    if target.suffix.lower() not in (HTML, PNG):
        raise BadValueError(
            f"{target.name} ends neither in {HTML} nor in {PNG}; nothing was written; choose one of them"
        )


def save(report: Report, target: Path) -> None:
    """Write it. Raises BadValueError for another ending, RecordError when the file cannot be written."""
    check_name(target)
    try:
        target.write_bytes(content_of(report, target.suffix.lower()))
    except OSError as error:
        raise RecordError(
            f"{target} cannot be written ({error.strerror}); the record is kept; choose another place with --output"
        ) from None


def content_of(report: Report, ending: str) -> bytes:
    """The file's bytes. ending: HTML or PNG."""
    if ending == HTML:
        from .page import render

        return render(report).encode()
    from .picture import draw

    return draw(report)
