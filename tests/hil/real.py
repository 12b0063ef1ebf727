"""A real board, brought into the state that scenarios begin in, and back into it after each of them."""

import contextlib
import shlex
import subprocess
import time
from typing import Any

import pytest

from firmware.shared import faults, protocol, settings
from microcurrent.client import DeviceClient
from microcurrent.errors import MicrocurrentError, RefusedError
from microcurrent.fault_text import fault_text
from microcurrent.restart import restart
from microcurrent.transport import SerialTransport, Transport
from tests.probe.client import ProbeClient

from .recording import Recording
from .rungs import MISSING_PARTS

PRESS_S = protocol.CONFIRM_MS / 1000
BUTTON_COMMAND_S = 60.0  # ours


class Button:
    """The button on the board: held by a command, or by who reads what we ask for."""

    def __init__(self, config: pytest.Config) -> None:
        self._command = config.getoption("--button")
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")

    def hold(self, why: str) -> None:
        """Have it held for a second. Raises RefusedError when the command fails."""
        if not self._command:
            with self._capture.global_and_fixture_disabled():
                self._reporter.write_line(f"\nhold the board's button for a second now: {why}", yellow=True)
            return
        ran = subprocess.run(shlex.split(self._command), capture_output=True, text=True, timeout=BUTTON_COMMAND_S)
        if ran.returncode:
            raise RefusedError(f"--button failed: {ran.stderr.strip() or ran.stdout.strip()}; nothing was changed")


class RealBoard:
    """The board on --port. Every conversation with it begins with `opened`."""

    def __init__(self, config: pytest.Config, declared: dict[str, int]) -> None:
        self.port = str(config.getoption("--port"))
        self.rung = str(config.getoption("--rung"))
        self.identity: dict[str, Any] = {}
        self._probe_port: str | None = config.getoption("--probe-port")
        self._button = Button(config)
        self._declared = declared
        self._original: dict[str, int] = {}
        self._baseline: dict[str, int] = {}
        self._recording = Recording(str(config.getoption("--record"))) if config.getoption("--record") else None

    def opened(self, scenario: str = "") -> DeviceClient:
        """A client on its port; with --record what it says is kept under the scenario's name. Raises PortError."""
        transport: Transport = SerialTransport(self.port)
        if self._recording and scenario:
            transport = self._recording.of(transport, scenario)
        return DeviceClient(transport)

    def answering(self, scenario: str) -> DeviceClient:
        """The same, once it answered: what an earlier scenario left at a prompt is started again. Raises PortError."""
        client = self.opened(scenario)
        try:
            client.hello()
            return client
        except MicrocurrentError:
            client.close()
        restart(self.port)
        client = self.opened(scenario)
        client.hello()
        return client

    def prepare(self) -> None:
        """What a run at its rung begins with. Raises MicrocurrentError with what is missing and what to do."""
        if self._probe_port:
            self._close_contact()
        with self.opened() as client:
            self.identity = client.hello()
            self._original = client.request("config")["set"]
            try:
                self._prove_rung(client)
            except MicrocurrentError as error:
                raise type(error)(_with_fault(client, error)) from None
            self._baseline = client.request("config")["set"]
            if self._recording:
                self._recording.head(self.identity, self._baseline, client.request("calibration")["calibration"])

    def _close_contact(self) -> None:
        """The probe's line stands in for the emergency stop's contact."""
        with contextlib.closing(SerialTransport(self._probe_port or "")) as transport:
            probe = ProbeClient(transport)
            probe.hello()
            probe.estop(is_open=False)

    def _prove_rung(self, client: DeviceClient) -> None:
        if self.rung == "bare":
            return
        if client.request("status")["estop"]:
            raise RefusedError(
                f"the emergency stop is open, rung {self.rung} needs it closed; nothing was run; close its contact, or "
                f"bridge its input to GND on the bench"
            )
        if self.rung == "dac":
            client.request("dac")
            return
        if client.request("faults")["code"] != faults.NONE:
            client.request("clear")
        isolated = {"usb_isolated": self._original["usb_isolated"]}  # only the person can know
        self._configure(client, settings.defaults() | self._declared | isolated)

    def restore(self, client: DeviceClient) -> None:
        """After a scenario: no output, no fault of its own, and the settings of before. Raises MicrocurrentError."""
        client.request("stop", {"now": True})
        if self.rung not in MISSING_PARTS and client.request("faults")["code"] != faults.NONE:
            client.request("clear")
        self._configure(client, self._baseline)

    def leave(self) -> None:
        """The settings that the board had. Raises MicrocurrentError."""
        with self.answering("") as client:
            self._configure(client, self._original)

    def _configure(self, client: DeviceClient, wanted: dict[str, int]) -> None:
        """Make settings what they should be, with the button where that raises a cap."""
        held = client.request("config")["set"]
        changes = {name: value for name, value in wanted.items() if held[name] != value}
        if not changes:
            return
        try:
            client.request("config", {"set": changes})
            return
        except RefusedError as error:
            if "button" not in str(error):
                raise
        self._button.hold(", ".join(f"{name} from {held[name]} to {value}" for name, value in changes.items()))
        deadline_s = time.monotonic() + PRESS_S
        while time.monotonic() < deadline_s:
            event = client.next_event(0.2)
            if event is not None and event["ev"] == "confirmed":
                return
        raise RefusedError(
            f"the button was not held within {PRESS_S:.0f} s; the settings stay as they are; begin again, and hold it"
        )


def _with_fault(client: DeviceClient, error: MicrocurrentError) -> str:
    """Why a run cannot begin, with the latched fault where there is one."""
    found = client.request("faults")
    if found["code"] == faults.NONE:
        return str(error)
    return f"{error} ({fault_text(found['code'], found['reading'], found['limit'], None)})"
