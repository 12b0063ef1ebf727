"""Twenty boards at real rate, a broker and a bridge that are killed: nothing is lost, nothing is commanded."""

import re
import signal
from pathlib import Path
from urllib.request import urlopen

from microcurrent.bridge.reading import READING

from .mosquitto import free_port
from .stand import BridgeProcess, Stand, metric, stand

BOARDS = 20
SECOND = 200  # events that so many boards tell in about a second


def test_nothing_is_lost(tmp_path: Path) -> None:
    with stand(tmp_path, BOARDS) as made:
        port = free_port()
        bridge = made.bridge("--prometheus", str(port))
        all_online(made)
        made.boards.wait(2 * SECOND)
        made.boards.ask(do="boot", board=3)
        broker_outage(made, bridge, port)
        made.broker.freeze()  # what is sent now is in the broker's socket, without a PUBACK
        made.boards.wait(SECOND)
        assert bridge.end(signal.SIGKILL) == -signal.SIGKILL
        made.kill_broker()
        made.boards.ask(do="fault", board=7, code=1)
        made.boards.wait(2 * SECOND)
        made.broker.start()
        bridge = made.bridge()
        all_online(made)
        made.boards.wait(SECOND)
        report = made.boards.ask(do="quiet")
        made.subscriber.wait_for_all(report)
        assert bridge.end(signal.SIGTERM) == 130
        made.subscriber.wait_for("farewell", lambda: offline(made) == BOARDS)
        assert_complete(made, report, bridge)


def all_online(made: Stand) -> None:
    """Until every board's last retained status is online."""
    made.subscriber.wait_for("board online", lambda: len(online(made)) == BOARDS)


def online(made: Stand) -> list[str]:
    last = {each.body["uid"]: each.body["status"] for each in statuses(made)}
    return [uid for uid, status in last.items() if status == "online"]


def offline(made: Stand) -> int:
    last = {each.body["uid"]: each.body["status"] for each in statuses(made)}
    return list(last.values()).count("offline")


def statuses(made: Stand) -> list:
    return [each for each in made.subscriber.of("status") if "/board/" in each.topic]


def broker_outage(made: Stand, bridge: BridgeProcess, port: int) -> None:
    """Kill the broker, see the spool fill, start it again, see it drained."""
    made.kill_broker()
    bridge.wait_for("no broker at ")
    made.boards.wait(2 * SECOND)
    before = scrape(port)
    assert metric(before, "microcurrent_broker_connected") == [("", 0.0)]
    assert metric(before, "microcurrent_spool_messages")[0][1] > SECOND
    assert len(metric(before, "microcurrent_delivered_ua")) == BOARDS
    made.broker.start()
    bridge.wait_for("connected to the broker at ", 2)
    made.boards.wait(SECOND)
    report = made.boards.ask(do="report")
    made.subscriber.wait_for_all(report)


def subscriptions(made: Stand) -> set[str]:
    """Clients that subscribed to anything: the broker logs "TIME: CLIENT QOS FILTER" of each."""
    lines = [re.fullmatch(r"\d+: (\S+) [012] \S+", line) for line in made.broker.log]
    return {found.group(1) for found in lines if found}


def scrape(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def assert_complete(made: Stand, report: dict, bridge: BridgeProcess) -> None:
    received = made.subscriber.received
    assert made.subscriber.missing(report) == {}
    assert not [each for each in made.subscriber.of("event") if each.body["ev"] == "gap"]
    assert {name for board in report["boards"].values() for name in board["asked"]} <= set(READING)
    assert subscriptions(made) == {"subscriber"}
    vias = {each.body["via"] for each in received if "via" in each.body}
    assert {"board", "ring", "log"} <= vias
    uid = sorted(report["boards"])[7]
    assert made.subscriber.of("fault", uid)[-1].body["name"] == "over-current"
    assert {(each.body["ev"], each.body["via"]) for each in made.subscriber.of("event", uid)} >= {("fault", "log")}
    assert made.subscriber.of("status")[-1].body["status"] == "offline"
    assert bridge.times(" for the next bridge") == 0
