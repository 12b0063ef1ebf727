"""Courses followed over emulated months: due, done, missed; limits of a day; a clock that was set back."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from microcurrent import course, course_plan, moments, treatment
from microcurrent.course import Status, check_due
from microcurrent.errors import BadValueError, RecordError, RefusedError
from microcurrent.record_writer import now_utc
from microcurrent.records import Records

from .conftest import run_cli
from .course_records import PLANNED_MS, add_session

MONDAY = date(2026, 3, 2)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LENGTH = timedelta(milliseconds=PLANNED_MS)


@pytest.fixture
def records() -> Iterator[Records]:
    with Records() as opened:
        yield opened


def at(day: int, hour: float = 10) -> datetime:
    """An instant of the emulated calendar: days since MONDAY."""
    return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=day, hours=hour)


def plan_course(records: Records, *texts: str, name: str = "lift", subject: str = "A17", zone: str = "UTC") -> str:
    plan = course_plan.make("spring", MONDAY, zone, texts)
    return course.new(records, subject, name, plan, at(0, 8))


def status(records: Records, number: str, now: datetime) -> Status:
    return course.status(records, course.find(records, number), now)


def counts(found: Status) -> tuple[str, int, int, int]:
    return found.state, found.due, found.done, found.missed


def test_clinic_over_months(records: Records) -> None:
    """Two a week for six weeks: one session of week 3 and all of week 5 are missed; then every four weeks."""
    number = plan_course(records, *course_plan.PRESETS["clinic"])
    assert counts(status(records, number, at(-1))) == ("planned", 0, 0, 0)
    assert status(records, number, at(-1)).next_day == MONDAY
    for week in range(6):
        for day in (0, 3):
            now = at(7 * week + day)
            assert status(records, number, now).due == 1
            if week == 4 or (week, day) == (2, 3):
                continue
            assert check_due(records, "A17", "lift", now) == number
            add_session(records, now)
            after = status(records, number, now + LENGTH)
            assert after.due == 0
            assert after.next_day == moments.day(at(7 * week + 3 if day == 0 else 7 * week + 7), UTC)
    found = status(records, number, at(42))
    assert counts(found) == ("running", 1, 9, 3)
    assert found.asked == 13
    assert [row.missed for row in found.rows[:6]] == [0, 0, 1, 0, 2, 0]
    # Every four weeks now: done on the 5th day of the month, then nothing until the next.
    add_session(records, at(46))
    assert counts(status(records, number, at(47))) == ("running", 0, 10, 3)
    assert status(records, number, at(47)).next_day == date(2026, 5, 11)
    assert counts(status(records, number, at(70))) == ("running", 1, 10, 3)
    assert counts(status(records, number, at(98))) == ("running", 1, 10, 4)  # a month without one
    add_session(records, at(98))
    course.end(records, number, at(99))
    assert counts(status(records, number, at(300))) == ("ended", 0, 11, 4)
    assert check_due(records, "A17", "lift", at(300)) is None


def test_home_over_months(records: Records) -> None:
    """Twice a day for two weeks, with limit and pause; then three to four a week."""
    number = plan_course(records, *course_plan.PRESETS["home"])
    for day in range(14):
        assert status(records, number, at(day, 7)).due == 2
        add_session(records, at(day, 7))
        found = status(records, number, at(day, 8))
        assert (found.due, found.not_before_utc) == (1, at(day, 7) + LENGTH + 4 * HOUR)
        with pytest.raises(RefusedError, match=r"ended 40 min ago, the pause is 4 h 00 min; .* come back at 11:21"):
            check_due(records, "A17", "lift", at(day, 8))
        if day == 5:
            continue  # the evening is forgotten
        assert check_due(records, "A17", "lift", at(day, 19)) == number
        add_session(records, at(day, 19))
        with pytest.raises(RefusedError) as caught:
            check_due(records, "A17", "lift", at(day, 23.9))
        assert str(caught.value) == (
            "already 2 sessions of lift today, the limit is 2; no current has flowed; come back tomorrow"
        )
        assert status(records, number, at(day, 20)).due == 0
    assert counts(status(records, number, at(14, 6))) == ("running", 1, 27, 1)
    for day in (14, 16, 17):
        assert check_due(records, "A17", "lift", at(day)) == number
        add_session(records, at(day))
        with pytest.raises(RefusedError, match="already 1 session of lift today, the limit is 1;"):
            check_due(records, "A17", "lift", at(day, 22))
    assert status(records, number, at(18)).next_day == date(2026, 3, 23)
    assert check_due(records, "A17", "lift", at(18)) == number  # a fourth may be, and is not asked for
    add_session(records, at(18))
    with pytest.raises(RefusedError) as caught:
        check_due(records, "A17", "lift", at(20))
    assert str(caught.value) == (
        "already 4 sessions in the course's week from 2026-03-16, the limit is 4; no current has flowed; come back on "
        "2026-03-23"
    )
    assert check_due(records, "A17", "lift", at(21)) == number


def test_a_course_that_ends_by_itself(records: Records) -> None:
    number = plan_course(records, "1/day x 3 times")
    for day in range(3):
        assert counts(status(records, number, at(day))) == ("running", 1, day, 0)
        add_session(records, at(day))
    assert counts(status(records, number, at(2, 12))) == ("complete", 0, 3, 0)
    assert check_due(records, "A17", "lift", at(3)) is None
    assert counts(status(records, number, at(9))) == ("complete", 0, 3, 0)


def test_a_late_session_makes_up_within_its_week(records: Records) -> None:
    number = plan_course(records, "2/week x 2 weeks")
    assert counts(status(records, number, at(5))) == ("running", 1, 0, 0)  # two are open, one a day
    add_session(records, at(5))
    assert status(records, number, at(5, 12)).due == 0
    assert counts(status(records, number, at(6))) == ("running", 1, 1, 0)
    add_session(records, at(6))
    assert status(records, number, at(6, 20)).next_day == MONDAY + 7 * DAY


def test_tries_are_not_done_and_count_for_the_day(records: Records) -> None:
    number = plan_course(records, "2/day x 2 weeks")
    add_session(records, at(0, 8), played_ms=PLANNED_MS // 4 - 1, ended="stopped")
    found = status(records, number, at(0, 9))
    assert (found.done, found.due, found.not_before_utc) == (0, 2, None)
    assert check_due(records, "A17", "lift", at(0, 9)) == number  # no pause after a try
    add_session(records, at(0, 9), played_ms=0, ended="refused")  # no current flowed
    add_session(records, at(0, 9), summary={"error": "no contact"}, ended="refused")
    assert check_due(records, "A17", "lift", at(0, 9)) == number
    add_session(records, at(0, 9), played_ms=PLANNED_MS // 4, ended="stopped")
    with pytest.raises(RefusedError, match=r"already 2 sessions \(1 of them given up early\) of lift today"):
        check_due(records, "A17", "lift", at(0, 20))
    found = status(records, number, at(0, 20))
    assert (found.done, found.due) == (1, 1)


def test_what_nobody_knows_counts_for_the_day(records: Records) -> None:
    """Its program was killed before the first reading: current may have flowed."""
    plan_course(records, "1/day x 2 weeks")
    add_session(records, at(0, 8), summary={}, ended="interrupted")
    with pytest.raises(RefusedError, match="given up early"):
        check_due(records, "A17", "lift", at(0, 9))
    assert course.START_REFUSED == treatment.REFUSED


def test_limits_without_a_course(records: Records) -> None:
    assert check_due(records, "A17", "lift", at(0, 6)) is None
    add_session(records, at(0, 6))
    with pytest.raises(RefusedError, match="the pause is 4 h 00 min"):
        check_due(records, "A17", "lift", at(0, 7))
    assert check_due(records, "A17", "relax", at(0, 7)) is None  # another programme may follow at once
    assert check_due(records, "B2", "lift", at(0, 7)) is None
    add_session(records, at(0, 11))
    with pytest.raises(RefusedError, match="already 2 sessions of lift today, the limit is 2"):
        check_due(records, "A17", "lift", at(0, 20))
    for name, hour in (("relax", 12), ("eyes", 13)):
        add_session(records, at(0, hour), name=name)
    with pytest.raises(RefusedError, match="already 4 sessions of A17 today, the limit is 4"):
        check_due(records, "A17", "nerve", at(0, 20))
    assert check_due(records, "A17", "lift", at(1, 0.1)) is None


def test_one_at_a_time(records: Records) -> None:
    """A second board cannot treat the same subject meanwhile."""
    from .course_records import DEVICE, WAVE, programme

    record = records.begin(WAVE, DEVICE, port="p", image=None, load=None, subject="A17", programme=programme("lift"))
    with pytest.raises(RefusedError, match="a session of A17 runs already"):
        check_due(records, "A17", "relax", now_utc())
    assert check_due(records, "B2", "lift", now_utc()) is None
    record.finish("stopped", {})


def test_clock_set_back(records: Records) -> None:
    """Sessions in the future count as today's, nothing is due twice, and it is said."""
    number = plan_course(records, "2/week x 6 weeks")
    add_session(records, at(7))
    add_session(records, at(10))
    found = status(records, number, at(1))  # the clock was set back by nine days: week 1 is not due again
    assert counts(found) == ("running", 0, 2, 2)
    assert found.next_day == MONDAY + 14 * DAY
    assert found.notes == (
        "the newest session is dated 2026-03-12 10:00 UTC, which is in the future: this machine's clock was set back",
    )
    assert course.clock_warning(records, "A17", at(1)) == found.notes[0]
    assert course.clock_warning(records, "A17", at(11)) == ""
    assert status(records, number, at(11)).notes == ()
    with pytest.raises(RefusedError) as caught:
        check_due(records, "A17", "lift", at(1))
    assert str(caught.value) == (
        "already 2 sessions (2 dated in the future: the clock was set back) of lift today, the limit is 1; no current "
        "has flowed; set this machine's clock right"
    )


def test_clock_set_back_by_less_than_the_pause(records: Records) -> None:
    add_session(records, at(0))
    with pytest.raises(RefusedError, match="which is in the future, and the pause is 4 h"):
        check_due(records, "A17", "lift", at(0, 9))


def test_clock_set_back_across_the_week_limit(records: Records) -> None:
    plan_course(records, "1-2/week x 6 weeks")
    add_session(records, at(1))
    add_session(records, at(9), name="relax")
    assert check_due(records, "A17", "lift", at(3))
    add_session(records, at(2), played_ms=PLANNED_MS // 10)
    with pytest.raises(RefusedError, match=r"already 2 sessions \(1 of them given up early\) in the course's week"):
        check_due(records, "A17", "lift", at(3))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_days_of_a_course_are_local_days(records: Records, day: date, hours: int) -> None:
    """Twice on the day on which the clocks change, at its very first and last hour; a third is refused."""
    berlin = moments.zone("Europe/Berlin")
    number = plan_course(records, "2/day x 40 weeks", zone="Europe/Berlin")
    begin, over = (moments.end_of(each, berlin) for each in (day - DAY, day))
    assert over - begin == hours * HOUR
    add_session(records, begin - HOUR)  # yesterday's
    assert check_due(records, "A17", "lift", begin + 4 * HOUR) == number
    add_session(records, begin + 4 * HOUR)
    add_session(records, over - HOUR)
    with pytest.raises(RefusedError, match="already 2 sessions of lift today"):
        check_due(records, "A17", "lift", over - MINUTE)
    with pytest.raises(RefusedError, match="the pause"):  # a new day, but the pause is one of real hours
        check_due(records, "A17", "lift", over + MINUTE)
    assert check_due(records, "A17", "lift", over + 4 * HOUR) == number
    rows = [row for row in status(records, number, over + HOUR).rows if row.period.first == day]
    assert [(row.done, row.missed) for row in rows] == [(2, 0)]


def test_pause_across_the_change_of_clocks(records: Records) -> None:
    """From 23:00 to 03:30 by the wall are three and a half hours in the night that has no second hour."""
    berlin = moments.zone("Europe/Berlin")
    add_session(records, datetime(2026, 3, 28, 23, 0, tzinfo=berlin) - LENGTH)
    with pytest.raises(RefusedError, match=r"ended 3 h 30 min ago, .* come back at 04:01"):
        check_due(records, "A17", "lift", datetime(2026, 3, 29, 3, 30, tzinfo=berlin), berlin)


def test_one_course_of_a_programme_at_a_time(records: Records) -> None:
    number = plan_course(records, "1/week")
    with pytest.raises(RefusedError, match=f"A17 has a course of lift already, spring .{number[:8]}."):
        plan_course(records, "2/week")
    other = plan_course(records, "1/week", name="relax")
    third = plan_course(records, "1/week", subject="B2")
    course.end(records, number, at(3))
    again = plan_course(records, "2/week")
    assert check_due(records, "A17", "lift", at(4)) == again
    assert [row["id"] for row in course.courses(records, "A17")] == [number, other, again]
    assert course.find(records, None, "B2")["id"] == third
    assert course.find(records, "spring", "B2")["id"] == third
    assert course.find(records, number[:8])["id"] == number
    for name, subject in (("spring", None), ("summer", None), (None, "A17"), (None, "C3"), ("", None)):
        with pytest.raises(RecordError, match="nothing was changed"):
            course.find(records, name, subject)


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 33])
def test_odd_names(records: Records, name: str) -> None:
    with pytest.raises(BadValueError):
        plan_course(records, "1/week", name=name)
    with pytest.raises(BadValueError):
        plan_course(records, "1/week", subject=name)
    assert records.rows("courses") == []


def test_damaged_rows(records: Records) -> None:
    number = plan_course(records, "1/week")
    records.change("courses", number, {"plan": {"phases": []}})
    with pytest.raises(RecordError, match="is damaged"):
        check_due(records, "A17", "lift", at(0))
    records.change("courses", number, {"ended_utc": "2026"})
    records.change("courses", number, {"plan": course_plan.make("spring", MONDAY, "UTC", ["1/week"])})
    with pytest.raises(RecordError, match="is damaged"):
        course.every_status(records, at(0))
    records.change("courses", number, {"ended_utc": None})
    add_session(records, at(0))
    session = add_session(records, at(1))
    records.change("sessions", session, {"started_utc": "soon"})
    with pytest.raises(RecordError, match=f"the session {session[:8]} .* is damaged, so nobody knows what is due"):
        check_due(records, "A17", "lift", at(0))


def test_command_line() -> None:
    """Everything of the command, with this machine's clock: a course that began three weeks ago."""
    assert run_cli("course list").stdout.startswith("no courses yet")
    assert run_cli("course next").stdout.startswith("no course runs")
    today = moments.day(now_utc(), UTC)
    start = today - 21 * DAY
    made = run_cli(f"course new clinic --subject A17 --programme lift --start {start} --zone UTC")
    assert made.exit_code == 0
    assert made.stdout.endswith(f"2/week x 6 weeks, then 1/month; from {start}, days of UTC; due today\n")
    own = '--phase "2/week x 6 weeks" --phase "1/month"'
    assert run_cli(f"course new own --subject B2 --programme relax --zone UTC {own}").exit_code == 0
    with Records() as records:
        for days in (21, 18, 8):
            add_session(records, datetime.now(UTC) - days * DAY)
    shown = run_cli("course show clinic").stdout.splitlines()
    assert shown[2] == "state    running: 3 done of 7 asked so far, 3 missed"
    assert shown[3] == "next     due today"
    assert shown[4] == "dose     720.0 mC in 3 sessions, median 240.0 mC"
    asked_done_missed = [" ".join(line.split()[3:6]) for line in shown[8:12]]
    assert asked_done_missed == ["2 2 0", "2 1 1", "2 0 2", "2 0 -"]
    assert shown[-1].split()[3:] == ["20.0", "of", "20.0", "min", "240.0", "mC", "4000", "ohm", "done"]
    due = run_cli("course next")
    assert (due.exit_code, due.stdout.count("due today")) == (0, 2)
    found = json.loads(run_cli("course show clinic --json").stdout)
    assert (found["done"], found["missed"], found["due"], len(found["sessions"])) == (3, 3, 1, 3)
    assert len(json.loads(run_cli("course list --json").stdout)) == 2
    assert len(json.loads(run_cli("course next --subject B2 --json").stdout)) == 1
    assert run_cli("course end own").stdout.endswith("of B2 ended; its sessions are kept\n")
    assert run_cli("course end own").exit_code == 6
    assert run_cli("course next").stdout.count("due today") == 1
    assert "ended" in run_cli("course list").stdout


def test_command_line_tells_of_a_clock_that_was_set_back() -> None:
    assert run_cli("course new home --subject A17 --programme lift --zone UTC").exit_code == 0
    with Records() as records:
        add_session(records, datetime.now(UTC) + 2 * DAY)
    for line in ("course show home", "course next"):
        assert (
            "this machine's clock was set back; it counts as today's, and nothing is due twice" in run_cli(line).stderr
        )


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("new spring --subject A17 --programme lift", 2, "neither a preset nor a phase was given"),
        ("new a --subject A17 --programme lift --preset home --phase 1/week", 2, "leave one of them away"),
        ("new a --subject A17 --programme lift --phase often", 2, "'often' is no phase"),
        ("new a --subject A17 --programme lifting --preset home", 2, "there is no programme 'lifting'"),
        ("new a --subject 'J D' --programme lift --preset home", 2, "pseudonym"),
        ("new a --subject A17 --programme lift --preset home --start today", 2, "is no day"),
        ("new a --subject A17 --programme lift --preset home --zone Home", 2, "is no time zone"),
        ("show nothing", 9, "no courses are called 'nothing'"),
        ("show", 9, "no courses are kept"),
        ("end", 9, "no courses are kept"),
    ],
)
def test_command_line_refuses(line: str, code: int, text: str) -> None:
    result = run_cli(f"course {line}")
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_tried_the_limits_hold(records: Records, seed: int) -> None:
    """Somebody tries again and again over three weeks, with a clock that jumps; what was permitted is recorded."""
    randomness = random.Random(seed)
    berlin = moments.zone("Europe/Berlin")
    plan_course(records, "2/day x 1 week", "2-3/week", zone="Europe/Berlin")
    now, begun = at(-1), []
    for _ in range(300):
        now += timedelta(minutes=randomness.choice((30, 60, 200, 600))) - (randomness.random() < 0.03) * DAY
        try:
            check_due(records, "A17", "lift", now)
        except RefusedError:
            continue
        played_ms = randomness.choice((PLANNED_MS, PLANNED_MS // 2, PLANNED_MS // 10, 0))
        add_session(records, now, played_ms=played_ms)
        begun += [(now, played_ms)] if played_ms else []
    days = Counter(moments.day(when, berlin) for when, _played_ms in begun)
    assert len(days) > 5
    assert max(days.values()) == 2
    assert max(times for day, times in days.items() if day >= MONDAY + 7 * DAY) == 1
    weeks = Counter((day - MONDAY).days // 7 for day in days if day >= MONDAY + 7 * DAY)
    assert max(weeks.values()) <= 3
    done = sorted(when for when, played_ms in begun if played_ms >= PLANNED_MS // 4)
    assert min(later - before for before, later in pairwise(done)) >= 4 * HOUR
