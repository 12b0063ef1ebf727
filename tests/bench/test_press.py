"""`microcurrent press`, and the control socket behind it, on a virtual Pico in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from boards.rp2040_pico import board
from microcurrent.bench.options import ServerOptions
from microcurrent.bench.process import SimProcess, start_sim
from microcurrent.cli import cli
from microcurrent.errors import PortError


@pytest.fixture(autouse=True)
def private_runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    monkeypatch.delenv("MICROCURRENT_PORT", raising=False)


@pytest.fixture
def sim(image: Path) -> Iterator[SimProcess]:
    with start_sim(ServerOptions(str(image), name="one")) as process:
        yield process


def edges(sim: SimProcess, tmp_path: Path, what: str) -> list[tuple[int, int]]:
    """(t_ns, level) of what the trace of the virtual Pico shows of one signal."""
    sim.ask(do="csv", path=str(tmp_path / "a.csv"))
    rows = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    return [(int(t_ns), int(value)) for t_ns, name, value, *_ in rows if name == what]


def test_press_holds_the_button_for_its_time(sim: SimProcess, tmp_path: Path) -> None:
    pull_up = f"from machine import Pin; Pin({board.BUTTON_PIN}, Pin.IN, Pin.PULL_UP)"  # no firmware here that does it
    subprocess.run([sys.executable, "-m", "mpremote", "connect", sim.port, "exec", pull_up], check=True, timeout=60)
    done = CliRunner().invoke(cli, ["press", "--port", "one", "--for", "50ms", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    (pressed_ns, down), released = edges(sim, tmp_path, "button")[-2:]
    assert (down, released, answer["held_ms"]) == (0, (pressed_ns + 50_000_000, 1), 50)
    assert answer["released_ns"] == pressed_ns + 50_000_000
    assert sim.ask(do="status")["button"] is False


def test_press_finds_the_only_board_and_says_what_it_did(sim: SimProcess) -> None:
    done = CliRunner().invoke(cli, ["press", "--for", "20ms"])
    assert (done.exit_code, done.output) == (0, "button held for 20ms\n")


def test_a_real_port_has_a_button_of_its_own() -> None:
    done = CliRunner().invoke(cli, ["press", "--port", "/dev/ttyACM0"])
    assert done.exit_code == 3
    assert done.stderr == (
        "error: /dev/ttyACM0 is no running virtual Pico; nothing was pressed; hold the button of that board by hand, "
        "or start a virtual one with: microcurrent sim\n"
    )


@pytest.mark.parametrize("hold", ["0ms", "61s", "soon"])
def test_how_long_is_checked(hold: str) -> None:
    done = CliRunner().invoke(cli, ["press", "--for", hold])
    assert done.exit_code == 2 and "--for" in done.stderr


def test_surroundings_and_faults_over_the_socket(sim: SimProcess) -> None:
    assert sim.ask(do="supply", mv=9_000) == {"supply_mv": 9_000}
    assert sim.ask(do="temperature", c=65.5) == {"temperature_c": 65.5}
    assert sim.ask(do="usb", on=True) == {"usb": True}
    assert sim.ask(do="fail", sense_stuck_mv=1650, gate_stuck=True)["faults"] == {
        "gate_stuck": True,
        "sense_stuck_mv": 1650,
    }
    with pytest.raises(PortError, match="no fault 'gate' of the stage; nothing was changed; choose from: pump_rail"):
        sim.ask(do="fail", gate=True)
    status = sim.ask(do="status")
    assert (status["supply_mv"], status["temperature_c"], status["usb"], status["switch"]) == (9_000, 65.5, True, True)
    assert status["faults"] == {"gate_stuck": True, "sense_stuck_mv": 1650}
    assert sim.ask(do="fail", sense_stuck_mv=None, gate_stuck=False) == {"faults": {}}
