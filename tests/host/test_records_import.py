"""Exports of one session and of all, and their import on another machine: nothing lost, nothing twice."""

import csv
import io
import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from firmware.shared import protocol
from microcurrent import record_parquet
from microcurrent.errors import RecordError
from microcurrent.json_stream import CHUNK, JsonStream
from microcurrent.record_import import take_in
from microcurrent.record_reader import FILE_NAME, open_stored
from microcurrent.record_schema import VERSION
from microcurrent.records import Records
from microcurrent.summary import summarize

from .old_records import FIRST, SECOND, leave
from .test_records import DEVICE, WAVE, begin, killed_session, read_on_full_disk, row, run_cli
from .test_records_chain import edit, on_small_disk, recorded, three


def exported(line: str, place: Path) -> str:
    result = run_cli(f"records export {line} --data-dir {place}")
    assert result.exit_code == 0, result.stderr
    return result.stdout


def imported(file: Path, place: Path) -> str:
    result = run_cli(f"records import {file} --data-dir {place}")
    assert result.exit_code == 0, result.stderr
    return result.stdout


def odd_sessions(place: Path) -> None:
    """With what is rare: unknown readings, an impossible supply, text of any script, figures that nobody stored."""
    three(place)
    with Records(str(place)) as records:
        record = records.begin(WAVE, DEVICE, port="žlutý\u0000 \U0001f600", image={"a": [1.5e-9, None]}, load="")
        for number, (ohm, supply_mv) in enumerate([(-1, 0), (-7, -3), (2**63 - 1, 12_000)]):
            record.add_telemetry(number - 1, row(impedance_ohm=ohm, supply_mv=supply_mv, fault=77, temperature_c=-4))
        record.add_event("end", {"ev": "end", "t": list(range(len(protocol.TELEMETRY_FIELDS)))})
        record.add_event("end", {"ev": "end", "t": [1, 2, 3], "t2": list(range(99)), "text": 'quoted "\\ ünï'})
        record.finish("fault", {"error": "x"})
        begin(records).finish("duration", {})
    edit(place, "UPDATE events SET detail = '{ \"odd\" :  1e2}' WHERE kind = 'felt'")
    edit(place, "DELETE FROM chain")  # edited on purpose: as if recorded so
    killed = sqlite3.connect(place / FILE_NAME)
    killed.execute("UPDATE sessions SET summary = NULL, ended_utc = NULL, ended = 'interrupted' WHERE load = 'typical'")
    killed.commit()
    killed.close()


def first(place: Path) -> None:
    leave(place, FIRST)


def second(place: Path) -> None:
    leave(place, SECOND)


@pytest.mark.parametrize("make", [three, odd_sessions, first, second])
def test_round_trip(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """All at once and one by one; what comes out of the other machine is the same to the byte."""
    here = tmp_path / "here"
    make(here)
    with open_stored(str(here)) as stored:
        sessions = stored.sessions()
    whole = exported("--all", here)
    assert [each["id"] for each in json.loads(whole)["sessions"]] == [each["id"] for each in sessions]
    (tmp_path / "all.json").write_text(whole)
    there = tmp_path / "there"
    assert imported(tmp_path / "all.json", there).startswith(f"{len(sessions)} sessions imported into {there}")
    assert exported("--all", there) == whole
    for session in sessions:
        alone = exported(session["id"], here)
        assert alone == exported(session["id"], there)
        (tmp_path / "one.json").write_text(alone)
        imported(tmp_path / "one.json", tmp_path / "single")
    assert exported("--all", tmp_path / "single") == whole
    result = run_cli(f"records verify --data-dir {there}")
    assert (result.exit_code, f"among the links: {len(sessions)} imported" in result.stdout) == (0, True)
    with open_stored(str(there)) as stored, open_stored(str(here)) as own:
        for session in sessions:
            assert stored.content(session["id"]) == own.content(session["id"])


def test_what_is_here_already_is_skipped(tmp_path: Path) -> None:
    place, file = tmp_path / "data", tmp_path / "all.json"
    three(place)
    exported(f"--all -o {file}", place)
    assert "; 3 were here already" in imported(file, place)
    with Records() as records:
        recorded(records)
        before = records.verify().head
        assert take_in(records, file).known == [each["id"] for each in records.sessions()[1:]]
        assert records.verify().head == before
    told = json.loads(run_cli(f"records import {file} --json").stdout)
    assert (told["new"], len(told["known"])) == ([], 3)
    assert run_cli("records verify").exit_code == 0


def test_subject_and_screening_come_along(tmp_path: Path) -> None:
    numbers = three(tmp_path / "here")
    exported(f"--all -o {tmp_path / 'all.json'}", tmp_path / "here")
    imported(tmp_path / "all.json", tmp_path / "data")
    with open_stored() as stored:
        session = stored.session(numbers[0])
        assert (session["subject"], session["screening"]["answers"]) == ("anon", {"pacemaker": "no"})
        assert [(each["name"], each["sessions"]) for each in stored.subjects()] == [("anon", 1)]


def test_same_id_with_other_content(tmp_path: Path) -> None:
    number = three(tmp_path / "data")[1]
    file = tmp_path / "x.json"
    exported(f"--all -o {file}", tmp_path / "data")
    edit(tmp_path / "data", "UPDATE telemetry SET peak_ua = 3 WHERE session_id = ? AND seq = 1", number)
    before = exported("--all", tmp_path / "data")
    result = run_cli(f"records import {file}")
    assert (result.exit_code, result.stderr) == (
        9,
        f"error: session {number} of the file is here already, with other content; nothing was changed; compare the "
        f"two with: microcurrent records export {number[:8]}\n",
    )
    assert exported("--all", tmp_path / "data") == before


def test_a_session_that_runs(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    with Records() as records:
        recorded(records)
        record = begin(records)
        run_cli(f"records export {record.number} -o {file}")
        assert len(json.loads(run_cli("records export --all").stdout)["sessions"]) == 1
        record.finish("duration", {})
    result = run_cli(f"records import {file} --data-dir {tmp_path / 'there'}")
    assert f"session {record.number} still ran when it was exported; nothing was changed" in result.stderr


def test_not_while_a_session_runs(tmp_path: Path) -> None:
    """A long import would keep its rows waiting, and without a record it would be ramped down."""
    three(tmp_path / "here")
    exported(f"--all -o {tmp_path / 'x.json'}", tmp_path / "here")
    with Records() as records:
        record = begin(records)
        result = run_cli(f"records import {tmp_path / 'x.json'}")
        assert (result.exit_code, result.stderr) == (
            6,
            "error: a session runs; nothing was changed; import the file when it is over\n",
        )
        record.finish("duration", {})
    imported(tmp_path / "x.json", tmp_path / "data")


def test_a_killed_session_is_exported_from_a_full_disk(tmp_path: Path) -> None:
    number = killed_session()
    (tmp_path / "x.json").write_text(read_on_full_disk("records export --all"))
    imported(tmp_path / "x.json", tmp_path / "there")
    with open_stored(str(tmp_path / "there")) as stored, Records() as records:
        assert stored.content(number) == records.content(number)
        assert records.verify().kinds == {"interrupted": 1}


def good(place: Path) -> dict:
    recorded_at = place / "good"
    with Records(str(recorded_at)) as records:
        number = recorded(records, "anon")
    return json.loads(exported(number, recorded_at))


def without(name: str) -> Callable[[dict], object]:
    return lambda document: {key: value for key, value in document.items() if key != name}


def changed(name: str, value: object) -> Callable[[dict], object]:
    return lambda document: {**document, name: value}


def changed_row(**values: object) -> Callable[[dict], object]:
    return lambda document: {**document, "telemetry": [{**document["telemetry"][0], **values}]}


DAMAGED: dict[str, tuple[Callable[[dict], object], str]] = {
    "list": (lambda document: [document], "it is no export of records"),
    "number": (lambda _document: 5, "it is no export of records"),
    "foreign": (lambda _document: {"a": 1}, "it is no export of records"),
    "no format": (without("format"), "it is no export of records, or one of a version before"),
    "settings": (changed("format", "microcurrent settings"), "it is no export of records"),
    "newer": (changed("schema", VERSION + 1), f"it has schema {VERSION + 1}, this version knows {VERSION}"),
    "odd schema": (changed("schema", True), "it does not say its schema"),
    "path as id": (changed("id", "../../x"), "the id '../../x' is none of a session"),
    "no id": (without("id"), "the id '' is none of a session"),
    "number as id": (changed("id", 5), "is no text"),
    "other id": (changed("id", "0f9f4bd7-1be5-4f0c-8f63-0b8f2a1f6f01"), "is not as it was exported"),
    "odd subject": (changed("subject", "Jane Doe"), "the subject's pseudonym has ' ' at character 5"),
    "other subject": (changed("subject", "other"), "is not as it was exported"),
    "no wave": (without("wave"), "its wave is missing"),
    "odd wave": (changed("wave", {**WAVE, "shape": "x"}), "its wave has an unknown shape"),
    "zero frequency": (changed("wave", {**WAVE, "frequency_mhz": 0}), "its wave has a frequency_mhz of 0"),
    "no board": (changed("device", {}), "its device has no board"),
    "odd screening": (changed("screening", []), "its screening is no table"),
    "odd time": (changed("started_utc", "yesterday"), "Invalid isoformat string"),
    "local time": (changed("started_utc", "2026-01-01T10:00:00"), "does not say its time zone"),
    "odd column": (changed("x'); DROP TABLE sessions; --", "1"), "it has a column"),
    "content away": (without("content"), "is not as it was exported"),
    "row away": (lambda document: {**document, "telemetry": document["telemetry"][1:]}, "is not as it was exported"),
    "telemetry away": (without("telemetry"), "is not as it was exported"),
    "events away": (without("events"), "is not as it was exported"),
    "row twice": (lambda document: {**document, "telemetry": document["telemetry"][:1] * 2}, "have the same number"),
    "value": (changed_row(peak_ua=1), "is not as it was exported"),
    "text in a row": (changed_row(peak_ua="1"), "a row of its telemetry has an odd peak_ua"),
    "fraction in a row": (changed_row(peak_ua=1.5), "a row of its telemetry has an odd peak_ua"),
    "huge number": (changed_row(peak_ua=2**63), "a row of its telemetry has an odd peak_ua"),
    "unknown state": (changed_row(state="DANCING"), "a row of its telemetry has no known state"),
    "state of later": (changed_row(state="unknown-99"), "a row of its telemetry has an unknown state"),
    "odd field": (changed_row(mood=5), "a row of its telemetry has a column 'mood' that this version does not know"),
    "rows of a list": (changed("telemetry", [[1, 2]]), "a row of its telemetry is no table"),
    "rows of a text": (changed("telemetry", "x"), "'[' is missing"),
    "odd event": (changed("events", [{"at_utc": 5, "kind": "x", "detail": {}}]), "an event lacks its time"),
    "event of text": (changed("events", ["x"]), "an event is no table"),
    "surrogate": (changed("port", "\ud800"), "surrogates not allowed"),
    "odd figures": (changed("stored", {"summary": '{"phases": 1}'}), "is not as it was exported"),
    "sessions twice": (lambda document: {"format": document["format"], "schema": 3, "sessions": [document] * 2}, ""),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_and_foreign_files(tmp_path: Path, damage: Callable[[dict], object], why: str) -> None:
    three(tmp_path / "data")
    before = exported("--all", tmp_path / "data")
    file = tmp_path / "x.json"
    file.write_text(json.dumps(damage(good(tmp_path))))
    result = run_cli(f"records import {file}")
    if not why:  # the second of the two is known by then
        assert result.stdout.endswith("; 1 were here already\n")
        return
    assert result.exit_code == 9
    assert result.stderr.startswith(f"error: {file} cannot be imported: "), result.stderr
    assert why in result.stderr
    assert result.stderr.endswith("; nothing was changed; export it again with: microcurrent records export\n")
    assert exported("--all", tmp_path / "data") == before
    assert run_cli("records verify").exit_code == 0


def test_all_or_nothing(tmp_path: Path) -> None:
    """The last of three is damaged: the first two are not taken in either."""
    three(tmp_path / "here")
    document = json.loads(exported("--all", tmp_path / "here"))
    document["sessions"][2]["telemetry"][0]["peak_ua"] = 77
    (tmp_path / "x.json").write_text(json.dumps(document))
    assert run_cli(f"records import {tmp_path / 'x.json'}").exit_code == 9
    assert json.loads(run_cli("records list --json").stdout) == []
    with open_stored() as stored:
        assert stored.subjects() == []
        assert stored.verify().kinds == {}


NO_JSON = {
    "empty": b"",
    "garbage": bytes(range(256)) * 50,
    "no text": b'{"format": "\xff"}',
    "deep": b'{"a": ' + b"[" * 200_000,
    "nan": b'{"format": NaN}',
    "infinite": b'{"format": 1e999}',
    "long number": b'{"format": ' + b"9" * 5000 + b"}",
    "two": b"{} {}",
    "comma": b'{"format": 1,}',
    "database": b"SQLite format 3\0" + b"\0" * 5000,
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
def test_files_that_are_no_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    result = run_cli(f"records import {tmp_path / 'x.json'}")
    assert (result.exit_code, "cannot be imported: " in result.stderr) == (9, True), result.stderr


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "(No such file or directory); nothing was changed" in run_cli(f"records import {tmp_path / 'x'}").stderr
    assert run_cli(f"records import {tmp_path}").exit_code == 2


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("text")
    three(place / "here")
    return exported("--all", place / "here")


def damaged(text: str, data: st.DataObject) -> str:
    """`text` with one character changed, a piece cut out or the end cut off."""
    at = data.draw(st.integers(0, len(text) - 1))
    until = data.draw(st.sampled_from([at + 1, at + 50, len(text)]))
    return text[:at] + data.draw(st.sampled_from(["", "0", "x", '"', "{", "\x00"])) + text[until:]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused(text: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """One character changed, a piece cut out, the end cut off: refused with a sentence, or nothing has changed."""
    place = tmp_path_factory.mktemp("damaged")
    (place / "x.json").write_text(damaged(text, data))
    with Records(str(place)) as records:
        records._db.execute("PRAGMA synchronous = OFF")
        try:
            take_in(records, place / "x.json")
        except RecordError:
            assert records.sessions() == records.subjects() == []
        else:  # white space, or the name of a member that stands for nothing
            assert all(records.content(each["id"]) in text for each in records.sessions())
        assert records.verify().problems == []


def test_any_layout_of_the_same_json(tmp_path: Path, text: str) -> None:
    """Another program may sort the names, so that the rows stand before the id, and indent as it likes."""
    for number, indent in enumerate((None, 0, 8)):
        document = json.loads(text)
        document["sessions"] = [dict(sorted(each.items(), reverse=number == 1)) for each in document["sessions"]]
        (tmp_path / "x.json").write_text("\ufeff" + json.dumps(document, indent=indent))
        imported(tmp_path / "x.json", tmp_path / f"there{number}")
        assert exported("--all", tmp_path / f"there{number}") == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


class Slow(io.StringIO):
    """A file that gives a few characters at a time."""

    def read(self, size: int | None = -1) -> str:
        return super().read(3)


@settings(max_examples=40, deadline=None)
@given(document=st.dictionaries(st.text(), st.lists(JSON)), indent=st.none() | st.integers(0, 3))
def test_json_piece_by_piece(document: dict, indent: int | None) -> None:
    written = json.dumps(document, indent=indent)
    for handle in (io.StringIO(written), Slow(written)):
        stream = JsonStream(handle)
        assert {name: [stream.value() for _ in stream.items()] for name in stream.members()} == document
        stream.end()
    for end in range(0, len(written), 1 + len(written) // 20):
        with pytest.raises(ValueError):
            stream = JsonStream(io.StringIO(written[:end]))
            for _ in stream.members():
                stream.value()
            stream.end()


def test_a_long_session(tmp_path: Path) -> None:
    """Half an hour at 30 rows a second: several times what is held in memory at once."""
    with Records(str(tmp_path / "here")) as records:
        record = begin(records)
        rows = [row(state=protocol.ACTIVE, elapsed_ms=33 * number, phases=number) for number in range(54_000)]
        for number, values in enumerate(rows):
            record.add_telemetry(number, values)
        record.finish("duration", summarize(WAVE, "duration", rows))
    file = tmp_path / "x.json"
    exported(f"-o {file}", tmp_path / "here")
    assert file.stat().st_size > 50 * CHUNK
    imported(file, tmp_path / "data")
    with open_stored() as stored:
        assert len(stored.telemetry(record.number)) == 54_000
        assert stored.verify().problems == []


def test_csv_of_all(tmp_path: Path) -> None:
    numbers = three(tmp_path / "data")
    assert "9 rows of 3 sessions written to" in exported(f"--all -o {tmp_path / 'x.csv'}", tmp_path / "data")
    with open(tmp_path / "x.csv", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert [line["session_id"] for line in lines] == [number for number in reversed(numbers) for _ in range(3)]
    assert (lines[-1]["subject"], lines[0]["subject"], lines[0]["state"]) == ("anon", "", "OFF")
    assert (lines[3]["channel2_commanded_ua"], lines[0]["channel2_commanded_ua"]) == ("7", "")
    assert list(lines[0])[:4] == ["session_id", "started_utc", "subject", "seq"]
    exported(f"-o {tmp_path / 'one.csv'}", tmp_path / "data")
    assert (tmp_path / "one.csv").read_text().startswith("seq,time_ms,")


def test_parquet(tmp_path: Path) -> None:
    numbers = three(tmp_path / "data")
    exported(f"--all -o {tmp_path / 'x.parquet'}", tmp_path / "data")
    exported(f"{numbers[0]} -o {tmp_path / 'one.parquet'}", tmp_path / "data")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert (table.num_rows, parquet.read_table(tmp_path / "one.parquet").num_rows) == (9, 3)
    assert table["session_id"].to_pylist() == [number for number in reversed(numbers) for _ in range(3)]
    assert table["commanded_ua"].to_pylist() == [7] * 9
    assert table["channel2_commanded_ua"].to_pylist() == [None] * 3 + [7] * 3 + [None] * 3
    assert set(table["state"].to_pylist()) == {"OFF"}
    sessions = json.loads((table.schema.metadata or {})[record_parquet.METADATA_KEY.encode()])
    assert [(each["id"], each.get("subject")) for each in sessions[2:]] == [(numbers[0], "anon")]


def test_parquet_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three(tmp_path / "data")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)  # as Python marks what cannot be imported
    result = run_cli(f"records export --all -o {tmp_path / 'x.parquet'}")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: Parquet needs the library pyarrow, which is not installed; nothing was written; install it with: "
        "pip install 'microcurrent[parquet]', or choose .csv\n",
    )
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_exports_of_nothing(tmp_path: Path, ending: str) -> None:
    with Records() as records:
        begin(records).finish("stopped", {})
    for line in ("last", "--all"):
        file = tmp_path / f"{line}.{ending}"
        assert run_cli(f"records export {line} -o {file}").exit_code == 0
        assert file.exists()


def test_export_to_places_that_refuse(tmp_path: Path) -> None:
    three(tmp_path / "data")
    result = run_cli(f"records export --all -o {tmp_path / 'none' / 'x.json'}")
    assert (result.exit_code, "the records are kept; choose another place" in result.stderr) == (9, True)
    (tmp_path / "full.json").symlink_to("/dev/full")
    for ending in ("json", "csv", "parquet"):
        (tmp_path / f"full.{ending}").unlink(missing_ok=True)
        (tmp_path / f"full.{ending}").symlink_to("/dev/full")
        result = run_cli(f"records export --all -o {tmp_path / f'full.{ending}'}")
        assert (result.exit_code, "(No space left on device)" in result.stderr) == (9, True), result.stderr
    assert Path("/dev/full").exists()
    assert not list(tmp_path.glob(".*"))
    assert run_cli("records export last --all").exit_code == 2


def test_import_on_a_full_disk(tmp_path: Path) -> None:
    """A file-size limit stands for the full disk: nothing is left of what was taken in."""
    with Records(str(tmp_path / "here")) as records:
        for _ in range(2):
            record = begin(records)
            for number in range(5000):
                record.add_telemetry(number, row(elapsed_ms=number))
            record.finish("duration", {})
    exported(f"--all -o {tmp_path / 'x.json'}", tmp_path / "here")
    with Records():
        pass
    code, errors = on_small_disk(f"records import {tmp_path / 'x.json'}", 300_000)
    assert (code, "free some space" in errors) == (9, True), errors
    with open_stored() as stored:
        assert stored.sessions() == []


def test_clock_set_back(tmp_path: Path) -> None:
    """The order is that in which sessions began; those that contradict it are marked, and nothing else changes."""
    numbers = three(tmp_path / "data")
    for number, started in zip(numbers, ("2026-05-02T10", "2026-05-01T10", "2026-05-03T10"), strict=True):
        edit(
            tmp_path / "data", "UPDATE sessions SET started_utc = ? WHERE id = ?", f"{started}:00:00.000+00:00", number
        )
    edit(tmp_path / "data", "DELETE FROM chain")
    listed = run_cli("records list").stdout.splitlines()[2:]
    assert [line[:8] for line in listed] == [number[:8] for number in reversed(numbers)]
    assert [line.endswith("; clock was set back") for line in listed] == [False, True, False]
    assert [each.get("clock_set_back") for each in json.loads(run_cli("records list --json").stdout)] == [
        None,
        True,
        None,
    ]
    assert "clock      was set back" in run_cli(f"records show {numbers[1]}").stdout
    assert json.loads(run_cli(f"records show {numbers[1]} --json").stdout)["clock_set_back"] is True
    assert "was set back" not in run_cli("records show last").stdout
    assert "clock_set_back" not in run_cli(f"records export {numbers[1]}").stdout
    # What is imported took place by another clock.
    there = tmp_path / "there"
    three(there)
    exported(f"--all -o {tmp_path / 'x.json'}", tmp_path / "data")
    imported(tmp_path / "x.json", there)
    listed = run_cli(f"records list --data-dir {there}").stdout
    assert "set back" not in listed
    assert [line[:8] for line in listed.splitlines()[-3:]] == [numbers[2][:8], numbers[0][:8], numbers[1][:8]]
