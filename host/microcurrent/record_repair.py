"""Making a readable database of what is left of a damaged one. The damaged file stays beside it, with its time.

What SQLite can still read is copied row by row. The chain of records then says which sessions, screenings, thresholds
and courses are as they were recorded; what differs gets a link of kind "repaired", what is gone one of kind "lost".
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from . import chain_of_records as chain
from . import paths
from .errors import MicrocurrentError, RecordError, RefusedError
from .record_reader import FILE_NAME, check_version, decoded, guarded, open_stored, parsed_json
from .record_schema import SESSIONS, TABLES_OF_SUBJECTS, TELEMETRY_TABLES, TREATMENT_TABLES
from .record_writer import is_locked, now_utc
from .records import Records
from .salvage import Salvage

_BACKUP = f"{FILE_NAME}.damaged-"
_HEADER_BYTES = 100  # of a database file: what tells SQLite that it is one
_JSON = {"detail", "answers", "plan"}
_FINISHED = "SELECT id FROM sessions WHERE ended IS NOT NULL ORDER BY rowid"
_BY_ROWID = ("sessions", *TREATMENT_TABLES, "chain")


@dataclass
class Repaired:
    """What a repair did.

    backup: the damaged file, None when the file was sound. kept: rows by table. partial: tables that could not be read
    whole, or held what no program writes. lost: records that are gone, as (table, id). changed: those that lack
    something, or that no chain proves whole.
    """

    backup: Path | None = None
    kept: Counter[str] = field(default_factory=Counter)
    partial: set[str] = field(default_factory=set)
    lost: list[chain.Key] = field(default_factory=list)
    changed: list[chain.Key] = field(default_factory=list)


def backups(place: Path) -> list[Path]:
    """What earlier repairs left of damaged files, oldest first."""
    return sorted(path for path in place.glob(f"{_BACKUP}*") if not path.name.endswith("-wal"))


def repair(data_dir: str | None = None) -> Repaired:
    """Repair the records of a data directory. Raises RecordError, and RefusedError while a session runs."""
    place = paths.data_dir(data_dir)
    path = place / FILE_NAME
    if not path.exists():
        raise RecordError(f"there are no records in {place}; nothing was changed; choose another with --data-dir")
    for lock in place.glob("session-*.lock"):
        if is_locked(lock):
            raise RefusedError("a session runs; nothing was changed; stop it first: microcurrent stop")
    if _is_sound(data_dir):
        with Records(data_dir) as records:
            records.overwrite_deleted()
        return Repaired()
    repaired = Repaired()
    with guarded(path, "repaired"):
        repaired.backup = _back_up(path)
        work = Path(tempfile.mkdtemp(prefix=".repair-", dir=place))
        try:
            _salvage(path, work, repaired)
            for suffix in ("-wal", "-shm"):  # they belong to the damaged file
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            os.replace(work / FILE_NAME, path)
        finally:
            shutil.rmtree(work)
    return repaired


def _is_sound(data_dir: str | None) -> bool:
    """Whether SQLite finds no fault and every record can be shown. Raises RecordError for a newer version's file."""
    try:
        with open_stored(data_dir) as stored:
            if stored.faults():
                return False
            for session in stored.sessions():
                for channel in (1, 2):
                    stored.telemetry(session["id"], channel)
                stored.events(session["id"])
            for table in TABLES_OF_SUBJECTS:
                stored.rows(table)
    except (MicrocurrentError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        if "newer version" in str(error):
            raise
        return False
    return True


def _back_up(path: Path) -> Path:
    """A copy of the file, and of its log, under a name that is free."""
    name = f"{_BACKUP}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    taken = [each.name for each in path.parent.iterdir()]
    backup = path.with_name(next(each for each in _numbered(name) if each not in taken))
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists() and (source.stat().st_size or not suffix):
            _copy(source, backup.with_name(backup.name + suffix))
    return backup


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _copy(source: Path, target: Path) -> None:
    """Whole and on the disk, or not at all."""
    try:
        shutil.copy2(source, target)
        with open(target, "rb") as handle:
            os.fsync(handle.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        raise


def _salvage(path: Path, work: Path, repaired: Repaired) -> None:
    """A new database in `work` with what can be read of the one at `path`, of which a copy is read."""
    old_path = work / "old.sqlite3"
    for suffix in ("", "-wal"):
        if path.with_name(path.name + suffix).exists():
            shutil.copyfile(path.with_name(path.name + suffix), work / f"old.sqlite3{suffix}")
    with Records(str(work)) as records, records.transaction() as new:
        _mend_header(old_path, work / FILE_NAME)
        with contextlib.closing(sqlite3.connect(old_path, isolation_level=None)) as old:
            _Copy(old, new, old_path.stat().st_size, repaired).copy()
        _note_subjects(new)
        _mend_chain(new, repaired)


def _note_subjects(db: sqlite3.Connection) -> None:
    """A pseudonym of which something is left stays a subject, also when the list of them could not be read."""
    for table in (SESSIONS, *TABLES_OF_SUBJECTS):
        query = f"SELECT DISTINCT subject, ? FROM {table} WHERE subject IS NOT NULL"
        db.execute(f"INSERT OR IGNORE INTO subjects (name, created_utc) {query}", (now_utc(),))


def _mend_header(path: Path, sound: Path) -> None:
    """Give a file that does not begin as a database the beginning of one; the rest of its first page may be whole."""
    magic = sound.read_bytes()[:16]
    data = path.read_bytes()[:_HEADER_BYTES]
    if len(data) < _HEADER_BYTES or data.startswith(magic):
        return
    header = bytearray(sound.read_bytes()[:_HEADER_BYTES])
    page_bytes = int.from_bytes(header[16:18], "big")
    header[28:32] = (path.stat().st_size // page_bytes).to_bytes(4, "big")
    header[32:40] = bytes(8)  # no free pages
    with open(path, "r+b") as handle:
        handle.write(header)


class _Copy:
    """Copies tables from one database into another, row by row."""

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, size: int, repaired: Repaired) -> None:
        self._old = old
        self._new = new
        self._largest = size // 8  # no table has more rows
        self._repaired = repaired

    def copy(self) -> None:
        """All tables. Raises sqlite3.DatabaseError only for a file of a newer version."""
        try:
            self._old.execute("PRAGMA writable_schema = ON")  # reads a file that is shorter than it says
            check_version(self._old)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if "newer version" in str(error):
                raise
        for table in _BY_ROWID:
            self._copy_table(table, "rowid", "'' = ?", "")
        numbers = [row[0] for row in self._new.execute("SELECT id FROM sessions ORDER BY rowid")]
        for number in numbers:
            for table in TELEMETRY_TABLES:
                self._copy_table(table, "seq", "session_id = ?", number)
        self._copy_table("events", "rowid", "'' = ?", "")
        strays = "session_id NOT IN (SELECT id FROM sessions)"
        self._repaired.kept["events"] -= self._new.execute(f"DELETE FROM events WHERE {strays}").rowcount

    def _copy_table(self, table: str, key: str, where: str, value: str) -> None:
        columns = self._columns(table)
        if not columns:
            return
        salvage = Salvage(self._old, table, columns, key, where, value, self._largest)
        hidden = [] if key in columns or table == "chain" else [key]  # the order of rows is kept with it
        names = ", ".join(f'"{name}"' for name in (*hidden, *columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * (len(hidden) + len(columns)))})"
        for row in salvage.rows():
            try:
                _check(table, dict(zip(columns, row[1:], strict=True)), value)
                self._new.execute(statement, row if hidden else row[1:])
            except (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError, ValueError):
                self._repaired.partial.add(table)
            else:
                self._repaired.kept[table] += 1
        if salvage.failed:
            self._repaired.partial.add(table)

    def _columns(self, table: str) -> list[str]:
        """Those of the old table; the new one gets what it lacks of them."""
        try:
            told = self._old.execute(f"PRAGMA table_info({table})").fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            return []
        known = {row[1] for row in self._new.execute(f"PRAGMA table_info({table})")}
        columns = [row[1] for row in told if str(row[1]).isidentifier()]
        for name in columns:
            if name not in known:
                self._new.execute(f'ALTER TABLE {table} ADD COLUMN "{name}"')
        return columns


def _check(table: str, row: dict, number: str) -> None:
    """Raises ValueError for a row that no program can have written. number: of the session whose telemetry it is."""
    if table in TELEMETRY_TABLES:
        odd = row["session_id"] != number or any(
            type(value) is not int for name, value in row.items() if name != "session_id" and value is not None
        )
    elif table == "chain":
        odd = any(not isinstance(row[name], str) for name in ("kind", "content", "prev", "hash", "at_utc"))
    elif table == "sessions":
        decoded(row)
        odd = False
    else:
        for name in _JSON & row.keys():
            parsed_json(name, row[name])
        odd = any(type(value) not in (str, int, type(None)) for value in row.values()) or row.get("id", "") is None
    if odd:
        raise ValueError("a value of another kind")


def _mend_chain(db: sqlite3.Connection, repaired: Repaired) -> None:
    """Keep the links up to the first that is damaged; then a link for each record that differs or is gone.

    Links behind the first damaged one still tell which records there were.
    """
    links = chain.links_of(db)
    sound = chain.count_of_sound(links)
    db.execute("DELETE FROM chain WHERE position > ?", (sound,))
    there = [(SESSIONS, row["id"]) for row in db.execute(_FINISHED)]
    known = {(SESSIONS, row["id"]) for row in db.execute("SELECT id FROM sessions")}
    for table in TABLES_OF_SUBJECTS:
        there += [(table, row["id"]) for row in db.execute(f"SELECT id FROM {table} ORDER BY rowid")]
    known |= set(there)
    named = dict.fromkeys(key for link in links if (key := chain.key_of(link)) is not None)
    repaired.lost = [key for key in named if key not in known and key[0] in chain.NAMES]
    contents = {chain.key_of(link): link["content"] for link in links[:sound]}
    for table, number in repaired.lost:
        chain.forget(db, number, chain.LOST, now_utc(), table)
    for link in chain.unexcused(links[:sound]):  # what excused them stood behind the first damaged link
        chain.append(db, chain.LOST, None, link["content"], now_utc(), link["about"] or SESSIONS)
    for key in there:
        content = chain.current_content(db, key)
        if contents.get(key) != content:
            repaired.changed.append(key)
            chain.append(db, chain.REPAIRED, key[1], content, now_utc(), key[0])
