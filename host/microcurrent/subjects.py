"""Whom sessions belong to: pseudonyms, never names."""

import re
from typing import TYPE_CHECKING

from .errors import BadValueError

if TYPE_CHECKING:
    from .record_reader import StoredSessions
    from .records import Records

LONGEST = 32  # characters of a pseudonym
_ODD = re.compile(r"[^A-Za-z0-9._-]")


def checked(name: str) -> str:
    """The pseudonym as it is. Raises BadValueError that says what is odd about it; case counts."""
    if not name:
        raise _refused("a subject's pseudonym is empty")
    if len(name) > LONGEST:
        raise _refused(f"the subject's pseudonym has {len(name)} characters, at most {LONGEST} are taken")
    odd = _ODD.search(name)
    if odd:
        raise _refused(f"the subject's pseudonym has {odd.group()!a} at character {odd.start() + 1}")
    return name


def ensure(records: "Records", name: str) -> str:
    """Note the pseudonym as a subject unless it is one. Returns it. Raises BadValueError and RecordError."""
    records.note_subject(checked(name))
    return name


def listed(records: "StoredSessions") -> list[dict]:
    """All subjects by name: {"name", "created_utc", "sessions", "last_utc", "screenings", "thresholds", "courses"}.

    sessions and what follows are counts; last_utc: start of the newest session, None without one. Raises RecordError.
    """
    return records.subjects()


def _refused(what: str) -> BadValueError:
    return BadValueError(
        f"{what}; nothing was started; use 1 to {LONGEST} letters, digits, '-', '_' and '.', and nothing by which the "
        f"person could be known"
    )
