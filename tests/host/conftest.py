"""Fixtures of the host tests: private directories, the command line in-process, boards at emulated time."""

import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microcurrent import transport
from microcurrent.bench.pico import VirtualPico
from microcurrent.cli import cli
from microcurrent.transport import BenchTransport
from tests.frozen import whole

SAFE_EEPROM = (2048, 0)  # a commissioned DAC
BOOT_LIMIT_MS = 10_000  # emulated; the firmware emits its boot event after less than 3 s
PORT = "bench:0"

Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def private_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test touches the user's records or sockets; the cache of images and builds is shared."""
    monkeypatch.setenv("MICROCURRENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MICROCURRENT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("MICROCURRENT_PORT", raising=False)
    with tempfile.TemporaryDirectory(prefix="mc-") as short:  # a Unix socket's path has 107 characters at most
        monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", short)
        yield


@pytest.fixture(scope="module")
def board(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    """A commissioned board that runs the firmware, shared by a module's tests: leave it as you found it."""
    return booted(make_board(image, firmware_files))


def make_board(image: Path, files: dict[str, bytes], dac_eeprom: tuple[int, int] = SAFE_EEPROM) -> VirtualPico:
    """A board with these files."""
    pico = VirtualPico(image, dac_eeprom=dac_eeprom)
    pico.install_files(whole(files))
    return pico


def booted(pico: VirtualPico) -> VirtualPico:
    """The board after its firmware has booted and tested itself.

    Without this, the first command of a module waits for the boot, which takes 2 s and moves the gate: a test that
    counts from power-on, or counts edges of the gate, then passes only behind another test.
    """
    heard = bytearray()

    def booting() -> bool:
        heard.extend(pico.serial_read())
        return b'"ev":"boot"' not in heard.replace(b" ", b"")

    pico.open_port()
    assert pico.run_while(booting, BOOT_LIMIT_MS), heard.decode(errors="replace")
    pico.close_port()
    return pico


@pytest.fixture
def on_port() -> Iterator[Callable[[VirtualPico], str]]:
    """Put a board behind a port name that the command line opens."""

    def put(pico: VirtualPico) -> str:
        transport.OPENERS["bench"] = lambda name: BenchTransport(pico, name)
        return PORT

    yield put
    transport.OPENERS.pop("bench", None)


@pytest.fixture
def mc(board: VirtualPico, on_port: Callable[[VirtualPico], str]) -> Cli:
    """Run a command line as a user types it, on the module's board unless it names a port."""
    on_port(board)
    return run_cli


def run_cli(line: str) -> Result:
    """Run `microcurrent LINE` in this process, with MICROCURRENT_PORT naming the in-process board."""
    result = CliRunner().invoke(cli, shlex.split(line), prog_name="microcurrent", env={"MICROCURRENT_PORT": PORT})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
