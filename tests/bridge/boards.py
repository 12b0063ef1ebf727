"""Boards that replay a recorded session, each behind a pty: one process for all of them, at real rate.

They answer as the firmware does what the bridge asks, and refuse what it must not ask. usage: python -m
tests.bridge.boards FOLDER COUNT; one JSON line {"ports": [...]} comes first, then one for every line {"do": ...}.
"""

import json
import os
import pty
import select
import sys
import time
import tty
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware.shared import faults, framing, protocol

from . import recorded

RING_ROWS, LOG_KEPT, LOG_TOLD, REPLAY_ROWS, OUTBOX_LINES = 100, 32, 16, 3, 8  # as in firmware/
BUSY_LINES = 3
PAUSE_MS = 300  # between two sessions
STAGGER_MS = 37  # between two boards


class Board:
    """One board: its port, what it has told, and what it was asked."""

    def __init__(self, link: Path, index: int) -> None:
        self.link = link
        self.uid = f"e66{index:013x}"
        self.session = recorded.load()
        self.outbox: deque[bytes] = deque()
        self.sent: list[list[int]] = []  # highest sequence number + 1 of every boot, as [count]
        self.asked: Counter[str] = Counter()
        self.master = self._slave = -1
        self.quiet = False
        self.fault = [0, 0, 0]
        self.protocol = protocol.PROTOCOL_VERSION
        self._input = b""
        self.boot(delay_ms=index * STAGGER_MS)
        self.appear()

    # Port ------------------------------------------------------------------------------------------------------------

    def appear(self) -> None:
        """Plug it in."""
        self.master, self._slave = pty.openpty()  # the slave stays open, so that nobody reading it is no hang-up
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self._slave))

    def vanish(self) -> None:
        """Pull it out."""
        self.link.unlink()
        os.close(self._slave)
        os.close(self.master)
        self.master = self._slave = -1

    def flush(self) -> None:
        """Write what the port takes."""
        while self.outbox and self.master >= 0:
            try:
                taken = os.write(self.master, self.outbox[0])
            except BlockingIOError:
                return
            self.outbox[0] = self.outbox[0][taken:]
            if self.outbox[0]:
                return
            self.outbox.popleft()

    def send(self, message: dict, droppable: bool = False) -> None:
        """A line to the host, as firmware/hw/link.py queues it."""
        if droppable and len(self.outbox) >= BUSY_LINES:
            return
        if len(self.outbox) >= OUTBOX_LINES:
            del self.outbox[1]
        self.outbox.append(framing.padded(message, 64))

    # What it tells ---------------------------------------------------------------------------------------------------

    def boot(self, delay_ms: int = 0) -> None:
        """Power on: everything but its uid begins anew. What was not written to the port is gone."""
        self.flush()  # what is still in the outbox dies with the boot: no host could read it
        self.begun_s = time.monotonic()
        self.sequence = self.number = 0
        self.outbox.clear()
        self._ring: deque[list] = deque(maxlen=RING_ROWS)
        self._log: deque[list] = deque(maxlen=LOG_KEPT)
        self._last_row: list[int] | None = None
        self.state, self.end = "READY", "none"
        self._next = 0
        self._session_ms = PAUSE_MS + delay_ms
        self.sent.append([0])
        self.emit({"ev": "state", "from": "OFF", "to": "SELF_TEST", "session": 0})
        self.emit({"ev": "state", "from": "SELF_TEST", "to": "READY", "session": 0})
        self.emit({"ev": "boot", "firmware": protocol.FIRMWARE_VERSION, "reset": "power-on"})

    def now_ms(self) -> int:
        """Device time."""
        return int((time.monotonic() - self.begun_s) * 1000)

    def emit(self, event: dict) -> None:
        """An event that is no telemetry."""
        told = {"seq": self.sequence} | event
        self._log.append([self.now_ms(), event["ev"], event.get("to") or event.get("name") or event.get("reason")])
        self.send(told)
        self._count()

    def due_ms(self) -> int:
        """Device time of the next event."""
        return self._session_ms + self.session[self._next].after_ms

    def step(self) -> None:
        """Tell what is due."""
        while not self.quiet and self.due_ms() <= self.now_ms():
            if self._next == 0:
                self.number += 1
            told = self.session[self._next]
            self.tell(told)
            self._next += 1
            if self._next == len(self.session):
                self._session_ms = self.now_ms() + PAUSE_MS
                self._next = 0

    def tell(self, told: recorded.Told) -> None:
        """One event of the record."""
        row = None
        if told.row is not None:
            row = recorded.as_tuple(
                {**told.row, "time_ms": self.now_ms(), "session": self.number, "fault": self.fault[0]}
            )
        if told.event["ev"] == "telemetry":
            assert row is not None
            self._last_row = row
            self._ring.append([self.sequence, row, None])
            self.send({"ev": "telemetry", "seq": self.sequence, "t": row}, droppable=True)
            self._count()
            return
        event = dict(told.event, session=self.number)
        self.state = event["to"] if event["ev"] == "state" else self.state
        self.end = event["reason"] if event["ev"] == "end" else self.end
        self.emit(event | ({"t": row} if row else {}))

    def raise_fault(self, code: int) -> None:
        """Latch a fault."""
        self.fault = [code, 123, 45]
        self.emit({"ev": "fault", "code": code, "name": faults.name_of(code), "reading": 123, "limit": 45,
                   "session": self.number, "channel": 1})  # fmt: skip

    def _count(self) -> None:
        self.sequence += 1
        self.sent[-1][0] = self.sequence

    # What it answers -------------------------------------------------------------------------------------------------

    def hear(self) -> None:
        """Read and answer what came."""
        try:
            self._input += os.read(self.master, 65536)
        except BlockingIOError:
            return
        *lines, self._input = self._input.replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if line.strip(b"\x02 "):
                self.answer(line)

    def answer(self, line: bytes) -> None:
        """Answer one line."""
        self.send(self._answer(framing.decode(line)))

    def _answer(self, message: dict) -> dict:
        command = message["cmd"]
        self.asked[command] += 1
        answer = self._answers().get(command)
        if answer is None:
            return {"id": message["id"], "ok": False, "err": protocol.ERR_UNKNOWN, "text": "not asked of this board"}
        return {"id": message["id"], "ok": True, "data": answer(message["args"])}

    def _answers(self) -> dict[str, Callable[[dict], dict]]:
        return {
            "hello": self._hello,
            "status": self._status,
            "replay": self._replay,
            "faults": self._faults,
            "log": self._remembered,
            "counters": self._counters,
        }

    def _hello(self, _args: dict) -> dict:
        return {
            "protocol": self.protocol, "firmware": protocol.FIRMWARE_VERSION, "board": "rp2040_pico",
            "uid": self.uid, "micropython": "1.26.1", "manifest": "replayed", "channels": 1, "commissioned": True,
            "state": protocol.STATE_NAMES.index(self.state), "maintenance": False, "hard_cap_ua": 1000, "sample_us": 62,
        }  # fmt: skip

    def _status(self, _args: dict) -> dict:
        return {
            "state": self.state, "session": self.number, "end": self.end, "fault": self.fault[0],
            "gate": 0, "estop": 0, "uptime_ms": self.now_ms(), "reset": "power-on", "telemetry": self._last_row,
            "telemetry2": None, "sample_us": 250, "wave": None, "wave2": None,
        }  # fmt: skip

    def _replay(self, args: dict) -> dict:
        rows = [row for row in self._ring if row[0] >= args["from_seq"]][: min(args["count"], REPLAY_ROWS)]
        bounds = (self._ring[0][0], self._ring[-1][0]) if self._ring else (-1, -1)
        return {"rows": rows, "oldest": bounds[0], "newest": bounds[1]}

    def _faults(self, _args: dict) -> dict:
        code, reading, limit = self.fault
        return {
            "code": code, "name": faults.name_of(code), "reading": reading, "limit": limit, "time_ms": 0,
            "session": self.number, "channel": 1, "samples": "",
        }  # fmt: skip

    def _remembered(self, _args: dict) -> dict:
        return {"events": list(self._log)[-LOG_TOLD:]}

    def _counters(self, _args: dict) -> dict:
        return {"damaged_lines": 0, "dropped_lines": 0, "sequence": self.sequence, "worst_look_ms": 1, "free_bytes": 1}


def total(boards: list[Board]) -> int:
    """Events told so far by all of them."""
    return sum(count for board in boards for (count,) in board.sent)


def report(boards: list[Board]) -> dict:
    """What every board told and was asked."""
    return {
        "boards": {
            board.uid: {"port": str(board.link), "sent": [count for (count,) in board.sent], "asked": board.asked}
            for board in boards
        }
    }


def serve(boards: list[Board]) -> None:
    """Until stdin ends."""
    awaited: list[int] = []  # numbers of events that somebody waits for
    commands = b""
    while True:
        present = {board.master: board for board in boards if board.master >= 0}
        due_s = min((board.due_ms() - board.now_ms()) / 1000 for board in boards)
        readable, _, _ = select.select([*present, 0], [], [], min(max(due_s, 0.001), 0.02))
        for handle in readable:
            if handle in present:
                present[handle].hear()
        if 0 in readable:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, commands = (commands + data).split(b"\n")
            for line in lines:
                obey(boards, json.loads(line), awaited)
        for board in boards:
            board.step()
            board.flush()
        while awaited and total(boards) >= awaited[0]:
            say({"told": awaited.pop(0)})


def obey(boards: list[Board], wish: dict[str, Any], awaited: list[int]) -> None:
    """One command of the test; "wait" is answered when so many more events have been told."""
    board = boards[wish.get("board", 0)]
    if wish["do"] == "wait":
        awaited.append(total(boards) + wish["events"])
        return
    if wish["do"] == "quiet":
        for each in boards:
            each.quiet = True
    elif wish["do"] == "old":
        board.protocol = 1
    elif wish["do"] == "name":
        board.uid = wish["uid"]
    elif wish["do"] == "fault":
        board.raise_fault(wish["code"])
    elif wish["do"] in ("boot", "vanish", "appear"):
        getattr(board, wish["do"])()
    say(report(boards))


def say(answer: dict) -> None:
    """One line to the test."""
    print(json.dumps(answer), flush=True)


def main(folder: str, count: str) -> None:
    """Make the boards and serve them."""
    boards = [Board(Path(folder) / f"board{index}", index) for index in range(int(count))]
    say({"ports": [str(board.link) for board in boards]})
    serve(boards)


if __name__ == "__main__":
    main(*sys.argv[1:])
