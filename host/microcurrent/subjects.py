"""Whom sessions belong to: pseudonyms, never names."""

import re
from typing import TYPE_CHECKING

from . import chain_of_records as chain
from .errors import BadValueError, RecordError, RefusedError
from .record_schema import ROWS_OF_SESSIONS, TABLES_OF_SUBJECTS
from .record_writer import now_utc

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


def held(records: "StoredSessions", name: str) -> dict[str, int]:
    """How many rows of each kind are kept of a subject, by table; sessions first. Raises RecordError when none are."""
    counts = records.counts_of(checked(name))
    if not any(counts.values()):
        raise RecordError(
            f"there is no subject {name}; nothing was changed; list them with: microcurrent subjects list"
        )
    return counts


def delete(records: "Records", name: str) -> dict[str, int]:
    """Delete everything of a subject at once; returns how many rows of each kind, by table.

    The chain of records keeps that there was something, of what kind, and the hashes, not whose. Raises RefusedError
    while one of its sessions runs, RecordError.
    """
    with records.transaction() as db:
        counts = held(records, name)
        numbers = [row["id"] for row in db.execute("SELECT id FROM sessions WHERE subject = ?", (name,))]
        for number in numbers:
            if records.is_running(number):
                raise RefusedError(
                    f"session {number[:8]} of subject {name} runs; nothing was deleted; stop it first with: "
                    f"microcurrent stop"
                )
        for number in numbers:
            chain.forget(db, number, chain.DELETED, now_utc())
            for table in ROWS_OF_SESSIONS:
                db.execute(f"DELETE FROM {table} WHERE session_id = ?", (number,))
        for table in TABLES_OF_SUBJECTS:
            for row in db.execute(f"SELECT id FROM {table} WHERE subject = ?", (name,)).fetchall():
                chain.forget(db, row["id"], chain.DELETED, now_utc(), table)
        for table in (*TABLES_OF_SUBJECTS, "sessions"):
            db.execute(f"DELETE FROM {table} WHERE subject = ?", (name,))
        db.execute("DELETE FROM subjects WHERE name = ?", (name,))
    return counts


def counts_text(counts: dict[str, int]) -> str:
    """What `held` and `delete` count, in words: '2 sessions, 1200 rows of telemetry, 3 events, 1 threshold'."""
    telemetry = counts["telemetry"] + counts["telemetry2"]
    shown = [(counts["sessions"], "sessions"), (telemetry, "rows of telemetry"), (counts["events"], "events")]
    shown += [(counts[table], table) for table in TABLES_OF_SUBJECTS]
    found = [
        f"{count} {text if count != 1 else text.replace('rows', 'row').removesuffix('s')}" for count, text in shown
    ]
    return ", ".join(text for text in found if not text.startswith("0 ")) or "nothing but its name"


def _refused(what: str) -> BadValueError:
    return BadValueError(
        f"{what}; nothing was started; use 1 to {LONGEST} letters, digits, '-', '_' and '.', and nothing by which the "
        f"person could be known"
    )
