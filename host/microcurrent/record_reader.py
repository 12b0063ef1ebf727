"""Reading session records: nothing on the disk is changed, so a read-only or full one will do.

A session without stored figures (its program was killed, or still runs) gets them from its telemetry.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from firmware.shared import protocol

from . import chain_of_records as chain
from . import paths, record_order
from .errors import RecordError, VerifyError
from .record_check import check_types
from .record_digest import content_of, quoted, row_content
from .record_schema import CHAIN_OF_SESSIONS, ROWS_OF_SESSIONS, TABLES_OF_SUBJECTS, TELEMETRY_TABLES
from .record_schema import VERSION as SCHEMA_VERSION
from .record_writer import is_locked
from .summary import summarize

FILE_NAME = "records.sqlite3"
INTERRUPTED = "interrupted"
RUNNING = "running"
# Telemetry fields of a firmware that did not know them: -1 is an unknown impedance, a supply of 0 an unknown one.
ABSENT = {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), "impedance_ohm": -1, "series_ohm": -1}

_SECOND = ("wave2", "load2")
_TREATMENT = ("subject", "programme", "screening", "course", "calibration")
_JSON = {"wave", "wave2", "device", "image", "accepted", "summary", "programme", "screening"}
JSON_OF_TREATMENTS = {"answers", "detail", "plan"}  # columns of screenings, thresholds and courses

_ONLY_INTEGERS = {int}

# Tried in this order. The first is what a sound disk permits. SQLite's shared-memory file cannot be written on a full
# or read-only one: the second reads it, and with it the log of a killed session. The third needs no file beside the
# database, but would overlook such a log.
_READ_ONLY = ("mode=ro", "mode=ro&readonly_shm=1")
_WITHOUT_LOG = "immutable=1"


class StoredSessions:
    """Queries on the open database of one data directory. Raises RecordError for everything the disk can do to it."""

    def __init__(self, place: Path, db: sqlite3.Connection) -> None:
        self.place = place
        self.path = place / FILE_NAME
        self._db = db
        self._db.row_factory = sqlite3.Row

    def __enter__(self) -> "StoredSessions":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._db.close()

    def guarded(self, action: str) -> contextlib.AbstractContextManager[None]:
        """Turn what SQLite and the disk raise into a RecordError that says what was not `action`."""
        return guarded(self.path, action)

    def sessions(self) -> list[dict]:
        """All sessions, newest first, JSON columns decoded. Raises RecordError.

        Newest means begun last, whatever the clock said; an imported one stands where its own clock puts it.
        """
        with self.guarded("read"):
            rows = self._db.execute("SELECT * FROM sessions ORDER BY rowid").fetchall() if self._has("sessions") else []
        order, _back = record_order.sorted_by_start([(row["id"], row["started_utc"]) for row in rows], self._imported())
        by_id = {row["id"]: row for row in rows}
        return [self.completed(self._decoded(by_id[number])) for number in reversed(order)]

    def sessions_of(self, subject: str, since: str | None = None) -> list[dict]:
        """The sessions of one subject in the order they were added, JSON columns decoded. Raises RecordError.

        since: a day as 2026-03-01; only those that began or ended then or later, by the text of their dates, and those
        that have not ended. Dates may be written with an offset, so take a day that is early by two.
        """
        of_it = ("(subject = ?1 AND started_utc >= ?2)", "(subject = ?1 AND ended_utc >= ?2)")
        of_it += ("(subject = ?1 AND ended IS NULL)",)  # each of the three has its index
        with self.guarded("read"):
            if not self._has("sessions"):
                return []
            where = "subject = ?1" if since is None else " OR ".join(of_it)
            values = (subject,) if since is None else (subject, since)
            rows = self._db.execute(f"SELECT rowid AS place, * FROM sessions WHERE {where}", values).fetchall()
        in_order = [dict(row) for row in sorted(rows, key=lambda row: row["place"])]
        return [self.completed(self._decoded(_without(row, "place"))) for row in in_order]

    def clock_set_back(self) -> set[str]:
        """The ids of sessions that began by the clock before one that had begun earlier. Raises RecordError."""
        with self.guarded("read"):
            query = "SELECT id, started_utc FROM sessions ORDER BY rowid"
            rows = self._db.execute(query).fetchall() if self._has("sessions") else []
        _order, back = record_order.sorted_by_start([tuple(row) for row in rows], self._imported())
        return back

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file itself, a sentence each. Raises RecordError for one it cannot open."""
        with self.guarded("read"):
            found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check(10)")]
        return [] if found == ["ok"] else found

    def verify(self) -> chain.Verdict:
        """Recompute the chain of records; changes nothing. Raises RecordError, VerifyError where there is no chain."""
        with self.guarded("read"):
            if not self._has("sessions"):
                return chain.Verdict()
            version = check_version(self._db)
            if version >= CHAIN_OF_SESSIONS:
                return chain.verify(self._db)
        raise VerifyError(
            f"the records in {self.path} are of schema {version}, which has no chain; nothing was checked; the next "
            f"session takes them into one, and so does: microcurrent records repair"
        )

    def _imported(self) -> set[str]:
        with self.guarded("read"):
            if not self._has("chain"):
                return set()
            rows = self._db.execute("SELECT session_id FROM chain WHERE kind = ?", (chain.IMPORTED,)).fetchall()
        return {row["session_id"] for row in rows}

    def _decoded(self, row: sqlite3.Row | dict) -> dict:
        try:
            return decoded(row)
        except ValueError as error:
            raise self._damaged(f"session {row['id']}", str(error)) from None

    def _damaged(self, what: str, why: str) -> RecordError:
        return RecordError(
            f"{what} in {self.path} is damaged ({why}); nothing was changed; see what else is with: "
            f"microcurrent records verify; keep what can be kept with: microcurrent records repair"
        )

    def session(self, name: str) -> dict:
        """One session by the beginning of its id, or 'last'. Raises RecordError when none or several match."""
        sessions = self.sessions()
        if not sessions:
            raise RecordError(
                f"there are no records in {self.place}; nothing was read; sessions are recorded by: microcurrent run"
            )
        found = sessions[:1] if name == "last" else [row for row in sessions if row["id"].startswith(name)]
        if len(found) != 1:
            count = len(found) or "no"
            raise RecordError(
                f"{count} records begin with {name!r}; nothing was read; list them with: microcurrent records list"
            )
        return found[0]

    def telemetry(self, number: str, channel: int = 1, columns: Sequence[str] | None = None) -> list[dict[str, int]]:
        """The telemetry of one session as dicts, in order. What its firmware did not send is as in ABSENT.

        channel: 2 gives rows of the same moments as 1; none when the session had one channel. columns: only these, for
        a long session takes seconds to read whole; None: all there are.
        """
        usual = {"seq": 0, **ABSENT}
        usual = usual if columns is None else {name: usual.get(name, 0) for name in columns}
        rows = self.stored_telemetry(number, channel, columns)
        return [row if row.keys() >= usual.keys() else {**usual, **row} for row in rows]

    def stored_telemetry(
        self, number: str, channel: int = 1, columns: Sequence[str] | None = None
    ) -> list[dict[str, int]]:
        """The same, only what was sent."""
        table = TELEMETRY_TABLES[channel - 1]
        there = self.telemetry_columns(table)
        wanted = ("seq", *protocol.TELEMETRY_FIELDS, *there) if columns is None else columns
        names = [name for name in dict.fromkeys(wanted) if name in there]
        # A row from a status reply has seq -1: only its time says where it belongs.
        chosen = ", ".join(map(quoted, names))
        query = f"SELECT {chosen} FROM {table} WHERE session_id = ? ORDER BY time_ms, elapsed_ms, seq"
        with self.guarded("read"):
            cursor = self._db.cursor()
            cursor.row_factory = None  # tuples: half the time
            rows = cursor.execute(query, (number,)).fetchall() if names else []
        try:
            return [_present(names, row) for row in rows]
        except ValueError as error:
            raise self._damaged(f"session {number}", str(error)) from None

    def telemetry_columns(self, table: str = TELEMETRY_TABLES[0]) -> list[str]:
        """What the rows of telemetry hold, the id of their session left out. Raises RecordError."""
        with self.guarded("read"):
            names = [row["name"] for row in self._db.execute(f"PRAGMA table_info({table})")]
        return [name for name in names if name != "session_id"]

    def events(self, number: str) -> list[dict]:
        """The events of one session, in order."""
        try:
            return [{**event, "detail": parsed_json("event", event["detail"])} for event in self.stored_events(number)]
        except ValueError as error:
            raise self._damaged(f"session {number}", str(error)) from None

    def stored_events(self, number: str) -> list[dict]:
        """The same, their details as the text that is stored."""
        query = "SELECT at_utc, kind, detail FROM events WHERE session_id = ? ORDER BY rowid"
        with self.guarded("read"):
            return [dict(row) for row in self._db.execute(query, (number,))]

    def stored_session(self, number: str) -> dict:
        """The columns of one session that hold something, as they are stored. Raises RecordError.

        One that is unfinished, and that nobody writes any more, is told as interrupted.
        """
        with self.guarded("read"):
            row = self._db.execute("SELECT * FROM sessions WHERE id = ?", (number,)).fetchone()
        kept = {name: row[name] for name in row.keys() if row[name] is not None}
        return kept if "ended" in kept or self.is_running(number) else {**kept, "ended": INTERRUPTED}

    def content(self, number: str) -> str:
        """What the link of this session in the chain holds, or will hold. Raises RecordError."""
        changes = {"ended": ended} if (ended := self.stored_session(number).get("ended")) else {}
        with self.guarded("read"):
            return content_of(self._db, number, **changes)

    def row_content(self, table: str, number: str) -> str:
        """The same of a row of screenings, thresholds or courses."""
        with self.guarded("read"):
            return row_content(self._db, table, number)

    def subjects(self) -> list[dict]:
        """As `subjects.listed` says."""
        counts = ", ".join(
            f"(SELECT count(*) FROM {table} WHERE subject = name) AS {table}"
            for table in ("sessions", *TABLES_OF_SUBJECTS)
        )
        newest = "(SELECT max(started_utc) FROM sessions WHERE subject = name) AS last_utc"
        with self.guarded("read"):
            if not self._has("subjects"):
                return []
            rows = self._db.execute(f"SELECT name, created_utc, {newest}, {counts} FROM subjects ORDER BY name")
            return [dict(row) for row in rows]

    def counts_of(self, subject: str) -> dict[str, int]:
        """How many rows each table has of a subject. Raises RecordError."""
        queries = {
            table: f"SELECT count(*) FROM {table} WHERE subject = ?" for table in ("sessions", *TABLES_OF_SUBJECTS)
        }
        of_sessions = "WHERE session_id IN (SELECT id FROM sessions WHERE subject = ?)"
        queries |= {table: f"SELECT count(*) FROM {table} {of_sessions}" for table in ROWS_OF_SESSIONS}
        queries["subjects"] = "SELECT count(*) FROM subjects WHERE name = ?"
        with self.guarded("read"):
            if not self._has("subjects"):
                return dict.fromkeys(queries, 0)
            return {table: self._db.execute(query, (subject,)).fetchone()[0] for table, query in queries.items()}

    def rows(self, table: str, subject: str | None = None) -> list[dict]:
        """The rows of screenings, thresholds or courses in the order they were added, JSON columns decoded.

        subject: only the rows of this one. Raises RecordError, also for one that is damaged.
        """
        rows = self.stored_rows(table, subject)
        try:
            return [{name: _decoded_value(name, value) for name, value in row.items()} for row in rows]
        except ValueError as error:
            raise self._damaged(f"a row of {table}", str(error)) from None

    def stored_rows(self, table: str, subject: str | None = None) -> list[dict]:
        """The same rows as they are stored."""
        of_one = "" if subject is None else "WHERE subject = ?"
        with self.guarded("read"):
            if not self._has(table):
                return []
            rows = self._db.execute(
                f"SELECT * FROM {table} {of_one} ORDER BY rowid", () if subject is None else (subject,)
            ).fetchall()
        return [dict(row) for row in rows]

    def last_stored(self, rows: list[dict]) -> list[dict]:
        """Of rows in the order they were added: the last, and the last that is no import, which came by its own clock.

        Both count where the clock may have been set back: an import takes the place of nothing. Raises RecordError.
        """
        imported = self._imported()
        own = [row for row in rows if row["id"] not in imported]
        return [*own[-1:], *rows[-1:]]

    def _has(self, table: str) -> bool:
        """False in a new file, and for what an older version did not keep."""
        return self._db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None

    def completed(self, session: dict) -> dict:
        """A decoded session with the figures that nobody stored, from its telemetry. Raises RecordError."""
        if session["ended"] is None and not self.is_running(session["id"]):
            session = self._once_more(session["id"])
        stored = session["summary"] or {}
        if "phases" not in stored:
            rows, rows2 = (self.telemetry(session["id"], channel) for channel in (1, 2))
            ended = session["ended"] or RUNNING
            figures = summarize(session["wave"], ended, rows, session.get("wave2"), rows2) if rows else {}
            session["summary"] = {**figures, **stored} or None
        return session

    def any_running(self) -> bool:
        """Whether a living process writes any session: what takes long may not keep it waiting. Raises RecordError."""
        with self.guarded("read"):
            return any(is_locked(lock) for lock in self.place.glob("session-*.lock"))

    def is_running(self, number: str) -> bool:
        """Whether a living process writes this session. Raises RecordError."""
        with self.guarded("read"):
            return is_locked(self._lock_path(number))

    def _once_more(self, number: str) -> dict:
        """An unlocked record: its program has finished it since it was read, or was killed."""
        with self.guarded("read"):
            session = self._decoded(self._db.execute("SELECT * FROM sessions WHERE id = ?", (number,)).fetchone())
        return {**session, "ended": session["ended"] or INTERRUPTED}

    def _lock_path(self, number: str) -> Path:
        return self.place / f"session-{number}.lock"


def open_stored(data_dir: str | None = None) -> StoredSessions:
    """The records of a data directory, read-only; without a file there are none. Raises RecordError."""
    place = paths.data_dir(data_dir)
    path = place / FILE_NAME
    with guarded(path, "opened"):
        refuse_lost_file(path)
        return StoredSessions(place, _connect(path) if path.exists() else sqlite3.connect(":memory:"))


@contextlib.contextmanager
def guarded(path: Path, action: str) -> Iterator[None]:
    """Turn what SQLite and the disk raise into a RecordError that says that `path` cannot be `action`."""
    try:
        yield
    except (sqlite3.Error, OSError, OverflowError) as error:
        raise RecordError(_trouble(path, action, error)) from None
    except UnicodeDecodeError:  # SQLite's message names what is no text: its own schema
        raise RecordError(_trouble(path, action, _corrupt("its schema is no text"))) from None


def _corrupt(text: str) -> sqlite3.DatabaseError:
    """An error as SQLite raises it for a damaged file."""
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def refuse_lost_file(path: Path) -> None:
    """Raise sqlite3.DatabaseError for an empty file with a log beside it, which SQLite would take for new."""
    log = path.with_name(f"{path.name}-wal")
    if path.exists() and not path.stat().st_size and log.exists() and log.stat().st_size:
        raise _corrupt("the file is empty, but not its log")


def check_version(db: sqlite3.Connection) -> int:
    """The schema's version, 0 for a new file. Raises sqlite3.DatabaseError for one that a newer program wrote."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"written by a newer version, schema {version}, this one knows {SCHEMA_VERSION}")
    return version


def _connect(path: Path) -> sqlite3.Connection:
    log = path.with_name(f"{path.name}-wal")
    sound = not log.exists() or log.stat().st_size == 0
    choices = (*_READ_ONLY, _WITHOUT_LOG) if sound else _READ_ONLY
    first_error: sqlite3.OperationalError | None = None
    for choice in choices:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?{choice}", uri=True, timeout=5, isolation_level=None)
        try:
            check_version(db)
            return db
        except sqlite3.OperationalError as error:  # the disk; a damaged file is none
            db.close()
            first_error = first_error or error
        except sqlite3.Error:
            db.close()
            raise
    raise first_error or sqlite3.OperationalError("not opened")


def _present(names: Sequence[str], row: tuple) -> dict[str, int]:
    """The columns of a telemetry row that its firmware sent. Raises ValueError for one that is no number."""
    types = set(map(type, row))
    if types == _ONLY_INTEGERS:
        return dict(zip(names, row, strict=True))
    values = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    if types - {int, type(None)}:
        raise ValueError(f"row {values.get('seq', 'unknown')} of its telemetry holds something else than integers")
    return values


def _decoded_value(name: str, value: object) -> Any:
    """A value of screenings, thresholds or courses. Raises ValueError."""
    if not isinstance(value, str | int | None):
        raise ValueError(f"its {name} is neither text nor a whole number")
    return parsed_json(name, value) if name in JSON_OF_TREATMENTS else value


def _without(row: dict, name: str) -> dict:
    return {key: value for key, value in row.items() if key != name}


def decoded(row: sqlite3.Row | dict) -> dict:
    """A row of sessions; what belongs to a second channel or to a treatment is left out where there is none.

    Raises ValueError that says what cannot be read.
    """
    session = dict(row)
    without = () if session.get("wave2") else _SECOND
    without += tuple(name for name in _TREATMENT if session.get(name) is None)
    session = {name: value for name, value in session.items() if name not in without}
    for name in _JSON & session.keys():
        session[name] = parsed_json(name, session[name]) if session[name] else None
    check_types(session)
    return session


def parsed_json(name: str, text: object) -> Any:
    """What the text of this column holds. Raises ValueError."""
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        raise ValueError(f"its {name} is no JSON") from None


def _trouble(path: Path, action: str, error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind, the rest its details
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return (
            f"{path} is not a readable database ({error}); nothing was changed; keep what can be read of it with: "
            f"microcurrent records repair; or choose another place with --data-dir"
        )
    return f"the records in {path} cannot be {action} ({error}); earlier sessions are kept; {_remedy(str(error))}"


def _remedy(text: str) -> str:
    if "newer version" in text:
        return "update microcurrent, or choose another place with --data-dir"
    if "full" in text or "disk I/O" in text or "too large" in text.lower():
        return "free some space, or choose another place with --data-dir"
    if "locked" in text:
        return "another command writes them: try again when it is done"
    return "check the directory's permissions, or choose another place with --data-dir"
