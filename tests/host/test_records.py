"""Records: what a crash, a full disk and a strange file do to them."""

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.shared import protocol
from microcurrent.errors import RecordError
from microcurrent.records import FILE_NAME, MIN_FREE_BYTES, Records
from microcurrent.summary import summarize
from microcurrent.treatment import checked_wave

from .conftest import Cli, run_cli

WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 10_000})
DEVICE = {"board": "rp2040_pico", "uid": "00", "firmware": "0.1.0", "micropython": "1.26.1", "manifest": "none"}

# Another process that records a session: one row per 100 ms of its own time, then it waits for its end.
WRITER = """
import json, sys
from firmware.shared import protocol
from microcurrent.records import Records
wave, device, count = json.loads(sys.argv[1])
with Records() as records:
    record = records.begin(wave, device, port="p", image=None, load=None)
    print(record.number, flush=True)
    for number in range(count):
        row = dict.fromkeys(protocol.TELEMETRY_FIELDS, 0)
        row["elapsed_ms"] = number * 100
        record.add_telemetry(number, row)
        record.flush_if_due(number / 10)
    print("waiting", flush=True)
    sys.stdin.read()
"""


def row(**changes: int) -> dict[str, int]:
    return {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), **changes}


def begin(records: Records):
    return records.begin(WAVE, DEVICE, port="p", image=None, load="typical")


def writer(count: int, limit: str = "") -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", limit + WRITER, json.dumps([WAVE, DEVICE, count])]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_what_is_written_is_read() -> None:
    with Records() as records:
        record = begin(records)
        record.add_event("state", {"from": "OFF", "to": "RAMP_UP"})
        record.add_telemetry(5, row(elapsed_ms=100, commanded_ua=7))
        record.add_telemetry(5, row(elapsed_ms=999))  # replayed a second time
        record.finish("duration", summarize(WAVE, "duration", [row()]))
        session = records.session(record.number[:8])
        assert session["ended"] == "duration"
        assert session["wave"] == WAVE
        assert [found["elapsed_ms"] for found in records.telemetry(record.number)] == [100]
        assert records.events(record.number)[0]["detail"]["to"] == "RAMP_UP"
    assert not list(records.place.glob("*.lock"))


def test_killed_process_loses_at_most_a_second() -> None:
    with writer(100) as process:
        assert process.stdout is not None
        number = process.stdout.readline().strip()
        process.stdout.readline()
        with Records() as records:  # another command, while it runs: the record is not called interrupted
            assert records.session(number)["ended"] is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.communicate()
    with Records() as records:
        session = records.session(number)
        assert session["ended"] == "interrupted"
        assert records.telemetry(number)[-1]["elapsed_ms"] >= 9_900 - 1000
        assert session["summary"]["elapsed_ms"] >= 9_900 - 1000


def test_disk_full_during_a_session(tmp_path: Path) -> None:
    """A file-size limit stands for the full disk: SQLite meets the same failed write."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
    with writer(5000, limit) as process:
        _, errors = process.communicate("")
    last = errors.strip().splitlines()[-1]
    assert "RecordError: the records in" in last
    assert last.endswith("free some space, or choose another place with --data-dir")
    with Records() as records:  # what was committed before is whole
        session = records.sessions()[0]
        assert session["ended"] == "interrupted"
        assert records.telemetry(session["id"])


def test_disk_nearly_full_before_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microcurrent.records.MIN_FREE_BYTES", 2**62)
    with Records() as records, pytest.raises(RecordError, match="no current has flowed; free some space or choose"):
        begin(records)
    assert MIN_FREE_BYTES < 2**30


def test_data_directory_that_cannot_be_made(tmp_path: Path, mc: Cli) -> None:
    """Root may write anywhere, so a file stands where the directory should be."""
    place = tmp_path / "file"
    place.write_text("")
    result = mc(f"run square --data-dir {place}")
    assert (result.exit_code, result.stderr) == (
        9,
        f"error: the data directory {place} cannot be created (File exists); nothing was started; choose another "
        f"with --data-dir or MICROCURRENT_DATA_DIR\n",
    )


def test_file_of_a_newer_version(tmp_path: Path) -> None:
    place = tmp_path / "new"
    place.mkdir()
    with sqlite3.connect(place / FILE_NAME) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(RecordError) as caught:
        Records(str(place))
    assert str(caught.value) == (
        f"the records in {place / FILE_NAME} cannot be opened (written by a newer version, "
        f"schema 99, this one knows 1); earlier sessions are kept; update microcurrent, or "
        f"choose another place with --data-dir"
    )


def test_file_that_is_no_database(tmp_path: Path) -> None:
    place = tmp_path / "odd"
    place.mkdir()
    (place / FILE_NAME).write_text("no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(RecordError, match=r"cannot be opened \(file is not a database"):
        Records(str(place))
    assert (place / FILE_NAME).read_text().startswith("no database")


def test_columns_that_a_newer_firmware_brought(tmp_path: Path) -> None:
    with Records() as records:
        begin(records).finish("duration", {})
        path = records.path
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE telemetry DROP COLUMN worst_late_us")
    database.close()
    with Records() as records:
        record = begin(records)
        record.add_telemetry(1, row(worst_late_us=3))
        record.finish("duration", {})
        assert records.telemetry(record.number)[0]["worst_late_us"] == 3


EMPTY = [
    ("records list", "there are no records in"),
    ("records show last", "there are no records in"),
]


@pytest.mark.parametrize(("line", "text"), EMPTY)
def test_no_records_yet(line: str, text: str) -> None:
    result = run_cli(line)
    assert result.exit_code == 9
    assert text in result.stderr


def test_unknown_record_and_bad_file_name(tmp_path: Path) -> None:
    with Records() as records:
        begin(records).finish("duration", {})
    unknown = run_cli("records show 123zz")
    assert (unknown.exit_code, unknown.stderr) == (
        9,
        "error: no records begin with '123zz'; nothing was read; list them with: microcurrent records list\n",
    )
    odd = run_cli(f"records export last -o {tmp_path / 'x.txt'}")
    assert (odd.exit_code, odd.stderr) == (
        2,
        "error: x.txt ends neither in .csv nor in .json; nothing was written; choose one of them\n",
    )
    empty = run_cli(f"records plot last -o {tmp_path / 'x.png'}")
    assert empty.exit_code == 9
    assert "has no telemetry; nothing was drawn" in empty.stderr
