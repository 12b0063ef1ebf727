"""What the bridge is tested with: boards in a process of their own, the bridge in another, broker and subscriber."""

import array
import contextlib
import fcntl
import json
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from .mosquitto import Mosquitto, cpu_s

BRIDGE = (sys.executable, "-c", "from microcurrent.cli import main; main()", "bridge")
PATIENCE_S = 20.0  # for anything that is awaited: only a hang takes as long


class Received(NamedTuple):
    """One message as it came."""

    topic: str
    body: dict
    retained: bool
    at_s: float  # UTC


class Subscriber:
    """Collects everything; its session at the broker survives an outage."""

    def __init__(self, port: int, name: str = "subscriber") -> None:
        self.received: list[Received] = []
        self._came = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2, name, clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._subscribed = threading.Event()
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_rest: self._subscribed.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: Client, *_rest: Any) -> None:
        client.subscribe("microcurrent/#", qos=1)

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._came:
            received = Received(message.topic, json.loads(message.payload), bool(message.retain), time.time())
            self.received.append(received)
            self._came.notify_all()

    def wait_for(self, what: str, found: Callable[[list[Received]], Any]) -> Any:
        """What `found` makes of all received so far, once it is something."""
        with self._came:
            answer = self._came.wait_for(lambda: found(self.received), PATIENCE_S)
        assert answer, f"no {what} among {len(self.received)} messages: {self.received[-3:]}"
        return answer

    def wait_for_all(self, report: dict) -> None:
        """Until everything that the boards of a report have told has arrived."""
        with self._came:
            self._came.wait_for(lambda: not missing(report, self.received), PATIENCE_S)
            lost = missing(report, self.received)
        assert not lost, f"lost, by board and boot: {lost}; boots: {boots_of(self.received, lost)}"

    def read_up(self) -> None:
        """Until everything that a frozen broker has sent is read."""
        with self._came:
            assert self._came.wait_for(lambda: not self._unread(), PATIENCE_S), f"{self._unread()} bytes are unread"

    def _unread(self) -> int:
        """Bytes in the socket. The message that is in hand meanwhile is taken whatever becomes of the connection."""
        count = array.array("i", [0])
        connection = self._client.socket()
        assert connection is not None
        fcntl.ioctl(connection, termios.FIONREAD, count)
        return count[0]

    def of(self, kind: str, uid: str = "") -> list[Received]:
        """Those of a topic's last part, of one board or all."""
        with self._came:
            return [each for each in self.received if each.topic.endswith(f"{uid}/{kind}")]


class Boards:
    """The process of tests/bridge/boards.py."""

    def __init__(self, folder: Path, count: int) -> None:
        command = [sys.executable, "-m", "tests.bridge.boards", str(folder), str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports: list[str] = self._answer()["ports"]

    def ask(self, **wish: Any) -> dict:
        """One command; see there."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        assert ready, "the boards do not answer"
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End them."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(PATIENCE_S)


class BridgeProcess:
    """`microcurrent bridge` as a user starts it; what it says is kept."""

    def __init__(self, *arguments: str) -> None:
        self.said: list[str] = []
        self._heard = threading.Condition()
        self.process = subprocess.Popen(
            [*BRIDGE, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._heard:
                self.said.append(line.rstrip())
                self._heard.notify_all()

    def wait_for(self, text: str, count: int = 1) -> None:
        """Until it has said `text` in so many lines."""
        with self._heard:
            found = self._heard.wait_for(lambda: self.times(text) >= count, PATIENCE_S)
        assert found, f"the bridge did not say {text!r} {count} times: {self.said[-20:]}"

    def times(self, text: str) -> int:
        """In how many lines it has said `text`."""
        return sum(text in line for line in self.said)

    def cpu_s(self) -> float:
        """Processor time so far."""
        return cpu_s(self.process.pid)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Until it has ended; its exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reading.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


class Stand:
    """Broker, subscriber, boards, and the bridge's command line."""

    def __init__(self, folder: Path, count: int, closing: contextlib.ExitStack) -> None:
        for name in ("broker", "ports"):
            (folder / name).mkdir()
        self.spool = folder / "spool"
        self.broker = closing.enter_context(Mosquitto(folder / "broker"))
        self.subscriber = Subscriber(self.broker.port)
        closing.callback(self.subscriber.close)
        self.broker.save()  # the subscription outlives a kill
        self.boards = Boards(folder / "ports", count)
        closing.callback(self.boards.close)
        self.bridges: list[BridgeProcess] = []
        closing.callback(self._end_bridges)

    def bridge(self, *more: str, ports: Sequence[str] | None = None) -> BridgeProcess:
        """Start one on these ports, on all by default."""
        named = [word for port in (self.boards.ports if ports is None else ports) for word in ("--port", port)]
        where = ("--mqtt", f"127.0.0.1:{self.broker.port}", "--spool", str(self.spool))
        self.bridges.append(BridgeProcess(*named, *where, *more))
        return self.bridges[-1]

    def kill_broker(self) -> None:
        """SIGKILL, once the subscriber has read what it was sent.

        The broker forgets what it has acknowledged to the bridge and not yet passed on: a subscriber that lags behind,
        and sees the connection die, would miss messages that the bridge could not know to be lost.
        """
        self.broker.freeze()
        self.subscriber.read_up()
        self.broker.kill()

    def _end_bridges(self) -> None:
        for bridge in self.bridges:
            if bridge.process.poll() is None:
                bridge.end(signal.SIGKILL)


@contextlib.contextmanager
def stand(folder: Path, count: int) -> Iterator[Stand]:
    """A stand with so many boards."""
    with contextlib.ExitStack() as closing:
        yield Stand(folder, count, closing)


def told(received: Sequence[Received]) -> dict[str, list[set[int]]]:
    """By board, the sequence numbers that arrived of each boot, in the order of the boots."""
    boots: dict[str, dict[int, set[int]]] = {}
    for each in received:
        if each.body.get("seq") is not None:
            boots.setdefault(each.body["uid"], {}).setdefault(each.body["boot"], set()).add(each.body["seq"])
    return {uid: [by_boot[boot] for boot in sorted(by_boot)] for uid, by_boot in boots.items()}


def missing(report: dict, received: Sequence[Received]) -> dict[str, list[list[int]]]:
    """What the boards have told and nobody received, by board and boot; empty when nothing was lost."""
    arrived = told(received)
    lost = {}
    for uid, board in report["boards"].items():
        boots = arrived.get(uid, [])
        here = [
            sorted(set(range(count)) - (boots[index] if index < len(boots) else set()))
            for index, count in enumerate(board["sent"])
        ]
        if any(here) or len(boots) > len(board["sent"]):
            lost[uid] = here
    return lost


def boots_of(received: Sequence[Received], uids: Iterable[str]) -> dict[str, list[int]]:
    """How much arrived of each boot of some boards."""
    arrived = told(received)
    return {uid: [len(boot) for boot in arrived.get(uid, [])] for uid in uids}


def metric(text: str, name: str) -> list[tuple[str, float]]:
    """(labels, value) of each line of a metric in a scrape."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return [(labels, float(value)) for labels, value in found]
