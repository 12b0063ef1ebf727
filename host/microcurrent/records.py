"""Session records in SQLite, written as the data arrives.

Every commit is synced to disk and none is older than a second, so a crash or a pulled plug loses at most that second.
While a session is written its process holds a lock file beside the database: a record that is unfinished and
unlocked was interrupted, and is marked so by whoever opens the database for writing next.
"""

import contextlib
import json
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator

from . import chain_of_records as chain
from . import paths, record_schema, subjects
from .errors import RecordError
from .record_reader import FILE_NAME, INTERRUPTED, StoredSessions, check_version, guarded, refuse_lost_file
from .record_writer import SessionRecord, hold_lock, now_utc, release_lock, transaction

MIN_FREE_BYTES = 32 * 2**20  # ours: an hour at 50 Hz takes about 10 MB per channel


class Records(StoredSessions):
    """The database of one data directory, for writing; created when there is none. Raises RecordError."""

    def __init__(self, data_dir: str | None = None) -> None:
        place = paths.make_data_dir(data_dir)
        path = place / FILE_NAME
        with guarded(path, "opened"):
            refuse_lost_file(path)
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
        subject: str | None = None,
        programme: dict | None = None,
        screening: dict | None = None,
        course: str | None = None,
        calibration: str | None = None,
        admit: Callable[[], str | None] | None = None,
    ) -> SessionRecord:
        """A new record, on disk before any current flows. wave2: None for one channel. Raises RecordError.

        Of a treatment: subject: a pseudonym, noted as one of `subjects`; programme: what is to be played, step by step;
        screening: the answers that held; course, calibration: their ids. Raises BadValueError for an odd pseudonym.
        calibration: None for what the board itself said of it in its hello.
        admit: asked in the transaction that writes the record, so that no other process begins one in between; it
        returns the course's id in place of `course`, or raises what keeps the session from beginning.
        """
        name = None if subject is None else subjects.checked(subject)
        self.check_space()
        number = str(uuid.uuid4())
        kept = {"id": number, "port": port, "load": load}
        kept |= {"wave": json.dumps(wave), "device": json.dumps(device), "image": json.dumps(image)}
        kept |= {"wave2": json.dumps(wave2), "load2": load2} if wave2 else {}
        kept |= {"subject": name, "course": course, "calibration": calibration or _calibration_of(device)}
        kept |= {"programme": _json(programme), "screening": _json(screening)}
        with self.guarded("written"):
            lock = hold_lock(self._lock_path(number))
            try:
                with transaction(self._db):
                    if admit is not None:
                        kept["course"] = admit()
                    if name is not None:
                        self._note(name)
                    self._insert("sessions", kept | {"started_utc": now_utc()})
            except BaseException:
                release_lock(lock)
                raise
        return SessionRecord(self._db, number, lock, self.guarded)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The database for several changes: all are made or, when anything is raised, none. Raises RecordError."""
        with self.guarded("written"), transaction(self._db):
            yield self._db

    def overwrite_deleted(self) -> str:
        """Write the file anew, so that what was deleted is not left in its free space. Returns what kept it from that.

        Empty: it is done, for the database's own files; what the disk keeps of them is the disk's.
        """
        if self.any_running():
            return "a session runs"
        try:
            self._db.execute("VACUUM")
            if self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                return "another process reads the records"
        except (sqlite3.Error, OSError) as error:
            return str(error)
        return ""

    def note_subject(self, name: str) -> None:
        """A pseudonym that `subjects.checked` took becomes a subject unless it is one. Raises RecordError."""
        with self.guarded("written"):
            self._note(name)

    def add(self, table: str, values: dict) -> None:
        """A new row of screenings, thresholds or courses with its link, on the disk; dicts are stored as JSON.

        The subject that it names is noted as one of `subjects`. Raises RecordError.
        """
        subject = subjects.checked(values["subject"])
        with self.guarded("written"), transaction(self._db):
            self._note(subject)
            self._insert(table, values)
            chain.append_row(self._db, chain.STORED, table, values["id"], now_utc())

    def change(self, table: str, number: str, values: dict, kind: str = chain.CHANGED) -> None:
        """Change columns of the row with this id in screenings, thresholds or courses. Raises RecordError.

        kind: of the link that tells of it, chain.CHANGED or chain.CLOSED.
        """
        assignments = ", ".join(f"{name} = ?" for name in values)
        statement = f"UPDATE {table} SET {assignments} WHERE id = ?"
        with self.guarded("written"), transaction(self._db):
            changed = self._db.execute(statement, (*map(_stored, values.values()), number)).rowcount
            if changed and table in record_schema.TABLES_OF_SUBJECTS:
                chain.append_row(self._db, kind, table, number, now_utc())

    def _note(self, subject: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO subjects VALUES (?, ?)", (subject, now_utc()))

    def _insert(self, table: str, values: dict) -> None:
        marks = ", ".join("?" * len(values))
        stored = tuple(map(_stored, values.values()))
        self._db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", stored)

    def _prepare(self) -> None:
        check_version(self._db)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        self._db.execute("PRAGMA synchronous = FULL")  # WAL with NORMAL would lose commits with the power
        with transaction(self._db):  # another process may be doing the same
            version = record_schema.prepare(self._db)
            if version < record_schema.VERSION:
                chain.take_in_all(self._db, now_utc(), version)

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
        update = "UPDATE sessions SET ended = ? WHERE id = ? AND ended IS NULL"
        with transaction(self._db):
            if self._db.execute(update, (INTERRUPTED, number)).rowcount:  # no other process was faster
                chain.append_record(self._db, chain.INTERRUPTED, number, now_utc())
        release_lock(lock)


def _calibration_of(device: dict) -> str | None:
    """The id of the calibration that the board measured with."""
    found = device.get("calibration")
    return str(found[0]) if isinstance(found, list) and found else None


def _json(value: dict | None) -> str | None:
    return None if value is None else json.dumps(value)


def _stored(value: object) -> object:
    """As SQLite takes it: dicts and lists as JSON."""
    return json.dumps(value) if isinstance(value, dict | list) else value
