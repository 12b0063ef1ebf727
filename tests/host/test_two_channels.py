"""Sessions with two channels: what is sent, said, kept, and shown of it, with a scripted board on the link."""

import csv
import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from firmware.shared import faults, protocol
from microcurrent import plotting, transport
from microcurrent.cli.progress import SessionProgress, row_lines, row_text
from microcurrent.client import DeviceClient
from microcurrent.figures import table_rows
from microcurrent.record_reader import open_stored
from microcurrent.records import FILE_NAME, Records
from microcurrent.summary import summarize
from microcurrent.treatment import Treated

from .conftest import run_cli
from .test_session import ScriptedDevice, treat_on
from .two import FIRST_ROW, SECOND, SECOND_ROW, WAVE, Story, board, fields, telemetry, whole


def session_of(story: Story, notes: list[str] | None = None, wave2: dict | None = SECOND) -> Treated:
    with Records() as records:
        return treat_on(story.device, records, WAVE, count=story.happen, notes=notes, wave2=wave2)


def test_both_channels_are_asked_for_and_kept() -> None:
    story = Story(*[telemetry()] * 4)
    done = session_of(story)
    assert story.device.asked["arm"] == {"wave": WAVE, "wave2": SECOND}
    assert not {"duration_ms", "ramp_ms", "sample_us"} & SECOND.keys()
    with open_stored() as stored:
        kept = stored.session(done.number)
        rows, rows2 = (stored.telemetry(done.number, channel) for channel in (1, 2))
    assert [row["seq"] for row in rows] == [row["seq"] for row in rows2] == [5, 1, 2, 3, 4]  # the last is of its end
    assert [row["delivered_ua"] for row in rows2] == [0, 31, 31, 31, 31]
    assert (kept["wave2"], kept["accepted"]["terms2"]) == (SECOND, {"amplitude_ua": 50})
    first, second = kept["summary"], kept["summary"]["channel2"]
    assert (first["delivered_mean_ua"], first["impedance_ohm"], first["rows"]) == (199, 9000, 5)
    assert (second["delivered_mean_ua"], second["impedance_ohm"], second["rows"]) == (31, 4000, 5)
    assert (first["commanded_mean_ua"], second["commanded_mean_ua"]) == (200, 32)  # a sine has 2/pi of its peak


def test_lost_rows_come_back_with_their_second_half() -> None:
    device = board()
    lost = [[seq, fields(**FIRST_ROW, samples=seq), fields(**SECOND_ROW, samples=seq)] for seq in (2, 3)]
    device.answers["replay"] = {"rows": [*lost, [4, fields(**FIRST_ROW), None]]}
    client = DeviceClient(device)
    device.tell(telemetry())
    for seq in (2, 3, 4):  # as if lost on the way
        device.skip(seq)
    device.tell(telemetry())
    events = [client.next_event(0.1) for _ in range(5)]
    assert [event and event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert [event and ("t2" in event) for event in events] == [True, True, True, False, True]
    assert events[1] == {"ev": "telemetry", "seq": 2, "t": lost[0][1], "t2": lost[0][2]}
    assert device.asked["replay"] == {"from_seq": 2, "count": 3}


EVENTS: list[dict] = [
    {"ev": "contact", "impedance_ohm": 5143, "session": 1, "channel": 2},
    {"ev": "lift-off", "count": 1, "session": 1, "channel": 1},
    {"ev": "changed", "session": 1, "channel": 2, "wave": {"amplitude_ua": 40}},
    {"ev": "fault", "code": faults.OVER_CURRENT, "reading": 412, "limit": 300, "session": 1, "channel": 2},
    {"ev": "fault", "code": faults.ESTOP, "reading": 0, "limit": 0, "session": 1, "channel": 1},
]
ONE = [
    "contact found: 5143 ohm",
    "contact lost (lift-off 1)",
    "changed: --amplitude 40uA",
    "fault 1 over-current: the measured current left the window around the set-point (measured 412 uA, limit 300 uA); "
    "output is off and latched; Check the electrode wiring and the output stage, then run: microcurrent faults clear",
    "fault 9 e-stop: the emergency stop is open; output is off and latched; Close the emergency stop, then run: "
    "microcurrent faults clear",
]
TWO = [
    "channel 2: contact found: 5143 ohm",
    "channel 1: contact lost (lift-off 1); both channels are back at 8 uA until both have contact, then both ramp up "
    "again",
    "channel 2: changed: --amplitude 40uA",
    ONE[3].replace("over-current:", "over-current on channel 2:"),
    ONE[4],  # the board's, of no channel
]


@pytest.mark.parametrize(("wave2", "texts"), [(None, ONE), (SECOND, TWO)], ids=["one", "two"])
def test_the_channel_is_named_where_there_are_two(wave2: dict | None, texts: list[str]) -> None:
    notes: list[str] = []
    done = session_of(Story(*[dict(event) for event in EVENTS]), notes, wave2)
    assert notes[:-1] == texts and notes[-1] == "output off"
    assert done.outcome.fault == texts[-1]
    shown = run_cli("records show").stdout
    assert ("channel" in shown) == (wave2 is not None)


def test_terms_of_the_second_channel_that_are_not_as_asked() -> None:
    story, notes = Story(), []
    story.device.accepts = {"phase_us": 50_000, "sample_us": 100, "terms2": {"alternate_ms": 9999}}
    session_of(story, notes, SECOND | {"polarity": "alternate"})
    text = "played on the board's 100 us grid: polarity for 9999 ms (asked 10000 ms)"
    assert notes == [f"channel 2: {text}", "output off"]
    assert f"played 2   {text}\n" in run_cli("records show").stdout


def test_what_records_show_of_two_channels(tmp_path: Path) -> None:
    session_of(Story(*[telemetry()] * 3), wave2=SECOND | {"frequency_mhz": 10_000, "phase_deg": 90})
    listed = run_cli("records list").stdout
    assert "200uA 10Hz square biphasic + 50uA 10Hz sine biphasic locked at 90deg" in listed
    assert "199 uA + 31 uA" in listed
    shown = run_cli("records show").stdout
    assert "waveform   200uA 10Hz square biphasic\nchannel 2  50uA 10Hz sine biphasic locked at 90deg\n" in shown
    assert "area       0mm2, channel 2 1cm2\n" in shown
    assert "t2=" not in shown
    exported = json.loads(run_cli("records export").stdout)
    assert [row["delivered_ua"] for row in exported["telemetry2"]] == [0, 31, 31, 31]
    assert exported["events"][-1]["detail"]["t2"]["state"] == "OFF"
    run_cli(f"records export -o {tmp_path / 'x.csv'}")
    with open(tmp_path / "x.csv", newline="") as lines:
        line = list(csv.DictReader(lines))[-1]
    names = ("delivered_ua", "channel2_delivered_ua", "channel2_contact", "channel2_impedance_ohm")
    assert [line[name] for name in names] == ["199", "31", "good", "4000"]
    assert run_cli(f"records plot -o {tmp_path / 'x.png'}").exit_code == 0


def test_one_channel_leaves_no_trace_of_a_second() -> None:
    done = session_of(Story(telemetry()), wave2=None)
    for line in ("list --json", "show --json", "export"):
        text = run_cli(f"records {line}").stdout
        assert not [name for name in ("wave2", "load2", "telemetry2", "channel2") if name in text]
    assert done.outcome.rows2 == [] and "channel" not in str(table_rows(done.summary))


def test_the_picture_has_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept: list[Figure] = []
    monkeypatch.setattr(plotting, "_finish", lambda figure, *_rest: kept.append(figure))
    session = {"id": "1", "wave": WAVE, "wave2": SECOND}
    plotting.plot_record(session, [whole(**FIRST_ROW)] * 3, tmp_path, [whole(**SECOND_ROW)] * 3)
    kept[0].draw_without_rendering()
    panels = ["current (µA)", "voltage (V)", "charge (µC)", "contact", "impedance (kΩ)"]
    assert [axes.get_ylabel() for axes in kept[0].axes] == panels * 2
    delivered = [axes.get_lines()[1].get_ydata() for axes in kept[0].axes if axes.get_ylabel() == panels[0]]
    assert [np.asarray(values).tolist() for values in delivered] == [[199] * 3, [31] * 3]
    heads = [part.get_suptitle() for part in kept[0].subfigs]
    assert heads == ["Channel 1: 200uA 10Hz square biphasic", "Channel 2: 50uA 40Hz sine biphasic"]


def test_the_final_table_has_one_part_per_channel() -> None:
    rows, rows2 = [whole(**FIRST_ROW, supply_mv=12_000)] * 3, [whole(**SECOND_ROW)] * 3
    table = table_rows(summarize(WAVE, "duration", rows, SECOND, rows2))
    names = [row[0] for row in table]
    assert [name for name in names if not name.startswith(" ")] == ["channel 1", "channel 2", "both"]
    peaks = [row for row in table if row[0].strip() == "current, mean of a phase"]
    assert [row[1:] for row in peaks] == [("200 uA", "199 uA"), ("32 uA", "31 uA")]
    shared = (
        "supply",
        "temperature, highest",
        "late interrupts",
        "longest interrupt",
        "bus errors",
        "duration",
        "ended",
    )
    assert names[names.index("both") :] == ["both", *(f"  {name}" for name in shared)]


def test_the_live_display_has_two_lines_more(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = whole(**FIRST_ROW), whole(**SECOND_ROW)
    lines = row_lines(first, second)
    assert lines[:2] == row_lines(first) and len(lines) == 4
    assert lines[0].index("commanded") == lines[2].index("commanded") and "channel 2" in lines[2]
    assert "delivered   31 uA" in lines[2] and "4000 ohm" in lines[3]
    assert max(len(line) for line in lines) <= 80
    SessionProgress().row(first, second)
    assert capsys.readouterr().err == f"{row_text(first, second)}\n"
    assert row_text(first, second).startswith(row_text(first) + "  channel 2  commanded   50 uA")


STATUS = {
    "state": "ACTIVE", "fault": 0, "session": 1, "estop": 0, "gate": 1, "end": "none", "uptime_ms": 1, "reset": "power",
    "telemetry": fields(**FIRST_ROW), "telemetry2": fields(**SECOND_ROW), "wave": {}, "wave2": {"amplitude_ua": 50},
}  # fmt: skip


@pytest.fixture
def dual(monkeypatch: pytest.MonkeyPatch) -> ScriptedDevice:
    """A board with two channels in mid-session, behind the port that the command line uses."""
    device = board()
    device.answers["status"] = dict(STATUS)
    monkeypatch.setitem(transport.OPENERS, "bench", lambda _name: device)
    return device


def test_status_and_monitor_show_both(dual: ScriptedDevice) -> None:
    text = run_cli("status").stdout
    assert "contact      good, channel 2: good\n" in text
    assert "channel 2    commanded   50 uA  delivered   31 uA" in text
    assert "  channel 2  commanded   50 uA" in run_cli("monitor --duration 1ms").stdout
    for command in ("status", "monitor --duration 1ms"):
        found = json.loads(run_cli(f"{command} --json").stdout)
        assert (found["telemetry"]["delivered_ua"], found["telemetry2"]["delivered_ua"]) == (199, 31)
        assert found["telemetry2"]["contact"] == "good"
    dual.answers["status"] |= {"telemetry2": None, "wave2": None}
    for command in ("status", "monitor --duration 1ms"):
        assert "channel" not in run_cli(command).stdout


def test_change_of_the_second_channel(dual: ScriptedDevice) -> None:
    dual.answers["change"] = {"session": 1, "amplitude_ua": 200, "terms2": {"amplitude_ua": 40}}
    assert run_cli("change --channel 2 --amplitude 40uA").stdout == "session 1, channel 2: up to 40uA now\n"
    assert dual.asked["change"] == {"session": 1, "wave2": {"amplitude_ua": 40}}
    assert run_cli("change --amplitude 200uA").stdout == "session 1: up to 200uA now\n"
    assert dual.asked["change"] == {"session": 1, "wave": {"amplitude_ua": 200}}
    dual.answers["status"] |= {"wave2": None}
    del dual.asked["change"]
    refused = run_cli("change --channel 2 --amplitude 40uA")
    assert (refused.exit_code, "change" in dual.asked) == (2, False)
    assert refused.stderr.startswith("error: --channel 2: the session has one channel; nothing was sent; ")


@pytest.mark.parametrize("line", ["--frequency 20Hz", "sine"])
def test_locked_channels_keep_frequency_and_form(dual: ScriptedDevice, line: str) -> None:
    dual.answers["status"] |= {"wave2": SECOND | {"phase_deg": 90}}
    refused = run_cli(f"change {line}")
    assert (refused.exit_code, "change" in dual.asked) == (2, False)
    assert "the channels of this session are locked by --phase, and keep their frequency and form; " in refused.stderr
    dual.answers["change"] = {"session": 1, "amplitude_ua": 90}
    assert run_cli("change --amplitude 90uA").stdout == "session 1: up to 90uA now\n"


def test_a_lift_off_in_the_ramp_down_ends_the_session() -> None:
    notes: list[str] = []
    down = {"ev": "state", "from": "ACTIVE", "to": "RAMP_DOWN", "session": 1}
    session_of(Story(down, dict(EVENTS[1])), notes)
    assert "channel 1: contact lost (lift-off 1)" in notes


@pytest.mark.parametrize(("channels", "where"), [(1, ""), (2, " on channel 2")])
def test_faults_name_the_channel(dual: ScriptedDevice, channels: int, where: str) -> None:
    dual.answers["hello"] |= {"channels": channels}
    fault = {"code": faults.SHORT, "name": "short", "reading": 5, "limit": 100, "session": 1, "channel": 2}
    dual.answers["faults"] = fault | {"samples": "", "state": "ACTIVE"}
    text = f"fault 20 short{where}: the electrodes measure"
    assert run_cli("faults").stdout.startswith(text)
    refused = run_cli("run square")
    assert (refused.exit_code, refused.stderr.startswith(f"error: {text}")) == (7, True)


# As version 0.2 wrote it: sessions had one channel.
SCHEMA_1 = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, started_utc TEXT NOT NULL, ended_utc TEXT, ended TEXT, port TEXT,
    wave TEXT NOT NULL, device TEXT NOT NULL, image TEXT, load TEXT, accepted TEXT, summary TEXT);
CREATE TABLE telemetry (session_id TEXT NOT NULL REFERENCES sessions(id), seq INTEGER NOT NULL,
    {columns}, PRIMARY KEY (session_id, seq)) WITHOUT ROWID;
CREATE TABLE events (session_id TEXT NOT NULL REFERENCES sessions(id), at_utc TEXT NOT NULL,
    kind TEXT NOT NULL, detail TEXT NOT NULL);
PRAGMA user_version = 1;
"""


def old_database(place: Path) -> None:
    """One finished session in a file of schema 1."""
    place.mkdir()
    database = sqlite3.connect(place / FILE_NAME)
    database.executescript(SCHEMA_1.format(columns=", ".join(f"{name} INTEGER" for name in protocol.TELEMETRY_FIELDS)))
    device = json.dumps({"board": "b", "uid": "u", "firmware": "0.2.0", "micropython": "1", "manifest": "m"})
    kept = ("old", "2026-01-01T00:00:00", "2026-01-01T00:01:00", "duration", "p", json.dumps(WAVE), device)
    database.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 'typical', NULL, NULL)", kept)
    marks = ", ".join("?" * len(protocol.TELEMETRY_FIELDS))
    for seq in range(3):
        database.execute(f"INSERT INTO telemetry VALUES ('old', {seq}, {marks})", fields(**FIRST_ROW))
    database.commit()
    database.close()


def test_a_database_of_sessions_with_one_channel(tmp_path: Path) -> None:
    """Read as it is; given its new place for a second channel by the first session that is recorded in it."""
    place = tmp_path / "data"
    old_database(place)
    before = (place / FILE_NAME).read_bytes()
    for _ in ("read only", "migrated"):
        with open_stored() as stored:
            assert (len(stored.telemetry("old")), stored.telemetry("old", 2)) == (3, [])
        shown = run_cli("records show old").stdout
        assert "199 uA" in shown and "channel" not in shown
        assert "telemetry2" not in run_cli("records export old").stdout
        assert run_cli(f"records plot old -o {tmp_path / 'x.png'}").exit_code == 0
        if before:
            assert (place / FILE_NAME).read_bytes() == before
            before = b""
            session_of(Story(telemetry()))
    assert len(run_cli("records list").stdout.splitlines()) == 4
    assert run_cli("records show last").stdout.count("channel 2") >= 2


def test_a_killed_session_of_two_channels_has_both_figures() -> None:
    with Records() as records:
        device = {"board": "b", "uid": "u", "firmware": "0.2.0", "micropython": "1", "manifest": "m"}
        record = records.begin(WAVE, device, port="p", image=None, load="typical", wave2=SECOND, load2="dry")
        for seq in range(3):
            record.add_telemetry(seq, whole(**FIRST_ROW), whole(**SECOND_ROW))
        record.flush()
        record._lock.close()  # as the system does when the process dies
    shown = run_cli("records show last").stdout
    assert "interrupted" in shown and "199 uA" in shown and "31 uA" in shown
    assert "load       typical, channel 2 dry (virtual)\n" in shown
