"""Writing one session's record while it runs: rows are kept for at most half a second, then committed and synced."""

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from firmware.shared import protocol

from . import chain_of_records as chain
from .record_digest import rows_digest
from .record_schema import TELEMETRY_TABLES

COMMIT_INTERVAL_S = 0.5  # half of the second that may be lost
Guard = Callable[[str], contextlib.AbstractContextManager[None]]  # turns disk errors into a RecordError


def now_utc() -> str:
    """The present instant as text, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class SessionRecord:
    """The open record of the running session."""

    def __init__(self, db: sqlite3.Connection, number: str, lock: IO[bytes], guarded: Guard) -> None:
        self.number = number
        self._guarded = guarded
        self._db = db
        self._lock = lock
        self._rows: dict[str, list[tuple]] = {table: [] for table in TELEMETRY_TABLES}
        self._events: list[tuple] = []
        self._written_s = 0.0

    def add_telemetry(self, seq: int, values: dict[str, int], second: dict[str, int] | None = None) -> None:
        """Keep one row, and the second channel's of the same moment; `flush_if_due` writes them."""
        for table, row in zip(TELEMETRY_TABLES, (values, second), strict=True):
            if row is not None:
                self._rows[table].append((self.number, seq, *(row[name] for name in protocol.TELEMETRY_FIELDS)))

    def add_event(self, kind: str, detail: dict) -> None:
        """Keep one event with the present time."""
        self._events.append((self.number, now_utc(), kind, json.dumps(detail)))

    def accepted(self, reply: dict) -> None:
        """What the device granted."""
        with self._guarded("written"):
            self._db.execute("UPDATE sessions SET accepted = ? WHERE id = ?", (json.dumps(reply), self.number))

    def flush_if_due(self, now_s: float) -> None:
        """Write what is kept when the interval is over. Raises RecordError (disk full, directory gone)."""
        if now_s - self._written_s >= COMMIT_INTERVAL_S:
            self._written_s = now_s
            self.flush()

    def flush(self) -> None:
        """One synced transaction with everything kept."""
        if not any(self._rows.values()) and not self._events:
            return
        names = ", ".join(protocol.TELEMETRY_FIELDS)
        marks = ", ".join("?" * (len(protocol.TELEMETRY_FIELDS) + 2))
        with self._guarded("written"), transaction(self._db):
            for table, rows in self._rows.items():
                self._db.executemany(f"INSERT OR IGNORE INTO {table} (session_id, seq, {names}) VALUES ({marks})", rows)
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", self._events)
        self._rows, self._events = {table: [] for table in TELEMETRY_TABLES}, []

    def finish(self, ended: str, summary: dict, programme: dict | None = None) -> None:
        """Write the rest and how the session ended. programme: replaces that of `begin` by what was really granted."""
        kept = {"ended": ended, "ended_utc": now_utc(), "summary": json.dumps(summary)}
        kept |= {"programme": json.dumps(programme)} if programme else {}
        assignments = ", ".join(f"{name} = ?" for name in kept)
        try:
            self.flush()
            with self._guarded("written"):
                digest = rows_digest(self._db, self.number)  # before the transaction: it keeps no other waiting
            with self._guarded("written"), transaction(self._db):
                self._db.execute(f"UPDATE sessions SET {assignments} WHERE id = ?", (*kept.values(), self.number))
                chain.append_record(self._db, chain.SESSION, self.number, kept["ended_utc"], digest)
        finally:  # a record that could not be finished is unlocked: the next to open it marks it interrupted
            release_lock(self._lock)


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside, or nothing of it. Raises sqlite3.Error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
            db.execute("ROLLBACK")
        raise


def hold_lock(path: Path) -> IO[bytes]:
    """The locked file at `path`. Raises BlockingIOError when a living process holds it."""
    handle = open(path, "ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise
    return handle


def is_locked(path: Path) -> bool:
    """True when a living process holds the file at `path`. Changes nothing. Raises OSError when it may not be read."""
    try:
        handle = open(path, "rb")
    except FileNotFoundError:
        return False
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def release_lock(handle: IO[bytes]) -> None:
    """Give the lock back and remove its file."""
    with contextlib.suppress(OSError):
        os.unlink(handle.name)
    handle.close()
