"""The events that a device remembers: the newest ones, in memory that was taken once."""

from firmware.core import event_log


def filled(capacity, count):
    log = event_log.EventLog(capacity)
    for k in range(count):
        log.put(k, "state", "READY" if k % 2 else None)
    return log


def test_the_newest_are_told_oldest_first():
    assert filled(4, 0).last(4) == []
    assert filled(4, 3).last(9) == [[0, "state", None], [1, "state", "READY"], [2, "state", None]]
    for count in (4, 5, 7, 8, 9):
        assert [row[0] for row in filled(4, count).last(4)] == [count - 4, count - 3, count - 2, count - 1]
    assert [row[0] for row in filled(4, 9).last(2)] == [7, 8]


def test_what_was_told_stays_as_it_was():
    log = filled(2, 2)
    told = log.last(2)
    log.put(2, "end", "stopped")
    assert [row[0] for row in told] == [0, 1]
