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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from .arrived import Arrived
from .mosquitto import Mosquitto, cpu_s
from .waiting import PATIENCE_S, Occurrences, awaited

BRIDGE = (sys.executable, "-c", "from microcurrent.cli import main; main()", "bridge")
WAIT_EVENTS = 200  # of one "wait": twenty boards emit them in a second, so PATIENCE_S bounds each second, not a sum


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
        self._arrived = Arrived()
        self._of: dict[tuple[str, str], list[Received]] = {}  # by kind and uid, and by kind and ""
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
            self._arrived.add(received.body)
            *_rest, uid, kind = message.topic.split("/")
            for key in ((kind, uid), (kind, "")):
                self._of.setdefault(key, []).append(received)
            self._came.notify_all()

    def wait_for(self, what: str, found: Callable[[], Any], progress: Callable[[], int] = lambda: 0) -> Any:
        """The answer of `found` once it is true. It is asked after each message: it must not go through all of them."""
        with self._came:
            answer = awaited(self._came, found, progress)
        assert answer, f"no {what} among {len(self.received)} messages: {self.received[-3:]}"
        return answer

    def wait_for_all(self, report: dict) -> None:
        """Until everything that the boards of a report have sent has arrived."""
        with self._came:
            awaited(self._came, lambda: not self.outstanding(report), lambda: self.outstanding(report))
        lost = self.missing(report)
        boots = {uid: [len(boot.numbers) for boot in self._arrived.boots(uid)] for uid in lost}
        assert not lost, f"lost, by board and boot: {lost}; boots: {boots}"

    def outstanding(self, report: dict) -> int:
        """As Arrived.outstanding."""
        return self._arrived.outstanding(report)

    def missing(self, report: dict) -> dict[str, list[list[int]]]:
        """As Arrived.missing."""
        with self._came:
            return self._arrived.missing(report)

    def read_up(self) -> None:
        """Until everything that a frozen broker has sent is read."""
        with self._came:
            assert awaited(self._came, lambda: not self._unread()), f"{self._unread()} bytes are unread"

    def _unread(self) -> int:
        """Bytes in the socket. The message that is in hand meanwhile is taken whatever becomes of the connection."""
        count = array.array("i", [0])
        connection = self._client.socket()
        assert connection is not None
        fcntl.ioctl(connection, termios.FIONREAD, count)
        return count[0]

    def of(self, kind: str, uid: str = "") -> Sequence[Received]:
        """Those of a topic's last part, of one board or all, as they come: it grows."""
        with self._came:
            return self._of.setdefault((kind, uid), [])


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

    def wait(self, events: int) -> None:
        """Until the boards have emitted so many more events."""
        for begun in range(0, events, WAIT_EVENTS):
            self.ask(do="wait", events=min(WAIT_EVENTS, events - begun))

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
        seen = Occurrences(self.said, text)
        with self._heard:
            found = awaited(self._heard, lambda: seen() >= count, seen)
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


def metric(text: str, name: str) -> list[tuple[str, float]]:
    """(labels, value) of each line of a metric in a scrape."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return [(labels, float(value)) for labels, value in found]
