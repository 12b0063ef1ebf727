"""What is found out about the time in which nobody read a board, against a board that keeps ring and log."""

from collections import deque
from pathlib import Path

import pytest

from microcurrent.bridge import recovery
from microcurrent.bridge.messages import Mark, Message
from microcurrent.bridge.reader import Hub, Reader
from microcurrent.bridge.reading import READING, Door, ReadingClient
from microcurrent.errors import FirmwareError, RefusedError

from .boards import RING_ROWS, Board

TELEMETRY = 4  # of the recorded session: a telemetry row


class DirectTransport:
    """A board without a wire. `deaf`: what it sends is lost."""

    name = "board:0"

    def __init__(self, board: Board) -> None:
        self._board = board
        self._now_s = 0.0
        self.deaf = False

    def write(self, data: bytes) -> None:
        for line in data.replace(b"\r", b"\n").split(b"\n"):
            if line.strip():
                self._board.answer(line)

    def read(self, timeout_s: float) -> bytes:
        data = b"".join(self._board.outbox)
        self._board.outbox.clear()
        self._now_s += 0.0 if data else timeout_s
        return b"" if self.deaf else data

    def now(self) -> float:
        return self._now_s

    def reopen(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


class Wired:
    """A board, a client that reads it, and what came out."""

    def __init__(self, folder: Path) -> None:
        self.board = Board(folder / "board", 0)
        self.link = DirectTransport(self.board)
        self.client = ReadingClient(self.link)
        self.client.hello()

    def tell(self, *whats: str | int) -> None:
        """Events by kind, or so many rows of telemetry."""
        for what in whats:
            for _ in range(what if isinstance(what, int) else 1):
                told = self.board.session[TELEMETRY] if isinstance(what, int) else None
                if told:
                    self.board.tell(told)
                else:
                    self.board.emit({"ev": what, "name": f"a {what}"})
                if self.link.deaf:
                    self.link.read(0.0)

    def recovered(self, after: int) -> list[dict]:
        self.link.deaf = False
        return recovery.recovered(self.client, after, {})


@pytest.fixture
def wired(tmp_path: Path) -> Wired:
    made = Wired(tmp_path)
    while made.client.next_event(0.0):
        pass
    made.link.deaf = True
    return made


def seqs(events: list[dict]) -> list[int]:
    return [event["seq"] for event in events]


def test_a_boot_from_its_begin(wired: Wired) -> None:
    """State, state, boot: they were told before anybody listened."""
    wired.tell(3, "lift-off", 2)
    events = wired.recovered(-1)
    assert seqs(events) == list(range(9))
    assert [event["ev"] for event in events] == ["state", "state", "boot", *["telemetry"] * 3, "lift-off",
                                                 *["telemetry"] * 2]  # fmt: skip
    assert {event["via"] for event in events if event["ev"] != "telemetry"} == {"log"}
    assert events[6]["what"] == "a lift-off"


def test_only_what_is_behind(wired: Wired) -> None:
    wired.tell(10, "contact", 1)
    assert seqs(wired.recovered(9)) == [10, 11, 12, 13, 14]
    assert wired.recovered(14) == []


def test_nothing_but_events(wired: Wired) -> None:
    wired.tell("felt", "felt", "cue")
    assert [event["ev"] for event in wired.recovered(2)] == ["felt", "felt", "cue"]


def test_longer_than_the_ring(wired: Wired) -> None:
    """What the ring has lost is told as one gap; events behind it are known, those before it are not."""
    wired.tell(20, "contact", RING_ROWS, "lift-off", 5)
    events = wired.recovered(2)
    gap, *rest = events
    assert gap == {"ev": "gap", "seq": None, "from_seq": 3, "to_seq": 28, "count": 26}
    assert seqs(rest) == list(range(29, wired.board.sequence))
    assert [event["ev"] for event in rest].count("lift-off") == 1
    assert not [event for event in rest if event["ev"] == "contact"]


def test_more_events_than_the_log_tells(wired: Wired) -> None:
    wired.tell(*["felt"] * 20)
    gap, *rest = wired.recovered(2)
    assert (gap["from_seq"], gap["to_seq"]) == (3, 6)
    assert seqs(rest) == list(range(7, 23))


def test_what_arrives_meanwhile_is_kept_in_order(wired: Wired) -> None:
    wired.tell(3)
    wired.link.deaf = False
    wired.tell(2, "lift-off")
    assert seqs(wired.recovered(2)) == [3, 4, 5, 6, 7, 8]


def test_lines_of_an_earlier_boot_are_passed_over(wired: Wired) -> None:
    wired.tell(3)
    heard = {500: {"ev": "telemetry", "seq": 500, "t": []}}
    wired.link.deaf = False
    assert seqs(recovery.recovered(wired.client, 2, heard)) == [3, 4, 5]


def test_a_boot_that_a_status_reveals(wired: Wired) -> None:
    """What the old boot told last waits in the client while the status of the new one is read: both are published."""
    put: list[Message | Mark] = []
    reader = Reader("board:0", Hub(put.append, lambda _text: None, lambda _uid: None, lambda *_: "", lambda _uid: None))
    wired.board.begun_s -= 100.0
    wired.link.deaf = False
    reader._begin(wired.client, wired.client.identity)
    reader._catch_up(wired.client)
    wired.board.tell(wired.board.session[TELEMETRY])
    sent, wired.board.outbox = wired.board.outbox, deque()
    wired.board.boot()
    wired.board.outbox.extendleft(reversed(sent))
    reader._ask(wired.client, 1.0)
    while (event := wired.client.next_event(0.0)) is not None:
        reader._take(wired.client, event)
    boots: dict[int, list[int]] = {}
    for each in put:
        if isinstance(each, Message) and each.body["seq"] is not None:
            boots.setdefault(each.body["boot"], []).append(each.body["seq"])
    assert list(boots.values()) == [[0, 1, 2, 3], [0, 1, 2]]


def test_the_last_row_dropped_by_a_busy_board(wired: Wired) -> None:
    """Nothing follows that would show the gap: the board's counter does."""
    put: list[Message | Mark] = []
    reader = Reader("board:0", Hub(put.append, lambda _text: None, lambda _uid: None, lambda *_: "", lambda _uid: None))
    wired.link.deaf = False
    reader._begin(wired.client, wired.client.identity)
    reader._catch_up(wired.client)
    wired.link.deaf = True
    wired.tell(1)
    wired.link.deaf = False
    reader._ask(wired.client, 1.0)
    told = [each.body["seq"] for each in put if isinstance(each, Message) and each.kind == "telemetry"]
    assert told == [3]


def test_what_comes_with_the_last_answer_is_not_lost(wired: Wired) -> None:
    """A row that the board tells right behind its last answer is still there for the next look."""
    wired.link.deaf = False
    answer = wired.board.answer

    def and_a_row(line: bytes) -> None:
        answer(line)
        wired.board.tell(wired.board.session[TELEMETRY])

    wired.board.answer = and_a_row
    seen = seqs(wired.recovered(2))
    while (event := wired.client.next_event(0.0)) is not None:
        seen.append(event["seq"])
    assert seen == list(range(3, wired.board.sequence))


KNOWN = Mark("u", 1_000_000, 50, 20_000, 1_020_000)
# uptime, next number, now -> the same boot
BOOTS = [
    (30_000, 60, 1_030_000, True),
    (30_000, 51, 1_030_400, True),  # a slow reply
    (30_000, 50, 1_030_000, False),  # the numbers went back
    (19_000, 60, 1_019_500, False),  # the uptime went back
    (25_000, 60, 1_030_000, False),  # five seconds are missing
    (3_620_000, 60, 4_620_500, True),
    (3_618_000, 60, 4_620_500, False),
]


@pytest.mark.parametrize(("uptime_ms", "sequence", "now_ms", "same"), BOOTS)
def test_which_boot(uptime_ms: int, sequence: int, now_ms: int, same: bool) -> None:
    mark = recovery.boot_of(KNOWN, "u", uptime_ms, sequence, now_ms)
    assert (mark.boot == KNOWN.boot, mark.seq == KNOWN.seq) == (same, same)
    assert same or (mark.seq == -1 and mark.boot > KNOWN.boot)


def test_a_board_never_seen() -> None:
    assert recovery.boot_of(None, "u", 400, 9, 10_000) == Mark("u", 9_600, -1, 400, 10_000)


COMMANDING = ("arm", "start", "change", "resume", "clear", "reset", "maintenance", "telemetry", "commission")


@pytest.mark.parametrize("command", [*COMMANDING, "stop", "pause", "config", "journal", "selftest", "dac", "lease"])
def test_the_client_only_reads(wired: Wired, command: str) -> None:
    with pytest.raises(RefusedError, match=f"a bridge holds board:0 and only reads: it sends no {command}; nothing"):
        wired.client.request(command)
    assert set(wired.board.asked) <= set(READING)


def test_this_machine_may_stop_through_it(wired: Wired) -> None:
    """The board of this test knows no stop: what counts is that it was asked."""
    door = Door(wired.client)
    wired.link.deaf = False
    for command in ("stop", "pause", "config"):
        with pytest.raises(FirmwareError):
            door.request(command)
        assert wired.board.asked[command] == 1
    for command, args in [(name, None) for name in COMMANDING] + [("config", {"set": {"area_mm2": 1}})]:
        with pytest.raises(RefusedError):
            door.request(command, args)
    with pytest.raises(RefusedError):
        wired.client.request("stop")
    assert set(wired.board.asked) <= {*READING, "stop", "pause", "config"}
