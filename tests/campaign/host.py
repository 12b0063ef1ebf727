"""The host of a campaign: it asks, listens and renews the lease, and never waits for a board that is silent."""

from collections.abc import Callable
from typing import Any

from firmware.core import pair
from firmware.shared import framing
from microcurrent.bench.pico import VirtualPico
from microcurrent.lines import LineReader, LinkCounters

from .waves import MS

_LOOK_NS = 5 * MS  # how often it looks at what arrived
_RENEW_NS = 400 * MS


def _second(wave: dict[str, Any]) -> dict[str, Any]:
    """The request for a second output: without what both have in common."""
    return {name: value for name, value in wave.items() if name not in pair.COMMON}


class Host:
    """Requests and events over the port of `pico`. `session`: whose lease it renews; 0: none."""

    def __init__(self, pico: VirtualPico) -> None:
        self._pico = pico
        self._reader = LineReader(LinkCounters())
        self._replies: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._renew_ns = 0
        self.renewed_ns = 0
        self.session = 0
        self.renews = True
        self.events: list[dict[str, Any]] = []
        self.amplitudes_ua: list[int] = []  # of what was asked for
        pico.open_port()

    def ask(self, command: str, *, within_ms: float = 1500, **arguments: Any) -> dict[str, Any] | None:
        """The reply to a request, or None when there is none in time."""
        number = self.send(command, **arguments)
        self.run_for_ms(within_ms, lambda: number in self._replies)
        return self._replies.pop(number, None)

    def data(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The data of a reply that must come and must be no refusal."""
        reply = self.ask(command, **arguments)
        assert reply is not None and reply["ok"], (command, reply)
        return reply["data"]

    def arm(self, wave: dict[str, Any], lease_ms: int = 2000) -> dict[str, Any] | None:
        """Ask for a session, with the same waveform on every output; remember its number."""
        self.amplitudes_ua.append(wave["amplitude_ua"])
        second: dict[str, Any] = {"wave2": _second(wave)} if len(self._pico.outputs) > 1 else {}
        reply = self.ask("arm", wave=wave, lease_ms=lease_ms, **second)
        if reply is not None and reply["ok"]:
            self.session = reply["data"]["session"]
        return reply

    def start(self) -> dict[str, Any] | None:
        """Start the armed session."""
        self.renewed_ns = self._pico.now_ns
        return self.ask("start", session=self.session)

    def run_for_ms(self, ms: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Let the board run, listening and renewing; True when `stop()` ended it."""
        return self.run_until(self._pico.now_ns + ms * MS, stop)

    def run_until(self, t_ns: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """The same up to an instant, in whole nanoseconds: the board's time is told in them."""
        t_ns = int(t_ns)
        while self._pico.now_ns < t_ns:
            self._renew()
            self._pico.run_until(min(t_ns, self._pico.now_ns + _LOOK_NS))
            self.listen()
            if stop():
                return True
        return False

    def listen(self) -> None:
        """Take what has arrived."""
        for message in self._reader.feed(self._pico.serial_read()):
            if "ev" in message:
                self.events.append(message)
            elif "ok" in message:
                self._replies[message["id"]] = message

    def reopen(self) -> None:
        """Close and open the port, as after a reset."""
        self._pico.close_port()
        self._reader.reset()
        self._pico.open_port()

    def forget(self) -> None:
        """The board has lost its power: no session, no answer is awaited any more."""
        self.session = 0
        self._replies.clear()
        self.reopen()

    def heard(self, event: str) -> list[dict[str, Any]]:
        """The events of one kind so far."""
        return [each for each in self.events if each["ev"] == event]

    def _renew(self) -> None:
        if self.session and self.renews and self._pico.now_ns >= self._renew_ns:
            self._renew_ns = self._pico.now_ns + _RENEW_NS
            self.renewed_ns = self._pico.now_ns
            self.send("lease", session=self.session)

    def send(self, command: str, **arguments: Any) -> int:
        """Send a request and go on; returns its number."""
        self._number += 1
        line = framing.encode({"id": self._number, "cmd": command, "args": arguments})
        self._pico.serial_write(line.encode())
        return self._number
