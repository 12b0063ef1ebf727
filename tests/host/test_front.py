"""The front door: help, exit codes, doctor, and what importing costs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from microcurrent import errors, ports
from microcurrent.cli import COMMANDS, EPILOG, cli

from .conftest import run_cli

HEAVY = ("numpy", "matplotlib", "rich", "serial", "sqlite3", "platformdirs", "rp2040py", "json", "asyncio")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from microcurrent.cli import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
    probe = f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code + probe], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = run_cli(f"{name} --help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: microcurrent {name}")


def test_every_exit_code_is_documented_and_its_own() -> None:
    codes = [code for code, _meaning in errors.exit_code_table()]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert f" {code} " in EPILOG or code == 1  # 1: what fits no other code
    assert "130 interrupted" in " ".join(run_cli("--help").stdout.split())


def test_unknown_command() -> None:
    result = run_cli("flahs")
    assert result.exit_code == 2
    assert "No such command 'flahs'" in result.stderr


def test_version() -> None:
    assert run_cli("--version").stdout == "microcurrent, version 0.1.0\n"
    assert cli.name == "cli"


def boards(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    found = [ports.Board(name, "Raspberry Pi Pico", "E661") for name in names]
    monkeypatch.setattr(ports, "find_boards", lambda: found)


def test_which_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """--port, then the environment, then the only board; none or two are errors."""
    boards(monkeypatch, "/dev/ttyACM0")
    assert ports.choose(None) == "/dev/ttyACM0"
    monkeypatch.setenv(ports.PORT_ENV, "/dev/ttyACM5")
    assert ports.choose(None) == "/dev/ttyACM5"
    assert ports.choose("/dev/ttyACM7") == "/dev/ttyACM7"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (
            [],
            "no board found on any port; nothing was sent; plug one in, name its port with --port, or use a virtual "
            "one with: --port sim",
        ),
        (
            ["/dev/ttyACM0", "/dev/ttyACM1"],
            "2 boards found, and none was chosen; nothing was sent; choose one with --port or MICROCURRENT_PORT:\n"
            "  /dev/ttyACM0  Raspberry Pi Pico E661\n  /dev/ttyACM1  Raspberry Pi Pico E661",
        ),
    ],
)
def test_no_or_two_boards(monkeypatch: pytest.MonkeyPatch, names: list[str], text: str) -> None:
    boards(monkeypatch, *names)
    with pytest.raises(errors.NoBoardError) as caught:
        ports.choose(None)
    assert str(caught.value) == text


def test_port_that_is_not_there() -> None:
    result = run_cli("status --port /dev/no-such-port")
    assert (result.exit_code, result.stderr) == (
        3,
        "error: there is no port /dev/no-such-port; nothing was sent; list the boards with: microcurrent devices\n",
    )


def test_doctor_names_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = run_cli(f"doctor --port /dev/no-such-port --data-dir {blocked} --json")
    assert result.exit_code == 10
    found = {finding["subject"]: finding for finding in json.loads(result.stdout)}
    assert found["python"]["good"] and found["packages"]["good"] and found["mpy-cross"]["good"]
    assert found["records"]["text"].startswith(f"the data directory {blocked} cannot be created (File exists)")
    assert found["board"]["text"].startswith("there is no port /dev/no-such-port")
    assert result.stderr.endswith("records, board; nothing was changed; do what the lines above say\n")
