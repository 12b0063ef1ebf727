"""Result files of real boards: those that are committed count, and what does not count is refused with its reason."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from microcurrent.build import build_firmware
from tests.evidence import __main__ as command
from tests.evidence import check, proof, schema
from tests.hazards.data import ROOT
from tests.hil.rungs import RUNGS

BOARD = "rp2040_pico"
COMMITTED = sorted((ROOT / "boards").glob(f"*/{check.FOLDER}/*.json"))


def whole(rung: str = "bare") -> dict[str, Any]:
    """The contents of a file that would count: every scenario up to a rung passed. Nobody measured it: it is a form."""
    reached = RUNGS[: RUNGS.index(rung) + 1]
    names = [name for name, needed in check.scenarios().items() if needed in reached]
    outcomes = {name: {"passed"} for name in names}
    return {
        "schema": schema.VERSION, "date_utc": "2026-01-01T00:00:00+00:00", "virtual": False, "board": BOARD,
        "uid_sha256": "0" * schema.UID_DIGITS, "image": "uploaded", "micropython": "1.26.1", "firmware": "0.2.0",
        "manifest": build_firmware(BOARD).hash, "calibration": None, "rung": rung, "narrowed": False,
        "scenarios": {name: {"rung": check.scenarios()[name], "outcome": "passed", "reason": ""} for name in names},
        "not_on_hardware": [], "requirements": proof.requirements(outcomes), "hazards": proof.hazards(outcomes),
    }  # fmt: skip


def written(folder: Path, found: dict[str, Any]) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(found | {"digest": schema.digest(found)}))
    return path


@pytest.mark.parametrize("path", COMMITTED or [None], ids=lambda path: path.name if path else "none")
def test_committed_evidence_counts(path: Path | None) -> None:
    """Where there is none, none is claimed."""
    assert path is None or check.problems(path) == []


def test_a_whole_file_counts_and_says_what_it_proves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, whole("probe"))
    assert command.main(["check", str(path)]) == 0
    assert "evidence of the present firmware on rp2040_pico at rung probe" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"virtual": True}, "virtual board"),
        ({"narrowed": True}, "only some scenarios"),
        ({"board": "esp8266"}, "there is no board 'esp8266'"),
        ({"manifest": "unknown"}, "manifest is 'unknown'"),
        ({"rung": "roof"}, "rung is 'roof'"),
        ({"schema": 2}, "schema is 2"),
        ({"calibration": "yes"}, "calibration is 'yes'"),
        ({"more": 1}, "no field more"),
        ({"requirements": {}}, "its requirements are not those"),
        ({"scenarios": {}}, "no scenario passed"),
        (
            {"scenarios": {"tests/hil/test_x.py::test_y": {"rung": "bare", "outcome": "passed", "reason": ""}}},
            "is missing",
        ),
    ],
)
def test_what_does_not_count_is_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    found = check.problems(written(tmp_path, whole() | changes))
    assert any(problem in sentence for sentence in found), found


@pytest.mark.parametrize("outcome", ["failed", "not run", "skipped"])
def test_a_scenario_that_did_not_pass_has_a_reason_and_only_a_skip_is_no_obstacle(tmp_path: Path, outcome: str) -> None:
    found = whole()
    name = next(iter(found["scenarios"]))
    found["scenarios"][name] = {"rung": "bare", "outcome": outcome, "reason": ""}
    assert any("has no reason" in sentence for sentence in check.problems(written(tmp_path, found)))
    found["scenarios"][name]["reason"] = "the bridge was missing"
    outcomes = {test: {entry["outcome"]} for test, entry in found["scenarios"].items()}
    found |= {"requirements": proof.requirements(outcomes), "hazards": proof.hazards(outcomes)}
    assert bool(check.problems(written(tmp_path, found))) is (outcome != "skipped")


def test_an_edit_and_a_field_that_is_gone_show(tmp_path: Path) -> None:
    path = written(tmp_path, whole())
    path.write_text(path.read_text().replace("2026-01-01", "2026-01-02"))
    assert check.problems(path) == ["the digest does not fit: the file was edited"]
    found = whole()
    del found["manifest"]
    assert check.problems(written(tmp_path, found)) == ["manifest is missing"]
    path.write_text("[]")
    assert check.problems(path) == ["it is no JSON object"]
    assert command.main([]) == 2 and command.main(["check", str(tmp_path / "absent.json")]) == 1


def test_a_requirement_is_proven_only_by_all_of_its_tests() -> None:
    found = whole("probe")
    judged = proof.requirements({})
    assert {entry["proven"] for entry in judged.values()} == {proof.NOT}
    tests = next(entry for entry in judged.values() if len(entry["missing"]) > 1)["missing"]
    name = next(name for name, entry in judged.items() if entry["missing"] == tests)
    assert proof.requirements({test: {"passed"} for test in tests})[name]["proven"] == proof.PROVEN
    assert proof.requirements({tests[0]: {"passed"}})[name]["proven"] == proof.PARTLY
    assert proof.requirements({tests[0]: {"passed", "failed"}})[name]["proven"] == proof.NOT
    page = proof.page(found)
    assert (
        "Not proven on hardware" in page
        and "virtual" not in page
        and "nothing about" in proof.page(found | {"virtual": True})
    )


def test_every_scenario_on_a_device_has_a_rung_and_no_other() -> None:
    """A test that takes a board which may be real says what that needs; one on the bench alone does not."""
    takes = {}
    for path in sorted((ROOT / "tests" / "hil").glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                names = {argument.arg for argument in node.args.args}
                takes[f"{path.relative_to(ROOT).as_posix()}::{node.name}"] = names
    real = {name for name, names in takes.items() if names & {"device", "serial_port"}}
    assert real <= set(check.scenarios())
    assert {name for name in check.scenarios() if not takes[name] & {"device", "serial_port", "wired"}} == set()
    assert {rung for rung in check.scenarios().values()} == set(RUNGS)
