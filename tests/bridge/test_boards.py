"""Boards that go, come back, are none, or are held by another command: each is said once, the others go on."""

import os
import pty
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from microcurrent.bridge.messages import BY_RING, EVENT, RETAINED, TELEMETRY, Message
from microcurrent.bridge.spool import Spool
from microcurrent.connect import acquire
from microcurrent.errors import RefusedError
from microcurrent.share import ShareClient

from .stand import Received, Stand, Subscriber, stand

BOARDS = 3


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path, BOARDS) as stood:
        yield stood


def uid_of(made: Stand, index: int) -> str:
    report = made.boards.ask(do="report")
    return next(uid for uid, board in report["boards"].items() if board["port"] == made.boards.ports[index])


def statuses(subscriber: Subscriber, uid: str) -> list[str]:
    return [each.body["status"] for each in subscriber.of("status", uid)]


def test_a_board_goes_and_comes_back(made: Stand) -> None:
    """What it told meanwhile is fetched from its ring and its log: it was not reset."""
    bridge = made.bridge()
    uid = uid_of(made, 1)
    made.subscriber.wait_for("online", lambda: statuses(made.subscriber, uid) == ["online"])
    made.boards.ask(do="vanish", board=1)
    made.subscriber.wait_for("offline", lambda: statuses(made.subscriber, uid) == ["online", "offline"])
    assert "vanished" in made.subscriber.of("status", uid)[-1].body["reason"]
    made.boards.wait(30)
    made.boards.ask(do="appear", board=1)
    made.subscriber.wait_for("online", lambda: statuses(made.subscriber, uid)[2:] == ["online"])
    report = made.boards.ask(do="quiet")
    made.subscriber.wait_for_all(report)
    assert bridge.end(signal.SIGINT) == 130
    assert bridge.times("board1 vanished") == 1
    assert bridge.times("reads board") == BOARDS + 1
    assert not bridge.times("defect")


def test_ports_that_are_none(made: Stand, tmp_path: Path) -> None:
    """A missing port, a device that is none, one that chatters, an old firmware: four sentences, and two boards."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    made.boards.ask(do="old", board=2)
    with subprocess.Popen([sys.executable, "-c", CHATTER], stdout=master) as chatter:
        wrong = [str(tmp_path / "nowhere"), "/dev/null", os.ttyname(slave)]
        bridge = made.bridge(ports=[*wrong, *made.boards.ports])
        for text in ("there is no port", "/dev/null is no serial port", "no answer to hello on", "speaks protocol 1"):
            bridge.wait_for(text)
        made.boards.wait(80)  # every wrong port has been tried again by then
        report = made.boards.ask(do="quiet")
        good = {uid: board for uid, board in report["boards"].items() if board["port"] != made.boards.ports[2]}
        made.subscriber.wait_for_all({"boards": good})
        assert bridge.end() == 130
        chatter.kill()
    os.close(master)
    os.close(slave)
    complaints = [line for line in bridge.said if "reads board" not in line and "broker" not in line]
    assert len(complaints) == 4, complaints
    assert bridge.times("reads board") == 2


CHATTER = """
import os, itertools
for number in itertools.count():
    os.write(1, b"%d: {\\"noise\\": nothing}\\n" % number)
"""


def test_one_board_on_two_ports(made: Stand) -> None:
    made.boards.ask(do="name", board=1, uid=uid_of(made, 0))
    bridge = made.bridge(ports=made.boards.ports[:2])
    bridge.wait_for("is read on ")
    bridge.wait_for("reads board")
    assert bridge.times("reads board") == 1
    assert bridge.end() == 130


def test_a_uid_that_is_no_topic(made: Stand) -> None:
    made.boards.ask(do="name", board=1, uid="a/#")
    bridge = made.bridge(ports=made.boards.ports[:2])
    bridge.wait_for("says that its uid is 'a/#', which is none; it is not read; run: microcurrent flash --port")
    bridge.wait_for("reads board")
    assert bridge.end() == 130
    assert bridge.times("reads board") == 1


def test_another_command_gets_the_port(made: Stand) -> None:
    """It asks for the port, holds it, and the bridge reads through it; afterwards nothing is missing."""
    port = made.boards.ports[0]
    uid = uid_of(made, 0)
    bridge = made.bridge(ports=[port])
    made.subscriber.wait_for("telemetry", lambda: made.subscriber.of("telemetry", uid))
    with pytest.raises(RefusedError, match=r"a bridge holds .* and only reads: it sends no change"):
        ShareClient(port).request("change", {"session": 1, "wave": {"amplitude_ua": 1}})
    acquire(port).close()  # what `run` does first
    monitor = [sys.executable, "-c", "from microcurrent.cli import main; main()", "monitor", "--port", port]
    with subprocess.Popen(monitor, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline()
        seen = len(made.subscriber.of("telemetry", uid))
        made.subscriber.wait_for("reading through the holder", lambda: len(asked_for(made, uid, seen)) > 5)
        holder.send_signal(signal.SIGINT)
        assert holder.stdout.read() is not None
    report = made.boards.ask(do="quiet")
    one = {"boards": {uid: report["boards"][uid]}}
    made.subscriber.wait_for_all(one)
    assert statuses(made.subscriber, uid) == ["online"], bridge.said
    assert bridge.end() == 130


def asked_for(made: Stand, uid: str, since: int) -> list[Received]:
    """Telemetry, from row `since` on, that the bridge did not hear, but asked the board's ring for."""
    return [each for each in made.subscriber.of("telemetry", uid)[since:] if each.body["via"] == BY_RING]


def bridge_status(subscriber: Subscriber) -> str:
    """The last status on the bridge's own topic."""
    return next((each.body["status"] for each in reversed(subscriber.of("status")) if "/bridge/" in each.topic), "")


def test_what_the_broker_keeps(made: Stand) -> None:
    """Who comes later gets state, fault and identity of every board; a killed bridge leaves its last will."""
    bridge = made.bridge()
    kept = {(uid, kind) for uid in made.boards.ask(do="report")["boards"] for kind in RETAINED}
    made.subscriber.wait_for("all kinds", lambda: all(made.subscriber.of(kind, uid) for uid, kind in kept))
    made.subscriber.wait_for("bridge online", lambda: bridge_status(made.subscriber) == "online")
    later = Subscriber(made.broker.port, "later")
    later.wait_for("retained", lambda: all(retained(later, *each) for each in kept))
    assert bridge.end(signal.SIGKILL) == -signal.SIGKILL
    later.wait_for("last will", lambda: bridge_status(later) == "offline")
    later.close()
    afterwards = Subscriber(made.broker.port, "afterwards")
    afterwards.wait_for("last will", lambda: bridge_status(afterwards) == "offline")
    afterwards.close()


def retained(subscriber: Subscriber, uid: str, kind: str) -> bool:
    """Whether the broker had kept one of a board's topics; those come before what is new."""
    return any(each.retained for each in subscriber.of(kind, uid)[:1])


def test_what_was_dropped_is_counted_and_told(made: Stand) -> None:
    spool = Spool(made.spool, 1 << 20)
    many = [Message(kind, "u", {"text": "x" * 1000}) for kind in (TELEMETRY, TELEMETRY, EVENT) for _ in range(400)]
    spool.commit(many, [], [], 0)
    dropped = dict(spool.dropped)
    spool.close()
    assert dropped[TELEMETRY] > 100 and dropped["other"] == 0
    bridge = made.bridge("--spool-limit", "1")
    made.subscriber.wait_for("status", lambda: bridge_status(made.subscriber) == "online")
    told = next(each.body for each in made.subscriber.received if "/bridge/" in each.topic)
    assert told["dropped"] == dropped
    made.subscriber.wait_for("the rest", lambda: len(made.subscriber.of("event", "u")) == 400)
    assert bridge.end() == 130


def test_a_spool_outlives_a_bridge_without_a_broker(made: Stand) -> None:
    """The broker is away from the begin to the end: a later bridge sends it all."""
    made.broker.kill()
    bridge = made.bridge()
    bridge.wait_for("no broker at 127.0.0.1")
    bridge.wait_for("reads board", BOARDS)
    made.boards.wait(60)
    report = made.boards.ask(do="quiet")
    assert bridge.end() == 130
    assert bridge.times(" for the next bridge") == 1
    assert bridge.times("no broker at ") == 1
    made.broker.start()
    assert made.bridge(ports=[]).wait() == 2
    bridge = made.bridge("--all", ports=[])
    made.subscriber.wait_for_all(report)
    assert bridge.end() == 130
