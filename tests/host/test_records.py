"""Records: what a crash, a full disk and a strange file do to them."""

import csv
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.shell_completion import ShellComplete
from matplotlib.figure import Figure

from firmware.shared import faults, protocol
from microcurrent import plotting
from microcurrent.cli import cli
from microcurrent.errors import RecordError
from microcurrent.record_reader import open_stored
from microcurrent.record_schema import VERSION
from microcurrent.records import FILE_NAME, MIN_FREE_BYTES, Records
from microcurrent.report import played_text
from microcurrent.summary import summarize
from microcurrent.treatment import checked_wave
from microcurrent.treatment_report import series

from .conftest import PORT, Cli, run_cli
from .old_records import FIRST, SECOND, leave

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


# Another process that reads on a disk that takes not one byte.
FULL_DISK_READER = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from microcurrent.cli import main
main(sys.argv[1:])
"""


def row(**changes: int) -> dict[str, int]:
    return {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), **changes}


def begin(records: Records):
    return records.begin(WAVE, DEVICE, port="p", image=None, load="typical")


def writer(count: int, limit: str = "") -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", limit + WRITER, json.dumps([WAVE, DEVICE, count])]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_on_full_disk(line: str) -> str:
    arguments = [sys.executable, "-c", FULL_DISK_READER, *line.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir() if path.suffix != ".sqlite3-shm"}


def test_what_is_written_is_read() -> None:
    with Records() as records:
        record = begin(records)
        record.add_event("state", {"from": "ARMED", "to": "RAMP_UP"})
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
    before = files_of(records.place)
    with open_stored() as stored:
        assert stored.session(number)["ended"] == "interrupted"
    assert files_of(records.place) == before  # reading changes nothing
    with Records() as records:
        session = records.session(number)
        assert session["ended"] == "interrupted"
        assert records.telemetry(number)[-1]["elapsed_ms"] >= 9_900 - 1000
        assert session["summary"]["elapsed_ms"] >= 9_900 - 1000


def killed_session() -> str:
    """The id of one whose process was killed, its rows still in SQLite's log."""
    with writer(20) as process:
        assert process.stdout is not None
        number = process.stdout.readline().strip()
        process.stdout.readline()
        process.kill()
        process.communicate()
    return number


def test_records_of_a_full_disk_are_read() -> None:
    with Records() as records:
        record = begin(records)
        record.add_telemetry(1, row(elapsed_ms=1000))
        record.finish("duration", summarize(WAVE, "duration", [row(elapsed_ms=1000)]))
    assert not list(records.place.glob("*-wal"))
    assert "  1.0 s " in read_on_full_disk("records list")
    assert json.loads(read_on_full_disk("records export last"))["telemetry"][0]["elapsed_ms"] == 1000


def test_a_killed_session_is_read_on_a_full_disk() -> None:
    """Its last rows are in the log beside the database: they must not be overlooked."""
    number = killed_session()
    shown = json.loads(read_on_full_disk(f"records show {number} --json"))
    assert shown["ended"] == "interrupted"
    assert shown["summary"]["rows"] >= 15
    assert len(json.loads(read_on_full_disk(f"records export {number}"))["telemetry"]) == shown["summary"]["rows"]


def test_a_killed_session_has_its_figures() -> None:
    with Records() as records:
        record = begin(records)
        for number in range(5):
            values = row(state=protocol.ACTIVE, elapsed_ms=number * 100, commanded_ua=200, delivered_ua=190, phases=9)
            record.add_telemetry(number, values)
        record.add_telemetry(-1, row(state=protocol.ACTIVE, elapsed_ms=500, phases=10))  # from a status reply
        record.flush()
        number = record.number
        running = run_cli("records list").stdout
        assert "190 uA" in running and "running" in running
        record._lock.close()  # as the system does when the process dies
    for _ in ("read only", "marked by the next writer"):
        text = run_cli("records show last").stdout
        assert "interrupted" in text and "190 uA" in text
        with Records() as records:
            assert records.session(number)["summary"]["phases"] == 10


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
        f"schema 99, this one knows {VERSION}); earlier sessions are kept; update microcurrent, or "
        f"choose another place with --data-dir"
    )


NO_DATABASE = b"no database at all, but long enough to be looked at as one" * 20


@pytest.mark.parametrize("damage", ["foreign", "overwritten"])
def test_file_that_is_no_readable_database(tmp_path: Path, damage: str) -> None:
    place = tmp_path / "odd"
    with Records(str(place)) as records:
        begin(records).finish("duration", {})
    path = place / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(NO_DATABASE if damage == "foreign" else whole[:100] + b"x" * (len(whole) - 100))
    damaged = path.read_bytes()
    why = "file is not a database" if damage == "foreign" else "database disk image is malformed"
    for line in ("records list", "records show", "run square"):
        result = run_cli(f"{line} --data-dir {place} " + (f"--port {PORT}" if "run" in line else ""))
        assert (result.exit_code, result.stderr) == (
            9,
            f"error: {path} is not a readable database ({why}); nothing was changed; keep what can be read of it "
            f"with: microcurrent records repair; or choose another place with --data-dir\n",
        )
    assert path.read_bytes() == damaged


def test_columns_that_a_newer_firmware_brought(tmp_path: Path) -> None:
    with Records() as records:
        begin(records).finish("duration", {})
        path = records.path
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE telemetry DROP COLUMN worst_late_us")
    database.close()
    with open_stored() as stored:
        assert stored.telemetry("any") == []
    with Records() as records:
        record = begin(records)
        record.add_telemetry(1, row(worst_late_us=3))
        record.finish("duration", {})
        assert records.telemetry(record.number)[0]["worst_late_us"] == 3


# Telemetry of protocol 1: it ended with the fault.
FIRST_FIELDS = protocol.TELEMETRY_FIELDS[: protocol.TELEMETRY_FIELDS.index("fault") + 1]


def first_version() -> str:
    """Leave a session as version 0.1.0 wrote it; its id."""
    with Records() as records:
        record = begin(records)
        for number in range(4):
            values = row(state=protocol.ACTIVE, elapsed_ms=number * 100, commanded_ua=200, delivered_ua=190, phases=9)
            record.add_telemetry(number, {**values, "impedance_ohm": 9000})
        record.add_event("end", {"ev": "end", "t": [1] * len(FIRST_FIELDS)})
        record.finish("duration", {})
    with sqlite3.connect(records.path) as database:
        for name in protocol.TELEMETRY_FIELDS[len(FIRST_FIELDS) :]:
            database.execute(f"ALTER TABLE telemetry DROP COLUMN {name}")
    database.close()
    return record.number


@pytest.mark.parametrize("extended", [False, True], ids=["as it was", "with columns added since"])
def test_records_of_the_first_version(tmp_path: Path, extended: bool) -> None:
    """What it did not measure is unknown, in tables, exports and pictures: no 0 ohm, no 0 V, no 0 degrees."""
    number = first_version()
    if extended:
        with Records():
            pass
    with open_stored() as stored:
        rows = stored.telemetry(number)
        figures = stored.session(number)["summary"]
    assert [(found["series_ohm"], found["supply_mv"], found["sensing"]) for found in rows] == [(-1, 0, 0)] * 4
    assert (figures["delivered_mean_ua"], figures["series_ohm"], figures["supply_min_mv"]) == (190, None, None)
    shown = run_cli("records show last").stdout
    assert "impedance                            9000 ohm\n" in shown and "supply" not in shown
    exported = json.loads(run_cli("records export last").stdout)
    for found in (exported["telemetry"][0], exported["events"][0]["detail"]["t"]):
        assert [found[name] for name in ("series_ohm", "temperature_c", "supply_mv")] == [None, None, None]
    assert exported["events"][0]["detail"]["t"]["state"] == "RAMP_UP"
    assert run_cli(f"records plot last -o {tmp_path / 'x.png'}").exit_code == 0


def test_no_records_yet(tmp_path: Path) -> None:
    """A list of nothing is no failure; a session that is not there is one. Nothing is created by looking."""
    place = tmp_path / "data"
    listed = run_cli("records list")
    assert (listed.exit_code, listed.stdout) == (
        0,
        f"no sessions yet in {place}; they are recorded by: microcurrent run\n",
    )
    as_json = run_cli("records list --json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (0, [])
    for command in ("show last", "export", "plot 12"):
        result = run_cli(f"records {command}")
        assert (result.exit_code, result.stderr) == (
            9,
            f"error: there are no records in {place}; nothing was read; sessions are recorded by: microcurrent run\n",
        )
    assert not place.exists()


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
        "error: x.txt ends neither in .csv nor in .json or .parquet; nothing was written; choose one of them\n",
    )
    empty = run_cli(f"records plot last -o {tmp_path / 'x.png'}")
    assert empty.exit_code == 9
    assert "has no telemetry; nothing was drawn" in empty.stderr


def test_names_and_unknown_impedance_for_other_programs(tmp_path: Path) -> None:
    values = row(
        state=protocol.FAULT,
        contact=protocol.CONTACT_DRY,
        fault=faults.ESTOP,
        impedance_ohm=-1,
        series_ohm=-1,
        supply_mv=12_000,
        temperature_c=28,
    )
    with Records() as records:
        record = begin(records)
        record.add_telemetry(1, values)
        record.add_event("end", {"ev": "end", "t": list(values.values())})
        record.finish("estop", {})
    exported = json.loads(run_cli("records export").stdout)
    for found in (exported["telemetry"][0], exported["events"][0]["detail"]["t"]):
        assert (found["state"], found["contact"], found["fault"], found["impedance_ohm"]) == (
            "FAULT",
            "dry",
            "e-stop",
            None,
        )
        assert (found["series_ohm"], found["supply_mv"], found["temperature_c"]) == (None, 12_000, 28)
    run_cli(f"records export -o {tmp_path / 'x.csv'}")
    with open(tmp_path / "x.csv", newline="") as lines:
        line = next(csv.DictReader(lines))
    assert (line["state"], line["contact"], line["fault"], line["impedance_ohm"]) == ("FAULT", "dry", "e-stop", "")


PLAYED = [
    ({}, {}, ""),  # an older firmware does not tell
    ({}, {"phase_us": 50_000, "gap_us": 0, "alternate_ms": 0}, ""),
    ({"shape": "sine"}, {"phase_us": 0, "gap_us": 0, "alternate_ms": 0}, ""),
    (
        {"frequency_mhz": 1_000_000, "duty_permille": 700, "gap_us": 99},
        {"phase_us": 400, "gap_us": 100, "alternate_ms": 0, "sample_us": 100},
        "played on the board's 100 us grid: phase 400 us (asked 350 us), gap 100 us (asked 99 us)",
    ),
    (
        {"shape": "sine", "polarity": "alternate", "frequency_mhz": 300, "alternate_ms": 10_000},
        {"phase_us": 0, "gap_us": 0, "alternate_ms": 9999, "sample_us": 100},
        "played on the board's 100 us grid: polarity for 9999 ms (asked 10000 ms)",
    ),
]


@pytest.mark.parametrize(("asked", "accepted", "text"), PLAYED)
def test_what_the_boards_grid_changed_is_shown(asked: dict, accepted: dict, text: str) -> None:
    wave = checked_wave({**WAVE, **asked})
    with Records() as records:
        record = records.begin(wave, DEVICE, port="p", image=None, load=None)
        record.accepted(accepted)
        record.finish("duration", {})
        assert played_text(wave, accepted) == text
        older = {name: value for name, value in accepted.items() if name != "sample_us"}
        assert played_text(wave, older) == text.replace("100 us grid", "sample grid")
    shown = run_cli("records show").stdout
    assert (f"played     {text}\n" in shown) if text else "played" not in shown


def drawn(
    monkeypatch: pytest.MonkeyPatch, draw: Callable[[dict, list[dict]], None], impedances_ohm: list[int]
) -> Figure:
    """The picture of a session with these readings, before it becomes a file."""
    kept: list[Figure] = []
    monkeypatch.setattr(plotting, "_finish", lambda figure, *_rest: kept.append(figure))
    rows = [
        row(
            time_ms=5000 + index * 100,
            elapsed_ms=max(0, index - 1) * 100,
            sensing=index < 2,
            commanded_ua=200,
            delivered_ua=200,
            electrode_mv=2000,
            impedance_ohm=ohm,
        )
        for index, ohm in enumerate(impedances_ohm)
    ]
    draw({"id": "1"}, rows)
    kept[0].draw_without_rendering()
    return kept[0]


def test_both_pictures_show_the_whole_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every panel with its unit, and a delivered current that does not hide the commanded one."""
    samples = plotting.Samples([0, 1], [200, -200], [200, -200], [2000, -2000])
    whole = ["current (µA)", "voltage (V)", "charge (µC)", "contact", "impedance (kΩ)"]
    pictures = [
        (lambda session, rows: plotting.plot_record(session, rows, tmp_path), whole),
        (lambda session, rows: plotting.plot_run(session, rows, samples, tmp_path), [*whole[:2], *whole]),
    ]
    for draw, labels in pictures:
        figure = drawn(monkeypatch, draw, [9000] * 5)
        assert [axes.get_ylabel() for axes in figure.axes] == labels
        for axes in figure.axes:
            lines = axes.get_lines()
            if axes.get_ylabel() == "current (µA)":
                assert lines[0].get_linewidth() > 3 * lines[1].get_linewidth()
                assert lines[0].get_color() != lines[1].get_color()
                assert [str(line.get_label()).split(",")[0] for line in lines[:2]] == ["commanded", "delivered"]


def test_the_search_for_contact_has_its_place_in_the_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Time since the start, not session time: that stands still meanwhile."""
    figure = drawn(monkeypatch, lambda session, rows: plotting.plot_record(session, rows, tmp_path), [9000, -1, 9000])
    current, voltage, _charge, strip, impedance = figure.axes
    for axes in (current, voltage):
        assert np.asarray(axes.get_lines()[0].get_xdata()).tolist() == pytest.approx([0, 0.1, 0.2])
    assert np.asarray(impedance.get_lines()[0].get_ydata()).tolist() == pytest.approx([9, np.nan, 9], nan_ok=True)
    legend = strip.get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == ["seeking contact", "unknown"]


@pytest.mark.parametrize(
    ("impedances_ohm", "top_kohm"), [([9000] * 5, 15.3), ([9000, 9000, 4 * 10**7], 45.9), ([-1], 1)]
)
def test_electrodes_that_came_off_do_not_flatten_the_impedance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, impedances_ohm: list[int], top_kohm: float
) -> None:
    figure = drawn(monkeypatch, lambda session, rows: plotting.plot_record(session, rows, tmp_path), impedances_ohm)
    assert figure.axes[-1].get_ylim() == (0, pytest.approx(top_kohm))


def completed(line: str) -> list[str]:
    """What a shell offers behind `line`."""
    *before, typed = line.split(" ")
    found = ShellComplete(cli, {}, "microcurrent", "_MICROCURRENT_COMPLETE").get_completions(before, typed)
    return [item.value for item in found]


def test_ids_are_completed(tmp_path: Path) -> None:
    assert completed("records show ") == []
    with Records() as records:
        record = begin(records)
        record.finish("duration", {})
    for command in ("show", "export", "plot"):
        assert completed(f"records {command} ") == [record.number[:8], "last"]
        assert completed(f"records {command} {record.number[:3]}") == [record.number[:8]]
    assert completed(f"records show {record.number[:9]}") == [record.number]
    assert completed(f"records show --data-dir {tmp_path / 'none'} ") == []
    (records.path).write_bytes(NO_DATABASE)
    assert completed("records show ") == []


@pytest.mark.parametrize("schema", [FIRST, SECOND], ids=["schema 1", "schema 2"])
def test_some_columns_of_the_telemetry(tmp_path: Path, schema: str) -> None:
    """What a report reads is the same as of whole rows, also where the firmware did not send all of it."""
    leave(tmp_path / "data", schema)
    columns = series.COLUMNS
    for _ in range(2):  # as the older version left it, then migrated, with rows of this one
        with open_stored() as stored:
            for session in stored.sessions():
                for channel in (1, 2):
                    whole = stored.telemetry(session["id"], channel)
                    some = stored.telemetry(session["id"], channel, columns)
                    assert some == [{name: values.get(name, 0) for name in columns} for values in whole]
                    assert all(list(values)[:3] == ["seq", *protocol.TELEMETRY_FIELDS[:2]] for values in whole)
            assert any(stored.telemetry(each["id"]) for each in stored.sessions())
        with Records() as records:
            record = begin(records)
            record.add_telemetry(1, row(elapsed_ms=5, impedance_ohm=9000, commanded_ua=3))
            record.finish("duration", {})
