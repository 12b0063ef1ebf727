"""The counting and waiting of the bridge's tests: as a recount of all messages says, and each line read once."""

import threading
from typing import Any, SupportsIndex, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import waiting
from .arrived import Arrived
from .waiting import Occurrences, awaited

UIDS = ("a", "b")
bodies = st.builds(
    lambda uid, boot, seq: {"uid": uid, "boot": boot, "seq": seq},
    st.sampled_from(UIDS),
    st.integers(1, 3),
    st.none() | st.integers(0, 4),
)
reports = st.fixed_dictionaries({uid: st.lists(st.integers(0, 4), max_size=3) for uid in UIDS}).map(
    lambda sent: {"boards": {uid: {"sent": counts} for uid, counts in sent.items()}}
)


def recounted(report: dict, came: list[dict]) -> dict[str, list[list[int]]]:
    """What is missing, from all messages at once."""
    lost = {}
    for uid, board in report["boards"].items():
        mine = [each for each in came if each["uid"] == uid and each["seq"] is not None]
        begun = sorted({each["boot"] for each in mine})
        arrived = [{each["seq"] for each in mine if each["boot"] == boot} for boot in begun]
        padded = arrived + [set()] * len(board["sent"])
        here = [sorted(set(range(count)) - padded[index]) for index, count in enumerate(board["sent"])]
        if any(here) or len(begun) > len(board["sent"]):
            lost[uid] = here
    return lost


@given(reports, st.lists(bodies, max_size=30))
def test_counting_one_by_one_equals_a_recount(report: dict, came: list[dict]) -> None:
    arrived = Arrived()
    for index, body in enumerate(came):
        arrived.add(body)
        expected = recounted(report, came[: index + 1])
        assert arrived.missing(report) == expected
        assert bool(arrived.outstanding(report)) == bool(expected)


class CountedLines(list[str]):
    """A log that counts the lines that are read of it."""

    read = 0

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        found = super().__getitem__(index)
        self.read += len(found) if isinstance(found, list) else 1
        return found


def test_each_line_of_a_log_is_read_once() -> None:
    lines = CountedLines(["x before"])
    seen = Occurrences(lines, "x", since=1)
    for number in range(100):
        lines.append("x" if number % 2 else "y")
        assert seen() == (number + 1) // 2
    assert lines.read == 100


class Clock:
    """A condition whose every wait takes 15 of the 20 s, and in which something comes each time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits = 0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, timeout_s: float) -> bool:
        self.waits += 1
        self.now_s += min(15.0, max(timeout_s, 0.0))
        return timeout_s >= 15


@pytest.mark.parametrize(("progresses", "waits"), [(True, 10), (False, 2)])
def test_only_a_stall_ends_a_wait(monkeypatch: pytest.MonkeyPatch, progresses: bool, waits: int) -> None:
    """With progress 10 waits, 150 s; without, something still comes, and the second wait reaches the 20 s."""
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    came = cast("threading.Condition", clock)
    answer = awaited(came, lambda: clock.waits == 10, lambda: clock.waits if progresses else 0)
    assert (answer, clock.waits) == (progresses, waits)
