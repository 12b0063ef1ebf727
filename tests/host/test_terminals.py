"""The command line as people use it: separate processes, a pty, the real mpremote, two terminals, pulled plugs."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from microcurrent import demo
from microcurrent.bench.options import BOOT_MS, ServerOptions
from microcurrent.bench.process import SimProcess, ask, start_sim
from microcurrent.image.resolver import resolve_image
from microcurrent.treatment import Watcher
from microcurrent.virtual import install

# The longest lease: these boards keep pace with the wall clock, and a busy machine may not let a program run for 2 s.
LONG = "run square --amplitude 100uA --duration 10min --ramp 100ms --lease 10s"
COMMISSIONED = 2048


class Shell:
    """Runs `microcurrent` in processes that share directories, as terminals of one user do."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.environment = {
            **os.environ,
            "MICROCURRENT_DATA_DIR": str(place / "data"),
            "MICROCURRENT_RUNTIME_DIR": str(place / "run"),
        }
        self.environment.pop("MICROCURRENT_PORT", None)

    @contextmanager
    def start(self, line: str) -> Iterator["subprocess.Popen[str]"]:
        """A running command; it is killed when the test fails meanwhile, so that a failure is never a hang."""
        command = [sys.executable, "-c", "from microcurrent.cli import main; main()", *line.split()]
        with subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise

    def run(self, line: str) -> "subprocess.CompletedProcess[str]":
        with self.start(line) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(line, process.returncode, out, err)


def until(process: "subprocess.Popen[str]", text: str) -> None:
    """Read stderr up to a line that contains `text`."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"{text!r} not in {''.join(seen)}")


def await_state(shell: Shell, name: str) -> None:
    """Watch the board until it is in a state."""
    with shell.start("monitor --json") as monitor:
        assert monitor.stdout is not None
        for line in monitor.stdout:
            if json.loads(line)["state"] == name:
                break
        monitor.send_signal(signal.SIGINT)
        monitor.communicate()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("t"))


def booted(shell: Shell, name: str, monkeypatch: pytest.MonkeyPatch, *, blank: bool = False) -> SimProcess:
    image = resolve_image()
    state = shell.place / name
    if not blank:
        install(image, state, COMMISSIONED)
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", shell.environment["MICROCURRENT_RUNTIME_DIR"])
    options = ServerOptions(str(image.path), state=str(state), name=name, boot_ms=0 if blank else BOOT_MS)
    return start_sim(options)


@pytest.fixture(scope="module")
def sim(shell: Shell) -> Iterator[SimProcess]:
    """One virtual Pico, the only board that is found, for the tests that leave it as it was."""
    with pytest.MonkeyPatch.context() as monkeypatch, booted(shell, "a", monkeypatch) as process:
        yield process


def test_the_only_board_is_found(shell: Shell, sim: SimProcess) -> None:
    assert shell.run("devices").stdout == f"{sim.port}  virtual Pico  a\n"
    found = json.loads(shell.run("devices --json").stdout)
    assert found == [{"port": sim.port, "kind": "virtual Pico", "serial": "a"}]
    done = shell.run("status --json")
    assert json.loads(done.stdout)["device"]["board"] == "rp2040_pico", done.stderr
    doctor = shell.run("doctor").stdout
    assert "ok       board        rp2040_pico on" in doctor
    assert "note     area         none declared: a 3 mm tip counts, 140uA at most; " in doctor


def test_stop_and_status_from_a_second_terminal(shell: Shell, sim: SimProcess) -> None:
    with shell.start(f"{LONG} --json") as first:
        until(first, "RAMP_UP -> ACTIVE")
        status = json.loads(shell.run("status --json").stdout)
        assert (status["state"], status["gate"]) == ("ACTIVE", 1)
        assert "ACTIVE" in shell.run("monitor --duration 1ms").stdout
        assert shell.run("faults").stdout == "no fault is latched\n"
        second = shell.run("run sine")
        assert (second.returncode, second.stderr) == (
            4,
            f"error: {sim.port} is in use by a microcurrent that runs a session; that goes on; wait for its end, or "
            f"run: microcurrent stop\n",
        )
        assert "running" in shell.run("records list").stdout
        assert shell.run("stop").stdout == "state RAMP_DOWN\n"
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert json.loads(out)["ended"] == "stopped"
    assert sim.ask(do="status")["gate"] == 0


def test_pause_and_resume_from_a_second_terminal(shell: Shell, sim: SimProcess) -> None:
    """The lease goes on meanwhile, the gate is open, and the session time stands still."""
    with shell.start(f"{LONG} --json") as first:
        until(first, "RAMP_UP -> ACTIVE")
        assert json.loads(shell.run("pause --json").stdout)["state"] == "RAMP_DOWN"
        until(first, "paused; go on with: microcurrent resume (within 5 min, then the session ends)")
        held = json.loads(shell.run("status --json").stdout)
        assert (held["state"], held["gate"]) == ("PAUSED", 0)
        assert shell.run("resume").stdout == "state RAMP_UP\n"
        until(first, "RAMP_UP -> ACTIVE")
        assert shell.run("stop").returncode == 0
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    done = json.loads(out)
    assert (done["ended"], done["summary"]["stopped_by"]) == ("stopped", "another terminal or the device's button")
    kinds = [event["detail"]["to"] for event in recorded(shell)["events"] if event["kind"] == "state"]
    assert kinds[-6:] == ["RAMP_DOWN", "PAUSED", "RAMP_UP", "ACTIVE", "RAMP_DOWN", "READY"]


def test_a_change_from_a_second_terminal(shell: Shell) -> None:
    with shell.start(f"{LONG} --json") as first:
        until(first, "RAMP_UP -> ACTIVE")
        assert shell.run("change square --amplitude 60uA").stdout.startswith("session ")
        until(first, "changed: --amplitude 60uA, square")
        refused = shell.run("change --amplitude 900uA")
        assert refused.returncode == 6 and "permits" in refused.stderr
        assert shell.run("stop").returncode == 0
        _out, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert [event["detail"]["wave"] for event in recorded(shell)["events"] if event["kind"] == "changed"] == [
        {"shape": "square", "amplitude_ua": 60}
    ]


def recorded(shell: Shell) -> dict:
    """Everything about the newest session."""
    return json.loads(shell.run("records export last").stdout)


def test_load_changes_while_it_runs(shell: Shell, sim: SimProcess) -> None:
    result = shell.run("load dry --area 5cm2")
    assert (result.returncode, result.stdout) == (0, "load dry under 5 cm2\n"), result.stderr
    assert sim.ask(do="status")["load"] == "dry"
    assert shell.run("load jelly").returncode == 2
    assert shell.run("load open --port /dev/null").returncode == 3
    assert shell.run("load typical --area 10cm2").returncode == 0


def test_ctrl_c_ramps_down_first(shell: Shell, sim: SimProcess) -> None:
    with shell.start(f"{LONG} --json") as process:
        until(process, "RAMP_UP -> ACTIVE")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "ramping down; Ctrl-C again switches the output off at once\n" in err
    assert "RAMP_DOWN -> READY\n" in err
    assert json.loads(out)["ended"] == "stopped"


def test_killed_host(shell: Shell, sim: SimProcess) -> None:
    """The device stops by its lease; the record says that it was interrupted."""
    with shell.start(f"{LONG} --lease 500ms") as process:
        until(process, "RAMP_UP -> ACTIVE")
        process.kill()
        process.communicate()
    await_state(shell, "FAULT")
    assert sim.ask(do="status")["gate"] == 0
    assert "fault 8 lease-lost" in shell.run("faults").stdout
    assert shell.run("faults clear").stdout == "cleared: lease-lost\n"
    assert json.loads(shell.run("records list --json").stdout)[0]["ended"] == "interrupted"


def test_pulled_plug(shell: Shell, sim: SimProcess) -> None:
    with shell.start(f"{LONG} --lease 500ms") as process:
        until(process, "RAMP_UP -> ACTIVE")
        sim.ask(do="unplug")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "the device stops by itself within 500 ms plus its ramp; check the cable" in err.splitlines()[-1]
    assert json.loads(shell.run("records list --json").stdout)[0]["ended"] == "link-lost"
    gone = shell.run(f"status --port {sim.port}")
    assert (gone.returncode, gone.stderr) == (
        3,
        f"error: there is no port {sim.port}; nothing was sent; list the boards with: microcurrent devices\n",
    )
    sim.ask(do="plug")
    await_state(shell, "FAULT")
    assert "the last one ended: lease" in shell.run("status").stdout
    assert sim.ask(do="status")["gate"] == 0
    assert shell.run("faults clear").returncode == 0


def test_reset_while_running(shell: Shell, sim: SimProcess) -> None:
    with shell.start(LONG) as process:
        until(process, "RAMP_UP -> ACTIVE")
        sim.ask(do="reset")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert sim.ask(do="status")["gate"] == 0
    assert shell.run("status").returncode == 0


def test_monitor_gives_way_to_a_session(shell: Shell, sim: SimProcess) -> None:
    with shell.start("monitor --json") as monitor:
        assert monitor.stdout is not None
        assert json.loads(monitor.stdout.readline())["state"] == "READY"
        with shell.start(LONG) as process:
            assert any(json.loads(line)["state"] == "ACTIVE" for line in monitor.stdout)
            assert shell.run("stop --now").stdout == "state READY\n"
            assert process.communicate(timeout=60) and process.returncode == 0
        monitor.send_signal(signal.SIGINT)
        assert monitor.communicate(timeout=60) and monitor.returncode == 0


def test_port_held_by_another_program(shell: Shell, sim: SimProcess) -> None:
    handle = os.open(sim.port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        busy = shell.run("selftest")
        stop = shell.run("stop")
    finally:
        os.close(handle)
    assert (busy.returncode, busy.stderr) == (
        4,
        f"error: {sim.port} is in use by another program; nothing was sent; close that program (a running session can "
        f"be stopped from here with: microcurrent stop)\n",
    )
    assert (stop.returncode, stop.stderr) == (
        4,
        f"error: {sim.port} is in use by another program that takes no requests; nothing was sent; close that program, "
        f"or open the emergency stop to end a session\n",
    )


def test_two_boards(shell: Shell, sim: SimProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    with booted(shell, "b", monkeypatch) as other:
        result = shell.run("status")
        assert result.returncode == 3
        assert result.stderr == (
            "error: 2 boards found, and none was chosen; nothing was sent; choose one with --port or "
            "MICROCURRENT_PORT:\n"
            f"  {sim.port}  virtual Pico a\n  {other.port}  virtual Pico b\n"
        )
        assert shell.run(f"status --port {other.port}").returncode == 0


def test_flash_verify_and_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty board; then one damaged file and a stale one; then the wrong board."""
    shell = Shell(tmp_path)
    with booted(shell, "f", monkeypatch, blank=True) as sim:
        missing = shell.run("status")
        assert (missing.returncode, "so the firmware is not running" in missing.stderr) == (5, True)
        first = json.loads(shell.run("flash --json").stdout)
        assert (first["unchanged"], first["identity"]["manifest"]) == (0, first["manifest"])
        assert "/main.py" in first["uploaded"]
        count = len(first["uploaded"])
        assert shell.run("verify").stdout.startswith(f"all {count} files on {sim.port} are those of the build")

        spoil = "f=open('/lib/board.mpy','ab');f.write(b'x');f.close();open('/lib/firmware/old.mpy','w').close()"
        subprocess.run([sys.executable, "-m", "mpremote", "connect", sim.port, "exec", spoil], check=True, timeout=60)
        wrong = shell.run("verify")
        assert (wrong.returncode, wrong.stderr) == (
            10,
            f"error: 1 of {count} files on {sim.port} differ from the build: /lib/board.mpy; the output "
            f"is off; run: microcurrent flash --port {sim.port}\n",
        )
        mended = json.loads(shell.run("flash --json").stdout)
        assert mended["uploaded"] == ["/lib/board.mpy", "/lib/manifest.json", "/main.py"]
        assert mended["unchanged"] == count - 3
        assert mended["removed"] == ["/lib/firmware/old.mpy"]

        other = shell.run("flash --board esp32_devkit")
        assert (other.returncode, other.stderr.splitlines()[-1]) == (
            5,
            "error: the board is 'Raspberry Pi Pico with RP2040', esp32_devkit is for 'Generic ESP32 module with "
            "ESP32'; nothing was written; choose another with --board (rp2040_pico, "
            "rp2040_pico_dual)",
        )


def test_port_sim(tmp_path: Path) -> None:
    """`--port sim` starts one by itself and stops it; its DAC stays commissioned."""
    shell = Shell(tmp_path)
    unsafe = shell.run("run square --port sim")
    assert (unsafe.returncode, "dac-eeprom-unsafe" in unsafe.stderr) == (7, True)
    assert shell.run("commission --port sim").stdout.startswith("written and read back\n")
    short = "run square --frequency 50Hz --duration 500ms --ramp 100ms --port sim"
    done = shell.run(f"{short} --load good --vcd {tmp_path / 'a.vcd'} --csv {tmp_path / 'a.csv'} --json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ended"] == "duration"
    assert (tmp_path / "a.vcd").read_text().startswith("$comment")
    assert (tmp_path / "a.csv").stat().st_size > 1000
    record = json.loads(shell.run("records show last --json").stdout)
    assert (record["load"], record["image"]["version"]) == ("good", "1.26.1")
    assert not list((tmp_path / "run" / "sims").iterdir())

    nowhere = shell.run(f"{short} --vcd {tmp_path / 'none' / 'a.vcd'}")
    assert (nowhere.returncode, "is no directory that we may write to; nothing was started" in nowhere.stderr) == (
        9,
        True,
    )
    unknown = shell.run(f"{short} --load soup")
    assert unknown.returncode == 2
    assert "soup" in unknown.stderr


def test_sim_command(tmp_path: Path) -> None:
    """It prints its port, is found, and cleans up after SIGTERM; then it writes its traces."""
    shell = Shell(tmp_path)
    vcd, csv = tmp_path / "a.vcd", tmp_path / "a.csv"
    with shell.start(f"sim --json --load dry --area 5cm2 --name mine --vcd {vcd} --csv {csv}") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["pid"] == process.pid
        assert ready["port"] in shell.run("devices").stdout
        found = ask(ready["control"], do="status")
        assert (found["load"], found["area_mm2"]) == ("dry", 500)
        assert shell.run("status").returncode == 0
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    for target in (vcd, csv):
        assert f"writing {target}\ntrace written to {target}\n" in err
    assert vcd.read_text().startswith("$comment virtual Pico, emulated time $end\n")
    assert csv.read_text().startswith("t_ns,what,value,delivered_ua,electrode_mv\n0,dac,0,")
    nowhere = shell.run(f"sim --csv {tmp_path / 'none' / 'a.csv'}")
    assert (nowhere.returncode, "is no directory that we may write to; nothing was started" in nowhere.stderr) == (
        9,
        True,
    )
    assert shell.run("devices").stdout == "no boards found; plug one in, or use a virtual one with: --port sim\n"


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole chain with a shorter session; a repeat uploads nothing."""
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setitem(demo.WAVE, "duration_ms", 1500)
    monkeypatch.setitem(demo.WAVE, "ramp_ms", 200)
    said: list[str] = []
    ignore = Watcher(lambda _row, _second: None, lambda _text: None)
    steps: list[str] = []
    show = demo.Show(steps.append, said.append, lambda _name, _done, _total: None, ignore)
    for expected, consent in (
        ("0 unchanged", "10cm2 declared, confirmed by the button on the virtual Pico"),
        ("0 files uploaded", "10cm2 declared, already"),
    ):
        said.clear()
        steps.clear()
        done = demo.demonstrate(tmp_path / "demo", "typical", None, show)
        assert any(expected in text for text in said), said
        assert consent in said
        assert len(steps) == demo.STEPS
        assert done.treated.outcome.ended == "duration"
        assert done.treated.summary["contact"] == "good"
    assert done.files["picture"].read_bytes().startswith(b"\x89PNG")
    assert done.files["VCD"].stat().st_size > 1_000_000
    assert json.loads(done.files["record"].read_text())["load"] == "typical"
