"""The way to a real board, walked on a virtual one behind a serial port: run, recorded, compared, and no evidence."""

import json
from pathlib import Path

import pytest

from tests.evidence import check

from . import replay, run_rungs

SCENARIO = "tests/hil/test_stage_rung.py::test_ohms_law_holds_in_the_telemetry"


def test_a_scenario_runs_through_a_port_and_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", str(tmp_path / "run"))
    result, recording = tmp_path / "result.json", tmp_path / "run.jsonl"
    with run_rungs.board("stage") as options:
        done = run_rungs.run(options, SCENARIO, "--result", str(result), "--record", str(recording))
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    told = json.loads(result.read_text())
    assert (told["virtual"], told["narrowed"], told["rung"]) == (True, True, "stage")
    assert told["scenarios"] == {SCENARIO: {"rung": "stage", "outcome": "passed", "reason": ""}}
    assert "**A virtual board" in result.with_suffix(".md").read_text()
    reasons = " ".join(check.problems(result))
    assert "it is of a virtual board" in reasons and "only some scenarios" in reasons
    run = replay.load(recording)
    differing = replay.compared(run, SCENARIO, "10k")
    assert differing == [], "\n".join(differing or ["nothing was compared"])
    assert any("impedance" in sentence for sentence in replay.compared(run, SCENARIO, "2k") or [])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--rung", "probe", "--port", "x"], "--rung probe needs --probe-port"),
        (["--result", "x.json"], "--result is about a board on --port"),
        (["--port", "x", "--frozen"], "--frozen is for virtual boards"),
        (["--port", "x", "--result", "x.txt"], "is no .json file"),
        (["--port", "/nowhere/port"], "rung bare cannot begin on /nowhere/port: there is no port"),
    ],
)
def test_options_that_cannot_be_met_say_what_to_do(options: list[str], problem: str) -> None:
    done = run_rungs.run(options, "tests/hil/test_bare.py")
    assert done.returncode in (2, 4) and "Traceback" not in done.stdout + done.stderr
    assert problem in done.stdout + done.stderr
