"""Subjects on the command line: what is kept of them, and that nothing of a deleted one is left."""

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from microcurrent import subjects
from microcurrent.cli import cli
from microcurrent.errors import RefusedError
from microcurrent.record_reader import FILE_NAME, open_stored
from microcurrent.records import Records

from .test_records import DEVICE, WAVE, completed, run_cli, writer
from .test_records_chain import SOUND, edit, on_small_disk, recorded

NAME = "anon-Xq7"
KEPT = {"subject": NAME, "at_utc": "2026-01-01T10:00:00+00:00"}


def filled() -> list[str]:
    """Two subjects with everything there can be, and a session of nobody; the ids of the first one's sessions."""
    with Records() as records:
        numbers = [recorded(records, NAME), recorded(records, "other"), recorded(records, NAME, second=True)]
        recorded(records)
        for name in (NAME, "other"):
            of = {**KEPT, "subject": name}
            records.add("screenings", {**of, "id": f"s{name}", "answers": {"note": f"word-{name}"}, "outcome": "clear"})
            place = {"site": "cheek", "side": "left", "threshold_ua": 90}
            records.add("thresholds", {**of, **place, "id": f"t{name}", "detail": {}})
            records.add("courses", {"subject": name, "id": f"c{name}", "programme": "x", "plan": {}, "created_utc": ""})
    return [numbers[0], numbers[2]]


def test_list() -> None:
    assert "no subjects yet in" in run_cli("subjects list").stdout
    filled()
    lines = run_cli("subjects list").stdout.splitlines()
    assert lines[0].split() == [
        "subject",
        "last",
        "session",
        "(UTC)",
        "sessions",
        "screenings",
        "thresholds",
        "courses",
    ]
    assert [(line.split()[0], line.split()[3:]) for line in lines[2:]] == [
        (NAME, ["2", "1", "1", "1"]),
        ("other", ["1", "1", "1", "1"]),
    ]
    assert [row["name"] for row in json.loads(run_cli("subjects list --json").stdout)] == [NAME, "other"]
    assert completed("subjects delete an") == [NAME]


def files(place: Path) -> bytes:
    return b"".join(path.read_bytes() for path in place.iterdir())


def test_nothing_is_left_of_a_deleted_subject(tmp_path: Path) -> None:
    numbers = filled()
    noted = run_cli("records verify").stdout.split()[-1]
    result = run_cli(f"subjects delete {NAME} --yes")
    assert (result.exit_code, result.stdout) == (
        0,
        f"subject {NAME} deleted: 2 sessions, 9 rows of telemetry, 4 events, 1 screening, 1 threshold, 1 course\n",
    )
    left = files(tmp_path / "data")
    for word in (NAME, f"word-{NAME}", *numbers):
        assert word.encode() not in left
    assert b"word-other" in left
    with open_stored() as stored:
        assert [row["name"] for row in stored.subjects()] == ["other"]
        assert len(stored.sessions()) == 2
        assert stored.rows("screenings", "other") and stored.rows("courses", "other")
        verdict = stored.verify()
    assert (verdict.problems, verdict.kinds) == ([], {"session": 4, "stored": 6, "deleted": 5})
    assert run_cli(f"records verify --head {noted}").exit_code == 0  # it is no chain made anew
    gone = "5 deleted with their subject (of sessions, screenings, thresholds and courses)"
    assert f"among the links: {gone}\n" in run_cli("records verify").stdout
    again = run_cli(f"subjects delete {NAME} --yes")
    assert (again.exit_code, again.stderr) == (
        9,
        f"error: there is no subject {NAME}; nothing was changed; list them with: microcurrent subjects list\n",
    )


def test_a_deletion_by_hand_is_no_deletion(tmp_path: Path) -> None:
    """What stands for the absence of one record excuses no other, and none that is recorded later."""
    numbers = filled()
    exported = tmp_path / "x.json"
    run_cli(f"records export {numbers[0]} -o {exported}")
    run_cli(f"subjects delete {NAME} --yes")
    assert run_cli(f"records import {exported}").exit_code == 0
    with open_stored() as stored:
        assert stored.verify().problems == []
    edit(tmp_path / "data", "DELETE FROM sessions WHERE id = ?", numbers[0])
    edit(tmp_path / "data", "UPDATE chain SET session_id = NULL WHERE session_id = ?", numbers[0])
    result = run_cli("records verify")
    assert (result.exit_code, "the record of link 16 is missing" in result.stdout) == (10, True)


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_it_asks_first(answer: str) -> None:
    filled()
    result = CliRunner().invoke(cli, ["subjects", "delete", NAME], input=answer)
    assert result.exit_code == 2
    assert f"Delete subject {NAME}: 2 sessions, 9 rows of telemetry, 4 events, 1 screening" in result.stderr
    assert f"error: subject {NAME} was not deleted; nothing was changed; answer y, or give --yes" in result.stderr
    with open_stored() as stored:
        assert len(stored.sessions()) == 4
    result = CliRunner().invoke(cli, ["subjects", "delete", NAME, "--json"], input="y\n")
    told = json.loads(result.stdout)
    assert (told["subject"], told["deleted"]["sessions"], told["backups"]) == (NAME, 2, [])


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "'; DROP TABLE sessions; --"])
def test_odd_names(name: str) -> None:
    result = CliRunner().invoke(cli, ["subjects", "delete", "--yes", name])
    assert (result.exit_code, "pseudonym" in result.stderr) == (2, True)


def test_a_subject_with_nothing(tmp_path: Path) -> None:
    with Records() as records:
        subjects.ensure(records, "bare")
    assert run_cli("subjects delete bare --yes").stdout == "subject bare deleted: nothing but its name\n"
    assert run_cli("subjects list").stdout.startswith("no subjects yet")


def test_a_session_that_runs_keeps_its_subject() -> None:
    with Records() as records:
        done = recorded(records, NAME)
        record = records.begin(WAVE, DEVICE, port="p", image=None, load=None, subject=NAME)
        result = run_cli(f"subjects delete {NAME} --yes")
        assert (result.exit_code, result.stderr) == (
            6,
            f"error: session {record.number[:8]} of subject {NAME} runs; nothing was deleted; stop it first with: "
            f"microcurrent stop\n",
        )
        with pytest.raises(RefusedError):
            subjects.delete(records, NAME)
        assert records.session(done)["subject"] == NAME
        record.finish("stopped", {})
        assert records.verify().problems == []


def test_a_killed_session_is_deleted_too(tmp_path: Path) -> None:
    with writer(5) as process:
        assert process.stdout is not None
        number = process.stdout.readline().strip()
        process.stdout.readline()
        process.kill()
        process.communicate()
    edit(tmp_path / "data", "UPDATE sessions SET subject = ?", NAME)
    assert run_cli(f"subjects delete {NAME} --yes").exit_code == 0
    assert number.encode() not in files(tmp_path / "data")
    assert run_cli("records verify").exit_code == 0


def test_another_process_reads_meanwhile(tmp_path: Path) -> None:
    """It keeps the file from being written anew: told, not hidden; nothing of the deletion is undone."""
    filled()
    reader = sqlite3.connect(tmp_path / "data" / FILE_NAME)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sessions").fetchone()
    result = run_cli(f"subjects delete {NAME} --yes")
    reader.close()
    assert result.exit_code == 0
    assert "the file's free space may still hold some of it (" in result.stdout
    assert run_cli("records repair").stdout == SOUND
    assert NAME.encode() not in files(tmp_path / "data")


def test_on_a_full_disk(tmp_path: Path) -> None:
    """All of it is deleted, or nothing."""
    filled()
    before = run_cli("records export --all").stdout
    code, errors = on_small_disk(f"subjects delete {NAME} --yes", 8_000)
    assert (code, "free some space" in errors) == (9, True), errors
    assert run_cli("records export --all").stdout == before
    assert run_cli("records verify").exit_code == 0


def test_while_another_ones_session_runs(tmp_path: Path) -> None:
    """It is deleted, but the file is not written anew: that would keep the session's rows waiting."""
    filled()
    with Records() as records:
        record = records.begin(WAVE, DEVICE, port="p", image=None, load=None, subject="other")
        result = run_cli(f"subjects delete {NAME} --yes")
        assert "the file's free space may still hold some of it (a session runs)" in result.stdout
        record.finish("duration", {})
        assert records.verify().problems == []
