"""Records of every schema: what older versions wrote is read and migrated; what treatments keep comes back."""

import json
import sqlite3
from pathlib import Path

import pytest

from microcurrent import subjects
from microcurrent.errors import BadValueError
from microcurrent.record_reader import FILE_NAME, open_stored
from microcurrent.record_schema import VERSION
from microcurrent.records import Records

from .old_records import FIRST, SECOND, leave
from .test_records import DEVICE, WAVE, begin, row, run_cli

STEP = {"index": 1, "site": "cheek", "side": "left", "amplitude_ua": 80, "limit_ua": 300}
PROGRAMME = {"name": "lift", "title": "Lift", "version": "2", "steps": [STEP]}
SCREENING = {
    "id": "s1",
    "subject": "anon-1",
    "at_utc": "2026-01-01",
    "answers": {"pacemaker": "no"},
    "outcome": "clear",
}


@pytest.mark.parametrize("schema", [FIRST, SECOND], ids=["schema 1", "schema 2"])
def test_files_of_older_schemas(tmp_path: Path, schema: str) -> None:
    """They are read as they are, and after the migration as before."""
    leave(tmp_path / "data", schema)
    with open_stored() as stored:
        before = stored.sessions()
        rows = {each["id"]: stored.telemetry(each["id"]) for each in before}
        assert stored.rows("courses") == stored.subjects() == []
    assert [each["ended"] for each in before] == ["interrupted", "duration"]
    assert not {"subject", "programme", "screening", "course", "calibration"} & before[0].keys()
    assert ("wave2" in before[1]) == (schema == SECOND)
    with Records() as records:
        assert records.sessions() == before
        assert {each["id"]: records.telemetry(each["id"]) for each in before} == rows
        record = records.begin(WAVE, DEVICE, port="p", image=None, load=None, subject="anon-1", programme=PROGRAMME)
        record.finish("finished", {})
        assert records.session(record.number)["programme"] == PROGRAMME
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
    database.close()
    for line in ("list", "show last", f"export {before[0]['id']}"):
        assert run_cli(f"records {line}").exit_code == 0


def test_what_a_treatment_keeps() -> None:
    with Records() as records:
        record = records.begin(
            WAVE,
            DEVICE,
            port="p",
            image=None,
            load=None,
            subject="anon-1",
            programme=PROGRAMME,
            screening=SCREENING,
            course="c1",
            calibration="k1",
        )
        record.add_telemetry(1, row(elapsed_ms=5))
        granted = {**PROGRAMME, "steps": [{**STEP, "amplitude_ua": 64}]}
        record.finish("finished", {"steps": [], "felt": 0}, programme=granted)
        begin(records).finish("duration", {})
    with open_stored() as stored:
        session = stored.session(record.number)
        kept = {name: session[name] for name in ("subject", "programme", "screening", "course", "calibration")}
        assert kept == {
            "subject": "anon-1",
            "programme": granted,
            "screening": SCREENING,
            "course": "c1",
            "calibration": "k1",
        }
        assert not kept.keys() & stored.session("last").keys()
        (found,) = subjects.listed(stored)
        assert (found["name"], found["sessions"], found["last_utc"]) == ("anon-1", 1, session["started_utc"])


def test_tables_of_treatments() -> None:
    threshold = {"id": "t1", "subject": "b", "site": "cheek", "side": "left", "at_utc": "now", "threshold_ua": 120}
    course = {
        "id": "c1",
        "subject": "a",
        "programme": "lift",
        "plan": {"name": "x", "phases": []},
        "created_utc": "now",
    }
    with Records() as records:
        records.add("thresholds", {**threshold, "detail": {"wave": WAVE}})
        records.add("courses", course)
        records.change("courses", "c1", {"ended_utc": "later"})
        assert subjects.ensure(records, "c") == subjects.ensure(records, "c") == "c"
        with pytest.raises(BadValueError):
            records.add("courses", {**course, "subject": "no good"})
    with open_stored() as stored:
        assert stored.rows("thresholds", "a") == stored.rows("screenings") == []
        assert stored.rows("thresholds", "b") == [{**threshold, "detail": {"wave": WAVE}}]
        assert stored.rows("courses") == [{**course, "ended_utc": "later"}]
        assert [(each["name"], each["thresholds"], each["courses"]) for each in subjects.listed(stored)] == [
            ("a", 0, 1),
            ("b", 1, 0),
            ("c", 0, 0),
        ]


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "x" * 32, "."])
def test_pseudonyms(name: str) -> None:
    assert subjects.checked(name) == name


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("", "is empty"),
        ("x" * 33, "has 33 characters, at most 32 are taken"),
        ("a b", "has ' ' at character 2"),
        ("müller", "has '\\xfc' at character 2"),
        ("a/../b", "has '/' at character 2"),
        ("a\n", "has '\\n' at character 2"),
        ("a\0", "has '\\x00' at character 2"),
        ("\ud800", "has '\\ud800' at character 1"),
        ("\u0661", "has '\\u0661' at character 1"),
    ],
)
def test_odd_pseudonyms(name: str, odd: str) -> None:
    with pytest.raises(BadValueError) as caught:
        subjects.checked(name)
    assert odd in str(caught.value) and "nothing was started; use 1 to 32 letters" in str(caught.value)
    str(caught.value).encode()  # what a terminal can show
    with Records() as records, pytest.raises(BadValueError):
        records.begin(WAVE, DEVICE, port="p", image=None, load=None, subject=name)
    with open_stored() as stored:
        assert stored.sessions() == []


def test_json_of_a_treatment_is_printed() -> None:
    with Records() as records:
        records.begin(WAVE, DEVICE, port="p", image=None, load=None, subject="a", programme=PROGRAMME).finish("x", {})
    for line in ("list --json", "show --json", "export"):
        printed = json.loads(run_cli(f"records {line}").stdout)
        found = printed[0] if isinstance(printed, list) else printed
        assert (found["subject"], found["programme"]) == ("a", PROGRAMME)
