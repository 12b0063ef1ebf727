"""Taking in screenings, thresholds and courses of another machine's export, one row at a time.

A row keeps its id. One that is here already with the same content is skipped. A course may have been closed since:
closed there, it is closed here too; closed here, it stays so. Any other difference refuses the file.
"""

import sqlite3
from dataclasses import dataclass, field

from . import chain_of_records as chain
from .errors import RecordError
from .record_check_rows import check_row
from .record_digest import row_content
from .record_export import stored_row
from .record_writer import now_utc

_BESIDES = ("content", "stored")
_STAGED = "staged"  # the id of a row while it is compared with the one that is here


@dataclass
class RowsImported:
    """The ids of rows of one table: new here; here already; courses that were open here and are closed now."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def take_row(db: sqlite3.Connection, table: str, value: object, imported: RowsImported) -> None:
    """One row, in the transaction that is open. Raises ValueError, BadValueError, RecordError for a conflict."""
    row, content = _checked(db, table, value)
    number = row["id"]
    here = db.execute(f"SELECT * FROM {table} WHERE id = ?", (number,)).fetchone()
    _insert(db, table, row | ({} if here is None else {"id": _STAGED}))
    if row_content(db, table, row["id"] if here is None else _STAGED, id=number) != content:
        raise ValueError(f"{chain.named((table, number))} is not as it was exported")
    if here is None:
        _require_one_running(db, table, row)
        db.execute("INSERT OR IGNORE INTO subjects VALUES (?, ?)", (row["subject"], now_utc()))
        chain.append(db, chain.IMPORTED, number, content, now_utc(), table)
        imported.new.append(number)
        return
    db.execute(f"DELETE FROM {table} WHERE id = ?", (_STAGED,))
    if row_content(db, table, number) == content:
        imported.known.append(number)
    elif table == "courses" and row_content(db, table, number, ended_utc=row.get("ended_utc")) == content:
        _settle_end(db, number, here["ended_utc"], row.get("ended_utc"), imported)
    else:
        raise _conflict(table, number)


def _checked(db: sqlite3.Connection, table: str, value: object) -> tuple[dict, str]:
    """(the row as it was stored where it comes from, the content it is said to have)."""
    what = chain.NAMES[table]
    if not isinstance(value, dict) or not isinstance(value.get("stored", {}), dict):
        raise ValueError(f"a {what} is no table of names and values")
    told = {name: each for name, each in value.items() if name not in _BESIDES}
    row = {name: each for name, each in (stored_row(told) | value.get("stored", {})).items() if each is not None}
    known = {each["name"] for each in db.execute(f"PRAGMA table_info({table})")}
    odd = row.keys() - known
    if odd:
        raise ValueError(f"a {what} has a column {min(odd)!a} that this version does not know")
    check_row(table, row)
    return row, str(value.get("content"))


def _insert(db: sqlite3.Connection, table: str, row: dict) -> None:
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def _require_one_running(db: sqlite3.Connection, table: str, row: dict) -> None:
    """As course.new does: of two courses that run at once nobody would know which limits hold."""
    if table != "courses" or row.get("ended_utc") is not None:
        return
    other = db.execute(
        "SELECT id FROM courses WHERE subject = ? AND programme = ? AND ended_utc IS NULL AND id <> ?",
        (row["subject"], row["programme"], row["id"]),
    ).fetchone()
    if other is not None:
        raise RecordError(
            f"course {row['id']} of the file runs, of {row['subject']} with {row['programme']}, and another of the "
            f"same runs here, {other['id'][:8]}; nothing was changed; end that first, then import again: microcurrent "
            f"course end {other['id'][:8]}"
        )


def _settle_end(
    db: sqlite3.Connection, number: str, here_utc: str | None, there_utc: str | None, imported: RowsImported
) -> None:
    """The two differ in their end only."""
    if here_utc is not None and there_utc is not None:
        raise _conflict("courses", number)
    if here_utc is not None:
        imported.known.append(number)
        return
    db.execute("UPDATE courses SET ended_utc = ? WHERE id = ?", (there_utc, number))
    chain.append_row(db, chain.CLOSED, "courses", number, now_utc())
    imported.closed.append(number)


def _conflict(table: str, number: str) -> RecordError:
    return RecordError(
        f"{chain.named((table, number))} of the file is here already, with other content; nothing was changed; compare "
        f"the two: microcurrent records export --all writes those of here"
    )
