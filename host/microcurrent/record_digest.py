"""What the links of the chain of records hold: the SHA-256 of everything recorded about a session, or of one row."""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator

from .record_schema import SESSIONS, TELEMETRY_TABLES

_ORDERS = {**dict.fromkeys(TELEMETRY_TABLES, "seq"), "events": "rowid"}  # of the rows of a session, by table
_WORDS = {SESSIONS: "session"}  # what the digest of a row begins with, where that is not its table


def rows_digest(db: sqlite3.Connection, number: str) -> str:
    """SHA-256 of the telemetry and events of one session, which take the time. Raises sqlite3.Error."""
    return _digest(db, _row_lines(db, number))


def content_of(db: sqlite3.Connection, number: str, digest: str | None = None, **changes: str) -> str:
    """SHA-256 of everything recorded about one session. Raises sqlite3.Error, also when there is none.

    digest: what rows_digest said of it. changes: columns of its row to take in place of those stored.
    """
    digest = digest or rows_digest(db, number)
    return _digest(db, iter((_row_line(db, SESSIONS, number, changes), digest)))


def row_content(db: sqlite3.Connection, table: str, number: str, **changes: str | None) -> str:
    """SHA-256 of one row of screenings, thresholds or courses; the rest as content_of."""
    return _digest(db, iter((_row_line(db, table, number, changes),)))


def line_of(value: object) -> bytes:
    """A value as digests take it: JSON that is always the same."""
    return _encode(value).encode() + b"\n"


def tables_of_rows(db: sqlite3.Connection) -> dict[str, str]:
    """What holds rows of sessions, and the column that orders them."""
    known = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    return {table: order for table, order in _ORDERS.items() if table in known}


def _row_line(db: sqlite3.Connection, table: str, number: str, changes: dict) -> list:
    cursor = db.execute(f"SELECT * FROM {table} WHERE id = ?", (number,))
    row = cursor.fetchone()
    if row is None:
        raise sqlite3.DataError(f"{_WORDS.get(table, 'the row of ' + table)} {number} is gone")
    values = {name[0]: value for name, value in zip(cursor.description, row, strict=True)} | changes
    # A column without a value is left out: one that a later version adds changes nothing.
    return [_WORDS.get(table, table), *sorted([name, value] for name, value in values.items() if value is not None)]


def _row_lines(db: sqlite3.Connection, number: str) -> Iterator[list]:
    for table, order in tables_of_rows(db).items():
        names = sorted(row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != "session_id")
        counts = db.execute(
            f"SELECT {', '.join(f'count({quoted(name)})' for name in names)} FROM {table} WHERE session_id = ?",
            (number,),
        ).fetchone()
        used = [name for name, count in zip(names, counts, strict=True) if count]
        if not used:
            continue
        yield [table, *used]
        columns = ", ".join(map(quoted, used))
        rows = db.execute(f"SELECT {columns} FROM {table} WHERE session_id = ? ORDER BY {order}", (number,))
        yield from map(list, rows)


def _digest(db: sqlite3.Connection, lines: Iterator) -> str:
    found = hashlib.sha256()
    with any_text(db):
        for line in lines:
            found.update(line_of(line))
    return found.hexdigest()


@contextlib.contextmanager
def any_text(db: sqlite3.Connection) -> Iterator[None]:
    """Text that is no UTF-8, which only an edit can leave, is read like any other meanwhile."""
    factory: Callable = db.text_factory
    db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        db.text_factory = factory


def quoted(name: str) -> str:
    """The name of a column as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _plain(value: object) -> dict:
    """A blob, the one value of SQLite's that JSON lacks."""
    return {"blob": bytes(value).hex()} if isinstance(value, bytes) else {"odd": repr(value)}


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
