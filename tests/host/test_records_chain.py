"""The chain of records: what was edited, added or taken away afterwards is found and named."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from microcurrent import chain_of_records as chain
from microcurrent.errors import RecordError, VerifyError
from microcurrent.record_reader import FILE_NAME, open_stored
from microcurrent.records import Records

from .old_records import ENDED, FIRST, KILLED, SECOND, leave
from .subject_records import all_kinds, planned
from .test_records import DEVICE, WAVE, begin, killed_session, read_on_full_disk, row, run_cli

# What `records repair` says of a file that SQLite can read.
SOUND = (
    "the records are sound as a database; nothing was repaired; whether they were edited: microcurrent records verify\n"
)


def recorded(records: Records, subject: str | None = None, second: bool = False) -> str:
    """The id of a finished session with a few rows and events."""
    record = records.begin(
        WAVE,
        DEVICE,
        port="p",
        image=None,
        load=None,
        subject=subject,
        wave2=WAVE if second else None,
        screening={"id": "s", "answers": {"pacemaker": "no"}} if subject else None,
    )
    for number in range(3):
        values = row(elapsed_ms=number * 100, commanded_ua=7)
        record.add_telemetry(number, values, values if second else None)
    record.add_event("state", {"ev": "state", "from": "ARMED", "to": "RAMP_UP"})
    record.add_event("felt", {"ev": "felt", "from_ua": 7, "to_ua": 5})
    record.finish("duration", {"rows": 3})
    return record.number


def three(place: Path) -> list[str]:
    """The ids of three finished sessions in a data directory, in order."""
    with Records(str(place)) as records:
        return [recorded(records, "anon"), recorded(records, second=True), recorded(records)]


def on_small_disk(line: str, limit_bytes: int) -> tuple[int, str]:
    """(exit code, stderr) of a command that can write no file larger than this; it stands for the full disk."""
    limit = f"import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))\n"
    code = limit + "from microcurrent.cli import main\nmain(sys.argv[1:])"
    arguments = [sys.executable, "-c", code, *line.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def edit(place: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(place / FILE_NAME) as database:
        database.execute(statement, values)
    database.close()


def problems(place: Path) -> list[str]:
    with open_stored(str(place)) as stored:
        return stored.verify().problems


def test_untouched_records(tmp_path: Path) -> None:
    place = tmp_path / "data"
    numbers = three(place)
    with open_stored() as stored:
        verdict = stored.verify()
    assert (verdict.problems, verdict.sessions, verdict.kinds) == ([], 3, {"session": 3})
    result = run_cli("records verify")
    assert (result.exit_code, result.stdout) == (
        0,
        f"chain intact: 3 links; 3 sessions are as they were recorded\nhead {verdict.head}\n",
    )
    told = json.loads(run_cli("records verify --json").stdout)
    assert (told["intact"], told["head"], told["links"], told["problems"]) == (True, verdict.head, 3, [])
    assert [len(number) for number in numbers] == [36] * 3
    assert read_on_full_disk("records verify") == result.stdout


def test_no_records() -> None:
    result = run_cli("records verify")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"head {chain.GENESIS}")


EDITS = {
    "session row": ("UPDATE sessions SET port = 'q' WHERE id = ?", "session {} was edited (link 2)"),
    "figures": ("UPDATE sessions SET summary = '{{}}' WHERE id = ?", "session {} was edited (link 2)"),
    "no figures": ("UPDATE sessions SET summary = NULL WHERE id = ?", "session {} was edited (link 2)"),
    "unfinished": ("UPDATE sessions SET ended = NULL WHERE id = ?", "session {} was edited (link 2)"),
    "telemetry": (
        "UPDATE telemetry SET peak_ua = 1 WHERE seq = 1 AND session_id = ?",
        "session {} was edited (link 2)",
    ),
    "second channel": (
        "UPDATE telemetry2 SET peak_ua = 1 WHERE seq = 1 AND session_id = ?",
        "session {} was edited (link 2)",
    ),
    "row away": ("DELETE FROM telemetry WHERE seq = 2 AND session_id = ?", "session {} was edited (link 2)"),
    "event": ("UPDATE events SET detail = '{{}}' WHERE session_id = ?", "session {} was edited (link 2)"),
    "events away": ("DELETE FROM events WHERE session_id = ?", "session {} was edited (link 2)"),
    "session away": ("DELETE FROM sessions WHERE id = ?", "session {} is missing (link 2)"),
    "no text": ("UPDATE sessions SET port = CAST(x'ff' AS TEXT) WHERE id = ?", "session {} was edited (link 2)"),
    "link away": ("DELETE FROM chain WHERE session_id = ?", "session {} was added: it is not in the chain"),
    "link changed": (
        "UPDATE chain SET at_utc = '2020' WHERE session_id = ?",
        "the chain is broken at link 2: it was changed",
    ),
    "link's hash": (
        "UPDATE chain SET hash = 'x' WHERE session_id = ?",
        "the chain is broken at link 2: it was changed",
    ),
    "link of another": ("UPDATE chain SET session_id = NULL WHERE session_id = ?", "the record of link 2 is missing"),
    "session added": (
        "INSERT INTO sessions (id, started_utc, ended, wave, device) SELECT 'new', '', 'x', '', '' WHERE '' <> ?",
        "session new was added: it is not in the chain",
    ),
    "stray row": (
        "INSERT INTO events SELECT 'nobody', '', '', '' WHERE '' <> ?",
        "rows of events that belong to no session: 1",
    ),
}


@pytest.mark.parametrize(("statement", "problem"), EDITS.values(), ids=EDITS)
def test_edits_are_named(tmp_path: Path, statement: str, problem: str) -> None:
    place = tmp_path / "data"
    number = three(place)[1]
    edit(place, statement.format(), number)
    result = run_cli("records verify")
    assert (result.exit_code, problem.format(number) in result.stdout.splitlines()) == (10, True), result.stdout
    assert "the records are not as they were recorded: " in result.stderr
    assert "nothing was changed; compare with a backup or an export" in result.stderr
    told = json.loads(run_cli("records verify --json").stdout)
    assert not told["intact"] and told["problems"] == problems(place)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of three sessions, a screening, a threshold and two courses."""
    place = tmp_path_factory.mktemp("sound") / "data"
    three(place)
    with Records(str(place)) as records:
        all_kinds(records, "anon")
        planned(records, "anon")
    edit(place, "PRAGMA journal_mode = DELETE")
    return (place / FILE_NAME).read_bytes()


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(max_size=9),
)


TABLES = ["sessions", "telemetry", "telemetry2", "events", "screenings", "thresholds", "courses", "chain"]


@contextlib.contextmanager
def edited_copy(sound: bytes) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """The sound file in a directory of its own, open; what is changed inside is written at the end."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / FILE_NAME).write_bytes(sound)
        with contextlib.closing(sqlite3.connect(Path(name) / FILE_NAME)) as database:
            database.execute("PRAGMA synchronous = OFF")
            yield Path(name), database


def any_row(data: st.DataObject, database: sqlite3.Connection) -> tuple[str, str, object]:
    """(a table, the expression that identifies a row of it, its value of one)."""
    table = data.draw(st.sampled_from(TABLES))
    key = "session_id || seq" if table.startswith("telemetry") else "rowid"
    rows = [each[0] for each in database.execute(f"SELECT {key} FROM {table}")]
    return table, key, rows[data.draw(st.integers(0, len(rows) - 1))]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_cell(sound: bytes, data: st.DataObject) -> None:
    """One cell of any row in any of the tables, changed to anything: found, in one way or another."""
    with edited_copy(sound) as (place, database):
        table, key, row_key = any_row(data, database)
        columns = [each[1] for each in database.execute(f"PRAGMA table_info({table})")]
        column = data.draw(st.sampled_from(columns))
        query = f"SELECT {column}, typeof({column}) FROM {table} WHERE {key} = ?"
        (before,) = database.execute(query, (row_key,))
        try:
            database.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (data.draw(VALUES), row_key))
        except sqlite3.IntegrityError:
            assume(False)
        assume(before not in list(database.execute(query, (row_key,))))
        database.commit()
        assert problems(place)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_row_deleted(sound: bytes, data: st.DataObject) -> None:
    with edited_copy(sound) as (place, database):
        table, key, row_key = any_row(data, database)
        assert database.execute(f"DELETE FROM {table} WHERE {key} = ?", (row_key,)).rowcount == 1
        database.commit()
        assert problems(place)


def head() -> str:
    return run_cli("records verify").stdout.split()[-1]


def cut_off_the_end(place: Path, number: str) -> None:
    for table, column in (
        ("chain", "session_id"),
        ("telemetry", "session_id"),
        ("events", "session_id"),
        ("sessions", "id"),
    ):
        edit(place, f"DELETE FROM {table} WHERE {column} = ?", number)


def recompute(place: Path, number: str) -> None:
    """What the docstring says that a chain without a key does not find."""
    edit(place, "UPDATE telemetry SET peak_ua = 1 WHERE session_id = ?", number)
    with Records(str(place)) as records:
        records._db.execute("DELETE FROM chain")
        chain.take_in_all(records._db, "2020")


@pytest.mark.parametrize("forge", [cut_off_the_end, recompute])
def test_a_noted_head_finds_what_the_chain_cannot(tmp_path: Path, forge: Callable[[Path, str], None]) -> None:
    place = tmp_path / "data"
    number = three(place)[2]
    noted = head()
    with Records() as records:
        recorded(records)
    assert run_cli(f"records verify --head {noted.upper()}").exit_code == 0  # what is recorded later does not hurt
    with Records() as records:
        last = records.sessions()[0]["id"]
    cut_off_the_end(place, last)
    forge(place, number)
    assert run_cli("records verify").exit_code == 0
    result = run_cli(f"records verify --head {noted}")
    assert (result.exit_code, result.stderr) == (
        10,
        f"error: the chain does not hold the head {noted[:12]}... noted earlier: it was recomputed, or its end was cut "
        f"off; nothing was changed; compare with a backup or an export\n",
    )


@pytest.mark.parametrize("odd", ["12", "g" * 64, "0" * 65])
def test_odd_heads(odd: str) -> None:
    result = run_cli(f"records verify --head {odd}")
    assert result.exit_code == 2
    assert f"--head takes a hash of 64 hexadecimal digits, this has {len(odd)} characters" in result.stderr


def test_interrupted_sessions_enter_the_chain(tmp_path: Path) -> None:
    killed_session()
    result = run_cli("records verify")
    assert (result.exit_code, "not in the chain yet, because they run or were interrupted: 1" in result.stdout) == (
        0,
        True,
    )
    with Records() as records:
        assert records.verify().kinds == {"interrupted": 1}
        running = begin(records)
        assert records.verify().unfinished == 1
        running.finish("duration", {})
        verdict = records.verify()
    assert (verdict.problems, verdict.sessions, verdict.unfinished) == ([], 2, 0)
    edit(tmp_path / "data", "UPDATE sessions SET ended_utc = 'x' WHERE ended = 'interrupted'")
    assert len(problems(tmp_path / "data")) == 1


@pytest.mark.parametrize("schema", [FIRST, SECOND], ids=["schema 1", "schema 2"])
def test_older_records_are_taken_into_the_chain(tmp_path: Path, schema: str) -> None:
    place = tmp_path / "data"
    leave(place, schema)
    with open_stored() as stored, pytest.raises(VerifyError, match="which has no chain; nothing was checked"):
        stored.verify()
    for _ in range(2):  # once only
        with Records() as records:
            verdict = records.verify()
            assert (verdict.problems, verdict.kinds) == ([], {"migrated": 1, "interrupted": 1})
    edit(place, "UPDATE telemetry SET peak_ua = 1 WHERE session_id = ?", ENDED)
    assert problems(place) == [f"session {ENDED} was edited (link 1)"]
    edit(place, "UPDATE sessions SET port = '' WHERE id = ?", KILLED)
    assert len(problems(place)) == 2


def test_a_column_that_a_later_version_adds(tmp_path: Path) -> None:
    place = tmp_path / "data"
    three(place)
    for table in ("sessions", "telemetry"):
        edit(place, f"ALTER TABLE {table} ADD COLUMN aaa_later INTEGER")
    assert problems(place) == []


def test_vacuum_changes_nothing(tmp_path: Path) -> None:
    place = tmp_path / "data"
    three(place)
    edit(place, "DELETE FROM events WHERE session_id = 'none'")
    database = sqlite3.connect(place / FILE_NAME)
    database.execute("VACUUM")
    database.close()
    assert problems(place) == []


def test_sessions_that_end_at_the_same_time(tmp_path: Path) -> None:
    """Two boards, two programs, one file: each link follows from the one before it."""

    def work() -> None:
        with Records() as records:
            for _ in range(8):
                recorded(records)

    with Records():
        pass
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_stored() as stored:
        verdict = stored.verify()
        assert (verdict.problems, verdict.sessions, verdict.kinds) == ([], 32, {"session": 32})
        assert stored.clock_set_back() == set()


def test_a_record_that_vanished_while_it_was_written(tmp_path: Path) -> None:
    with Records() as records:
        record = begin(records)
        edit(tmp_path / "data", "DELETE FROM sessions")
        with pytest.raises(RecordError, match="is gone"):
            record.finish("duration", {})
    assert not list((tmp_path / "data").glob("*.lock"))
