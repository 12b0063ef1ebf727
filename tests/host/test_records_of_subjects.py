"""Screenings, thresholds and courses in the chain of records, in exports and imports, in deletions and repairs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microcurrent import course, personal_thresholds, screening
from microcurrent.errors import RecordError
from microcurrent.record_import import take_in
from microcurrent.record_reader import FILE_NAME, open_stored
from microcurrent.record_repair import backups
from microcurrent.record_schema import TABLES_OF_SUBJECTS
from microcurrent.records import Records

from .conftest import run_cli
from .old_records import COURSE, SCREENING, THIRD, THIRD_HEAD, THRESHOLD, leave
from .subject_records import BEGIN, DAY, all_kinds, felt, planned, screened
from .test_records_chain import edit, problems, recorded, three
from .test_records_import import damaged, exported, imported
from .test_records_repair import bottom_pages_of, overwrite, pages_of

NAME = "anon-Xq7"


def kept(place: Path, name: str = NAME) -> dict[str, str]:
    """A session and one record of each other kind in a data directory; the ids by table."""
    with Records(str(place)) as records:
        number = recorded(records, name)
        return {"sessions": number, **all_kinds(records, name)}


def rows_of(place: Path) -> dict[str, list[dict]]:
    with open_stored(str(place)) as stored:
        return {table: stored.rows(table) for table in TABLES_OF_SUBJECTS}


# The chain --------------------------------------------------------------------------------------------------------


def test_every_record_has_its_link(tmp_path: Path) -> None:
    kept(tmp_path / "data")
    result = run_cli("records verify")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        0,
        "chain intact: 5 links; 1 session, 1 screening, 1 threshold and 1 course are as they were recorded",
    )
    told = json.loads(run_cli("records verify --json").stdout)
    assert told["kinds"] == {"session": 1, "stored": 3, "closed": 1}
    assert [told[table] for table in ("sessions", *TABLES_OF_SUBJECTS)] == [1, 1, 1, 1]


EDITS = {
    "answers": (
        "screenings",
        "UPDATE screenings SET answers = replace(answers, '\"no\"', '\"yes\"') WHERE id = ?",
        "screening {} was edited (link 2)",
    ),
    "outcome": ("screenings", "UPDATE screenings SET outcome = 'ask' WHERE id = ?", "screening {} was edited (link 2)"),
    "whose": ("screenings", "UPDATE screenings SET subject = 'b' WHERE id = ?", "screening {} was edited (link 2)"),
    "screening away": ("screenings", "DELETE FROM screenings WHERE id = ?", "screening {} is missing (link 2)"),
    "screening in": (
        "screenings",
        "INSERT INTO screenings SELECT 'new', subject, at_utc, answers, 'clear', NULL FROM screenings WHERE id = ?",
        "screening new was added: it is not in the chain",
    ),
    "threshold": (
        "thresholds",
        "UPDATE thresholds SET threshold_ua = 900 WHERE id = ?",
        "threshold {} was edited (link 3)",
    ),
    "threshold away": ("thresholds", "DELETE FROM thresholds WHERE id = ?", "threshold {} is missing (link 3)"),
    "threshold in": (
        "thresholds",
        "INSERT INTO thresholds SELECT 'new', subject, site, side, at_utc, 900, detail FROM thresholds WHERE id = ?",
        "threshold new was added: it is not in the chain",
    ),
    "plan": ("courses", "UPDATE courses SET plan = '{{}}' WHERE id = ?", "course {} was edited (link 5)"),
    "opened again": ("courses", "UPDATE courses SET ended_utc = NULL WHERE id = ?", "course {} was edited (link 5)"),
    "course away": ("courses", "DELETE FROM courses WHERE id = ?", "course {} is missing (link 5)"),
    "course in": (
        "courses",
        "INSERT INTO courses SELECT 'new', subject, programme, plan, created_utc, NULL FROM courses WHERE id = ?",
        "course new was added: it is not in the chain",
    ),
    "without an id": (
        "courses",
        "INSERT INTO courses SELECT NULL, subject, programme, plan, created_utc, NULL FROM courses WHERE id = ?",
        "course None was added: it is not in the chain",
    ),
    "link to another table": (
        "thresholds",
        "UPDATE chain SET about = 'courses' WHERE session_id = ?",
        "threshold {} was added: it is not in the chain",
    ),
    "link away": (
        "screenings",
        "DELETE FROM chain WHERE session_id = ?",
        "the chain is broken at link 3: the link before it has the number 1",
    ),
}


@pytest.mark.parametrize(("table", "statement", "problem"), EDITS.values(), ids=EDITS)
def test_edits_are_named(tmp_path: Path, table: str, statement: str, problem: str) -> None:
    number = kept(tmp_path / "data")[table]
    edit(tmp_path / "data", statement.format(), number)
    result = run_cli("records verify")
    assert (result.exit_code, problem.format(number) in result.stdout.splitlines()) == (10, True), result.stdout


def test_a_changed_course_is_no_edit(tmp_path: Path) -> None:
    with Records() as records:
        number = planned(records, NAME)
        records.change("courses", number, {"programme": "relax"})
        records.change("courses", "nobody's", {"programme": "relax"})
        course.end(records, number, BEGIN + DAY)
        verdict = records.verify()
    assert (verdict.problems, verdict.kinds) == ([], {"stored": 1, "changed": 1, "closed": 1})
    edit(tmp_path / "data", "UPDATE courses SET programme = 'lift' WHERE id = ?", number)  # as it once was
    assert problems(tmp_path / "data") == [f"course {number} was edited (link 3)"]


def test_a_file_of_schema_3(tmp_path: Path) -> None:
    """Its chain holds; what was outside is told, then taken over as found."""
    place = tmp_path / "data"
    leave(place, THIRD)
    before = rows_of(place)
    told = run_cli("records verify")
    assert (told.exit_code, told.stdout.splitlines()) == (
        0,
        [
            "chain intact: 2 links; 2 sessions are as they were recorded",
            "among the links: 1 taken over as an older version left them",
            "not in the chain yet, because an older version kept only sessions there: 3 of screenings, thresholds and "
            "courses",
            f"head {THIRD_HEAD}",
        ],
    )
    for _ in range(2):  # once only
        with Records() as records:
            verdict = records.verify()
            assert (verdict.problems, verdict.kinds) == ([], {"migrated": 4, "interrupted": 1})
    assert rows_of(place) == before
    assert run_cli(f"records verify --head {THIRD_HEAD}").exit_code == 0  # it is no chain made anew
    edit(place, "UPDATE screenings SET outcome = 'ask'")
    edit(place, "DELETE FROM thresholds")
    edit(place, "UPDATE courses SET programme = 'x'")
    assert problems(place) == [
        f"screening {SCREENING} was edited (link 3)",
        f"threshold {THRESHOLD} is missing (link 4)",
        f"course {COURSE} was edited (link 5)",
    ]


def test_an_edit_before_the_migration_stays_found(tmp_path: Path) -> None:
    place = tmp_path / "data"
    leave(place, THIRD)
    edit(place, "UPDATE sessions SET port = 'q' WHERE ended = 'duration'")
    assert len(problems(place)) == 1
    with Records() as records:
        assert len(records.verify().problems) == 1


# Export and import ------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The export of everything on another machine, `there`."""
    kept(tmp_path / "there")
    (tmp_path / "x.json").write_text(exported("--all", tmp_path / "there"))
    return tmp_path / "x.json"


def test_all_of_it_comes_along(tmp_path: Path, file: Path) -> None:
    """The same to the byte, twice the same, and in the chain."""
    told = exported(f"--all -o {tmp_path / 'y.json'}", tmp_path / "there")
    assert told.startswith("3 rows of 1 sessions, 1 screening, 1 threshold, 1 course written to")
    first = imported(file, tmp_path / "data")
    assert first.startswith("1 sessions, 1 screening, 1 threshold, 1 course imported into")
    assert rows_of(tmp_path / "data") == rows_of(tmp_path / "there")
    assert exported("--all", tmp_path / "data") == file.read_text()
    before = run_cli("records verify").stdout
    assert "chain intact: 4 links; 1 session, 1 screening, 1 threshold and 1 course" in before
    again = imported(file, tmp_path / "data")
    assert again.startswith("0 sessions imported into")
    assert again.endswith("; 1, 1 screening, 1 threshold, 1 course were here already\n")
    assert run_cli("records verify").stdout == before
    assert json.loads(run_cli(f"records import {file} --json").stdout)["courses"]["new"] == []


def test_a_machine_with_the_same_subject(tmp_path: Path, file: Path) -> None:
    """Both stand beside each other; a programme that has its course on both is named and nothing is taken."""
    with Records() as records:
        own = screened(records, NAME, days=1), felt(records, NAME, 90, days=1), planned(records, NAME)
        assert take_in(records, file).rows["courses"].new != []  # that one is closed
        assert records.verify().problems == []
        assert len(records.rows("screenings", NAME)) == 2
        (subject,) = records.subjects()
    assert (subject["screenings"], subject["thresholds"], subject["courses"]) == (2, 2, 2)
    with Records(str(tmp_path / "there")) as there:
        running = planned(there, NAME)
    exported(f"--all -o {file}", tmp_path / "there")
    before = exported("--all", tmp_path / "data")
    result = run_cli(f"records import {file}")
    assert (result.exit_code, result.stderr) == (
        9,
        f"error: course {running} of the file runs, of {NAME} with lift, and another of the same runs here, "
        f"{own[2][:8]}; nothing was changed; end that first, then import again: microcurrent course end "
        f"{own[2][:8]}\n",
    )
    assert exported("--all", tmp_path / "data") == before
    assert run_cli(f"course end {own[2][:8]}").exit_code == 0
    assert "1 course imported" in imported(file, tmp_path / "data")


def test_a_course_that_was_closed_since(tmp_path: Path) -> None:
    """Closed there: closed here too, and told. Closed here: an older export changes nothing."""
    here, there = tmp_path / "data", tmp_path / "there"
    with Records(str(there)) as records:
        number = planned(records, NAME)
    exported(f"--all -o {tmp_path / 'open.json'}", there)
    imported(tmp_path / "open.json", here)
    with Records(str(there)) as records:
        course.end(records, number, BEGIN + DAY)
    exported(f"--all -o {tmp_path / 'closed.json'}", there)
    told = imported(tmp_path / "closed.json", here)
    assert told.splitlines()[1:] == [f"closed, as it was on the other machine: course {number}"]
    assert rows_of(here) == rows_of(there)
    with open_stored() as stored:
        verdict = stored.verify()
        assert (verdict.problems, verdict.kinds) == ([], {"imported": 1, "closed": 1})
    for name in ("open", "closed"):
        assert imported(tmp_path / f"{name}.json", here).endswith("1 course were here already\n")
        with open_stored() as stored:
            assert stored.verify().head == verdict.head


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("screenings", "outcome = 'ask'"),
        ("thresholds", "threshold_ua = 7"),
        ("courses", "programme = 'relax'"),
        ("courses", "ended_utc = '2027-01-01T00:00:00+00:00'"),
    ],
)
def test_other_content_of_the_same_id(tmp_path: Path, file: Path, table: str, change: str) -> None:
    imported(file, tmp_path / "data")
    edit(tmp_path / "data", f"UPDATE {table} SET {change}")
    before = exported("--all", tmp_path / "data")
    result = run_cli(f"records import {file}")
    assert result.exit_code == 9
    (row,) = rows_of(tmp_path / "data")[table]
    assert f"{table.removesuffix('s')} {row['id']} of the file is here already, with other content; nothing was" in (
        result.stderr
    )
    assert exported("--all", tmp_path / "data") == before


Change = Callable[[dict], object]


def changed(table: str, **values: object) -> Change:
    return lambda document: document[table][0].update(values)


DAMAGED: dict[str, tuple[Change, str]] = {
    "answer": (
        lambda document: document["screenings"][0]["answers"].update(pregnancy="yes"),
        "is not as it was exported",
    ),
    "outcome": (changed("screenings", outcome="fine"), "the outcome of screening "),
    "other subject": (changed("screenings", subject="b"), "is not as it was exported"),
    "odd subject": (changed("screenings", subject="Jane Doe"), "the subject's pseudonym has ' ' at character 5"),
    "answers of a list": (changed("screenings", answers=["no"]), "are no table of questions"),
    "higher": (changed("thresholds", threshold_ua=121), "is not as it was exported"),
    "much higher": (changed("thresholds", threshold_ua=5000), "is 5000 uA, it may be 1 to 1000"),
    "fraction": (changed("thresholds", threshold_ua=1.5), "is no integer"),
    "truth": (changed("thresholds", threshold_ua=True), "is no integer"),
    "site": (changed("thresholds", site="moon"), "the site of threshold "),
    "plan": (changed("courses", plan={}), "a course's plan has no name, start, zone and phases"),
    "programme": (changed("courses", programme="a b"), "is no name of a programme"),
    "opened": (changed("courses", ended_utc=None), "is not as it was exported"),
    "odd day": (changed("courses", created_utc="soon"), "Invalid isoformat string"),
    "local time": (changed("screenings", at_utc="2026-01-01T10:00:00"), "does not say its time zone"),
    "odd id": (changed("courses", id="../x"), "the id '../x' is none of a course"),
    "no id": (lambda document: document["courses"][0].pop("id"), "is none of a course"),
    "no content": (lambda document: document["courses"][0].pop("content"), "is not as it was exported"),
    "no site": (lambda document: document["thresholds"][0].pop("site"), "has no site"),
    "odd column": (changed("thresholds", **{"x) --": 1}), "that this version does not know"),
    "stored text": (changed("courses", stored={"plan": "{"}), "its plan is no JSON"),
    "stored list": (changed("courses", stored=[]), "a course is no table of names and values"),
    "row of text": (lambda document: document["courses"].append("x"), "a course is no table of names and values"),
    "no list": (lambda document: document.update(courses={}), "'[' is missing"),
    "list away": (lambda document: document.pop("thresholds"), "its list of thresholds is missing"),
    "sessions away": (lambda document: document.pop("sessions"), "its list of sessions is missing"),
    "other list": (lambda document: document.update(moods=[]), "it has a member 'moods' that this version"),
    "older schema": (lambda document: document.update(schema=3), "that this version does not know"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused_whole(tmp_path: Path, file: Path, damage: Change, why: str) -> None:
    document = json.loads(file.read_text())
    damage(document)
    file.write_text(json.dumps(document))
    result = run_cli(f"records import {file}")
    assert result.exit_code == 9, result.stdout
    assert result.stderr.startswith(f"error: {file} cannot be imported: "), result.stderr
    assert why in result.stderr
    with open_stored() as stored:
        assert stored.sessions() == stored.subjects() == []
        assert stored.verify().kinds == {}
    assert rows_of(tmp_path / "data") == {table: [] for table in TABLES_OF_SUBJECTS}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("text") / "there"
    with Records(str(place)) as records:
        all_kinds(records, NAME)
    return exported("--all", place)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused(text: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """One character changed, a piece cut out, the end cut off: refused with a sentence, or nothing is different."""
    place = tmp_path_factory.mktemp("damaged")
    (place / "x.json").write_text(damaged(text, data))
    with Records(str(place)) as records:
        records._db.execute("PRAGMA synchronous = OFF")
        try:
            take_in(records, place / "x.json")
        except RecordError:
            assert [records.rows(table) for table in TABLES_OF_SUBJECTS] == [[], [], []]
            assert records.subjects() == []
        else:  # white space
            contents = [
                records.row_content(table, row["id"]) for table in TABLES_OF_SUBJECTS for row in records.rows(table)
            ]
            assert len(contents) == 3
            assert all(content in text for content in contents)
        assert records.verify().problems == []


def test_an_export_of_schema_3_is_taken(tmp_path: Path) -> None:
    """As version 0.2 wrote it: only sessions."""
    three(tmp_path / "there")
    document = json.loads(exported("--all", tmp_path / "there"))
    document = {"format": document["format"], "schema": 3, "sessions": document["sessions"]}
    for session in document["sessions"]:
        session["schema"] = 3
    (tmp_path / "x.json").write_text(json.dumps(document))
    assert imported(tmp_path / "x.json", tmp_path / "data").startswith("3 sessions imported into")
    assert run_cli("records verify").exit_code == 0


def test_texts_that_are_stored_otherwise(tmp_path: Path) -> None:
    """What another program would write as JSON keeps its very text."""
    there = tmp_path / "there"
    kept(there)
    edit(there, "UPDATE thresholds SET detail = '{ \"x\":  1e2}'")
    edit(there, "DELETE FROM chain")  # edited on purpose: as if recorded so
    whole = exported("--all", there)
    (tmp_path / "x.json").write_text(whole)
    imported(tmp_path / "x.json", tmp_path / "data")
    assert exported("--all", tmp_path / "data") == whole


def test_an_import_lifts_no_refusal_and_raises_no_ceiling(tmp_path: Path) -> None:
    """The clock here was set back when somebody was refused, and felt little: the import's later dates undo neither."""
    with Records(str(tmp_path / "there")) as there:
        screened(there, NAME, days=9)
        felt(there, NAME, 300, days=9)
    exported(f"--all -o {tmp_path / 'x.json'}", tmp_path / "there")
    now = BEGIN + 10 * DAY
    with Records() as records:
        screened(records, NAME, pregnancy="yes")
        felt(records, NAME, 50)
        take_in(records, tmp_path / "x.json")
        assert screening.current(records, NAME, now) is None
        found = personal_thresholds.held(records, NAME, "cheek", "left", now)
        assert found is not None and found.threshold_ua == 50
        screened(records, NAME, days=10)
        assert screening.current(records, NAME, now) is not None


# Deletion ---------------------------------------------------------------------------------------------------------


def test_a_deleted_subject(tmp_path: Path) -> None:
    """Nothing is left of it, the chain holds and says what kinds are gone; the other one is untouched."""
    place = tmp_path / "data"
    numbers = kept(place)
    other = kept(place, "other")
    noted = run_cli("records verify").stdout.split()[-1]
    result = run_cli(f"subjects delete {NAME} --yes")
    assert result.stdout == (
        f"subject {NAME} deleted: 1 session, 3 rows of telemetry, 2 events, 1 screening, 1 threshold, 1 course\n"
    )
    left = b"".join(path.read_bytes() for path in place.iterdir())
    assert not [word for word in (NAME, *numbers.values()) if word.encode() in left]
    verified = run_cli(f"records verify --head {noted}")
    assert (verified.exit_code, verified.stdout.splitlines()[:2]) == (
        0,
        [
            "chain intact: 15 links; 1 session, 1 screening, 1 threshold and 1 course are as they were recorded",
            "among the links: 5 deleted with their subject (of sessions, screenings, thresholds and courses)",
        ],
    )
    assert [rows[0]["id"] for rows in rows_of(place).values()] == [other[table] for table in TABLES_OF_SUBJECTS]


def test_a_deletion_excuses_nothing_else(tmp_path: Path, file: Path) -> None:
    """What was imported again after the deletion, and then taken away by hand, is missed."""
    imported(file, tmp_path / "data")
    run_cli(f"subjects delete {NAME} --yes")
    imported(file, tmp_path / "data")
    assert problems(tmp_path / "data") == []
    edit(tmp_path / "data", "DELETE FROM screenings")
    assert len(problems(tmp_path / "data")) == 1
    edit(tmp_path / "data", "UPDATE chain SET session_id = NULL WHERE about = 'screenings'")
    assert problems(tmp_path / "data") == ["the record of link 10 is missing"]


# Repair -----------------------------------------------------------------------------------------------------------

MANY = 60


def filled(place: Path) -> dict[str, list[str]]:
    """So many of each that they take several pages."""
    with Records(str(place)) as records:
        records._db.execute("PRAGMA synchronous = OFF")
        recorded(records, NAME)
        found = {
            "screenings": [screened(records, NAME, days=number) for number in range(MANY)],
            "thresholds": [felt(records, NAME, 1 + number) for number in range(MANY)],
            "courses": [planned(records, NAME, f"p{number}", closed=number % 2 == 0) for number in range(MANY)],
        }
        records._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


@pytest.mark.parametrize("table", TABLES_OF_SUBJECTS)
def test_a_damaged_page(tmp_path: Path, table: str) -> None:
    """The rows of the page are lost and named; all others are kept, in their order, as they were recorded."""
    place = tmp_path / "data"
    numbers = filled(place)
    pages = [page for page in bottom_pages_of(place, table) or pages_of(place, table)]
    leaves = [page for page in pages_of(place, table) if (place / FILE_NAME).read_bytes()[(page - 1) * 4096] == 13]
    assert len(leaves) >= 2 and set(leaves) <= set(pages)
    overwrite(place, leaves[len(leaves) // 2])
    assert run_cli("records export --all").exit_code == 9
    result = run_cli("records repair")
    assert result.exit_code == 0, result.stderr
    name = table.removesuffix("s")
    lost = [line.split()[-1] for line in result.stdout.splitlines() if line.startswith(f"lost: {name} ")]
    left = [row["id"] for row in rows_of(place)[table]]
    assert 0 < len(lost) < MANY
    assert left == [number for number in numbers[table] if number not in lost]
    assert f"could not be read whole: {table}" in result.stdout
    assert f", {len(left)} {name}s" in result.stdout.splitlines()[0]
    assert "not as it was recorded" not in result.stdout
    others = [other for other in TABLES_OF_SUBJECTS if other != table]
    assert {other: [row["id"] for row in rows_of(place)[other]] for other in others} == {
        other: numbers[other] for other in others
    }
    verified = run_cli("records verify")
    assert (verified.exit_code, f"lost in a damaged file (of {table})" in verified.stdout) == (0, True)
    assert len(backups(place)) == 1


def test_a_damaged_chain(tmp_path: Path) -> None:
    """Without links nothing proves that a record is whole: each is named, and gets a link."""
    place = tmp_path / "data"
    numbers = kept(place)
    for page in pages_of(place, "chain"):
        overwrite(place, page)
    told = run_cli("records repair").stdout
    for table in TABLES_OF_SUBJECTS:
        name = table.removesuffix("s")
        assert f"not as it was recorded, or not known to be: {name} {numbers[table]}\n" in told
    verified = run_cli("records verify").stdout
    assert "among the links: 4 as a damaged file gave them back" in verified


def test_a_damaged_file_of_schema_3(tmp_path: Path) -> None:
    place = tmp_path / "data"
    leave(place, THIRD)
    overwrite(place, pages_of(place, "thresholds")[0])
    told = json.loads(run_cli("records repair --json").stdout)
    assert (told["lost"], told["changed"], told["partial"]) == ([], [], ["thresholds"])
    assert told["changed_besides"] == {"screenings": [SCREENING], "thresholds": [], "courses": [COURSE]}
    assert run_cli("records verify").exit_code == 0


def test_a_damaged_list_of_pseudonyms(tmp_path: Path) -> None:
    """Whoever something is left of can still be listed and deleted."""
    place = tmp_path / "data"
    kept(place)
    overwrite(place, pages_of(place, "subjects")[0])
    assert run_cli("records repair").exit_code == 0
    assert [row["name"] for row in json.loads(run_cli("subjects list --json").stdout)] == [NAME]


@pytest.mark.parametrize("odd", ["{", b"\x00"])
def test_values_that_no_program_writes(tmp_path: Path, odd: object) -> None:
    """A sentence instead of a traceback, and a repair that leaves them out by name."""
    place = tmp_path / "data"
    numbers = kept(place)
    edit(place, "UPDATE courses SET plan = ?", odd)
    for line in ("course list", "records export --all", "course show"):
        result = run_cli(line)
        assert (result.exit_code, "is damaged (" in result.stderr) == (9, True), result.stderr
    assert f"lost: course {numbers['courses']}\n" in run_cli("records repair").stdout
    assert run_cli("course list").exit_code == 0
    assert run_cli("records verify").exit_code == 0


def test_a_schema_that_is_no_text(tmp_path: Path) -> None:
    """SQLite's own message then holds bytes that are none: a sentence still, and a repair of all that is left."""
    place = tmp_path / "data"
    kept(place)
    edit(place, "PRAGMA journal_mode = DELETE")
    data = (place / FILE_NAME).read_bytes()
    named = b"tablecoursescourses"
    assert data.count(named) == 1
    at = data.index(named)
    data = data.replace(named, b"tableco\xdfrsesco\xdfrses")
    (place / FILE_NAME).write_bytes(data[:at] + data[at:].replace(b"CREATE TABLE courses", b"CREATE TABBE courses", 1))
    for line in ("records list", "records export --all", "records verify", "subjects list", "course list"):
        result = run_cli(line)
        assert (result.exit_code, "keep what can be read of it with: microcurrent records repair" in result.stderr) == (
            9,
            True,
        ), result.stderr
    assert run_cli("records repair").exit_code == 0
    assert run_cli("records verify").exit_code == 0
