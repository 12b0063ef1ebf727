"""The spool: what is in it stays until it is done with, within its limit, telemetry going first."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microcurrent.bridge import messages
from microcurrent.bridge.messages import EVENT, TELEMETRY, Mark, Message
from microcurrent.bridge.spool import FILE, Spool, SpoolFullError
from microcurrent.errors import RecordError

MARK = Mark("u1", 1000, 7, 500, 1500)
SMALL = 4000  # bytes


def of(kind: str, index: int) -> Message:
    return Message(kind, "u1", {"i": index}, MARK)


def kinds(spool: Spool) -> list[str]:
    return [kind for _n, _uid, kind, _payload in spool.waiting(0, 10_000)]


def test_what_is_in_it_survives(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.commit([of(TELEMETRY, 1), of(EVENT, 2)], [MARK], [], 0)
    first = spool.waiting(0, 10)
    bridge = spool.bridge
    spool.close()
    spool = Spool(tmp_path)
    assert spool.waiting(0, 10) == first and spool.bridge == bridge
    assert spool.marks == {"u1": MARK}
    assert (spool.count, spool.last_n) == (2, 2)
    spool.commit([], [], [1], 2)
    assert [n for n, *_rest in spool.waiting(0, 10)] == [2]
    assert first[0][3] == b'{"i":1,"bridge":"%s","n":1}' % bridge.encode()
    spool.close()


def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.commit([of(EVENT, 1)], [], [], 0)
    spool.commit([], [], [1], 1)
    spool.close()
    spool = Spool(tmp_path)
    spool.commit([of(EVENT, 2)], [], [], 0)
    assert [n for n, *_rest in spool.waiting(0, 10)] == [2]
    spool.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([TELEMETRY, EVENT]), max_size=200), st.integers(1, 40))
def test_never_above_its_limit_and_events_stay_longest(tmp_path_factory: pytest.TempPathFactory, order: list[str],
                                                       batch: int) -> None:  # fmt: skip
    spool = Spool(tmp_path_factory.mktemp("spool"), SMALL)
    for at in range(0, len(order), batch):
        spool.commit([of(kind, index) for index, kind in enumerate(order[at : at + batch])], [], [], 0)
        assert spool.bytes <= SMALL
        left = kinds(spool)
        assert spool.count == len(left)
        assert spool.bytes == sum(len(payload) for *_rest, payload in spool.waiting(0, 10_000))
        assert not spool.dropped["other"] or TELEMETRY not in left
    assert len(kinds(spool)) + sum(spool.dropped.values()) == len(order)
    spool.close()


def test_the_oldest_goes_first_and_what_is_sent_stays(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SMALL)
    spool.commit([of(TELEMETRY, index) for index in range(50)], [], [], 0)
    assert spool.dropped["telemetry"] == 0
    spool.commit([of(TELEMETRY, index) for index in range(60)], [], [], 10)
    numbers = [n for n, *_rest in spool.waiting(0, 1000)]
    assert numbers[:10] == list(range(1, 11))
    assert numbers[10] > 11 and numbers[-1] == 110
    dropped = dict(spool.dropped)
    assert dropped["telemetry"] > 0
    spool.close()
    spool = Spool(tmp_path, SMALL)
    assert spool.dropped == dropped
    spool.close()


def test_a_full_disk_takes_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    """SQLite's own page limit stands for the disk's."""
    spool = Spool(tmp_path)
    spool.commit([of(EVENT, 1)], [], [], 0)
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    big = Message(EVENT, "u1", {"text": "x" * 100_000})
    with pytest.raises(SpoolFullError, match=r"cannot be written .database or disk is full.; telemetry is dropped"):
        spool.commit([big], [], [], 0)
    assert (spool.count, spool.last_n) == (1, 1)
    spool._db.execute("PRAGMA max_page_count = 100000")
    spool.commit([big], [], [], 0)
    assert len(spool.waiting(0, 10)) == 2
    spool.close()


def test_one_bridge_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with pytest.raises(RecordError, match=r"another bridge uses the spool in .*; that one goes on; end it, or choose"):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_what_is_no_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(RecordError, match=r"cannot be used .file is not a database.; nothing was published; choose"):
        Spool(tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RecordError, match=r"cannot be used .File exists.; nothing was published"):
        Spool(blocked)


def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path) -> None:
    """A second connection sees what was committed and nothing else."""
    spool = Spool(tmp_path)
    spool.commit([of(EVENT, 1)], [], [], 0)
    spool._db.execute("BEGIN IMMEDIATE")
    spool._insert([of(EVENT, 2)])
    with sqlite3.connect(tmp_path / FILE) as other:
        assert other.execute("SELECT count(*) FROM messages").fetchone() == (1,)
    other.close()
    spool._db.execute("ROLLBACK")
    spool.close()


def test_every_topic_is_documented() -> None:
    said = messages.__doc__ or ""
    for kind in (*messages.RETAINED, TELEMETRY, EVENT):
        assert f"PREFIX/board/UID/{kind} " in said
    assert messages.board_topic("p", "u", EVENT) == "p/board/u/event"
    assert messages.bridge_topic("p", "b") == "p/bridge/b/status"
