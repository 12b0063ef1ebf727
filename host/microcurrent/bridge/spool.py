"""Messages that no broker has acknowledged yet, in SQLite: they survive an outage, a crash and a loss of power.

A message enters in a synced transaction before it is published, together with how far its board was read, and leaves
after its PUBACK. The payloads are bounded: when they exceed the limit, the oldest telemetry goes first, then the oldest
of the rest, and both are counted. One thread only.
"""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import MicrocurrentError, RecordError
from ..record_writer import hold_lock, release_lock
from . import messages
from .messages import Mark, Message

FILE = "spool.sqlite3"
LIMIT_BYTES = 1 << 30  # ours: of payloads; 20 boards at 10 Hz fill it in about 90 minutes of sessions
FREED_PERMILLE = 20  # ours: so much is freed at once, so that a full spool does not delete with every message
OTHER = "other"  # what is not telemetry, among the dropped
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (n INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL, kind TEXT NOT NULL,
    payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS boards (uid TEXT PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL);
"""


class SpoolFullError(MicrocurrentError):
    """The disk took nothing; what was to be kept is still the caller's."""


class Spool:
    """The spool in a directory, for this process alone. Raises RecordError when it cannot be used."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = folder / FILE
        self.limit_bytes = limit_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = hold_lock(folder / "spool.lock")
        except BlockingIOError:
            raise RecordError(
                f"another bridge uses the spool in {folder}; that one goes on; end it, or choose another place with "
                f"--spool"
            ) from None
        except OSError as error:
            raise _unusable(self.path, error.strerror or str(error)) from None
        self._db = sqlite3.connect(self.path, isolation_level=None)
        try:
            self._open()
        except sqlite3.Error as error:
            self.close()
            raise _unusable(self.path, str(error)) from None

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('bridge', ?)", (uuid.uuid4().hex[:12],))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('dropped', ?)", (json.dumps({}),))
        kept = dict(self._db.execute("SELECT name, value FROM meta"))
        self.bridge = kept["bridge"]
        self.dropped: dict[str, int] = {messages.TELEMETRY: 0, OTHER: 0} | json.loads(kept["dropped"])
        self.count, self.bytes = self._db.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM messages"
        ).fetchone()
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()
        self.last_n: int = found[0] if found else 0
        marks = self._db.execute("SELECT uid, boot, seq, uptime_ms, at_ms FROM boards")
        self.marks = {row[0]: Mark(*row) for row in marks}

    def close(self) -> None:
        """Release it; what is in it stays."""
        self._db.close()
        release_lock(self._lock)

    def commit(self, fresh: Iterable[Message], marks: Iterable[Mark], done: Iterable[int], sent_n: int) -> None:
        """Keep `fresh` and `marks`, forget the numbers `done`, in one synced transaction.

        sent_n: messages up to this one are with the broker; room is made behind it. Raises SpoolFullError.
        """
        n, count, size, dropped = self.last_n, self.count, self.bytes, dict(self.dropped)
        try:
            with self._transaction():
                self._forget(done)
                self._insert(fresh)
                self._db.executemany(
                    "INSERT OR REPLACE INTO boards VALUES (?, ?, ?, ?, ?)",
                    [(mark.uid, mark.boot, mark.seq, mark.uptime_ms, mark.at_ms) for mark in marks],
                )
                if self.bytes > self.limit_bytes:
                    self._make_room(sent_n)
                if dropped != self.dropped:
                    self._db.execute("UPDATE meta SET value = ? WHERE name = 'dropped'", (json.dumps(self.dropped),))
        except sqlite3.Error as error:
            self.last_n, self.count, self.bytes, self.dropped = n, count, size, dropped
            raise SpoolFullError(
                f"the spool {self.path} cannot be written ({error}); telemetry is dropped and counted until it can; "
                f"make room on the disk"
            ) from None

    def waiting(self, after_n: int, most: int) -> list[tuple[int, str, str, bytes]]:
        """(number, uid, kind, payload) of the next messages behind a number, oldest first."""
        if after_n >= self.last_n or not self.count:
            return []
        query = "SELECT n, uid, kind, payload FROM messages WHERE n > ? ORDER BY n LIMIT ?"
        return self._db.execute(query, (after_n, most)).fetchall()

    def _insert(self, fresh: Iterable[Message]) -> None:
        rows = []
        for each in fresh:
            self.last_n += 1
            payload = messages.encoded(each.body | {"bridge": self.bridge, "n": self.last_n})
            rows.append((self.last_n, each.uid, each.kind, payload))
            self.bytes += len(payload)
        self.count += len(rows)
        self._db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", rows)

    def _forget(self, numbers: Iterable[int]) -> None:
        for n in numbers:
            found = self._db.execute("DELETE FROM messages WHERE n = ? RETURNING length(payload)", (n,)).fetchone()
            if found:
                self.count -= 1
                self.bytes -= found[0]

    def _make_room(self, sent_n: int) -> None:
        """Delete behind `sent_n`, telemetry before everything else, until the limit holds again."""
        target = self.limit_bytes - self.limit_bytes * FREED_PERMILLE // 1000
        for which, condition in ((messages.TELEMETRY, "kind = ?"), (OTHER, "kind <> ?")):
            query = f"SELECT n, length(payload) FROM messages WHERE n > ? AND {condition} ORDER BY n"
            oldest: list[int] = []
            left = self.bytes
            for n, size in self._db.execute(query, (sent_n, messages.TELEMETRY)):
                if left <= target:
                    break
                left -= size
                oldest.append(n)
            self._forget(oldest)
            self.dropped[which] += len(oldest)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                self._db.execute("ROLLBACK")
            raise


def _unusable(path: Path, why: str) -> RecordError:
    return RecordError(
        f"the spool {path} cannot be used ({why}); nothing was published; choose another place with --spool, or move "
        f"that file away: the messages in it are then not sent"
    )
