"""Session records in SQLite, written as the data arrives.

Every commit is synced to disk and none is older than a second, so a crash or a pulled plug loses at most that second.
While a session is written its process holds a lock file beside the database: a record that is unfinished and
unlocked was interrupted, and is marked so by whoever opens the database next.
"""

import contextlib
import json
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from firmware.shared import protocol

from . import paths
from .errors import RecordError
from .record_writer import SessionRecord, hold_lock, now_utc, release_lock

SCHEMA_VERSION = 1
FILE_NAME = "records.sqlite3"
MIN_FREE_BYTES = 16 * 2**20  # ours: an hour at 50 Hz takes about 10 MB
INTERRUPTED = "interrupted"

_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, started_utc TEXT NOT NULL, ended_utc TEXT, ended TEXT, port TEXT,
    wave TEXT NOT NULL, device TEXT NOT NULL, image TEXT, load TEXT, accepted TEXT, summary TEXT);
CREATE TABLE IF NOT EXISTS telemetry (session_id TEXT NOT NULL REFERENCES sessions(id), seq INTEGER NOT NULL,
    {columns}, PRIMARY KEY (session_id, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (session_id TEXT NOT NULL REFERENCES sessions(id), at_utc TEXT NOT NULL,
    kind TEXT NOT NULL, detail TEXT NOT NULL);
"""


class Records:
    """The database of one data directory. Raises RecordError for everything the disk can do to it."""

    def __init__(self, data_dir: str | None = None, *, create: bool = True) -> None:
        self.place = paths.make_data_dir(data_dir) if create else paths.data_dir(data_dir)
        self.path = self.place / FILE_NAME
        if not create and not self.path.exists():
            raise RecordError(
                f"there are no records in {self.place}; nothing was read; sessions are recorded by: microcurrent run"
            )
        with self.guarded("opened"):
            self._db = sqlite3.connect(self.path, timeout=5, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._prepare()
        self._mark_interrupted()

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._db.close()

    @contextlib.contextmanager
    def guarded(self, action: str) -> Iterator[None]:
        """Turn what SQLite and the disk raise into a RecordError that says what was not `action`."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise RecordError(
                f"the records in {self.path} cannot be {action} ({error}); earlier sessions are kept; "
                f"{_remedy(str(error))}"
            ) from None

    def check_space(self) -> None:
        """Raise RecordError when the disk could not take a long session."""
        with self.guarded("written"):
            free = shutil.disk_usage(self.place).free
        if free < MIN_FREE_BYTES:
            raise RecordError(
                f"the disk of {self.place} has {free // 2**20} MB free, a session needs "
                f"{MIN_FREE_BYTES // 2**20} MB; no current has flowed; free some space or choose "
                f"another place with --data-dir"
            )

    def begin(self, wave: dict, device: dict, *, port: str, image: dict | None, load: str | None) -> SessionRecord:
        """A new record, on disk before any current flows. Raises RecordError."""
        self.check_space()
        number = str(uuid.uuid4())
        with self.guarded("written"):
            lock = hold_lock(self._lock_path(number))
            self._db.execute(
                "INSERT INTO sessions (id, started_utc, port, wave, device, image, load) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, now_utc(), port, json.dumps(wave), json.dumps(device), json.dumps(image), load),
            )
        return SessionRecord(self._db, number, lock, self.guarded)

    def sessions(self) -> list[dict]:
        """All sessions, newest first, JSON columns decoded."""
        with self.guarded("read"):
            rows = self._db.execute("SELECT * FROM sessions ORDER BY started_utc DESC, id").fetchall()
        return [_decoded(row) for row in rows]

    def session(self, name: str) -> dict:
        """One session by the beginning of its id, or 'last'. Raises RecordError when none or several match."""
        found = (
            self.sessions()[:1] if name == "last" else [row for row in self.sessions() if row["id"].startswith(name)]
        )
        if len(found) != 1:
            count = len(found) or "no"
            raise RecordError(
                f"{count} records begin with {name!r}; nothing was read; list them with: microcurrent records list"
            )
        return found[0]

    def telemetry(self, number: str) -> list[dict]:
        """The telemetry of one session as dicts, in order."""
        with self.guarded("read"):
            rows = self._db.execute("SELECT * FROM telemetry WHERE session_id = ? ORDER BY seq", (number,)).fetchall()
        return [{key: row[key] for key in row.keys() if key != "session_id"} for row in rows]

    def events(self, number: str) -> list[dict]:
        """The events of one session, in order."""
        with self.guarded("read"):
            rows = self._db.execute(
                "SELECT at_utc, kind, detail FROM events WHERE session_id = ? ORDER BY rowid", (number,)
            ).fetchall()
        return [{"at_utc": row["at_utc"], "kind": row["kind"], "detail": json.loads(row["detail"])} for row in rows]

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # WAL with NORMAL would lose commits with the power
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"written by a newer version, schema {version}, this one knows {SCHEMA_VERSION}"
            )
        if version < SCHEMA_VERSION:
            columns = ", ".join(f"{name} INTEGER" for name in protocol.TELEMETRY_FIELDS)
            self._db.executescript(_TABLES.format(columns=columns))
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._add_new_columns()

    def _add_new_columns(self) -> None:
        """A firmware may have gained telemetry fields since the file was made."""
        known = {row["name"] for row in self._db.execute("PRAGMA table_info(telemetry)")}
        for name in protocol.TELEMETRY_FIELDS:
            if name not in known:
                self._db.execute(f"ALTER TABLE telemetry ADD COLUMN {name} INTEGER")

    def _mark_interrupted(self) -> None:
        with self.guarded("updated"):
            rows = self._db.execute("SELECT id FROM sessions WHERE ended IS NULL").fetchall()
            for row in rows:
                self._mark_if_unlocked(row["id"])

    def _mark_if_unlocked(self, number: str) -> None:
        path = self._lock_path(number)
        try:
            lock = hold_lock(path)
        except BlockingIOError:
            return  # its process lives and still writes
        last = self._db.execute("SELECT MAX(elapsed_ms) FROM telemetry WHERE session_id = ?", (number,)).fetchone()[0]
        self._db.execute(
            "UPDATE sessions SET ended = ?, summary = ? WHERE id = ? AND ended IS NULL",
            (INTERRUPTED, json.dumps({"elapsed_ms": last or 0}), number),
        )
        release_lock(lock)

    def _lock_path(self, number: str) -> Path:
        return self.place / f"session-{number}.lock"


def _decoded(row: sqlite3.Row) -> dict:
    session = dict(row)
    for name in ("wave", "device", "image", "accepted", "summary"):
        session[name] = json.loads(session[name]) if session[name] else None
    return session


def _remedy(text: str) -> str:
    if "full" in text or "disk I/O" in text or "too large" in text.lower():
        return "free some space, or choose another place with --data-dir"
    if "newer version" in text:
        return "update microcurrent, or choose another place with --data-dir"
    return "check the directory's permissions, or choose another place with --data-dir"
