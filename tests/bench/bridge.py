"""What `microcurrent bridge` costs with twenty boards at real rate, and how much it carries.

Run it alone with: python -m tests.bench.bridge
Boards replay a recorded session at 10 Hz, the broker is a real mosquitto on this machine. What depends on the machine
(processor time, latency, rates) compares with nothing elsewhere; the loss does.
"""

import contextlib
import json
import os
import select
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from microcurrent.bridge.messages import TELEMETRY, Mark, Message, message
from microcurrent.bridge.spool import Spool
from microcurrent.paths import RUNTIME_ENV
from tests.bridge.recorded import load
from tests.bridge.stand import BridgeProcess, Received, Stand, stand

BOARDS = 20
EVENTS = 2000  # of all boards: ten seconds
OUTAGE = 2000
BACKLOG = 20_000  # messages in a spool that is drained as fast as it goes
IDLE_S = 5.0


def measure() -> dict:
    """Every figure: rates in messages a second, processor time per board in permille of a core, latency in ms."""
    with own_sockets(), tempfile.TemporaryDirectory() as folder, stand(Path(folder), BOARDS) as made:
        return {"boards": BOARDS} | at_real_rate(made) | through_an_outage(made) | at_its_end(made)


@contextlib.contextmanager
def own_sockets() -> Iterator[None]:
    """A runtime directory of our own for the processes that are started."""
    before = os.environ.get(RUNTIME_ENV)
    with tempfile.TemporaryDirectory(prefix="mc-") as runtime:  # a socket's path must be short
        os.environ[RUNTIME_ENV] = runtime
        try:
            yield
        finally:
            del os.environ[RUNTIME_ENV]
            os.environ |= {} if before is None else {RUNTIME_ENV: before}


def at_real_rate(made: Stand) -> dict:
    """A quiet ten seconds."""
    bridge = made.bridge()
    bridge.wait_for("reads board", BOARDS)
    made.boards.wait(EVENTS // 4)
    cpu_s, began_s, seen = bridge.cpu_s(), time.monotonic(), len(made.subscriber.received)
    made.boards.wait(EVENTS)
    passed_s, used_s = time.monotonic() - began_s, bridge.cpu_s() - cpu_s
    received = made.subscriber.received[seen:]
    late_ms = sorted(latency_ms(each) for each in received if each.body.get("via") == "board")
    sizes = [len(json.dumps(each.body, separators=(",", ":"))) for each in received if each.topic.endswith(TELEMETRY)]
    return {
        "messages_per_s": round(len(received) / passed_s),
        "bytes_per_telemetry": round(statistics.mean(sizes)),
        "cpu_per_board_permille": round(1000 * used_s / passed_s / BOARDS, 1),
        "latency_median_ms": round(statistics.median(late_ms)),
        "latency_99_percent_ms": round(late_ms[len(late_ms) * 99 // 100]),
        "latency_worst_ms": round(late_ms[-1]),
        "memory_mb": memory_mb(bridge),
    }


def through_an_outage(made: Stand) -> dict:
    """The broker is killed for ten seconds; how soon what waited has arrived."""
    bridge = made.bridges[-1]
    made.kill_broker()
    made.boards.wait(OUTAGE)
    made.broker.start()
    bridge.wait_for("connected to the broker at ", 2)
    began_s = time.monotonic()
    report = made.boards.ask(do="report")
    made.subscriber.wait_for_all(report)
    return {"outage_messages": OUTAGE, "outage_caught_up_s": round(time.monotonic() - began_s, 2)}


def at_its_end(made: Stand) -> dict:
    """Idle boards, loss, and a spool drained as fast as it goes."""
    bridge = made.bridges[-1]
    report = made.boards.ask(do="quiet")
    made.subscriber.wait_for_all(report)
    told = sum(sum(board["sent"]) for board in report["boards"].values())
    lost = sum(len(numbers) for boots in made.subscriber.missing(report).values() for numbers in boots)
    cpu_s, began_s = bridge.cpu_s(), time.monotonic()
    select.select([], [], [], IDLE_S)
    idle = (bridge.cpu_s() - cpu_s) / (time.monotonic() - began_s)
    bridge.end()
    return {
        "told": told,
        "lost": lost,
        "cpu_per_idle_board_permille": round(1000 * idle / BOARDS, 1),
    } | drained(made)


def drained(made: Stand) -> dict:
    """Messages a second from a full spool to a subscriber, and the processor time of a message here and there."""
    row = next(told.row for told in load() if told.row)
    mark = Mark("backlog", 1, 0, 0, 0)
    spool = Spool(made.spool)
    one: Message = message(TELEMETRY, mark, "port", 0, "board", {"t": row})
    spool.commit([one] * BACKLOG, [], [], spool.last_n)
    spool.close()
    seen = len(made.subscriber.received)
    bridge = made.bridge("--all", ports=[])
    bridge.wait_for("connected to the broker at ")
    began_s, cpu_s, broker_s = time.monotonic(), bridge.cpu_s(), made.broker.cpu_s()
    received = made.subscriber.received
    made.subscriber.wait_for("backlog", lambda: len(received) - seen >= BACKLOG, lambda: len(received))
    passed_s = time.monotonic() - began_s
    figures = {
        "drained_per_s": round(BACKLOG / passed_s),
        "drained_cpu_us": round((bridge.cpu_s() - cpu_s) / BACKLOG * 1e6),
        "broker_cpu_us": round((made.broker.cpu_s() - broker_s) / BACKLOG * 1e6),
    }
    bridge.end()
    return figures


def latency_ms(each: Received) -> float:
    """From the bridge's reading to the subscriber."""
    return (each.at_s - datetime.fromisoformat(each.body["host_utc"]).timestamp()) * 1000


def memory_mb(bridge: BridgeProcess) -> int:
    """Resident memory of the bridge."""
    lines = Path(f"/proc/{bridge.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
