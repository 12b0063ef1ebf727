"""`microcurrent treat` as a user types it, on a board at emulated time: what is refused, and what is kept."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from firmware.shared import settings
from microcurrent import programme_treatment
from microcurrent.bench.pico import VirtualPico
from microcurrent.record_reader import open_stored
from microcurrent.record_writer import SessionRecord
from microcurrent.records import Records

from . import course_records
from .conftest import Cli, booted, make_board, run_cli

PROGRAMME = """
title = "Trial"
version = "1"
source = "ours"
evidence = "none"
before = ["Gel."]
after = ["Water."]
[defaults]
frequency = "10Hz"
amplitude = "50%"
duration = "1200ms"
ramp = "200ms"
move_time = "300ms"
[[step]]
site = "cheek"
side = "both"
move = "up"
"""


@pytest.fixture(scope="module")
def board(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    made = make_board(image, firmware_files)
    made.install_files({"/settings_a": settings.encode_slot(1, settings.defaults() | {"area_mm2": 1000})})
    return booted(made)


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    path = tmp_path / "trial.toml"
    path.write_text(PROGRAMME)
    return path


def screened(tmp_path: Path, subject: str = "A17", **answers: str) -> Path:
    """A filled-in file: everything "no" but what is given."""
    path = tmp_path / f"{subject}.toml"
    path.unlink(missing_ok=True)
    assert run_cli(f"screening template {path} --subject {subject}").exit_code == 0
    text = re.sub(r'^(?!acknowledged)(\w+) = ""$', r'\1 = "no"', path.read_text(), flags=re.MULTILINE)
    for name, answer in answers.items():
        text = re.sub(rf'^{name} = ".*"$', f'{name} = "{answer}"', text, flags=re.MULTILINE)
    path.write_text(text)
    return path


def sessions() -> list[dict]:
    with open_stored() as stored:
        return stored.sessions()


def test_a_treatment_from_screening_to_record(mc: Cli, board: VirtualPico, trial: Path, tmp_path: Path) -> None:
    result = mc(f"treat {trial} --subject A17 --screening {screened(tmp_path)} --plain")
    assert result.exit_code == 0, result.output
    assert "before: Gel." in result.stderr and "after: Water." in result.stdout
    assert "contact: " in result.stderr and "step 2 of 2: right cheek, 150 uA (rule zone permits 300)" in result.stderr
    kept = sessions()[0]
    assert (kept["subject"], kept["ended"], kept["programme"]["name"]) == ("A17", "finished", "trial")
    assert kept["screening"]["outcome"] == "clear" and kept["screening"]["subject"] == "A17"
    assert [step["ended"] for step in kept["summary"]["steps"]] == ["duration", "duration"]
    assert board.gate == 0
    assert "chain intact" in run_cli("records verify").output
    again = mc(f"treat {trial} --subject A17 --screening {tmp_path / 'A17.toml'} --plain")
    assert again.exit_code == 6 and "no current has flowed" in again.stderr  # a pause of hours between two of them


def test_json_is_the_record_and_nothing_else(mc: Cli, trial: Path, tmp_path: Path) -> None:
    result = mc(f"treat {trial} --subject B2 --screening {screened(tmp_path, 'B2')} --json")
    told = json.loads(result.stdout)
    assert told["ended"] == "finished" and len(told["summary"]["steps"]) == 2 and told["fault"] == ""


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("treat {trial} --subject A17 --plain", 6, "nobody to ask"),
        ("treat {trial} --subject 'Anna Meier' --screening {no} --plain", 2, "pseudonym"),
        ("treat {trial} --subject ../x --screening {no} --plain", 2, "pseudonym"),
        ("treat tens --subject A17 --screening {no} --plain", 6, "TENS is refused"),
        ("treat ces --subject A17 --screening {no} --plain", 6, "reach the brain"),
        ("treat nope --subject A17 --screening {no} --plain", 2, "there is no programme 'nope'"),
        ("treat nerve-pain --subject A17 --screening {no} --plain", 2, "one channel"),
        ("treat {trial} --subject A17 --screening {yes} --plain", 6, "electronics: a current can disturb it"),
        ("treat {trial} --subject A17 --screening {missing} --plain", 9, "missing.toml"),
        ("treat {trial} --subject A17 --screening {no} --plain --port /dev/nowhere", 3, "/dev/nowhere"),
        ("treat {trial} --subject A17 --screening {no} --plain --away", 6, "host_may_leave is 0"),
    ],
)
def test_what_is_refused_before_any_current(
    mc: Cli, board: VirtualPico, trial: Path, tmp_path: Path, line: str, code: int, words: str
) -> None:
    files = {
        "trial": trial,
        "no": screened(tmp_path),
        "yes": screened(tmp_path, "A18", electronics="yes").rename(tmp_path / "yes.toml"),
        "missing": tmp_path / "missing.toml",
    }
    files["yes"].write_text(files["yes"].read_text().replace("A18", "A17"))
    edges = len(board.trace.pin_edges(board.board.GATE_PIN))
    result = mc(line.format(**files))
    assert result.exit_code == code and words in result.output, result.output
    if "--away" not in line:  # there the board itself refuses, after the contact was shown
        assert len(board.trace.pin_edges(board.board.GATE_PIN)) == edges
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_fault_before_the_start_is_told(mc: Cli, board: VirtualPico, trial: Path, tmp_path: Path) -> None:
    board.release_pin(board.board.ESTOP_PIN)
    board.run_for_ms(200)
    result = mc(f"treat {trial} --subject C3 --screening {screened(tmp_path, 'C3')} --plain")
    board.drive_pin(board.board.ESTOP_PIN, 0)
    board.run_for_ms(100)
    assert result.exit_code == 7 and "emergency stop" in result.output
    assert mc("faults clear").exit_code == 0
    assert not sessions()


def test_no_contact_begins_nothing(mc: Cli, board: VirtualPico, trial: Path, tmp_path: Path) -> None:
    board.set_load("open")
    done: list[int] = []

    def touch() -> None:
        done.append(1)
        board.set_load("typical")

    board.at(board.now_ns + 4_000_000_000, touch)
    result = mc(f"treat {trial} --subject D4 --screening {screened(tmp_path, 'D4')} --plain")
    assert result.exit_code == 0 and done and "open: put both electrodes on the skin" in result.stderr


def test_two_that_start_at_once(
    mc: Cli, board: VirtualPico, trial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process begins a session of the same person after this one was permitted: refused, and nothing flows."""
    edges = len(board.trace.pin_edges(board.board.GATE_PIN))
    own = programme_treatment.plan
    begun: list[SessionRecord] = []
    with Records() as other:

        def plan(*arguments: Any) -> programme_treatment.Plan:
            wave, device = course_records.WAVE, course_records.DEVICE
            begun.append(other.begin(wave, device, port="q", image=None, load=None, subject="A17"))
            return own(*arguments)

        monkeypatch.setattr(programme_treatment, "plan", plan)
        result = mc(f"treat {trial} --subject A17 --screening {screened(tmp_path)} --plain")
        begun[0].finish("stopped", {})
    assert (result.exit_code, "a session of A17 runs already; no current of another has flowed" in result.stderr) == (
        6,
        True,
    ), result.stderr
    assert len(sessions()) == 1
    assert len(board.trace.pin_edges(board.board.GATE_PIN)) == edges
