"""Requests to the probe, over a serial port or to an emulated one."""

from dataclasses import dataclass
from typing import Any

from firmware.shared import framing
from microcurrent.errors import BadValueError, PortError
from microcurrent.lines import LineReader, LinkCounters
from microcurrent.transport import Transport

from .firmware import wires

REPLY_S = 3.0  # ours: a request without a capture takes milliseconds; one on a busy machine longer
WAKE = b"\r\n"
STEPS, REFERENCE_MV = 4096, 3300  # of the probe's ADC; its reference is its 3V3


@dataclass(frozen=True)
class Edge:
    """An edge of a line of the board under test, in ns of the probe's clock."""

    line: str
    level: int
    t_ns: int


class ProbeClient:
    """One conversation with a probe."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._reader = LineReader(LinkCounters())
        self._next_id = 1
        self.identity: dict[str, Any] = {}

    def request(self, command: str, timeout_s: float = REPLY_S, **arguments: object) -> dict[str, Any]:
        """The "data" of the probe's reply. Raises BadValueError when it refuses, PortError without a reply."""
        number = self._next_id
        self._next_id += 1
        self.transport.write(framing.encode({"id": number, "cmd": command, "args": arguments}).encode())
        deadline_s = self.transport.now() + timeout_s
        while (left_s := deadline_s - self.transport.now()) > 0:
            for message in self._reader.feed(self.transport.read(left_s)):
                if message.get("id") == number:
                    return self._data(message)
        raise PortError(
            f"no answer to {command} from the probe on {self.transport.name} within {timeout_s:.0f} s; its lines stay "
            f"as they are; check its cable, or put its firmware on it: python -m tests.probe flash --port PORT"
        )

    def hello(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """Who answers. Raises PortError, BadValueError."""
        deadline_s = self.transport.now() + timeout_s
        while True:
            self.transport.write(WAKE)
            try:
                self.identity = self.request("hello", 0.5)
                return self.identity
            except PortError:
                if self.transport.now() >= deadline_s:
                    raise

    def edges(self) -> list[Edge]:
        """The edges since the last call, in order of time. Raises BadValueError when some were lost."""
        found: list[Edge] = []
        more = True
        while more:
            told = self.request("edges")
            if told["lost"]:
                raise BadValueError(
                    "the probe lost edges: more than eight of a line came at once; its times are not to be trusted; "
                    "reset it, and check the wire for bounces"
                )
            tick_ns = self.identity["tick_ns"]
            found += [Edge(wires.LINES[line], level, ticks * tick_ns) for line, level, ticks in told["edges"]]
            more = told["more"]
        return sorted(found, key=lambda edge: edge.t_ns)

    def forget(self) -> None:
        """Begin anew with edges: also after some were lost while nobody looked at them."""
        self.request("forget")
        self.edges()  # a line that is high has one at time 0

    def estop(self, *, is_open: bool) -> None:
        """Open or close the emergency stop of the board under test."""
        self.request("estop", open=is_open)

    def capture(self, name: str, count: int, every_us: int) -> list[float]:
        """Readings of an input in mV, one every `every_us`."""
        self.request("capture", REPLY_S + count * every_us / 1e6, input=name, count=count, us=every_us)
        digits = ""
        while len(digits) < 3 * count:
            digits += self.request("read", **{"from": len(digits) // 3})["counts"]
        counts = [int(digits[at : at + 3], 16) for at in range(0, len(digits), 3)]
        return [count * REFERENCE_MV / STEPS for count in counts]

    def levels_mv(self, count: int = 64) -> dict[str, float]:
        """Mean of `count` readings of every input, in mV."""
        sums = self.request("levels", count=count)["sums"]
        return {name: total / count * REFERENCE_MV / STEPS for name, total in zip(wires.INPUTS, sums, strict=True)}

    def _data(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["ok"]:
            return message["data"]
        raise BadValueError(f"the probe refuses: {message['text']}")
