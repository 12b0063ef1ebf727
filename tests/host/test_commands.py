"""Commands on a healthy board: what they print, and that --json carries the same."""

import json
import re
from pathlib import Path

import pytest

from boards.rp2040_pico.board import WATCHDOG_MS
from microcurrent.bench.options import ServerOptions
from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.process import start_sim

from .conftest import Cli, run_cli


def out(mc: Cli, line: str, exit_code: int = 0) -> str:
    result = mc(line)
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_status(mc: Cli) -> None:
    text = out(mc, "status")
    for line in (
        "state        READY (self-test passed, nothing runs)",
        "gate         open: no current",
        "profile      home",
        "zone         face",
        "area         none",
        "contact      unknown",
    ):
        assert f"{line}\n" in text
    assert re.search(r"^supply       1[12]\.\d\d V$", text, re.MULTILINE)
    assert re.search(r"^temperature  \d\d C$", text, re.MULTILINE)
    found = json.loads(out(mc, "status --json"))
    assert found["state"] == "READY"
    assert (found["device"]["board"], found["device"]["state"]) == ("rp2040_pico", "READY")
    assert found["telemetry"]["commanded_ua"] == 0
    assert 11_000 < found["telemetry"]["supply_mv"] < 13_000
    assert (found["settings"]["zone"], found["settings"]["area_mm2"]) == ("face", 0)


def test_stop_without_a_session(mc: Cli) -> None:
    assert out(mc, "stop") == "state READY\n"
    assert json.loads(out(mc, "stop --now --json"))["state"] == "READY"


NOT_NOW = [
    ("pause", "there is nothing to pause; the state is READY"),
    ("resume", "nothing is paused; the state is READY"),
]


@pytest.mark.parametrize(("line", "text"), NOT_NOW)
def test_pause_and_resume_without_a_session(mc: Cli, line: str, text: str) -> None:
    result = mc(line)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.startswith(f"error: {text}; ")


def test_commission_twice(mc: Cli) -> None:
    assert "already commissioned, nothing written\nDAC powers up at code 2048, power-down bits 0; " in out(
        mc, "commission"
    )
    assert json.loads(out(mc, "commission --json"))["eeprom_code"] == 2048


def test_selftest(mc: Cli) -> None:
    text = out(mc, "selftest")
    assert text.endswith("self-test passed\n")
    for name in ("gate-opens", "dac-moves", "sense-follows", "limiter-holds", "comparator-trips", "memory"):
        assert re.search(rf"^{name} +ok ", text, re.MULTILINE)
    found = json.loads(out(mc, "selftest --json"))
    assert found["passed"] is True and "watchdog" not in found


def test_the_watchdog_proves_itself(mc: Cli, board: VirtualPico) -> None:
    """The board is reset, comes back ready, and latches nothing."""
    resets = len(board.trace.resets)
    text = out(mc, "selftest --watchdog")
    assert text.endswith("the watchdog reset the board; it came back in state READY\nself-test passed\n")
    assert len(board.trace.resets) == resets + 1
    assert json.loads(out(mc, "faults --json"))["code"] == 0


def test_a_watchdog_that_does_not_bite(mc: Cli, board: VirtualPico, monkeypatch: pytest.MonkeyPatch) -> None:
    """The board goes on, latches the failed self-test, and the command says so."""
    monkeypatch.setattr(board.mcu.watchdog, "on_watchdog_trigger", lambda: None)
    result = mc("selftest --watchdog --json")
    monkeypatch.undo()
    assert result.exit_code == 10
    found = json.loads(result.stdout)
    assert (found["passed"], found["watchdog"]["passed"]) == (False, False)
    assert result.stderr.startswith("error: the watchdog did not prove itself: fault 12 selftest-failed: ")
    limits = f"within {2 * WATCHDOG_MS} ms, its limit is {WATCHDOG_MS} ms"
    assert f"(the watchdog did not reset the board {limits})" in result.stderr
    assert mc("faults clear").stdout == "cleared: selftest-failed\n"
    assert mc("reset").exit_code == 0  # the next boot reports the test that failed; no later one


def test_faults_when_there_is_none(mc: Cli) -> None:
    assert out(mc, "faults") == "no fault is latched\n"
    assert json.loads(out(mc, "faults --json"))["name"] == "none"
    assert out(mc, "faults clear") == "no fault was latched\n"
    assert json.loads(out(mc, "faults clear --json")) == json.loads(out(mc, "faults --json clear")) == {"code": 0}


def test_log(mc: Cli) -> None:
    out(mc, "reset")
    assert "boot" in out(mc, "log --events")
    found = json.loads(out(mc, "log --json"))
    assert [event["value"] or event["kind"] for event in found["events"]] == ["SELF_TEST", "READY", "boot"]
    assert found["counters"]["damaged_lines"] == 0


def test_monitor(mc: Cli) -> None:
    """The first reading is shown at once, whatever the duration."""
    assert "READY" in out(mc, "monitor --duration 1ms")
    assert json.loads(out(mc, "monitor --duration 1ms --json"))["state"] == "READY"


def test_reset(mc: Cli) -> None:
    assert out(mc, "reset") == "firmware 0.2.0 runs on rp2040_pico; output off\n"


def test_config_round_trip(mc: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "settings.json"
    out(mc, "config reset")
    changed = json.loads(out(mc, "config set telemetry_hz 5Hz lease_ms 3s --json"))
    assert (changed["telemetry_hz"], changed["lease_ms"], changed["zone"]) == (5, 3000, "face")
    assert out(mc, "config get lease_ms") == "3s\n"
    assert json.loads(out(mc, "config get lease_ms --json")) == {"lease_ms": 3000}
    assert out(mc, f"config export {saved}") == f"settings written to {saved}\n"
    assert json.loads(out(mc, "config reset --json"))["telemetry_hz"] == 10
    assert json.loads(out(mc, f"config import {saved} --json"))["telemetry_hz"] == 5
    assert "telemetry_hz    5Hz    0Hz .. 50Hz  " in out(mc, "config show")
    out(mc, "config reset")


BAD_CONFIG = [
    (
        "config set threshold_ua 1.5mA",
        2,
        "error: threshold_ua: '1.5mA' is above the largest current, 1mA; nothing was sent; choose a smaller value\n",
    ),
    (
        "config set threshold_ua 300",
        2,
        "error: threshold_ua: '300' has no unit (uA, mA); nothing was sent; write for example 250uA\n",
    ),
    (
        "config get colour",
        2,
        "error: there is no setting 'colour'; nothing was changed; there are: profile, zone, area_mm2, "
        "threshold_ua, session_max_ms, lease_ms, telemetry_hz, usb_isolated, host_may_leave, buzzer\n",
    ),
    (
        "config set profile expert",
        2,
        "error: profile 'expert': no such value; nothing was sent; choose one of: home, professional\n",
    ),
]


@pytest.mark.parametrize(("line", "exit_code", "text"), BAD_CONFIG)
def test_bad_settings(mc: Cli, line: str, exit_code: int, text: str) -> None:
    result = mc(line)
    assert (result.exit_code, result.stderr) == (exit_code, text)


BAD_FILES = [
    (
        '{"format": "microcurrent settings", "sch',
        "is cut short or no JSON; the board is unchanged; export the settings again",
    ),
    (
        '{"format": "microcurrent settings", "schema": 99, "values": {}}',
        "has schema 99, this program knows 2; the board is unchanged; update microcurrent",
    ),
    (
        '{"format": "microcurrent settings", "schema": true, "values": {}}',
        "has schema True, this program knows 2; the board is unchanged; update microcurrent",
    ),
    (
        '{"format": "microcurrent settings", "schema": 2, "values": {"profile": "expert"}}',
        ": profile must be a whole number 0..1; the board is unchanged; correct the file",
    ),
    (
        '{"format": "microcurrent settings", "schema": 2, "values": [5]}',
        ": settings must be an object of names and numbers; the board is unchanged; correct the file",
    ),
    ("[]", "is not a settings file; the board is unchanged; write one with: microcurrent config export FILE"),
    (
        '{"format": "microcurrent settings", "schema": 1, "values": {"lease_ms": 1}}',
        ": lease_ms is 1; it must be within 500..10000; the board is unchanged; correct the file",
    ),
    (
        '{"format": "microcurrent settings", "schema": 1, "values": {"lease_ms": true}}',
        ": lease_ms must be a whole number 500..10000; the board is unchanged; correct the file",
    ),
]


@pytest.mark.parametrize(("content", "text"), BAD_FILES)
def test_bad_settings_files(mc: Cli, tmp_path: Path, content: str, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    result = mc(f"config import {path}")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"{text}\n"), result.stderr


def test_missing_settings_file(mc: Cli, tmp_path: Path) -> None:
    result = mc(f"config import {tmp_path / 'none.json'}")
    assert (result.exit_code, result.stderr) == (
        9,
        f"error: {tmp_path / 'none.json'} cannot be read (No such file or directory); the board is unchanged; check "
        f"the path\n",
    )


def test_board_without_firmware(image: Path, tmp_path: Path) -> None:
    """Every command names what is missing, the second time as the first."""
    with start_sim(ServerOptions(str(image), state=str(tmp_path / "sim"), name="blank")) as sim:
        for _ in range(2):
            status = run_cli("status --port blank")
            assert (status.exit_code, status.stderr) == (
                5,
                f"error: the board on {sim.port} shows a MicroPython prompt, so the firmware is not running; the "
                f"output is off; run: microcurrent reset --port blank, or if it is not installed: microcurrent flash "
                f"--port blank\n",
            )
        reset = run_cli("reset --port blank")
        assert (reset.exit_code, reset.stderr) == (
            5,
            f"error: no firmware is installed on {sim.port}; the output is off; run: microcurrent flash --port blank\n",
        )
        verify = run_cli("verify --port blank")
        assert verify.exit_code == 10
        assert re.fullmatch(
            rf"error: no firmware: (\d+) of \1 files missing on {sim.port}: /boot.py, .* and \d+ more; the output is "
            rf"off; run: microcurrent flash --port blank\n",
            verify.stderr,
        )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(mc: Cli, shell: str) -> None:
    assert "_MICROCURRENT_COMPLETE" in out(mc, f"completion {shell}")
