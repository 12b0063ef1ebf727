"""The front door: help, exit codes, doctor, and what importing costs."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from microcurrent import connect, errors, ports
from microcurrent.cli import COMMANDS, EPILOG, cli
from microcurrent.interrupts import Interrupts
from microcurrent.remedies import with_port

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
    assert run_cli("--version").stdout == "microcurrent, version 0.2.0\n"
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


@pytest.mark.parametrize(
    ("port", "what"),
    [
        ("/dev/null", "is no serial port"),
        ("/tmp", "is a directory, no serial port"),
        (__file__, "is no serial port"),
    ],
)
def test_port_that_is_none(port: str, what: str) -> None:
    result = run_cli(f"status --port {port}")
    assert (result.exit_code, result.stderr) == (
        4,
        f"error: {port} {what}; nothing was sent; list the boards with: microcurrent devices\n",
    )


REMEDIES = [
    ("run: microcurrent status", "run: microcurrent status --port sim"),
    ("see microcurrent faults, microcurrent log", "see microcurrent faults --port sim, microcurrent log --port sim"),
    ("Run: microcurrent faults clear", "Run: microcurrent faults clear --port sim"),
    ("microcurrent config set lease_ms 3s", "microcurrent config set --port sim lease_ms 3s"),
    ("microcurrent flash --port /run/sims/cli --force", "microcurrent flash --port sim --force"),
    ("microcurrent reset --port /run/sims/cli, or", "microcurrent reset --port sim, or"),
    ("microcurrent flash --board with", "microcurrent flash --port sim --board with"),
    ("in use by a microcurrent that runs a session", "in use by a microcurrent that runs a session"),
    ("microcurrent devices; microcurrent image", "microcurrent devices; microcurrent image"),
]


@pytest.mark.parametrize(("text", "shown"), REMEDIES)
def test_remedies_work_as_typed(text: str, shown: str) -> None:
    assert with_port(text, "sim") == shown
    assert with_port(text, None) == text


def test_remedy_quotes_a_strange_port() -> None:
    assert with_port("microcurrent stop", "/dev/a b") == "microcurrent stop --port '/dev/a b'"


def test_every_command_with_a_port_is_a_remedy() -> None:
    """A command that takes --port and is recommended without one would not work as typed."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        groups = command.commands if isinstance(command, click.Group) else {}
        for path, found in {name: command, **{f"{name} {key}": value for key, value in groups.items()}}.items():
            if isinstance(found, click.Group) and not found.invoke_without_command:
                continue
            takes_port = any(parameter.name == "port" for parameter in found.params)
            assert with_port(f"microcurrent {path}", "X").endswith("--port X") == takes_port, path


@pytest.fixture
def sims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two virtual Picos seem to run."""
    found = [ports.Board(f"/run/sims/{name}", "virtual Pico", name) for name in ("one", "two")]
    monkeypatch.setattr(ports, "virtual_boards", lambda: found)


@pytest.mark.usefixtures("sims")
def test_port_by_the_name_of_a_virtual_board(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def refuse(name: str, wait_s: float = 0.0) -> None:
        opened.append(name)
        raise errors.PortError(f"{name} is not opened here; run: microcurrent status --port {name}")

    monkeypatch.setattr(connect, "open_transport", refuse)
    assert run_cli("status --port two").stderr.endswith("; run: microcurrent status --port two\n")
    run_cli("faults --port one clear")
    assert opened == ["/run/sims/two", "/run/sims/one"]
    monkeypatch.setenv("MICROCURRENT_PORT", "two")
    assert ports.choose(None) == "/run/sims/two" and ports.choose("other") == "other"


COMPLETIONS = [
    ("run square --load ", "ty", ["typical"]),
    ("load ", "1", ["1k", "10k"]),
    ("flash --board ", "", ["esp32_devkit", "rp2040_pico", "rp2040_pico_dual"]),
    ("verify --board ", "rp", ["rp2040_pico", "rp2040_pico_dual"]),
    ("config get ", "le", ["lease_ms"]),
    ("config set ", "tel", ["telemetry_hz"]),
    ("config set lease_ms ", "", []),
    ("config set profile ", "", ["home", "professional"]),
    ("config set lease_ms 3s zone ", "", ["body", "face", "eyes"]),
    ("config set usb_isolated ", "y", ["yes"]),
    ("limits --zone ", "", ["body", "face", "eyes", "chest", "head"]),
    ("run sine --zone ", "f", ["face"]),
    ("config set lease_ms 3s ", "ar", ["area_mm2"]),
    ("status --port ", "t", ["two"]),
    ("stop --port ", "s", ["sim"]),
]


@pytest.mark.usefixtures("sims")
@pytest.mark.parametrize(("line", "typed", "offered"), COMPLETIONS)
def test_completion(line: str, typed: str, offered: list[str]) -> None:
    shell = ShellComplete(cli, {}, "microcurrent", "_MICROCURRENT_COMPLETE")
    assert [item.value for item in shell.get_completions(line.split(), typed)] == offered


def test_signals_are_counted_and_named() -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        assert (interrupts.count, interrupts.name) == (1, "SIGTERM")
        signal.raise_signal(signal.SIGINT)
        assert (interrupts.count, interrupts.name) == (2, "Ctrl-C")


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
