"""What is kept of a subject besides sessions, written as the program writes it: screenings, thresholds, courses."""

from datetime import UTC, date, datetime, timedelta

from microcurrent import course, course_plan, personal_thresholds, screening
from microcurrent.records import Records

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ANSWERS = {question.id: screening.NO for question in screening.QUESTIONS}
PLAN = course_plan.make("spring", date(2026, 3, 2), "UTC", ["2/week x 6 weeks"])


def screened(records: Records, subject: str, days: int = 0, **answers: str) -> str:
    """A screening that was answered so many days after BEGIN; its id."""
    given = ANSWERS | answers
    outcome = screening.judge(given).outcome
    result = {"at_utc": (BEGIN + days * DAY).isoformat(timespec="milliseconds"), "answers": given, "outcome": outcome}
    return screening.store(records, subject, {**result, "acknowledged": None})


def felt(records: Records, subject: str, threshold_ua: int = 120, days: int = 0) -> str:
    """A threshold of the left cheek; its id."""
    at_utc = BEGIN + days * DAY
    return personal_thresholds.store(records, subject, "cheek", "left", threshold_ua, {"turns": [120, 118]}, at_utc)


def planned(records: Records, subject: str, programme: str = "lift", closed: bool = False) -> str:
    """A course; its id."""
    number = course.new(records, subject, programme, PLAN, BEGIN)
    if closed:
        course.end(records, number, BEGIN + 9 * DAY)
    return number


def all_kinds(records: Records, subject: str) -> dict[str, str]:
    """One of each, the course closed; the ids by table."""
    found = {"screenings": screened(records, subject), "thresholds": felt(records, subject)}
    return {**found, "courses": planned(records, subject, closed=True)}
