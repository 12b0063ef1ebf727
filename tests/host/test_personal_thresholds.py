"""Personal thresholds: which one counts, and that an old one only lowers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from microcurrent import personal_thresholds as thresholds
from microcurrent.errors import BadValueError, RecordError
from microcurrent.records import Records

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CHEEK = ("A17", "cheek", "left")


@pytest.fixture
def records() -> Iterator[Records]:
    with Records() as opened:
        yield opened


def store(records: Records, threshold_ua: int, at: datetime = NOW, place: tuple[str, str, str] = CHEEK) -> str:
    return thresholds.store(records, *place, threshold_ua, {"staircase": [threshold_ua]}, at)


def test_newest_of_each_place(records: Records) -> None:
    assert thresholds.newest(records, *CHEEK, NOW) is None
    number = store(records, 200, NOW - DAY)
    store(records, 250)
    store(records, 90, place=("A17", "cheek", "right"))
    store(records, 80, place=("B2", "cheek", "left"))
    assert thresholds.newest(records, *CHEEK, NOW) == 250
    assert thresholds.newest(records, "A17", "cheek", "right", NOW) == 90
    assert thresholds.newest(records, "B2", "cheek", "left", NOW) == 80
    assert thresholds.newest(records, "A17", "jaw", "left", NOW) is None
    [first, *_rest] = records.rows("thresholds", "A17")
    assert (first["id"], first["detail"]) == (number, {"staircase": [200]})


def test_ceiling_is_floored_and_only_lowers(records: Records) -> None:
    store(records, 253)
    held = thresholds.held(records, *CHEEK, NOW)
    assert held
    assert (held.ceiling_ua, held.fresh, held.note) == (202, True, "")
    assert [thresholds.lowered(limit_ua, held) for limit_ua in (100, 202, 300)] == [100, 202, 202]
    assert thresholds.lowered(300, None) == 300


def test_an_old_threshold_only_lowers(records: Records) -> None:
    store(records, 100)
    assert thresholds.newest(records, *CHEEK, NOW + 90 * DAY) == 100
    late = NOW + 91 * DAY
    assert thresholds.newest(records, *CHEEK, late) is None
    held = thresholds.held(records, *CHEEK, late)
    assert held
    assert not held.fresh
    assert held.note == (
        "the threshold of left cheek is 91 days old, more than 90; it only lowers the limit; measure again: "
        "microcurrent threshold"
    )
    assert thresholds.lowered(300, held) == 80


def test_clock_set_back(records: Records) -> None:
    """The newest by date and the last that was stored differ: nobody knows which is newer, and the lower counts."""
    store(records, 300)
    store(records, 150, NOW - DAY)
    assert thresholds.newest(records, *CHEEK, NOW) == 150
    store(records, 400, NOW - 2 * DAY)
    assert thresholds.newest(records, *CHEEK, NOW) == 300
    held = thresholds.held(records, *CHEEK, NOW - DAY)
    assert held
    assert not held.fresh
    assert "is dated in the future: the clock was set back" in held.note


def test_damaged_row(records: Records) -> None:
    records.change("thresholds", store(records, 100), {"at_utc": "soon"})
    with pytest.raises(RecordError, match="is damaged, its date is 'soon'"):
        thresholds.newest(records, *CHEEK, NOW)


@pytest.mark.parametrize("threshold_ua", [0, -1, 1001, 10.0, True, "100", None])
def test_odd_threshold(records: Records, threshold_ua: int) -> None:
    with pytest.raises(BadValueError, match="nothing was stored"):
        store(records, threshold_ua)


@pytest.mark.parametrize("place", [("A17", "eyeball", "left"), ("A17", "cheek", "up"), ("A 17", "cheek", "left")])
def test_odd_place(records: Records, place: tuple[str, str, str]) -> None:
    with pytest.raises(BadValueError):
        store(records, 100, place=place)
    assert records.rows("thresholds") == []
