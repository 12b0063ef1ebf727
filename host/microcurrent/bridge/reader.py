"""One port: reads its board, directly or through the process that holds the port, and tells what it says.

A thread per port: a board that is silent, wrong or away holds up no other one.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from firmware.shared import faults, protocol

from ..client import telemetry_values
from ..errors import FirmwareError, MicrocurrentError, PortError
from ..exports import named
from ..fault_text import channel_of, fault_text
from ..share import Requester, ShareServer
from ..transport import PortBusyError, open_transport
from . import messages, recovery
from .messages import Mark, Message
from .reading import Door, HeldBoard, ReadingClient

TICK_S = 0.1  # how often commands of this machine are looked after
STATUS_S = 2.0  # ours: an idle board tells nothing by itself
HELD_S = 0.5  # ours: through the holder of the port, which looks at its socket ten times a second
HANDS_OFF_S = 5.0  # ours, as a monitor: who asked for the port has opened it by then
HELLO_S = 5.0  # ours: shorter than for a command, because it is tried again
RETRY_S = 2.0  # ours: until a port is tried again
CHECK_S = 5.0  # ours: how often both clocks are noted, and whether the last row was dropped on the wire
SHOWN_STATE = ("state", "session", "end", "estop", "gate", "fault")
ROWS = dict(zip(("telemetry", "telemetry2"), protocol.ROW_KEYS, strict=True))


@dataclass
class Shown:
    """What is known about a board now, for the metrics. Written by its reader, read by anybody."""

    port: str
    uid: str = ""
    online: bool = False
    identity: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    rows: dict[str, dict[str, int]] = field(default_factory=dict)  # by "t" and "t2"
    link: dict[str, int] = field(default_factory=dict)  # counters since the bridge began
    lost: int = 0  # sequence numbers that nobody could fetch any more


@dataclass(frozen=True)
class Hub:
    """What readers share: where messages go, who is told, and what was read before."""

    put: Callable[[Message | Mark], None]
    say: Callable[[str], None]
    known: Callable[[str], Mark | None]  # how far a board was read by an earlier bridge
    claim: Callable[[str, str], str]  # (uid, port) -> the port that serves this board already; "" takes it
    release: Callable[[str], None]


class Reader(threading.Thread):
    """Reads the board on a port until stopped. Never raises: what goes wrong is said once, and tried again."""

    def __init__(self, port: str, hub: Hub) -> None:
        super().__init__(name=f"reader of {port}", daemon=True)
        self.shown = Shown(port)
        self._port = port
        self._hub = hub
        self._stop_asked = threading.Event()
        self._mark: Mark | None = None
        self._told: set[int] = set()  # exit codes of the problems said since the board was last well
        self._first = False  # no bridge with this spool has read the board before
        self._hands_off_until_s = self._heard_s = 0.0
        self._status_due_s = self._mark_due_s = 0.0
        self._before: dict[str, int] = {}  # link counters of earlier connections

    def stop(self) -> None:
        """Ask the thread to end; it tells that the board is offline."""
        self._stop_asked.set()

    def run(self) -> None:
        """The thread."""
        while not self._stop_asked.is_set():
            reason = "the bridge has ended"
            try:
                self._read_once()
            except MicrocurrentError as error:
                reason = str(error)
                self._tell(error)
            except Exception as error:  # a defect must not take the other boards along, nor stay unseen
                reason = f"{self._port}: defect of the bridge: {error!r}; this board is tried again"
                self._tell(MicrocurrentError(reason))
            self._offline(reason)
            self._stop_asked.wait(RETRY_S)

    def _tell(self, error: MicrocurrentError) -> None:
        kind = PortError.exit_code if error.exit_code <= PortError.exit_code else error.exit_code
        if kind not in self._told:
            self._told.add(kind)
            text = str(error)
            self._hub.say(text if self._port in text else f"{self._port}: {text}")

    def _read_once(self) -> None:
        """Directly while the port is free, else through its holder; returns when it is to be stopped."""
        while not self._stop_asked.is_set():
            client = self._opened()
            if client is not None:
                with client:
                    self._read_directly(client)
            else:
                self._read_held()

    def _opened(self) -> ReadingClient | None:
        if time.monotonic() < self._hands_off_until_s:
            return None
        try:
            return ReadingClient(open_transport(self._port))
        except PortBusyError:
            return None

    # The board by ourselves ------------------------------------------------------------------------------------------

    def _read_directly(self, client: ReadingClient) -> None:
        identity = client.hello(HELLO_S)
        self._before = dict(self.shown.link)
        with ShareServer(Door(client), releasable=True) as share:
            self._begin(client, identity)
            self._catch_up(client)
            while not self._stop_asked.is_set():
                share.serve()
                self._heard_s = time.monotonic()
                if share.released:
                    self._hands_off_until_s = self._heard_s + HANDS_OFF_S
                    return
                event = client.next_event(TICK_S)
                if event is not None:
                    self._take(client, event)
                if time.monotonic() >= self._status_due_s:
                    self._ask(client, STATUS_S)
                self._count(client)

    def _catch_up(self, client: recovery.Source) -> None:
        """Tell what the board told while nobody read it."""
        status = client.request("status")
        sequence = client.request("counters")["sequence"]
        known = self._known_mark()
        self._mark = recovery.boot_of(known, known.uid, status["uptime_ms"], sequence, _now_ms())
        self._recover(client, {})

    def _recover(self, client: recovery.Source, heard: dict[int, dict]) -> None:
        """Publish all that can be had behind what was published last."""
        events = recovery.recovered(client, self._known_mark().seq, heard)
        if self._first and events and events[0]["ev"] == "gap":
            events = events[1:]  # what was before the first bridge is nobody's loss
        self._first = False
        for event in events:
            self._publish(event)
        self._status_due_s = 0.0

    def _take(self, client: ReadingClient, event: dict) -> None:
        mark = self._known_mark()
        if event["seq"] <= mark.seq:
            self._catch_up(client)  # the board has booted; after a late repetition there is nothing to catch up
        elif event["seq"] > mark.seq + 1:
            self._recover(client, {event["seq"]: event})
        else:
            self._publish(event)

    def _follow_boot(self, client: ReadingClient, mark: Mark) -> None:
        """A status has shown that the board has booted: first what it had told before, then what it tells now."""
        while self._known_mark().boot == mark.boot:
            event = client.next_event(0.0)
            if event is None:
                self._catch_up(client)
                return
            self._take(client, event)

    def _publish(self, event: dict) -> None:
        """An event of the board as a message."""
        mark, seq = self._known_mark(), event["seq"]
        if seq is None:
            self.shown.lost += event["count"]
        else:
            self._mark = mark = replace(mark, seq=seq)
        via = event.get(recovery.VIA, messages.BY_BOARD)
        rows = {name: telemetry_values(event[name]) for name in protocol.ROW_KEYS if event.get(name)}
        body = {name: value for name, value in event.items() if name not in ("seq", recovery.VIA)}
        body |= {name: named(row) for name, row in rows.items()}
        if event["ev"] == "telemetry":
            self.shown.rows = rows
            kind = messages.TELEMETRY
            del body["ev"]
        else:
            self._status_due_s = 0.0
            kind = messages.EVENT
        self._hub.put(messages.message(kind, mark, self._port, seq, via, body))

    def _count(self, client: ReadingClient) -> None:
        self.shown.link = {name: self._before.get(name, 0) + value for name, value in vars(client.counters).items()}

    # The board through the process that holds its port ---------------------------------------------------------------

    def _read_held(self) -> None:
        """Until the port may be free again. Raises PortError when its holder has answered nothing for a while."""
        holder = HeldBoard(self._port)
        again_s = time.monotonic() + HANDS_OFF_S
        while not self._stop_asked.is_set() and time.monotonic() < again_s:
            try:
                if not self.shown.online:
                    self._begin(holder, holder.hello())
                self._catch_up(holder)
                self._ask(holder, HELD_S)
            except PortError:  # the holder is coming or going, or is no microcurrent at all
                if time.monotonic() >= max(self._heard_s, self._hands_off_until_s) + HANDS_OFF_S:
                    raise
                return
            self._heard_s = time.monotonic()
            self._hands_off_until_s = 0.0  # who asked for the port has it; once it answers no more, it is free
            self._stop_asked.wait(HELD_S)

    # Both ------------------------------------------------------------------------------------------------------------

    def _begin(self, board: Requester, identity: dict) -> None:
        """A board has said hello: who it is, and that it is there."""
        uid = str(identity.get("uid", ""))
        if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", uid):  # it becomes part of topics
            raise FirmwareError(
                f"{self._port}: the board says that its uid is {uid[:80]!r}, which is none; it is not read; run: "
                f"microcurrent flash --port {self._port}"
            )
        other = self._hub.claim(uid, self._port)
        if other:
            raise PortError(
                f"{self._port}: board {uid} is read on {other} already; this port is left out; unplug one of them, or "
                f"leave the port away"
            )
        self._told.clear()
        if self.shown.uid != uid:
            self._offline("another board is on its port now")
            self.shown.uid, self._mark = uid, None
        known = self._mark or self._hub.known(uid)
        self._first = known is None
        sequence = known.seq + 1 if known else 0  # not asked for yet: _catch_up looks closer
        self._mark = recovery.boot_of(known, uid, board.request("status")["uptime_ms"], sequence, _now_ms())
        who = {name: value for name, value in identity.items() if name not in ("uid", "state")}
        if not self.shown.online:  # else the port has only changed hands
            self.shown.identity, self.shown.status = {}, {}
            self._put(messages.STATUS, {"status": messages.ONLINE, "reason": ""})
            self._hub.say(f"{self._port}: reads board {uid}")
            self.shown.online = True
        if self.shown.identity != who:
            self.shown.identity = who
            self._put(messages.IDENTITY, who)

    def _ask(self, board: Requester, again_s: float) -> None:
        """Ask for the status and tell what is new about it."""
        status = board.request("status")
        self._status_due_s = time.monotonic() + again_s
        self._note_clocks(board, status["uptime_ms"])
        before, self.shown.status = self.shown.status, status
        self.shown.rows = {ROWS[name]: telemetry_values(status[name]) for name in ROWS if status.get(name)}
        if status["fault"] != before.get("fault"):
            self._tell_fault(board)
        state = {name: status[name] for name in SHOWN_STATE}
        if any(value != before.get(name) for name, value in state.items()):
            self._put(messages.STATE, state | {"fault": faults.name_of(status["fault"])})

    def _note_clocks(self, board: Requester, uptime_ms: int) -> None:
        """The same instant on the board's clock and on ours; a clock that went back is another boot."""
        mark = self._known_mark()
        if uptime_ms >= mark.uptime_ms:
            self._mark = replace(mark, uptime_ms=uptime_ms, at_ms=_now_ms())
        elif isinstance(board, ReadingClient):
            self._follow_boot(board, mark)
        else:
            self._mark = Mark(mark.uid, max(_now_ms() - uptime_ms, mark.boot + 1), -1, uptime_ms, _now_ms())
        if time.monotonic() < self._mark_due_s:
            return
        self._mark_due_s = time.monotonic() + CHECK_S
        self._hub.put(self._known_mark())
        if isinstance(board, ReadingClient) and board.request("counters")["sequence"] > self._known_mark().seq + 1:
            self._recover(board, {})  # telemetry that nothing has followed yet

    def _tell_fault(self, board: Requester) -> None:
        found = board.request("faults")
        channel = channel_of(found, self.shown.identity)
        text = fault_text(found["code"], found["reading"], found["limit"], channel) if found["code"] else ""
        body = {name: value for name, value in found.items() if name != "samples"}
        self._put(messages.FAULT, body | {"text": text})

    def _put(self, kind: str, body: dict) -> None:
        self._hub.put(messages.message(kind, self._known_mark(), self._port, None, messages.BY_STATUS, body))

    def _offline(self, reason: str) -> None:
        if not self.shown.online:
            return
        self._put(messages.STATUS, {"status": messages.OFFLINE, "reason": reason})
        self.shown.rows = {}
        self.shown.online = False
        self._hub.release(self.shown.uid)

    def _known_mark(self) -> Mark:
        assert self._mark is not None  # set before anything is published
        return self._mark


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
