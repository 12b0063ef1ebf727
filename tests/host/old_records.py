"""Database files as older versions wrote them, with their own statements: two sessions each, one interrupted."""

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


def leave(place: Path, schema: str) -> None:
    """A database file of this schema in the data directory `place`."""
    place.mkdir()
    database = sqlite3.connect(place / "records.sqlite3")
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(schema)
    database.close()
