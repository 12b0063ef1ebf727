"""One conversation with a device: requests with ids, events in order, gaps filled from the device's ring.

Used by every command. It knows frames and time-outs; what a command means is the caller's business.
"""

from collections import deque
from collections.abc import Sequence

from firmware.shared import framing, protocol

from .errors import FirmwareError, MicrocurrentError, PortError
from .lines import LineReader, LinkCounters
from .refusals import data_of
from .transport import Transport

REPLY_TIMEOUT_S = 1.0  # ours: without a write to the flash the slowest reply takes 0.1 s
# How long a reply may still take after either side saw a damaged line: it may have been this request or its reply,
# or something else.
DAMAGED_WAIT_S = 0.25
# Ends a half line that another program left behind. MicroPython's prompt takes \r, the firmware \r and \n, and neither
# minds an empty line. Never with Ctrl-C: that would end the firmware.
WAKE = b"\r\n"
LEAVE_RAW_REPL = b"\x02"  # Ctrl-B: a killed mpremote leaves a board in the raw REPL, which shows no prompt
QUIET_ATTEMPTS = 2  # before that byte is tried: a firmware counts it as a damaged line, and may only just be booting
FIRST_IDS = 1_000_000  # ours: a client's ids begin at the millisecond it opens in, so two of them rarely meet
HELLO_WAIT_S, HELLO_WAIT_MAX_S = 0.5, 4.0  # ours: for one attempt; a virtual board on a busy machine answers late
HELLO_TIMEOUT_S = 15.0  # ours: boot to the first line takes 0.5 s on a board, ten on a virtual one on a busy machine
# ours: checks take 0.7 s, a write to the flash 0.4 s and more; a virtual board on a busy machine ten times as long
CHECKS_S, FLASH_S = 30.0, 5.0
SLOW_COMMANDS_S = {
    **dict.fromkeys(("selftest", "commission", "clear"), CHECKS_S),
    **dict.fromkeys(("arm", "start", "config", "config_reset", "journal", "programme"), FLASH_S),
}
ATTEMPTS = 3
# Sent once: doing these twice is not the same as doing them once.
NOT_REPEATED = (
    "arm", "start", "change", "table", "pause", "resume", "felt", "skip", "programme", "programme_start", "maintenance",
    "reset", "selftest", "commission",
)  # fmt: skip


def telemetry_values(row: Sequence[int]) -> dict[str, int]:
    """A telemetry tuple as a dict by field name. Raises FirmwareError when its length differs from ours."""
    if len(row) != len(protocol.TELEMETRY_FIELDS):
        raise FirmwareError(
            f"a telemetry tuple has {len(row)} fields, {len(protocol.TELEMETRY_FIELDS)} are expected; "
            f"the firmware is of another version; run: microcurrent flash"
        )
    return dict(zip(protocol.TELEMETRY_FIELDS, row, strict=True))


def _replayed(seq: int, row: list[int], second: list[int] | None) -> dict:
    """A telemetry event as it was before it was lost. second: the second channel's row, None when there is none."""
    return {"ev": "telemetry", "seq": seq, "t": row} | ({} if second is None else {"t2": second})


class DeviceClient:
    """Requests and events over one transport. Close it, or use it with `with`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.counters = LinkCounters()
        self.identity: dict = {}
        self._reader = LineReader(self.counters)
        self._reply: dict | None = None
        self._events: deque[dict] = deque()
        # Not 1: the board may still answer what a program asked that was killed, and that must not be taken for ours.
        self._next_id = self._oldest_id = 1 + int(transport.now() * 1000) % FIRST_IDS
        self._last_seq: int | None = None
        self._gaps: deque[tuple[int, int]] = deque()  # (first, last) missing sequence number
        self._request_damaged = False

    def __enter__(self) -> "DeviceClient":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def port(self) -> str:
        """The port's name, for messages."""
        return self.transport.name

    @property
    def at_prompt(self) -> bool:
        """True when the board has shown a MicroPython prompt since the port was opened: the firmware is not running."""
        return self._reader.prompt_seen

    def close(self) -> None:
        """Release the port."""
        self.transport.close()

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        """The "data" of the device's reply. Raises the error its refusal stands for, or PortError without a reply."""
        wait_s = timeout_s or SLOW_COMMANDS_S.get(command, REPLY_TIMEOUT_S)
        attempts = 1 if command in NOT_REPEATED else ATTEMPTS
        for attempt in range(attempts):
            self.counters.repeated += attempt > 0
            reply = self._exchange(command, args or {}, wait_s, patient=attempts == 1)
            if reply is not None:
                return data_of(reply)
        raise PortError(
            f"no answer to {command} from {self.port} within {wait_s * attempts:.1f} s; a running session "
            f"ends by itself when its lease runs out; check the cable, then run: microcurrent status"
        )

    def next_event(self, timeout_s: float) -> dict | None:
        """The next event in order, or None after `timeout_s`. Missed telemetry is fetched first."""
        if not self._events:
            self._pump(timeout_s)
        if self._gaps:
            self._fill_gaps()
        return self._events.popleft() if self._events else None

    def forget_events(self) -> None:
        """Drop what arrived so far and was not asked for."""
        self._events.clear()
        self._gaps.clear()

    def hello(self, timeout_s: float = HELLO_TIMEOUT_S) -> dict:
        """The device's identity, checked. Raises FirmwareError with the command that repairs what is wrong."""
        deadline = self.transport.now() + timeout_s
        attempts = 0
        wait_s = HELLO_WAIT_S
        first_id = self._next_id  # a reply to any of the attempts will do
        while True:
            self.transport.write(WAKE if attempts < QUIET_ATTEMPTS else LEAVE_RAW_REPL + WAKE)
            attempts += 1
            wait_s = wait_s if attempts <= QUIET_ATTEMPTS else min(2 * wait_s, HELLO_WAIT_MAX_S)
            reply = self._exchange("hello", {}, min(wait_s, timeout_s), oldest_id=first_id)
            if reply is not None:
                self.identity = data_of(reply)
                self._check_protocol()
                return self.identity
            if self.at_prompt or self.transport.now() >= deadline:
                raise self._silence(timeout_s)

    def await_reset(self, timeout_s: float = 3.0) -> None:
        """After a reset request: until the board says that it booted, or its port goes away."""
        deadline = self.transport.now() + timeout_s
        while (left_s := deadline - self.transport.now()) > 0:
            try:
                event = self.next_event(left_s)
            except PortError:
                return
            if event is not None and event["ev"] == "boot":
                return

    def reconnect(self, timeout_s: float = 10.0) -> dict:
        """Open the port again after a reset and say hello. Raises PortError or FirmwareError."""
        deadline = self.transport.now() + timeout_s
        while True:
            left_s = max(deadline - self.transport.now(), 0.5)
            try:
                self.reopen(left_s)
                return self.hello(left_s)
            except (PortError, FirmwareError):  # the port opened just before it went away, or still at its prompt
                if self.transport.now() >= deadline or self._wrong_protocol():
                    raise

    def rejoin(self, timeout_s: float) -> dict:
        """Open the port again after the link was lost, in mid-session: what its ring still holds is fetched.

        Raises PortError or FirmwareError when nobody answers in time; it may be tried again.
        """
        last_seq = self._last_seq
        self.reopen(timeout_s)
        self._last_seq = last_seq  # the next event shows the gap; a board that has booted since says so and starts anew
        return self.hello(timeout_s)

    def reopen(self, timeout_s: float = 10.0) -> None:
        """Open the port again after a reset, without a word to the firmware."""
        self.transport.reopen(timeout_s)
        self._reader.reset()
        self._events.clear()
        self._gaps.clear()
        self._last_seq = None

    def prompt_within(self, timeout_s: float) -> bool:
        """True when the board shows a MicroPython prompt: the firmware is not running."""
        self.transport.write(WAKE)
        deadline = self.transport.now() + timeout_s
        while not self.at_prompt:
            left_s = deadline - self.transport.now()
            if left_s <= 0:
                return False
            self._pump(left_s)
        return True

    def _exchange(
        self, command: str, args: dict, timeout_s: float, *, oldest_id: int | None = None, patient: bool = False
    ) -> dict | None:
        """The reply to one request, or None when it did not come or the device saw it damaged.

        oldest_id: a reply to an earlier request since that one counts too. patient: wait for the whole time in spite
        of damage, which may have been that of a line sent before.
        """
        number = self._next_id
        self._next_id += 1
        self._oldest_id = oldest_id or number
        self._reply = None
        self._request_damaged = False
        line = framing.encode({"id": number, "cmd": command, "args": args})
        self.transport.write(line.encode())
        deadline = self.transport.now() + timeout_s
        while self._reply is None:
            left_s = deadline - self.transport.now()
            if left_s <= 0:
                return None
            before = self.counters.damaged
            self._pump(left_s)
            if not patient and (self._request_damaged or self.counters.damaged > before):
                self._request_damaged = False
                deadline = min(deadline, self.transport.now() + DAMAGED_WAIT_S)
        return self._reply

    def _pump(self, timeout_s: float) -> None:
        for message in self._reader.feed(self.transport.read(timeout_s)):
            if "ev" in message:
                self._take_event(message)
            elif "cmd" in message and "ok" not in message:
                self.counters.echoed += 1
            else:
                self._take_reply(message)

    def _take_reply(self, message: dict) -> None:
        number = message.get("id")
        if isinstance(number, int) and self._oldest_id <= number < self._next_id:
            self._reply = message
        elif message.get("err") == protocol.ERR_FRAME:
            self._request_damaged = True
        else:
            self.counters.late_replies += 1

    def _take_event(self, event: dict) -> None:
        seq = event.get("seq")
        if not isinstance(seq, int):
            self.counters.damaged += 1
            return
        if event["ev"] == "boot":
            self._last_seq = None
            self._gaps.clear()
        expected = seq if self._last_seq is None else self._last_seq + 1
        if seq > expected:
            self._gaps.append((expected, seq - 1))
            self.counters.missed += seq - expected
        self._last_seq = seq
        self._events.append(event)

    def _fill_gaps(self) -> None:
        """Fetch what the ring still holds and put all events back into order."""
        while self._gaps:
            first, last = self._gaps.popleft()
            while first <= last:
                reply = self.request("replay", {"from_seq": first, "count": last + 1 - first})
                rows = [row for row in reply["rows"] if first <= row[0] <= last]
                if not rows:
                    break
                self.counters.replayed += len(rows)
                self._events.extend(_replayed(*row) for row in rows)
                first = rows[-1][0] + 1
        self._events = deque(sorted(self._events, key=lambda event: event["seq"]))

    def _wrong_protocol(self) -> bool:
        return self.identity.get("protocol", protocol.PROTOCOL_VERSION) != protocol.PROTOCOL_VERSION

    def _check_protocol(self) -> None:
        theirs = self.identity.get("protocol")
        if theirs != protocol.PROTOCOL_VERSION:
            raise FirmwareError(
                f"the board on {self.port} speaks protocol {theirs}, this program speaks "
                f"{protocol.PROTOCOL_VERSION}; nothing was changed; run: "
                f"microcurrent flash --port {self.port}"
            )

    def _silence(self, timeout_s: float) -> MicrocurrentError:
        """Why nobody said hello, from what came instead."""
        port = self.port
        if self.at_prompt:
            return FirmwareError(
                f"the board on {port} shows a MicroPython prompt, so the firmware is not running; the output is "
                f"off; run: microcurrent reset --port {port}, or if it is not installed: "
                f"microcurrent flash --port {port}"
            )
        if self.counters.echoed:
            return PortError(
                f"{port} returns what was sent; it is no board; nothing was started; check --port, "
                f"or list the boards with: microcurrent devices"
            )
        heard = self.counters.frames + self.counters.damaged + self.counters.foreign
        return FirmwareError(
            f"no answer to hello on {port} within {timeout_s:.0f} s ({heard} other lines heard); nothing was "
            f"started; if this is the board, run: microcurrent flash --port {port}"
        )
