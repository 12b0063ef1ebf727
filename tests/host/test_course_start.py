"""The limits of a day when two treatments are started at once, and what asking for them reads."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from microcurrent.course import check_due
from microcurrent.errors import RecordError, RefusedError
from microcurrent.record_reader import StoredSessions
from microcurrent.record_writer import SessionRecord, now_utc
from microcurrent.records import Records

from .course_records import DEVICE, PLANNED_MS, WAVE, add_session, figures, programme
from .old_records import THIRD, leave

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
MANY = 5000

# Another process that begins a treatment when it is told to, and holds it until it is told again.
STARTER = """
import sys
from microcurrent.course import check_due
from microcurrent.errors import RefusedError
from microcurrent.record_writer import now_utc
from microcurrent.records import Records
from tests.host.course_records import DEVICE, WAVE, programme
with Records() as records:
    due = lambda: check_due(records, "A17", "lift", now_utc())
    due()
    print("permitted", flush=True)
    sys.stdin.readline()
    try:
        record = records.begin(
            WAVE, DEVICE, port="p", image=None, load=None, subject="A17", programme=programme("lift"), admit=due
        )
    except RefusedError as error:
        print(error, flush=True)
    else:
        print("begun", flush=True)
        sys.stdin.readline()
        record.finish("stopped", {})
"""


@pytest.fixture
def records() -> Iterator[Records]:
    with Records() as opened:
        yield opened


def start(records: Records, *, then: Callable[[], None] | None = None) -> SessionRecord:
    """Begin a treatment as `treat` does. then: called in the transaction, when the limits were asked for."""

    def admit() -> str | None:
        course = check_due(records, "A17", "lift", now_utc())
        if then is not None:
            then()
        return course

    return records.begin(
        WAVE, DEVICE, port="p", image=None, load=None, subject="A17", programme=programme("lift"), admit=admit
    )


def test_no_other_begins_between_check_and_begin(records: Records) -> None:
    """The second is permitted before the first has begun; it must not begin between the first's check and record."""
    with Records() as second:
        second._db.execute("PRAGMA busy_timeout = 0")
        assert check_due(second, "A17", "lift", now_utc()) is None

        def try_second() -> None:
            with pytest.raises(RecordError, match="locked"):
                start(second)

        begun = start(records, then=try_second)
        with pytest.raises(RefusedError, match="a session of A17 runs already; no current of another has flowed"):
            start(second)
        assert [row["id"] for row in second.sessions()] == [begun.number]
        begun.finish("finished", figures(PLANNED_MS, 4000, "finished"))
        with pytest.raises(RefusedError, match="the pause is"):
            start(second)
        assert len(second.sessions()) == 1
        assert not list(second.place.glob("*.lock"))
        assert second.verify().problems == []


def test_the_last_session_of_a_day_goes_to_one_of_two(records: Records) -> None:
    """One of two has been done today: both are permitted another, and one of them gets it."""
    add_session(records, datetime.now(UTC) - timedelta(minutes=30), played_ms=PLANNED_MS // 10)
    with Records() as second:
        for each in (records, second):
            assert check_due(each, "A17", "lift", now_utc()) is None
        start(records).finish("stopped", figures(PLANNED_MS // 10, 4000, "stopped"))
        with pytest.raises(RefusedError, match=r"already 2 sessions \(2 of them given up early\) of lift today"):
            start(second)
        assert len(second.sessions()) == 2


def test_two_processes_that_start_at_once() -> None:
    """Both are permitted, then both begin: one does, the other is refused with a sentence."""
    arguments = [sys.executable, "-c", STARTER]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    try:
        assert [_line(process) for process in started] == ["permitted", "permitted"]
        for process in started:
            _tell(process)
        told = sorted(_line(process) for process in started)
        assert told[0].startswith("a session of A17 runs already; no current of another has flowed")
        assert told[1] == "begun"
    finally:
        for process in started:
            process.communicate("\n")
    assert [process.returncode for process in started] == [0, 0]
    with Records() as records:
        assert [row["ended"] for row in records.sessions()] == ["stopped"]


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


# What it reads ------------------------------------------------------------------------------------------------------


def many(records: Records) -> None:
    """So many treatments of one subject, two a day until two days ago, as copies of one in the table."""
    one = add_session(records, NOW)
    names = [row[1] for row in records._db.execute("PRAGMA table_info(sessions)")]
    (row,) = records._db.execute("SELECT * FROM sessions WHERE id = ?", (one,))
    values = dict(zip(names, row, strict=True))
    copies = []
    for number in range(MANY):
        at = NOW - timedelta(days=2 + number / 2)
        copies.append({**values, "id": f"s{number}", "started_utc": at.isoformat(timespec="milliseconds")})
        copies[-1]["ended_utc"] = (at + timedelta(minutes=20)).isoformat(timespec="milliseconds")
    marks = ", ".join(f":{name}" for name in names)
    with records.transaction() as db:
        db.executemany(f"INSERT INTO sessions VALUES ({marks})", copies)


def test_only_sessions_that_count_are_read(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands, a handful; and the database finds them by its indexes."""
    many(records)
    read: list[int] = []
    own = StoredSessions.sessions_of

    def counted(stored: StoredSessions, subject: str, since: str | None = None) -> list[dict]:
        read.append(len(found := own(stored, subject, since)))
        return found

    monkeypatch.setattr(StoredSessions, "sessions_of", counted)
    monkeypatch.setattr(StoredSessions, "sessions", None)  # nothing reads all
    statements: list[str] = []
    records._db.set_trace_callback(statements.append)
    with pytest.raises(RefusedError, match="the pause is"):
        check_due(records, "A17", "lift", NOW + timedelta(hours=1))
    assert check_due(records, "A17", "lift", NOW + timedelta(hours=5)) is None
    records._db.set_trace_callback(None)
    assert read == [2, 2]
    queries = [text for text in statements if "FROM sessions" in text]
    assert len(queries) == 2
    for query in queries:
        plan = [row["detail"] for row in records._db.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert not [step for step in plan if step.startswith("SCAN")], plan
        assert {step.split()[4] for step in plan if step.startswith("SEARCH")} == {
            "sessions_by_start",
            "sessions_by_end",
            "sessions_unfinished",
        }


@pytest.mark.parametrize("offset_h", [-14, 0, 14])
def test_dates_with_any_offset_count(records: Records, offset_h: int) -> None:
    """An import may tell its dates in another zone: the text of the day differs, the instant does not."""
    number = add_session(records, NOW)
    at = NOW.astimezone(timezone(timedelta(hours=offset_h)))
    over = at + timedelta(milliseconds=PLANNED_MS)
    records.change("sessions", number, {"started_utc": at.isoformat(), "ended_utc": over.isoformat()})
    with pytest.raises(RefusedError, match="the pause is"):
        check_due(records, "A17", "lift", NOW + timedelta(hours=2))
    assert check_due(records, "A17", "lift", NOW + timedelta(hours=5)) is None


def test_what_began_long_ago_by_the_clock_counts_by_its_end(records: Records) -> None:
    """The clock was wrong when it began, and set right before it ended."""
    number = add_session(records, NOW)
    records.change("sessions", number, {"started_utc": "2020-01-01T00:00:00.000+00:00"})
    with pytest.raises(RefusedError, match="the pause is"):
        check_due(records, "A17", "lift", NOW + timedelta(hours=1))


def test_an_older_file_gets_the_indexes(tmp_path: Path) -> None:
    leave(tmp_path / "data", THIRD)
    with Records() as records:
        names = {row["name"] for row in records._db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert {"sessions_by_start", "sessions_by_end", "sessions_unfinished", "events_by_session"} <= names
