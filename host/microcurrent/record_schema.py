"""The tables of the records, and how a file of an older version gets them.

Version 1: sessions had one channel. 2: the second channel. 3: treatments (subject, programme, screening, course), and
the chain that shows whether a record was edited. 4: screenings, thresholds and courses are in the chain too; indexes.
"""

import sqlite3
from collections.abc import Sequence

from firmware.shared import protocol

VERSION = 4
CHAIN_OF_SESSIONS = 3  # the version that brought the chain, with sessions only
SESSIONS = "sessions"
TELEMETRY_TABLES = ("telemetry", "telemetry2")  # one row of each per moment; only sessions with two channels fill both
ROWS_OF_SESSIONS = (*TELEMETRY_TABLES, "events")  # tables whose rows belong to a session, by session_id
TABLES_OF_SUBJECTS = ("screenings", "thresholds", "courses")  # whose rows belong to a subject, as those of sessions do

# Tables of treatments: name of the table, its columns with their types.
TREATMENT_TABLES = {
    "subjects": "name TEXT PRIMARY KEY, created_utc TEXT NOT NULL",
    "screenings": (
        "id TEXT PRIMARY KEY, subject TEXT NOT NULL, at_utc TEXT NOT NULL, answers TEXT NOT NULL, "
        "outcome TEXT NOT NULL, acknowledged TEXT"
    ),
    "thresholds": (
        "id TEXT PRIMARY KEY, subject TEXT NOT NULL, site TEXT NOT NULL, side TEXT NOT NULL, at_utc TEXT NOT NULL, "
        "threshold_ua INTEGER NOT NULL, detail TEXT NOT NULL"
    ),
    "courses": (
        "id TEXT PRIMARY KEY, subject TEXT NOT NULL, programme TEXT NOT NULL, plan TEXT NOT NULL, "
        "created_utc TEXT NOT NULL, ended_utc TEXT"
    ),
}
_CHAIN = (
    "position INTEGER PRIMARY KEY, kind TEXT NOT NULL, session_id TEXT, content TEXT NOT NULL, prev TEXT NOT NULL, "
    "hash TEXT NOT NULL, at_utc TEXT NOT NULL"
)
_CHAIN_LATER = ("about TEXT",)  # the table of the row that a link is about; none for a session
_INDEXES = (
    # What is due is asked before every treatment, and must not take longer with every session that was ever recorded.
    "sessions_by_start ON sessions (subject, started_utc)",
    "sessions_by_end ON sessions (subject, ended_utc)",
    "sessions_unfinished ON sessions (subject) WHERE ended IS NULL",
    "events_by_session ON events (session_id)",  # the chain's check would read all events once per session
)
_FIELDS = tuple(f"{name} INTEGER" for name in protocol.TELEMETRY_FIELDS)
_TELEMETRY = f"session_id TEXT NOT NULL REFERENCES sessions(id), seq INTEGER NOT NULL, {', '.join(_FIELDS)}"
_TABLES = (
    # As they came with the first version; what came later is in _LATER.
    """CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, started_utc TEXT NOT NULL, ended_utc TEXT, ended TEXT, port TEXT,
    wave TEXT NOT NULL, device TEXT NOT NULL, image TEXT, load TEXT, accepted TEXT, summary TEXT)""",
    """CREATE TABLE IF NOT EXISTS events (session_id TEXT NOT NULL REFERENCES sessions(id), at_utc TEXT NOT NULL,
    kind TEXT NOT NULL, detail TEXT NOT NULL)""",
    *(
        f"CREATE TABLE IF NOT EXISTS {table} ({_TELEMETRY}, PRIMARY KEY (session_id, seq)) WITHOUT ROWID"
        for table in TELEMETRY_TABLES
    ),
    *(f"CREATE TABLE IF NOT EXISTS {table} ({columns})" for table, columns in TREATMENT_TABLES.items()),
    f"CREATE TABLE IF NOT EXISTS chain ({_CHAIN})",
)
_SECOND_CHANNEL = ("wave2 TEXT", "load2 TEXT")
_TREATMENT = ("subject TEXT", "programme TEXT", "screening TEXT", "course TEXT", "calibration TEXT")
_LATER = (*_SECOND_CHANNEL, *_TREATMENT)


def prepare(db: sqlite3.Connection) -> int:
    """Create what is missing, in the transaction that is open. Returns the version before. Raises sqlite3.Error."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version < VERSION:
        for statement in _TABLES:
            db.execute(statement)
        _add_new_columns(db, SESSIONS, _LATER)
        _add_new_columns(db, "chain", _CHAIN_LATER)
        for index in _INDEXES:
            db.execute(f"CREATE INDEX IF NOT EXISTS {index}")
        db.execute(f"PRAGMA user_version = {VERSION}")
    for table in TELEMETRY_TABLES:  # a firmware may have gained telemetry fields since the file was made
        _add_new_columns(db, table, _FIELDS)
    return version


def _add_new_columns(db: sqlite3.Connection, table: str, columns: Sequence[str]) -> None:
    """columns: names with their types."""
    known = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
    for column in columns:
        if column.split()[0] not in known:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
