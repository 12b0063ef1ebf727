"""A client with the moves that scenarios share, on a virtual board or on a real one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware.shared import protocol
from microcurrent.client import DeviceClient, telemetry_values
from microcurrent.errors import MicrocurrentError

from .rungs import MISSING_PARTS

# Samples of 100 us, so that a test knows where they fall; what a board chooses by itself is for tests of that.
SQUARE = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 1000, "ramp_ms": 200, "sample_us": 100}

PATIENT_S = 10.0  # ours, for a reply: a board that is emulated on a busy machine
HANG_S = 120  # ours: what only a hang exceeds, on a slowly emulated board too


@dataclass
class Ran:
    """One finished session: its terms, telemetry rows by field name (the end's row last), and other events."""

    terms: dict
    rows: list[dict[str, int]] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)

    @property
    def last(self) -> dict[str, int]:
        return self.rows[-1]

    @property
    def reason(self) -> str:
        return next((event["reason"] for event in self.events if event["ev"] == "end"), "")

    @property
    def states(self) -> list[str]:
        return [event["to"] for event in self.events if event["ev"] == "state"]

    def plateau(self, name: str) -> list[int]:
        """A telemetry field over the rows whose whole interval was at full amplitude."""
        active = [row[name] for row in self.rows if protocol.STATE_NAMES[row["state"]] == "ACTIVE"]
        return active[1:]


class Device:
    """A client with the few moves that scenarios share."""

    def __init__(self, client: DeviceClient, rung: str = "stage") -> None:
        self.client = client
        self.request = client.request
        self.rung = rung

    @property
    def at_rest(self) -> str:
        """The state that nobody disturbs: without its DAC or its stage a board stays in FAULT."""
        return "FAULT" if self.rung in MISSING_PARTS else "READY"

    @property
    def state(self) -> str:
        """The present state's name."""
        return self.request("status", timeout_s=PATIENT_S)["state"]

    def field(self, name: str) -> int:
        """Index of a telemetry field."""
        return protocol.TELEMETRY_FIELDS.index(name)

    def present(self, name: str) -> int:
        """A telemetry field, now."""
        return self.request("status")["telemetry"][self.field(name)]

    @property
    def uptime_ms(self) -> int:
        """The board's own clock."""
        return self.request("status", timeout_s=PATIENT_S)["uptime_ms"]

    def wait_ms(self, ms: float) -> None:
        """Listen for a time of the board's own clock, which is late where a slow machine emulates it."""
        ends_ms = self.uptime_ms + ms
        while (left_ms := ends_ms - self.uptime_ms) > 0:
            self.idle_ms(left_ms)

    def rows(self, ms: float) -> list[dict[str, int]]:
        """The telemetry of a time of the board's own clock."""
        ends_ms = self.uptime_ms + ms
        ends_s = self.client.transport.now() + HANG_S
        found: list[dict[str, int]] = []
        while not found or found[-1]["time_ms"] < ends_ms:
            assert self.client.transport.now() < ends_s, found
            event = self.client.next_event(0.05)
            if event is not None and "t" in event:
                found.append(telemetry_values(event["t"]))
        return found

    def idle_ms(self, ms: float) -> None:
        """Listen for a time of our clock, to whatever runs on the board."""
        ends_s = self.client.transport.now() + ms / 1000
        while (left_s := ends_s - self.client.transport.now()) > 0:
            self.client.next_event(left_s)

    def pass_ms(self, ms: float) -> None:
        """Let time of our clock pass in which nobody reads the port."""
        time.sleep(ms / 1000)

    def until(self, state: str, limit_s: float = HANG_S) -> None:
        """Listen until the board is in a state."""
        ends_s = self.client.transport.now() + limit_s
        while self.state != state:
            assert self.client.transport.now() < ends_s, self.request("status")
            self.client.next_event(0.05)

    def write(self, data: bytes) -> None:
        """Bytes that are no frame of the client's."""
        self.client.transport.write(data)

    def heard(self, enough: Callable[[bytes], bool], limit_s: float = HANG_S) -> bytes:
        """What the board says until there is enough of it, without the client."""
        ends_s = self.client.transport.now() + limit_s
        found = b""
        while not enough(found):
            left_s = ends_s - self.client.transport.now()
            assert left_s > 0, found
            found += self.client.transport.read(left_s)
        return found

    def restarted(self) -> dict:
        """Its identity after a reset by request."""
        self.client.forget_events()
        self.request("reset")
        self.client.await_reset()
        return self.client.reconnect()

    def start(self, lease_ms: object = None, **changes: object) -> dict:
        """Arm and start a session: its terms. lease_ms: another lease than the settings'."""
        lease = {} if lease_ms is None else {"lease_ms": lease_ms}
        terms = self.request("arm", {"wave": SQUARE | changes} | lease)
        self.request("start", {"session": terms["session"]})
        return terms

    def run(
        self,
        *,
        renew: bool = True,
        during: Callable[[float], None] | None = None,
        limit_s: float = HANG_S,
        **changes: object,
    ) -> Ran:
        """Run a session to its end. during(seconds since start) is called about every 50 ms."""
        while self.client.next_event(0.02):
            pass
        ran = Ran(self.start(**changes))
        began = self.client.transport.now()
        lease_due = began
        while not ran.reason:
            now = self.client.transport.now()
            assert now - began < limit_s, ran
            if renew and now >= lease_due:
                self._renew(ran)
                lease_due = now + ran.terms["lease_ms"] / 4000
            if during:
                during(now - began)
            self.take(ran, 0.05)
        while self.take(ran, 0.05):
            pass
        return ran

    def take(self, ran: Ran, timeout_s: float) -> bool:
        event = self.client.next_event(timeout_s)
        if event is None:
            return False
        if "t" in event:
            ran.rows.append(telemetry_values(event["t"]))
        if event["ev"] != "telemetry":
            ran.events.append(event)
        return True

    def _renew(self, ran: Ran) -> None:
        try:
            self.request("lease", {"session": ran.terms["session"]})
        except MicrocurrentError as error:  # it ended between the event and the renewal
            assert "not running" in str(error)
