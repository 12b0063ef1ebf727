"""Database files as older versions wrote them, with their own statements: two sessions each, one interrupted.

The third has a screening, a threshold and a course besides, and a chain of its sessions.
"""

import sqlite3
from pathlib import Path

_SESSIONS = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, started_utc TEXT NOT NULL, ended_utc TEXT, ended TEXT, port TEXT,
    wave TEXT NOT NULL, device TEXT NOT NULL, image TEXT, load TEXT, accepted TEXT, summary TEXT);
CREATE TABLE events (session_id TEXT NOT NULL REFERENCES sessions(id), at_utc TEXT NOT NULL,
    kind TEXT NOT NULL, detail TEXT NOT NULL);
"""
_FIRST_COLUMNS = """time_ms INTEGER, session INTEGER, state INTEGER, elapsed_ms INTEGER, remaining_ms INTEGER,
    commanded_ua INTEGER, delivered_ua INTEGER, peak_ua INTEGER, electrode_mv INTEGER, headroom_mv INTEGER,
    impedance_ohm INTEGER, contact INTEGER, phase_charge_nc INTEGER, net_charge_nc INTEGER, total_charge_nc INTEGER,
    phases INTEGER, full_phases INTEGER, samples INTEGER, missed INTEGER, late INTEGER, worst_late_us INTEGER,
    fault INTEGER"""
_SECOND_COLUMNS = f"""{_FIRST_COLUMNS}, series_ohm INTEGER, lift_offs INTEGER, sensing INTEGER,
    temperature_c INTEGER, supply_mv INTEGER"""


def _telemetry(table: str, columns: str) -> str:
    return f"""CREATE TABLE {table} (session_id TEXT NOT NULL REFERENCES sessions(id), seq INTEGER NOT NULL,
    {columns}, PRIMARY KEY (session_id, seq)) WITHOUT ROWID;
"""


ENDED = "0f9f4bd7-1be5-4f0c-8f63-0b8f2a1f6f01"
KILLED = "9a3e1c52-77aa-4d0b-9d5c-6c1f4f3b2a02"
_WAVE = (
    '{"shape": "square", "polarity": "biphasic", "amplitude_ua": 200, "frequency_mhz": 10000, "duty_permille": 1000, '
    '"gap_us": 0, "area_mm2": 1000, "duration_ms": 1000, "ramp_ms": 100}'
)
_DEVICE = '{"board": "rp2040_pico", "uid": "00", "firmware": "0.1.0", "micropython": "1.26.1", "manifest": "none"}'
_ROWS = f"""
INSERT INTO sessions (id, started_utc, ended_utc, ended, port, wave, device, image, load, accepted, summary) VALUES
    ('{ENDED}', '2025-03-01T10:00:00.000+00:00', '2025-03-01T10:00:02.000+00:00', 'duration', '/dev/ttyACM0',
     '{_WAVE}', '{_DEVICE}', 'null', NULL, '{{"session": 1, "amplitude_ua": 200}}', '{{"ended": "duration"}}'),
    ('{KILLED}', '2025-03-02T10:00:00.000+00:00', NULL, NULL, 'p', '{_WAVE}', '{_DEVICE}', 'null', 'typical', NULL,
     NULL);
INSERT INTO events VALUES ('{ENDED}', '2025-03-01T10:00:00.100+00:00', 'state', '{{"from": "ARMED", "to": "RAMP_UP"}}'),
    ('{ENDED}', '2025-03-01T10:00:02.000+00:00', 'end',
     '{{"ev": "end", "t": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}}');
INSERT INTO telemetry (session_id, seq, state, elapsed_ms, commanded_ua, delivered_ua, impedance_ohm, phases, fault,
    contact, time_ms, session, lift) VALUES
    ('{ENDED}', 1, 2, 100, 200, 190, 9000, 1, 0, 1, 5100, 1, 0), ('{ENDED}', 2, 2, 200, 200, 191, 9010, 3, 0, 1, 5200,
    1, 0), ('{KILLED}', 7, 2, 300, 200, 189, -1, 6, 0, 0, 100, 2, 0);
"""
_FIRST_ROWS = _ROWS.replace(", lift)", ", late)")
_SECOND_ROWS = f"""{_ROWS.replace(", lift)", ", lift_offs)")}
UPDATE telemetry SET series_ohm = 900, supply_mv = 11900, temperature_c = 31, sensing = 0;
UPDATE sessions SET wave2 = '{_WAVE}', load2 = 'dry' WHERE id = '{ENDED}';
INSERT INTO telemetry2 SELECT * FROM telemetry WHERE session_id = '{ENDED}';
"""

FIRST = _SESSIONS + _telemetry("telemetry", _FIRST_COLUMNS) + _FIRST_ROWS + "PRAGMA user_version = 1;"
SECOND = (
    _SESSIONS
    + "ALTER TABLE sessions ADD COLUMN wave2 TEXT; ALTER TABLE sessions ADD COLUMN load2 TEXT;"
    + _telemetry("telemetry", _SECOND_COLUMNS)
    + _telemetry("telemetry2", _SECOND_COLUMNS)
    + _SECOND_ROWS
    + "PRAGMA user_version = 2;"
)
_THIRD_TABLES = """
ALTER TABLE sessions ADD COLUMN subject TEXT; ALTER TABLE sessions ADD COLUMN programme TEXT;
ALTER TABLE sessions ADD COLUMN screening TEXT; ALTER TABLE sessions ADD COLUMN course TEXT;
ALTER TABLE sessions ADD COLUMN calibration TEXT;
CREATE TABLE subjects (name TEXT PRIMARY KEY, created_utc TEXT NOT NULL);
CREATE TABLE screenings (id TEXT PRIMARY KEY, subject TEXT NOT NULL, at_utc TEXT NOT NULL, answers TEXT NOT NULL,
    outcome TEXT NOT NULL, acknowledged TEXT);
CREATE TABLE thresholds (id TEXT PRIMARY KEY, subject TEXT NOT NULL, site TEXT NOT NULL, side TEXT NOT NULL,
    at_utc TEXT NOT NULL, threshold_ua INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE TABLE courses (id TEXT PRIMARY KEY, subject TEXT NOT NULL, programme TEXT NOT NULL, plan TEXT NOT NULL,
    created_utc TEXT NOT NULL, ended_utc TEXT);
CREATE TABLE chain (position INTEGER PRIMARY KEY, kind TEXT NOT NULL, session_id TEXT, content TEXT NOT NULL,
    prev TEXT NOT NULL, hash TEXT NOT NULL, at_utc TEXT NOT NULL);
"""
SCREENING = "3c1e52aa-77aa-4d0b-9d5c-6c1f4f3b2a03"
THRESHOLD = "4c1e52aa-77aa-4d0b-9d5c-6c1f4f3b2a04"
COURSE = "5c1e52aa-77aa-4d0b-9d5c-6c1f4f3b2a05"
_PLAN = (
    '{"name": "spring", "start": "2025-03-01", "zone": "UTC", "phases": [{"count": null, "per_week": 1, '
    '"every_days": null, "per_day": 1, "weeks": null}]}'
)
_AT = "2025-03-01T09:00:00.000+00:00"
# The hashes are those that version 3 wrote for these two sessions.
THIRD_HEAD = "d4724ec695b25bafd7982044c6ad1c9ae9339d645747573860ca22d589b27299"
_THIRD_ROWS = f"""
UPDATE sessions SET ended = 'interrupted' WHERE id = '{KILLED}';
INSERT INTO subjects VALUES ('anon-1', '{_AT}');
INSERT INTO screenings VALUES ('{SCREENING}', 'anon-1', '{_AT}', '{{"pregnancy": "no"}}', 'clear', NULL);
INSERT INTO thresholds VALUES ('{THRESHOLD}', 'anon-1', 'cheek', 'left', '{_AT}', 120, '{{}}');
INSERT INTO courses VALUES ('{COURSE}', 'anon-1', 'lift', '{_PLAN}', '{_AT}', NULL);
INSERT INTO chain VALUES (1, 'migrated', '{ENDED}', '21968c5a14a73d6441faa375340f313e2a5905d1a7ce8794f862f26cd5b8b260',
    '{"0" * 64}', 'c8df6ebe33ba12ff84dc659e90f71cc697fce0c6abeb53f95b7360bd0347549f', '2026-11-28T04:08:57.053+00:00'),
    (2, 'interrupted', '{KILLED}', 'bd46ce06c2d47ccd6262292a999893fe47b9866131f8f5531a49cdc27987e90f',
    'c8df6ebe33ba12ff84dc659e90f71cc697fce0c6abeb53f95b7360bd0347549f', '{THIRD_HEAD}',
    '2026-11-28T04:08:57.063+00:00');
"""
THIRD = SECOND + _THIRD_TABLES + _THIRD_ROWS + "PRAGMA user_version = 3;"


def leave(place: Path, schema: str) -> None:
    """A database file of this schema in the data directory `place`."""
    place.mkdir()
    database = sqlite3.connect(place / "records.sqlite3")
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(schema)
    database.close()
