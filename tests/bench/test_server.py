"""The virtual Pico as a process: port, control socket, state directory, ends."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from microcurrent import virtual
from microcurrent.bench.options import ServerOptions
from microcurrent.bench.process import SimProcess, ask, start_sim
from microcurrent.bench.server import SLICE_NS, SimServer
from microcurrent.bench.state import StateDirectory
from microcurrent.connect import Wishes
from microcurrent.errors import BadValueError, ImageError, PortError
from microcurrent.ports import virtual_boards

from .conftest import MakePico, Start
from .python_on import boot, run

WAIT_S = 20.0


@pytest.fixture(autouse=True)
def private_runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


@pytest.fixture
def sim(start: Start) -> SimProcess:
    return start()


def mpremote(port: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", port, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.replace("\r\n", "\n").strip()


def wait_until(condition: Callable[[], bool], sim: SimProcess) -> None:
    """Let the virtual Pico run until something holds; every request takes it a few milliseconds further."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        sim.ask(do="time")


def ends(connection: socket.socket) -> bool:
    """Wait for the process behind a connection to end."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def watched(control: str) -> socket.socket:
    """A connection that ends with the process."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(WAIT_S)
    connection.connect(control)
    return connection


def test_mpremote_works_on_the_port(sim: SimProcess, tmp_path: Path) -> None:
    assert mpremote(sim.port, "exec", "print(6 * 7)") == "42"
    source = tmp_path / "note.txt"
    source.write_text("hello\n" * 100)
    mpremote(sim.port, "fs", "cp", str(source), ":note.txt")
    assert mpremote(sim.port, "fs", "cat", ":note.txt") == source.read_text().strip()
    mpremote(sim.port, "reset")  # which it does a little later
    wait_until(lambda: sim.ask(do="status")["resets"] == 1 and os.path.exists(sim.port), sim)
    assert mpremote(sim.port, "exec", "import machine; print(machine.reset_cause())") == "3"


def test_the_port_is_a_link_that_can_be_found(sim: SimProcess) -> None:
    assert os.path.islink(sim.port)
    assert [board.port for board in virtual_boards()] == [sim.port]


@pytest.mark.parametrize(
    ("free_running", "wall_s", "expected_ns"),
    [
        (False, 0.0, 0),
        (False, 0.004, 4_000_000),
        (False, 3600.0, SLICE_NS),
        (True, 0.0, SLICE_NS),
    ],
)
def test_pace(
    image: Path, monkeypatch: pytest.MonkeyPatch, free_running: bool, wall_s: float, expected_ns: int
) -> None:
    """Emulated time never runs ahead of the wall clock, makes up for no delay, and ignores it when told to."""
    clock_s = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock_s[0])
    server = SimServer(ServerOptions(str(image), name="paced", free_running=free_running))
    clock_s[0] += wall_s
    server.advance()
    assert server.pico.now_ns == pytest.approx(expected_ns, abs=1000)  # whole instructions, 8 ns a cycle
    server.close()


def test_the_trace_is_bounded(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microcurrent.bench.server.HISTORY_BYTES", 1)
    server = SimServer(ServerOptions(str(image), name="short", free_running=True))
    server.run(lambda _ready: server.stop())
    assert server.pico.trace.begin_ns == pytest.approx(server.pico.now_ns, abs=1000)


def test_it_is_told_what_is_missing_of_a_trace(sim: SimProcess, tmp_path: Path) -> None:
    answer = sim.ask(do="csv", path=str(tmp_path / "a.csv"), from_ns=5_000_000)
    assert virtual.written("a.csv", 5_000_000, answer["kept_from_ns"]) == "trace written to a.csv"
    assert "a.csv; it begins 1.5 s late: what was before is not kept" in virtual.written("a.csv", 10**9, 25 * 10**8)


def test_the_port_is_announced_when_the_firmware_had_its_time_to_boot(start: Start) -> None:
    assert start(boot_ms=800).ask(do="time")["now_ns"] >= 800e6


def test_time_goes_on_by_itself(sim: SimProcess) -> None:
    now_ns = sim.ask(do="time")["now_ns"]
    mpremote(sim.port, "exec", "import time; time.sleep_ms(300)")
    assert sim.ask(do="time")["now_ns"] - now_ns > 300e6


def test_a_reset_hangs_up_and_comes_back_under_the_same_name(sim: SimProcess) -> None:
    with open(sim.port, "rb", buffering=0) as old:
        first = os.path.realpath(sim.port)
        sim.ask(do="reset", cause="run")
        poller = select.poll()
        poller.register(old, select.POLLIN)
        assert any(events & select.POLLHUP for _, events in poller.poll(WAIT_S * 1000))
        wait_until(lambda: os.path.exists(sim.port), sim)
        assert os.path.realpath(sim.port) != first
    assert mpremote(sim.port, "exec", "print(1)") == "1"


def test_unplugged_data_line(sim: SimProcess) -> None:
    sim.ask(do="unplug")
    assert not os.path.lexists(sim.port)
    now_ns = sim.ask(do="time")["now_ns"]
    wait_until(lambda: sim.ask(do="time")["now_ns"] > now_ns, sim)  # it has power still
    sim.ask(do="plug")
    assert mpremote(sim.port, "exec", "print(2)") == "2"


def test_control_commands(sim: SimProcess, tmp_path: Path) -> None:
    assert sim.ask(do="load", name="dry", area_mm2=500) == {"name": "dry", "area_mm2": 500}
    assert sim.ask(do="pin", pin=19)["level"] == 0
    assert sim.ask(do="pin", pin=19, level=1)["level"] == 1
    assert sim.ask(do="pin", pin=19, level=0)["level"] == 0
    assert sim.ask(do="dac", absent=True)["absent"] is True
    assert sim.ask(do="status")["dac"]["absent"] is True
    assert sim.ask(do="status")["load"] == "dry"
    samples = sim.ask(do="samples", from_ns=0, to_ns=1_000_000, step_ns=100_000)
    assert (len(samples["t_ns"]), samples["charge_nc"]) == (10, 0.0)
    assert sim.ask(do="csv", path=str(tmp_path / "a.csv"))["rows"] > 3
    assert sim.ask(do="vcd", path=str(tmp_path / "a.vcd"))["bytes"] == (tmp_path / "a.vcd").stat().st_size


def test_bad_requests_are_refused(sim: SimProcess) -> None:
    for request, text in (
        ({"do": "load", "name": "wet"}, "no load 'wet'"),
        ({"do": "pin", "pin": 77}, "no GPIO 77"),
        ({"do": "fly"}, "no command 'fly'.*load, pin, time"),
        ({"do": "load"}, "request failed.*name"),
        ({"do": "vcd", "path": "/nowhere/a.vcd"}, "request failed.*No such file"),
        ({"do": "samples", "from_ns": 0, "to_ns": 10**12, "step_ns": 1}, "more than 200000 samples"),
        ({"do": "reset", "cause": "soft"}, "no reset 'soft'"),
    ):
        with pytest.raises(PortError, match=text):
            sim.ask(**request)
    assert sim.ask(do="time")["now_ns"] > 0


def test_garbage_on_the_control_socket(sim: SimProcess) -> None:
    with watched(sim.control) as connection:
        connection.sendall(b"\xff\x00garbage\n[1]\n")
        lines = connection.makefile("rb")
        assert b'"ok": false' in lines.readline()
        assert b'"ok": false' in lines.readline()
    assert sim.ask(do="time")["now_ns"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_cleanly(sim: SimProcess, number: int) -> None:
    with watched(sim.control) as connection:
        os.kill(sim.pid, number)
        assert ends(connection)
    sim.stop()
    assert (os.path.lexists(sim.port), os.path.lexists(sim.control)) == (False, False)


def test_ends_with_the_program_that_started_it(image: Path) -> None:
    script = (
        "import sys, os; from microcurrent.bench.process import start_sim; "
        "from microcurrent.bench.options import ServerOptions; "
        f"sim = start_sim(ServerOptions({str(image)!r})); print(sim.control, flush=True); sys.stdin.read(1); os.abort()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        control = parent.stdout.readline().decode().strip()
        with watched(control) as connection:
            parent.stdin.close()
            assert ends(connection)
    assert not os.path.exists(control)


def test_a_killed_process_keeps_its_files_and_its_name_is_free_again(start: Start, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    sim = start(state=state, name="one")
    mpremote(sim.port, "exec", "with open('kept.txt', 'w') as file: file.write('kept')")
    now_ns = sim.ask(do="time")["now_ns"]
    wait_until(lambda: sim.ask(do="time")["now_ns"] > now_ns + 1e9, sim)
    with watched(sim.control) as connection:
        os.kill(sim.pid, signal.SIGKILL)
        assert ends(connection)
    sim.stop()
    again = start(state=state, name="one")
    assert mpremote(again.port, "exec", "print(open('kept.txt').read())") == "kept"


def test_what_one_cannot_start(start: Start, tmp_path: Path) -> None:
    start(state=str(tmp_path / "state"), name="one")
    with pytest.raises(PortError, match="named one is running already"):
        start(name="one")
    with pytest.raises(PortError, match=r"state directory .* is in use by another virtual Pico"):
        start(state=str(tmp_path / "state"))
    with pytest.raises(BadValueError, match="no load 'wet'"):
        start(load="wet")
    for name in ("../x", "a b", "x" * 41):
        with pytest.raises(BadValueError, match="is no name for a virtual Pico"):
            start(name=name)
    with pytest.raises(ImageError, match="is not a UF2 image for the RP2040"):
        start_sim(ServerOptions(str(tmp_path / "missing.uf2")))
    with pytest.raises(PortError, match="does not answer"):
        ask(str(tmp_path / "nobody.sock"), do="time")


def test_state_is_saved_when_it_changes(make: MakePico, tmp_path: Path) -> None:
    place = tmp_path / "state"
    state = StateDirectory(place)
    assert state.dac_eeprom((7, 1)) == (7, 1)
    pico = make()
    state.restore_files(pico)
    state.save(pico)
    assert not (place / "flash.bin").exists()  # nothing happened yet
    run(boot(pico), "with open('note.txt', 'w') as file: file.write('kept')")
    pico.dac.eeprom_code = 2048
    state.save(pico)
    state.close()

    state = StateDirectory(place)
    heir = make(dac_eeprom=state.dac_eeprom((0, 0)))
    state.restore_files(heir)
    assert heir.dac.code == 2048
    assert heir.read_files() == {"/note.txt": b"kept"}
    state.close()


@pytest.mark.parametrize(("name", "contents"), [("dac.json", b"{}"), ("dac.json", b"\xff"), ("flash.bin", b"short")])
def test_damaged_state_is_refused(make: MakePico, tmp_path: Path, name: str, contents: bytes) -> None:
    (tmp_path / name).write_bytes(contents)
    state = StateDirectory(tmp_path)
    with pytest.raises(BadValueError, match=f"{name} is not what a virtual Pico saved"):
        state.dac_eeprom((0, 0))
        state.restore_files(make())
    state.close()


def test_state_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PortError, match="cannot be used"):
        StateDirectory(tmp_path / "file" / "state")


def test_a_killed_one_is_no_board_though_its_pty_number_lives_again(
    image: Path, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next terminal that is opened gets the number: the link then leads to a pty of somebody else."""
    monkeypatch.setenv("MICROCURRENT_IMAGE", str(image))
    killed = start(name=virtual.NAME)
    with watched(killed.control) as connection:
        os.kill(killed.pid, signal.SIGKILL)
        assert ends(connection)
    killed.stop()
    ours, others = os.openpty()
    os.unlink(killed.port)
    os.symlink(os.ttyname(others), killed.port)
    assert virtual_boards() == []
    with virtual.borrowed(Wishes(), data_dir=str(tmp_path), say=lambda _text: None) as sim:
        assert [board.port for board in virtual_boards()] == [sim.port] == [killed.port]
        assert os.path.realpath(sim.port) != os.ttyname(others)
        assert sim.now_ns() > 0
    os.close(ours)
    os.close(others)


def test_one_that_runs_is_borrowed(start: Start, tmp_path: Path) -> None:
    """Another command's virtual Pico is used and left running, even when its port is away for the moment."""
    running = start(name=virtual.NAME, load="dry")
    running.ask(do="unplug")
    assert virtual_boards() == []
    with virtual.borrowed(Wishes(), data_dir=str(tmp_path), say=lambda _text: None) as sim:
        assert (sim.port, sim.load) == (running.port, "dry")
    assert running.ask(do="time")["now_ns"] > 0
