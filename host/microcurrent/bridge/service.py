"""The bridge's loop: what is read from boards goes into the spool, from there to the broker, and out on its PUBACK."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..share import socket_path
from . import messages
from .broker import Access, Acked, Broker, Link
from .messages import Mark, Message
from .metrics import Collector, MetricsServer
from .reader import Hub, Reader, Shown
from .spool import OTHER, Spool, SpoolFullError

COMMIT_S = 0.05  # ours: the messages of so long share one synced transaction
STATUS_S = 10.0  # how often the bridge tells about itself
LOOK_S = 5.0  # --all: how often new boards are looked for
REFUSED_S = 10.0  # until what the broker refused is sent again
FAREWELL_S = 3.0  # at the end: for the boards' last messages and their PUBACKs
KEPT = 10_000  # messages kept in memory while the disk takes none

Item = Message | Mark | Acked | Link


@dataclass(frozen=True)
class Plan:
    """What the bridge is to do. find: the ports there are now, None when `ports` is all."""

    ports: Sequence[str]
    find: Callable[[], Sequence[str]] | None
    access: Access
    prefix: str
    spool: Path
    limit_bytes: int
    metrics: tuple[str, int] | None


class Bridge:
    """Runs until `ended()`. Raises RecordError for the spool, PortError for the metrics' address."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        self._inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._spool = Spool(plan.spool, plan.limit_bytes)
        self._topic = messages.bridge_topic(plan.prefix, self._spool.bridge)
        self._broker = Broker(plan.access, self._spool.bridge, self._topic, self._inbox.put)
        self._readers: dict[str, Reader] = {}  # by what the port is, under any name
        self._claims: dict[str, str] = {}
        self._claiming = threading.Lock()
        self._fresh: list[Message] = []
        self._marks: dict[str, Mark] = {}
        self._done: list[int] = []
        self._under_way: dict[int, int] = {}  # number of the PUBACK: number in the spool
        self._window = self._sent_n = 0
        self._again_s = float("inf")  # when to begin anew with the spool: the broker has refused something
        self._published = self._unkept = 0
        self._told: set[str] = set()  # problems with the broker, since it was reached last
        self._disk_told = self._none_told = False
        self._told_dropped: dict[str, int] = dict(self._spool.dropped)
        self._commit_due_s = self._status_due_s = self._look_due_s = 0.0
        self._known = dict(self._spool.marks)

    def run(self, ended: Callable[[], bool]) -> None:
        """The loop. At its end every board is told offline, and the spool keeps what the broker did not take."""
        server = None
        try:
            server = self._metrics()
            self._broker.start()
            self._old_boards_offline()
            while not ended():
                self._look_for_boards()
                self._pass()
            self._farewell()
        finally:
            self._broker.stop()
            self._spool.close()
            if server is not None:
                server.close()

    def _metrics(self) -> MetricsServer | None:
        if self._plan.metrics is None:
            return None
        return MetricsServer(*self._plan.metrics, Collector(self._shown, self._figures))

    def _figures(self) -> dict[str, float]:
        spool = self._spool
        return {
            "broker_connected": int(self._window > 0),
            "spool_messages": spool.count,
            "spool_bytes": spool.bytes,
            "spool_limit_bytes": spool.limit_bytes,
            "published_total": self._published,
            "dropped_telemetry_total": spool.dropped[messages.TELEMETRY] + self._unkept,
            "dropped_other_total": spool.dropped[OTHER],
        }

    # Boards ----------------------------------------------------------------------------------------------------------

    def _look_for_boards(self) -> None:
        now_s = time.monotonic()
        if now_s < self._look_due_s:
            return
        self._look_due_s = now_s + LOOK_S if self._plan.find else float("inf")
        found = self._plan.find() if self._plan.find else ()
        hub = Hub(self._inbox.put, self._say, self._known.get, self._claim, self._release)
        for port in (*self._plan.ports, *found):
            what = str(socket_path(port))
            if what not in self._readers:
                self._readers[what] = Reader(port, hub)
                self._readers[what].start()
        if not self._readers and not self._none_told:
            self._none_told = True
            self._say("no board found on any port; the bridge waits for one; plug one in")

    def _claim(self, uid: str, port: str) -> str:
        with self._claiming:
            other = self._claims.setdefault(uid, port)
            return "" if other == port else other

    def _release(self, uid: str) -> None:
        with self._claiming:
            self._claims.pop(uid, None)

    def _old_boards_offline(self) -> None:
        """A bridge that was killed left its boards "online" at the broker."""
        for mark in self._known.values():
            body = {"status": messages.OFFLINE, "reason": "the bridge has just begun"}
            self._fresh.append(messages.message(messages.STATUS, mark, "", None, messages.BY_STATUS, body))

    # Messages --------------------------------------------------------------------------------------------------------

    def _pass(self) -> None:
        """Take what has come for a moment, keep it, publish."""
        try:
            self._take(self._inbox.get(timeout=COMMIT_S))
            while True:
                self._take(self._inbox.get_nowait())
        except queue.Empty:
            pass
        now_s = time.monotonic()
        if now_s >= self._commit_due_s and (self._fresh or self._marks or self._done):
            self._commit_due_s = now_s + COMMIT_S
            self._commit()
        if now_s >= self._again_s and not self._under_way:
            self._again_s, self._sent_n = float("inf"), 0
        self._publish()
        if self._window and now_s >= self._status_due_s:
            self._status_due_s = now_s + STATUS_S
            self._broker.publish(self._topic, messages.encoded(self._about(messages.ONLINE)), retain=True)

    def _take(self, item: Item) -> None:
        if isinstance(item, Message):
            self._fresh.append(item)
            if item.mark is not None:
                self._marks[item.uid] = item.mark
        elif isinstance(item, Mark):
            self._marks[item.uid] = item
        elif isinstance(item, Acked):
            self._take_ack(item)
        else:
            self._take_link(item)

    def _take_ack(self, ack: Acked) -> None:
        n = self._under_way.pop(ack.mid, None)
        if n is None:
            return  # of the bridge's own status
        if ack.problem:
            self._again_s = time.monotonic() + REFUSED_S
            self._tell(
                f"the broker refuses what is published ({ack.problem}); it is kept in the spool and sent again; "
                f"check what {self._plan.access.user or 'an anonymous client'} may publish there"
            )
            return
        self._done.append(n)
        self._published += 1

    def _take_link(self, link: Link) -> None:
        at = f"{self._plan.access.host}:{self._plan.access.port}"
        self._window = link.window
        if link.window:
            self._told.clear()
            self._status_due_s = 0.0
            self._say(f"connected to the broker at {at}; {self._spool.count} messages wait in the spool")
        else:
            self._tell(f"no broker at {at} ({link.problem}); messages are kept in {self._spool.path} and sent later")

    def _tell(self, text: str) -> None:
        """Say a problem with the broker once."""
        if text not in self._told:
            self._told.add(text)
            self._say(text)

    def _commit(self) -> None:
        try:
            self._spool.commit(self._fresh, self._marks.values(), self._done, self._sent_n)
        except SpoolFullError as error:
            if not self._disk_told:
                self._disk_told = True
                self._say(str(error))
            kept = [each for each in self._fresh if each.kind != messages.TELEMETRY][:KEPT]
            self._unkept += len(self._fresh) - len(kept)
            self._fresh = kept
            return
        self._disk_told = False
        self._known |= self._marks
        self._fresh, self._marks, self._done = [], {}, []
        if self._spool.dropped != self._told_dropped:
            self._status_due_s = min(self._status_due_s, time.monotonic() + 1.0)
            self._told_dropped = dict(self._spool.dropped)

    def _publish(self) -> None:
        """Hand over what the broker's window takes."""
        if self._again_s != float("inf"):
            return
        while (room := self._window - len(self._under_way)) > 0:
            waiting = self._spool.waiting(self._sent_n, room)
            for n, uid, kind, payload in waiting:
                topic = messages.board_topic(self._plan.prefix, uid, kind)
                mid = self._broker.publish(topic, payload, retain=kind in messages.RETAINED)
                self._under_way[mid] = n
                self._sent_n = n
            if len(waiting) < room:
                return

    def _about(self, status: str) -> dict:
        spool = self._spool
        return {
            "status": status,
            "bridge": spool.bridge,
            "host": socket.gethostname(),
            "host_utc": messages.now_utc(),
            "boards": sorted(shown.uid for shown in self._shown() if shown.online),
            "published": self._published,
            "spool": {"messages": spool.count, "bytes": spool.bytes, "limit_bytes": spool.limit_bytes},
            "dropped": {
                messages.TELEMETRY: spool.dropped[messages.TELEMETRY] + self._unkept,
                OTHER: spool.dropped[OTHER],
            },
        }

    def _shown(self) -> Sequence[Shown]:
        return [reader.shown for reader in list(self._readers.values())]

    # The end ---------------------------------------------------------------------------------------------------------

    def _farewell(self) -> None:
        """Boards offline, what the broker still takes, and the bridge offline."""
        deadline_s = time.monotonic() + FAREWELL_S
        for reader in self._readers.values():
            reader.stop()
        while time.monotonic() < deadline_s and self._waits():
            self._pass()
        self._commit()
        if self._window:
            self._broker.publish(self._topic, messages.encoded(self._about(messages.OFFLINE)), retain=True)
        if self._spool.count:
            self._say(f"{self._spool.count} messages are kept in {self._spool.path} for the next bridge")

    def _waits(self) -> bool:
        if any(shown.online for shown in self._shown()) or not self._inbox.empty():
            return True
        return bool(self._fresh or self._done or self._marks or (self._window and self._spool.count))
