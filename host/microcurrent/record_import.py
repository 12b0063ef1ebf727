"""Taking in what another machine exported: all of a file, or nothing of it.

A session keeps its id. Its content is recomputed and compared with what the file says of it, so that damage shows; a
session that is here already is skipped when its content is the same, and refuses the file when it is not. So it is with
screenings, thresholds and courses (record_import_rows.py).
"""

import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from . import chain_of_records as chain
from . import subjects
from .errors import BadValueError, RecordError, RefusedError
from .exports import unnamed, unnamed_event
from .figures import table_rows
from .json_stream import JsonStream
from .record_check import check_session, check_telemetry
from .record_digest import content_of
from .record_export import FORMAT, ROWS, stored_columns
from .record_import_rows import RowsImported, take_row
from .record_reader import SCHEMA_VERSION, decoded
from .record_schema import ROWS_OF_SESSIONS, TABLES_OF_SUBJECTS
from .record_writer import now_utc
from .records import Records
from .report import list_row, show_rows

_BATCH = 1000  # rows that are held before they are written
_OLDEST = 3  # the schema from which on an export is read: what came later was only added
_WITH_ROWS = 4  # the schema from which on a file of all has the tables of subjects
_NO_COLUMNS = ("format", "schema", "content", "stored")
_STAGED = "staged"  # the id of a session as long as its own is not known, or is in use
_NOT_SHOWN = (KeyError, TypeError, AttributeError, ValueError, LookupError, ArithmeticError)


@dataclass
class Imported:
    """What an import found: ids of new sessions, and of those that were here already with the same content.

    rows: the same of screenings, thresholds and courses, by table.
    """

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    rows: dict[str, RowsImported] = field(
        default_factory=lambda: {table: RowsImported() for table in TABLES_OF_SUBJECTS}
    )


def take_in(records: Records, path: Path) -> Imported:
    """Import a JSON export of one session or of all. Raises RecordError, RefusedError; nothing is changed then."""
    if records.any_running():
        raise RefusedError("a session runs; nothing was changed; import the file when it is over")
    try:
        with open(path, encoding="utf-8-sig") as handle, records.transaction() as db:
            return _take_all(records, db, JsonStream(handle))
    except (ValueError, BadValueError) as error:
        what = str(error).split(";")[0]
        raise RecordError(
            f"{path} cannot be imported: {what}; nothing was changed; export it again with: microcurrent records export"
        ) from None
    except OSError as error:
        raise RecordError(
            f"{path} cannot be read ({error.strerror or error}); nothing was changed; choose another file"
        ) from None


def _take_all(records: Records, db: sqlite3.Connection, stream: JsonStream) -> Imported:
    """A file is the export of one session, or has a list of them."""
    imported = Imported()
    if stream.peek() != "{":
        raise ValueError("it is no export of records")
    alone = _Session(records, db)
    listed: set[str] = set()
    for name in stream.members():
        if name == "sessions":
            listed.add(name)
            for _ in stream.items():
                session = _Session(records, db)
                for member in stream.members():
                    session.take(stream, member)
                session.finish(imported)
        elif name in TABLES_OF_SUBJECTS:
            listed.add(name)
            for _ in stream.items():
                take_row(db, name, stream.value(), imported.rows[name])
        else:
            alone.take(stream, name)
    stream.end()
    if listed:
        _require_whole(alone.head, listed)
    else:
        alone.finish(imported)
    return imported


def _require_whole(head: dict, listed: set[str]) -> None:
    """Raises ValueError for a file of all that lacks one of its lists, or has what such a file never has."""
    _require_format(head)
    wanted = {"sessions", *(TABLES_OF_SUBJECTS if head["schema"] >= _WITH_ROWS else ())}
    if wanted - listed:
        raise ValueError(f"its list of {min(wanted - listed)} is missing")
    odd = (head.keys() - {"format", "schema"}) | (listed - wanted)
    if odd:
        raise ValueError(f"it has a member {min(odd)!a} that this version does not know")


def _require_format(head: dict) -> None:
    if head.get("format") != FORMAT:
        raise ValueError("it is no export of records, or one of a version before 0.3")
    if type(head.get("schema")) is not int or head["schema"] < 1:
        raise ValueError("it does not say its schema")
    if not _OLDEST <= head["schema"] <= SCHEMA_VERSION:
        raise ValueError(f"it has schema {head['schema']}, this version knows {SCHEMA_VERSION}")


class _Session:
    """One session while it is read: its rows go into the tables at once, under its own id where that is free."""

    def __init__(self, records: Records, db: sqlite3.Connection) -> None:
        self.head: dict = {}
        self._records = records
        self._db = db
        self._staged = ""
        self._fields = records.telemetry_columns()

    def take(self, stream: JsonStream, name: str) -> None:
        """The value of one member. Raises ValueError."""
        if name == "events":
            self._take_rows(stream, "INSERT INTO events VALUES (?, ?, ?, ?)", self._event)
        elif name in ROWS:
            marks = ", ".join("?" * (len(self._fields) + 1))
            columns = ", ".join(["session_id", *self._fields])
            self._take_rows(stream, f"INSERT INTO {name} ({columns}) VALUES ({marks})", self._row)
        else:
            self.head[name] = stream.value()

    def finish(self, imported: Imported) -> None:
        """Judge the whole, and keep it or not. Raises ValueError, and RecordError for other content of the same id."""
        _require_format(self.head)
        row = self._checked_row()
        number = row["id"]
        self._stage()
        names = ", ".join(row)
        self._db.execute(
            f"INSERT INTO sessions ({names}) VALUES ({', '.join('?' * len(row))})",
            (*(row | {"id": self._staged}).values(),),
        )
        content = content_of(self._db, self._staged, id=number)
        if content != self.head.get("content"):
            raise ValueError(f"session {number} is not as it was exported")
        if self._staged != number and self._is_here(number):
            self._leave(number, content)
            imported.known.append(number)
            return
        self._keep(row)
        chain.append(self._db, chain.IMPORTED, number, content, now_utc())
        imported.new.append(number)

    def _checked_row(self) -> dict[str, str]:
        """The row of sessions, as it was stored where it comes from."""
        told = {name: value for name, value in self.head.items() if name not in _NO_COLUMNS}
        besides = self.head.get("stored", {})
        if not isinstance(besides, dict):
            raise ValueError("what it tells besides is no table")
        known = {each["name"] for each in self._db.execute("PRAGMA table_info(sessions)")}
        row = {name: value for name, value in (stored_columns(told) | besides).items() if value is not None}
        for name, value in row.items():
            if name not in known:
                raise ValueError(f"it has a column {name!a} that this version does not know")
            if not isinstance(value, str):
                raise ValueError(f"its {name} is no text")
        _check_identity(row)
        check_session(self._decoded(row))
        return row

    def _decoded(self, row: dict[str, str]) -> dict:
        return decoded(
            {each["name"]: row.get(each["name"]) for each in self._db.execute("PRAGMA table_info(sessions)")}
        )

    def _take_rows(self, stream: JsonStream, statement: str, convert: Callable[[object], tuple]) -> None:
        self._stage()
        batch: list[tuple] = []
        for _ in stream.items():
            batch.append((self._staged, *convert(stream.value())))
            if len(batch) == _BATCH:
                self._write(statement, batch)
        self._write(statement, batch)

    def _write(self, statement: str, batch: list[tuple]) -> None:
        try:
            self._db.executemany(statement, batch)
        except sqlite3.IntegrityError:
            raise ValueError("two rows of its telemetry have the same number") from None
        batch.clear()

    def _stage(self) -> None:
        """Settle under which id its rows are written."""
        if not self._staged:
            number = self.head.get("id")
            free = isinstance(number, str) and not self._is_here(number)
            self._staged = str(number) if free else _STAGED

    def _is_here(self, number: str) -> bool:
        return self._db.execute("SELECT 1 FROM sessions WHERE id = ?", (number,)).fetchone() is not None

    def _leave(self, number: str, content: str) -> None:
        """It is here already."""
        if content_of(self._db, number) != content:
            raise RecordError(
                f"session {number} of the file is here already, with other content; nothing was changed; compare the "
                f"two with: microcurrent records export {number[:8]}"
            )
        self._db.execute("DELETE FROM sessions WHERE id = ?", (self._staged,))
        for table in ROWS_OF_SESSIONS:
            self._db.execute(f"DELETE FROM {table} WHERE session_id = ?", (self._staged,))

    def _keep(self, row: dict[str, str]) -> None:
        """Under its own id; and lists, pictures and reports must be able to show it."""
        if self._staged != row["id"]:
            self._db.execute("UPDATE sessions SET id = ? WHERE id = ?", (row["id"], self._staged))
            for table in ROWS_OF_SESSIONS:
                self._db.execute(f"UPDATE {table} SET session_id = ? WHERE session_id = ?", (row["id"], self._staged))
        if "subject" in row:
            self._db.execute("INSERT OR IGNORE INTO subjects VALUES (?, ?)", (row["subject"], now_utc()))
        try:
            session = self._records.completed(self._decoded(row))
            list_row(session)
            show_rows(session)
            if "phases" in (session["summary"] or {}):
                table_rows(session["summary"], session["device"]["board"])
        except _NOT_SHOWN:
            raise ValueError(f"session {row['id']} lacks what lists and reports show") from None

    def _row(self, value: object) -> tuple:
        if not isinstance(value, dict) or not isinstance(value.get("stored", {}), dict):
            raise ValueError("a row of its telemetry is no table of names and values")
        told = {name: each for name, each in value.items() if name != "stored"}
        row = unnamed(told) | value.get("stored", {})
        row = {name: each for name, each in row.items() if each is not None}
        odd = row.keys() - set(self._fields)
        if odd:
            raise ValueError(f"a row of its telemetry has a column {min(odd)!a} that this version does not know")
        if "seq" not in row:
            raise ValueError("a row of its telemetry has no number")
        check_telemetry(row)
        return tuple(row.get(name) for name in self._fields)

    def _event(self, value: object) -> tuple:
        if not isinstance(value, dict) or not isinstance(value.get("detail"), dict):
            raise ValueError("an event is no table of names and values")
        text = value.get("stored") or json.dumps(unnamed_event(value)["detail"])
        texts = (value.get("at_utc"), value.get("kind"), text)
        if not all(isinstance(each, str) for each in texts) or not isinstance(json.loads(text), dict):
            raise ValueError("an event lacks its time or its kind")
        return texts


def _check_identity(row: dict[str, str]) -> None:
    """Raises ValueError, BadValueError."""
    number = row.get("id", "")
    try:
        sound = str(uuid.UUID(number)) == number
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(f"the id {number[:40]!a} is none of a session")
    for name in ("started_utc", "ended_utc"):
        if name in row and datetime.fromisoformat(row[name]).utcoffset() is None:
            raise ValueError(f"the {name} of session {number} does not say its time zone")
    if "ended" not in row:
        raise ValueError(f"session {number} still ran when it was exported")
    if "subject" in row:
        subjects.checked(row["subject"])
