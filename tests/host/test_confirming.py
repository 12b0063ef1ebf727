"""`config set` and its kin when a change raises a cap: waiting for the button, with a scripted device on the link."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from boards.rp2040_pico.board import BUTTON_PIN
from firmware.shared import framing, limits, protocol, settings
from microcurrent import confirmation, transport
from microcurrent.bench.options import BOOT_MS, ServerOptions
from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.process import ask, start_sim
from microcurrent.cli.confirming import Confirming
from microcurrent.virtual import install

from .conftest import Cli, run_cli

BUTTON = "hold the device's button for 1 s within 30 s to confirm: "
TOO_LATE = (
    "error: profile would permit more, and the device's button was not held for 1 s within 30 s; nothing was changed; "
    "try again at the device\n"
)


class Device:
    """A transport with a device behind it that keeps settings. Reading takes time: half a second each."""

    def __init__(self, answer: str = "") -> None:
        """answer: the event that comes six seconds after a change that raises a cap; "" for none."""
        self.name = "scripted:0"
        self.held = settings.defaults()
        self.answer = answer
        self.applies = answer == "confirmed"
        self.commands: list[str] = []
        self._pending: dict[str, int] = {}
        self._due_s = self._now_s = 0.0
        self._out = b""
        self._seq = 0

    def write(self, data: bytes) -> None:
        for line in data.splitlines():
            if line:
                request = framing.decode(line)
                self._send({"id": request["id"], **self._reply(request["cmd"], request["args"])})

    def read(self, timeout_s: float) -> bytes:
        self._now_s += 0.5
        if self._pending and self._now_s >= self._due_s:
            self.end()
        out, self._out = self._out, b""
        return out

    def end(self) -> None:
        """The wait ends: the changes are made when the script says so, and its event is sent."""
        if self.applies:
            self.held |= self._pending
        self._pending = {}
        if self.answer:
            self._seq += 1
            self._send({"ev": self.answer, "seq": self._seq})

    def now(self) -> float:
        return self._now_s

    def reopen(self, timeout_s: float) -> None:
        raise AssertionError("nobody resets this device")

    def close(self) -> None:
        pass

    def _reply(self, command: str, args: dict) -> dict:
        self.commands.append(command if "set" not in args else f"{command} set")
        if command == "hello":
            return {"ok": True, "data": {"protocol": protocol.PROTOCOL_VERSION, "board": "rp2040_pico"}}
        changes = args.get("set", settings.defaults() if command == "config_reset" else {})
        raised = limits.raises(self.held, changes)
        if not raised:
            self.held = self.held | changes
            return {"ok": True, "data": {"set": self.held}}
        self._pending, self._due_s = changes, self._now_s + 6.0
        return {"ok": False, "err": protocol.ERR_CONFIRM, "text": "it would raise a cap"}

    def _send(self, message: dict) -> None:
        self._out += framing.encode(message).encode()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> "type[Device]":
    """Makes the device that the command line finds on its port."""

    class Opened(Device):
        def __init__(self, answer: str = "") -> None:
            super().__init__(answer)
            monkeypatch.setitem(transport.OPENERS, "bench", lambda _name: self)

    return Opened


def refused(result: Result, text: str) -> None:
    assert (result.exit_code, result.stderr.splitlines(keepends=True)[-1]) == (6, text)
    assert result.stdout == ""


def test_what_lowers_needs_no_button(script: type[Device]) -> None:
    device = script()
    result = run_cli("config set zone eyes threshold_ua 0.2mA area_mm2 5mm2 --json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["zone"] == "eyes"
    assert (device.held["zone"], device.held["threshold_ua"], device.held["area_mm2"]) == (2, 200, 5)


def test_the_button_confirms(script: type[Device]) -> None:
    device = script("confirmed")
    result = run_cli("config set profile professional area_mm2 10cm2 lease_ms 3s --json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [f"{BUTTON}profile, area_mm2", "30 s left", "25 s left"]
    assert json.loads(result.stdout) == {
        "profile": "professional", "zone": "face", "area_mm2": 1000, "threshold_ua": 0, "session_max_ms": 1_200_000,
        "lease_ms": 3000, "telemetry_hz": 10, "usb_isolated": "no", "host_may_leave": "no", "buzzer": "yes",
    }  # fmt: skip
    assert device.commands == ["hello", "config", "config set", "config"]


@pytest.mark.parametrize("event", ["expired", "boot"])
def test_nothing_is_changed_without_it(script: type[Device], event: str) -> None:
    device = script(event)
    refused(run_cli("config set profile professional lease_ms 3s"), TOO_LATE)
    assert device.held == settings.defaults()


def test_a_lost_event_is_made_up_for(script: type[Device]) -> None:
    """The settings themselves say what happened, once the time is over."""
    result_of_none = script()
    result = run_cli("config set profile professional")
    refused(result, TOO_LATE)
    assert result.stderr.splitlines()[1:-1] == [f"{left} s left" for left in (30, 25, 20, 15, 10, 5, 0)]
    assert result_of_none.held == settings.defaults()
    device = script()
    device.applies = True
    assert run_cli("config set profile professional").exit_code == 0
    assert device.held["profile"] == 1


def test_ctrl_c_while_waiting(script: type[Device], monkeypatch: pytest.MonkeyPatch) -> None:
    device = script()

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(device, "end", interrupt)
    result = run_cli("config set usb_isolated yes")
    assert result.exit_code == 130
    assert "nothing was changed yet; the button still confirms it for 25 s\n" in result.stderr
    assert device.held == settings.defaults()


def test_the_countdown_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, drawn anew when the second changes, and ended."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Confirming("bench:0", press=False) as confirming:
        for left_s in (30.0, 29.8, 29.4, 9.0):
            confirming.left(left_s)
    assert capsys.readouterr().err == "\r 30 s left \r 29 s left \r  9 s left \n"


def test_reset_and_import_wait_too(script: type[Device], tmp_path: Path) -> None:
    device = script("confirmed")
    device.held = settings.defaults() | {"threshold_ua": 100, "zone": 2}
    result = run_cli("config reset")
    assert result.exit_code == 0
    assert result.stderr.startswith(f"{BUTTON}zone, threshold_ua\n")
    assert device.held == settings.defaults()
    saved = tmp_path / "settings.json"
    device.held["profile"] = 1
    assert run_cli(f"config export {saved}").exit_code == 0
    assert json.loads(saved.read_text())["values"]["profile"] == "professional"
    device.held["profile"] = 0
    result = run_cli(f"config import {saved} --json")
    assert result.stderr.startswith(f"{BUTTON}profile\n")
    assert json.loads(result.stdout)["profile"] == "professional"


def test_an_old_settings_file(script: type[Device], tmp_path: Path) -> None:
    """Its area, which nobody confirmed at the device, is left out; its ceiling stays one."""
    saved = tmp_path / "settings.json"
    values = {"amplitude_max_ua": 300, "area_mm2": 1000, "lease_ms": 3000}
    saved.write_text(json.dumps({"format": "microcurrent settings", "schema": 1, "values": values}))
    device = script()
    assert run_cli(f"config import {saved}").exit_code == 0
    assert device.held == settings.defaults() | {"threshold_ua": 300, "lease_ms": 3000}


def test_a_program_cannot_hold_a_real_button(script: type[Device]) -> None:
    device = script("confirmed")
    result = run_cli("config set profile professional --press")
    refused(
        result,
        "error: scripted:0 is no virtual Pico; nothing was sent; a host alone cannot confirm what permits more: leave "
        "--press away, and hold the button on the device for 1 s\n",
    )
    assert device.commands == ["hello"]


def test_a_virtual_pico_is_told_how(script: type[Device], monkeypatch: pytest.MonkeyPatch) -> None:
    script("confirmed")
    monkeypatch.setattr(confirmation, "virtual_control", lambda _port: Path("control"))
    result = run_cli("config set profile professional --port bench:0")
    assert result.stderr.splitlines()[1] == (
        "a virtual Pico's button: microcurrent press --port bench:0 in a second terminal, or --press here"
    )


def test_the_button_of_the_firmware(mc: Cli, board: VirtualPico) -> None:
    """A press that is too short does nothing; a second one confirms, is in force, and is still there after a reset."""
    mc("config reset")
    begun_ns = board.now_ns
    for pressed_ms, released_ms in ((3000, 3900), (5000, 6500)):
        board.at(begun_ns + pressed_ms * 1_000_000, lambda: board.drive_pin(BUTTON_PIN, 0))
        board.at(begun_ns + released_ms * 1_000_000, lambda: board.release_pin(BUTTON_PIN))
    done = mc("config set profile professional area_mm2 10cm2")
    assert done.exit_code == 0, done.stderr
    assert board.now_ns - begun_ns >= 6_000_000_000
    assert "profile         professional  home, professional " in done.stdout
    assert mc("config get area_mm2").stdout == "10cm2\n"
    mc("reset")
    assert mc("config get profile").stdout == "professional\n"
    assert mc("config reset").stderr == ""  # all of it lowers
    assert mc("config get profile").stdout == "home\n"


def test_the_virtual_button(image: Path, tmp_path: Path) -> None:
    """--press holds it; another process's press does the same."""
    from microcurrent.image.resolver import resolve_image

    state = tmp_path / "pico"
    install(resolve_image(), state, dac_code=2048)
    with start_sim(ServerOptions(str(image), state=str(state), name="pressed", boot_ms=BOOT_MS)) as sim:
        done = run_cli("config set profile professional --press --port pressed --json")
        assert (done.exit_code, json.loads(done.stdout)["profile"]) == (0, "professional"), done.stderr
        assert run_cli("config set profile home --port pressed").exit_code == 0
        assert "button" in ask(sim.control, do="button", ms=1)
