"""Session records in SQLite, written as the data arrives.

Every commit is synced to disk and none is older than a second, so a crash or a pulled plug loses at most that second.
While a session is written its process holds a lock file beside the database: a record that is unfinished and
unlocked was interrupted, and is marked so by whoever opens the database for writing next.
"""

import json
import shutil
import sqlite3
import uuid
from collections.abc import Sequence

from firmware.shared import protocol

from . import paths
from .errors import RecordError
from .record_reader import FILE_NAME, INTERRUPTED, SCHEMA_VERSION, StoredSessions, check_version, guarded
from .record_writer import TELEMETRY_TABLES, SessionRecord, hold_lock, now_utc, release_lock

MIN_FREE_BYTES = 32 * 2**20  # ours: an hour at 50 Hz takes about 10 MB per channel

_FIELDS = tuple(f"{name} INTEGER" for name in protocol.TELEMETRY_FIELDS)
# As they came with the first version; what came later is in _LATER.
_TABLES = (
    """CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, started_utc TEXT NOT NULL, ended_utc TEXT, ended TEXT, port TEXT,
    wave TEXT NOT NULL, device TEXT NOT NULL, image TEXT, load TEXT, accepted TEXT, summary TEXT)""",
    """CREATE TABLE IF NOT EXISTS events (session_id TEXT NOT NULL REFERENCES sessions(id), at_utc TEXT NOT NULL,
    kind TEXT NOT NULL, detail TEXT NOT NULL)""",
    *(
        f"""CREATE TABLE IF NOT EXISTS {table} (session_id TEXT NOT NULL REFERENCES sessions(id), seq INTEGER NOT NULL,
    {", ".join(_FIELDS)}, PRIMARY KEY (session_id, seq)) WITHOUT ROWID"""
        for table in TELEMETRY_TABLES
    ),
)
_LATER = ("wave2 TEXT", "load2 TEXT")  # columns of sessions: a second channel


class Records(StoredSessions):
    """The database of one data directory, for writing; created when there is none. Raises RecordError."""

    def __init__(self, data_dir: str | None = None) -> None:
        place = paths.make_data_dir(data_dir)
        path = place / FILE_NAME
        with guarded(path, "opened"):
            super().__init__(place, sqlite3.connect(path, timeout=5, isolation_level=None))
            self._prepare()
        self._mark_interrupted()

    def __enter__(self) -> "Records":
        return self

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

    def begin(
        self,
        wave: dict,
        device: dict,
        *,
        port: str,
        image: dict | None,
        load: str | None,
        wave2: dict | None = None,
        load2: str | None = None,
    ) -> SessionRecord:
        """A new record, on disk before any current flows. wave2: None for one channel. Raises RecordError."""
        self.check_space()
        number = str(uuid.uuid4())
        kept = {"id": number, "started_utc": now_utc(), "port": port, "load": load}
        kept |= {"wave": json.dumps(wave), "device": json.dumps(device), "image": json.dumps(image)}
        kept |= {"wave2": json.dumps(wave2), "load2": load2} if wave2 else {}
        with self.guarded("written"):
            lock = hold_lock(self._lock_path(number))
            marks = ", ".join("?" * len(kept))
            self._db.execute(f"INSERT INTO sessions ({', '.join(kept)}) VALUES ({marks})", tuple(kept.values()))
        return SessionRecord(self._db, number, lock, self.guarded)

    def _prepare(self) -> None:
        version = check_version(self._db)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # WAL with NORMAL would lose commits with the power
        self._db.execute("BEGIN IMMEDIATE")  # another process may be doing the same
        if version < SCHEMA_VERSION:
            for statement in _TABLES:
                self._db.execute(statement)
            self._add_new_columns("sessions", _LATER)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        for table in TELEMETRY_TABLES:  # a firmware may have gained telemetry fields since the file was made
            self._add_new_columns(table, _FIELDS)
        self._db.execute("COMMIT")

    def _add_new_columns(self, table: str, columns: Sequence[str]) -> None:
        """columns: names with their types."""
        known = {row["name"] for row in self._db.execute(f"PRAGMA table_info({table})")}
        for column in columns:
            if column.split()[0] not in known:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

    def _mark_interrupted(self) -> None:
        with self.guarded("updated"):
            rows = self._db.execute("SELECT id FROM sessions WHERE ended IS NULL").fetchall()
            for row in rows:
                self._mark_if_unlocked(row["id"])

    def _mark_if_unlocked(self, number: str) -> None:
        """Its figures stay unstored: whoever reads it takes them from the telemetry."""
        try:
            lock = hold_lock(self._lock_path(number))
        except BlockingIOError:
            return  # its process lives and still writes
        self._db.execute("UPDATE sessions SET ended = ? WHERE id = ? AND ended IS NULL", (INTERRUPTED, number))
        release_lock(lock)
