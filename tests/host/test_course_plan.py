"""Plans of courses: how phases are written, the periods they make, and what becomes of them. Days of time zones."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcurrent import course_plan, moments
from microcurrent.course_plan import PRESETS, follow, make, parse_phase, periods, phase_text
from microcurrent.errors import BadValueError

MONDAY = date(2026, 3, 2)
NONE = {"count": None, "per_week": None, "every_days": None, "per_day": 1, "weeks": None}


def plan(*texts: str, start: date = MONDAY) -> dict:
    return make("c", start, "UTC", texts)


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("2/week x 6 weeks", {"per_week": 2, "weeks": 6}),
        (" 2/WEEK x  6 weeks ", {"per_week": 2, "weeks": 6}),
        ("1/month", {"every_days": 28}),
        ("2/month x 4 times", {"every_days": 14, "count": 4}),
        ("2/day x 2 weeks", {"every_days": 1, "per_day": 2, "weeks": 2}),
        ("3-4/week", {"per_week": 3, "per_week_most": 4}),
        ("8/week", {"per_week": 8, "per_day": 2}),
        ("every 3 days x 10 sessions", {"every_days": 3, "count": 10}),
        ("every 1 day x 1 week", {"every_days": 1, "weeks": 1}),
    ],
)
def test_phases(text: str, phase: dict) -> None:
    assert parse_phase(text) == {**NONE, **phase}
    assert parse_phase(phase_text(parse_phase(text))) == parse_phase(text)
    assert course_plan.checked(plan(text))


NO_PHASES = ["", "x", "daily", "2", "2/", "/week", "-1/week", "2/week x", "2/week x 6", "x 6 weeks", "1.5/week"]
NO_PHASES += ["2/week x six weeks", "2/week x 6 weeks x 6 weeks", "4-3/week", "1-2/day", "2/year", "\u0663/week"]
NO_PHASES += ["999/week", "2/week X 99999 weeks"]


@pytest.mark.parametrize("text", NO_PHASES)
def test_no_phase(text: str) -> None:
    with pytest.raises(BadValueError, match="nothing was changed"):
        parse_phase(text)


@given(st.text(max_size=30))
def test_any_text_is_a_phase_or_a_bad_value(text: str) -> None:
    try:
        phase = parse_phase(text)
        course_plan.checked(plan(text))
    except BadValueError:
        return
    assert parse_phase(phase_text(phase)) == phase


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ((), "1 to 12 phases, not 0"),
        (("1/week x 1 week",) * 13, "1 to 12 phases, not 13"),
        (("1/week", "1/month"), "phase 1 has no end"),
        (("0/week",), "per_week is 0"),
        (("0/day",), "per_day is 0"),
        (("0/month",), "every_days is 0"),
        (("29/month",), "every_days is 0"),
        (("5/day",), "per_day is 5; nothing was changed; it may be 1 to 4"),
        (("29/week",), "per_week is 29"),
        (("every 367 days",), "every_days is 367"),
        (("1/week x 0 weeks",), "weeks is 0"),
        (("1/week x 261 weeks",), "weeks is 261"),
    ],
)
def test_impossible_plans(texts: tuple[str, ...], what: str) -> None:
    with pytest.raises(BadValueError, match=what):
        plan(*texts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NONE, "x"]), inner, max_size=6),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["name", "start", "zone", "phases", None]))
def test_a_damaged_plan_is_a_bad_value(value: object, key: str | None) -> None:
    damaged = {**plan("1/week"), key: value} if key else value
    try:
        found = course_plan.checked(damaged)
    except BadValueError:
        return
    assert list(islice(periods(found), 3))


def test_odd_names_zones_and_days() -> None:
    for name in ("", "a b", "ä", "x" * 33, "../x"):
        with pytest.raises(BadValueError, match="is no name of a course"):
            make(name, MONDAY, "UTC", ["1/week"])
    for zone in ("", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "x" * 100, "\0"):
        with pytest.raises(BadValueError, match="is no time zone"):
            make("c", MONDAY, zone, ["1/week"])
    for year in (1999, 2201):
        with pytest.raises(BadValueError, match="choose one of the years"):
            make("c", date(year, 1, 1), "UTC", ["1/week"])


def test_clinic() -> None:
    """Two a week for six weeks, then every four weeks for good."""
    found = list(islice(periods(plan(*PRESETS["clinic"])), 9))
    assert [(period.number, period.asked, period.days) for period in found] == [(1, 2, 7)] * 6 + [(2, 1, 28)] * 3
    assert [found[0].first, found[6].first, found[7].first] == [MONDAY, date(2026, 4, 13), date(2026, 5, 11)]
    assert [found[0].due_from(done) for done in (0, 1)] == [MONDAY, MONDAY + timedelta(days=3)]


def test_home() -> None:
    """Twice a day for two weeks, then three to four a week."""
    found = list(islice(periods(plan(*PRESETS["home"])), 16))
    assert [(period.number, period.asked, period.days) for period in found] == [(1, 2, 1)] * 14 + [(2, 3, 7)] * 2
    assert (found[0].per_day, found[14].per_day, found[14].most) == (2, 1, 4)
    assert [found[14].due_from(done) - found[14].first for done in (0, 1, 2)] == [timedelta(days=n) for n in (0, 2, 4)]


def test_lengths() -> None:
    assert [period.asked for period in periods(plan("2/week x 5 times"))] == [2, 2, 1]
    assert [period.days for period in periods(plan("1/month x 6 weeks"))] == [28, 14]
    assert [period.asked for period in periods(plan("2/day x 3 times"))] == [2, 1]


TEXTS = st.sampled_from(["2/week x 3 weeks", "2/day x 5 times", "every 5 days x 2 weeks", "3-4/week x 1 week"])


@given(st.lists(TEXTS, min_size=1, max_size=5), st.lists(st.integers(-5, 90), max_size=40), st.integers(0, 100))
def test_periods_join_and_every_session_is_in_one(texts: list[str], offsets: list[int], today: int) -> None:
    found = plan(*texts)
    whole = list(periods(found))
    assert whole[0].first == MONDAY
    assert all(before.after == after.first for before, after in pairwise(whole))
    days = [MONDAY + timedelta(days=offset) for offset in offsets]
    rows = follow(found, days, MONDAY + timedelta(days=today))
    inside = [day for day in days if MONDAY <= day < rows[-1].period.after]
    assert sorted(day for row in rows for day in row.days) == sorted(inside)
    for row in rows:
        over = row.period.after <= MONDAY + timedelta(days=today)
        assert row.missed == (max(0, row.period.asked - row.done) if over else 0)


@pytest.mark.parametrize("value", ["", "now", "2026-03-01", "2026-03-01T12:00:00", None, 5, datetime(2026, 3, 1)])
def test_no_instant(value: str) -> None:
    with pytest.raises(BadValueError, match="no date and time with an offset"):
        moments.instant(value)


@pytest.mark.parametrize("value", ["", "2026-3-1", "20260301", "2026-W10-1", "2026-02-30", "2026-03-01T", "tomorrow"])
def test_no_day(value: str) -> None:
    with pytest.raises(BadValueError, match="is no day"):
        moments.parse_day(value)


def test_days_of_a_zone() -> None:
    """Midnight is the zone's; a day with 23 or 25 hours is one day."""
    berlin = moments.zone("Europe/Berlin")
    assert moments.day("2026-03-28T22:59:59+00:00", berlin) == date(2026, 3, 28)
    assert moments.day("2026-03-28T23:00:00+00:00", berlin) == date(2026, 3, 29)
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 3, 30), 24), (date(2026, 10, 25), 25)):
        assert moments.end_of(day, berlin) - moments.end_of(day - timedelta(days=1), berlin) == timedelta(hours=hours)
    assert moments.text(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01T12:00:00.000+00:00"


def test_name_of_the_local_zone(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    assert moments.local_zone_name("", link) == "UTC"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert moments.local_zone_name("", link) == "Europe/Berlin"
    assert moments.local_zone_name("Asia/Tokyo", link) == "Asia/Tokyo"
    assert moments.local_zone_name(":Asia/Tokyo", link) == "Asia/Tokyo"
    assert moments.local_zone_name("CET-1CEST,M3.5.0", link) == "Europe/Berlin"
