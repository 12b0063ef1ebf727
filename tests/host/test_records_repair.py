"""Damaged databases: refused, and repaired as far as they can be read; the damaged file stays."""

import json
import random
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from microcurrent.record_reader import FILE_NAME, open_stored
from microcurrent.record_repair import backups, repair
from microcurrent.records import Records
from microcurrent.salvage import Salvage
from microcurrent.summary import summarize

from .old_records import SECOND, leave
from .test_records import NO_DATABASE, WAVE, begin, files_of, killed_session, row, run_cli
from .test_records_chain import SOUND, edit, on_small_disk, recorded, three

PAGE_BYTES = 4096
SESSIONS = 6
ROWS = 400


@pytest.fixture(autouse=True)
def same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids decide where rows lie, and so what a damaged page holds: the same in every run."""
    rng = random.Random(5)
    monkeypatch.setattr("microcurrent.records.uuid.uuid4", lambda: uuid.UUID(int=rng.getrandbits(128), version=4))


def filled(place: Path) -> list[str]:
    """Sessions with enough rows that they take many pages; their ids in order."""
    numbers = []
    with Records(str(place)) as records:
        for index in range(SESSIONS):
            record = begin(records)
            rows = [row(elapsed_ms=number, peak_ua=index, total_charge_nc=number * 10**6) for number in range(ROWS)]
            for number, values in enumerate(rows):
                record.add_telemetry(number, values)
            for number in range(30):
                record.add_event("state", {"ev": "state", "number": number})
            record.finish("duration", summarize(WAVE, "duration", rows))
            numbers.append(record.number)
        recorded(records, "anon")
    return numbers


def pages_of(place: Path, table: str) -> list[int]:
    """The numbers of a table's pages that hold rows, from what SQLite tells of its tree."""
    with sqlite3.connect(place / FILE_NAME) as database:
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    database.close()
    data = (place / FILE_NAME).read_bytes()
    waiting, leaves = [root], []
    while waiting:
        page = waiting.pop()
        start = (page - 1) * PAGE_BYTES
        kind, cells = data[start], int.from_bytes(data[start + 3 : start + 5], "big")
        if kind in (2, 5):
            at = [int.from_bytes(data[start + 12 + 2 * n : start + 14 + 2 * n], "big") for n in range(cells)]
            waiting += [int.from_bytes(data[start + cell : start + cell + 4], "big") for cell in at]
            waiting.append(int.from_bytes(data[start + 8 : start + 12], "big"))
        if kind != 5:  # in a tree without rowids the inner pages hold rows too
            leaves.append(page)
    return leaves


def bottom_pages_of(place: Path, table: str) -> list[int]:
    """Those of a table's pages that no other page hangs on: damage to one loses its own rows only."""
    data = (place / FILE_NAME).read_bytes()
    return [page for page in pages_of(place, table) if data[(page - 1) * PAGE_BYTES] in (10, 13)]


def overwrite(place: Path, page: int, content: bytes = b"\xa5" * PAGE_BYTES) -> None:
    with open(place / FILE_NAME, "r+b") as handle:
        handle.seek((page - 1) * PAGE_BYTES)
        handle.write(content)


def repaired_text(place: Path) -> str:
    damaged = (place / FILE_NAME).read_bytes()
    result = run_cli(f"records repair --data-dir {place}")
    assert result.exit_code == 0, result.stderr
    (backup,) = backups(place)
    assert backup.read_bytes() == damaged
    assert result.stdout.endswith(f"the damaged file is kept: {backup}\n")
    for line in ("records list", "records show last", "records export --all", "subjects list", "records verify"):
        assert run_cli(f"{line} --data-dir {place}").exit_code in (0, 9 if "last" in line else 0), line
    assert run_cli(f"records repair --data-dir {place}").stdout.startswith("the records are sound")
    with Records(str(place)) as records:
        recorded(records)
        assert records.verify().problems == []
    assert sorted(path.name for path in place.iterdir() if path.name.startswith(".") or "lock" in path.name) == []
    return result.stdout


def test_sound_records_are_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "data"
    three(place)
    before = run_cli("records export --all").stdout, run_cli("records verify").stdout
    result = run_cli("records repair")
    assert (result.exit_code, result.stdout) == (0, SOUND)
    assert (run_cli("records export --all").stdout, run_cli("records verify").stdout) == before
    assert backups(place) == []
    assert json.loads(run_cli("records repair --json").stdout)["sound"] is True


def test_no_records_to_repair(tmp_path: Path) -> None:
    result = run_cli("records repair")
    assert (result.exit_code, "there are no records in" in result.stderr) == (9, True)
    assert not (tmp_path / "data").exists()


def test_a_page_of_telemetry(tmp_path: Path) -> None:
    """One page of many: the rows before and behind it are kept, and the session is named."""
    place = tmp_path / "data"
    numbers = filled(place)
    pages = bottom_pages_of(place, "telemetry")
    overwrite(place, pages[len(pages) // 2])
    shown = [run_cli(f"records export {number}") for number in numbers]
    # All of them where the page holds rows that have to be read to list the sessions.
    assert 9 in {result.exit_code for result in shown} <= {0, 9}
    assert "is not a readable database (database disk image is malformed); nothing was changed" in "".join(
        result.stderr for result in shown
    )
    text = repaired_text(place)
    assert f"kept: {SESSIONS + 1} sessions" in text
    assert "lost: session" not in text
    changed = [line.split()[-1] for line in text.splitlines() if line.startswith("not as it was recorded")]
    assert 1 <= len(changed) <= 3  # one page may hold the end of a session, a short one, and the beginning of a third
    with open_stored(str(place)) as stored:
        counts = {number: len(stored.telemetry(number)) for number in numbers}
    assert {number for number in counts if counts[number] != ROWS} <= set(changed)
    assert (SESSIONS - 2) * ROWS < sum(counts.values()) < SESSIONS * ROWS
    assert sum(counts.values()) > SESSIONS * ROWS - 100  # no more than what lay on the page


def test_a_page_of_events(tmp_path: Path) -> None:
    place = tmp_path / "data"
    numbers = filled(place)
    overwrite(place, pages_of(place, "events")[1])
    text = repaired_text(place)
    assert "could not be read whole: events\n" in text
    with open_stored(str(place)) as stored:
        assert [len(stored.telemetry(number)) for number in numbers] == [ROWS] * SESSIONS
        counts = [len(stored.events(number)) for number in numbers]
        for number in numbers:
            told = [event["detail"]["number"] for event in stored.events(number)]
            assert told == sorted(told)
    assert 90 < sum(counts) < 180


def test_the_sessions_themselves(tmp_path: Path) -> None:
    """The chain still tells which there were."""
    place = tmp_path / "data"
    numbers = filled(place)
    for page in pages_of(place, "sessions"):
        overwrite(place, page)
    text = repaired_text(place)
    assert [line for line in text.splitlines() if line.startswith("lost")][:SESSIONS] == [
        f"lost: session {number}" for number in numbers
    ]
    assert "kept: 0 sessions" in text
    assert f"{SESSIONS + 1} lost in a damaged file" in run_cli("records verify").stdout


def test_the_chain(tmp_path: Path) -> None:
    """Without links nothing proves that a session is whole: each is named, and gets a link."""
    place = tmp_path / "data"
    numbers = filled(place)
    for page in pages_of(place, "chain"):
        overwrite(place, page)
    text = repaired_text(place)
    assert all(f"not as it was recorded, or not known to be: session {number}" in text for number in numbers)
    assert "as a damaged file gave them back" in run_cli("records verify").stdout


def truncate(place: Path) -> None:
    path = place / FILE_NAME
    path.write_bytes(path.read_bytes()[: -8 * PAGE_BYTES])


def cut_within_a_page(place: Path) -> None:
    path = place / FILE_NAME
    path.write_bytes(path.read_bytes()[: -3 * PAGE_BYTES - 100])


def overwrite_beginning(place: Path) -> None:
    with open(place / FILE_NAME, "r+b") as handle:
        handle.write(b"\0" * 100)


@pytest.mark.parametrize("damage", [truncate, cut_within_a_page, overwrite_beginning])
def test_what_some_of_is_readable(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    place = tmp_path / "data"
    numbers = filled(place)
    damage(place)
    results = [run_cli(f"records {line}") for line in ("list", "export --all", "verify")]
    assert 9 in {result.exit_code for result in results}
    text = repaired_text(place)
    if damage is overwrite_beginning:
        assert f"kept: {SESSIONS + 1} sessions, {SESSIONS * ROWS + 3} rows" in text
    with open_stored() as stored:
        whole = [number for number in numbers if number not in text]
        assert [len(stored.telemetry(number)) for number in whole] == [ROWS] * len(whole)
        assert all(stored.session(number)["ended"] == "duration" for number in whole)


def first_page(place: Path) -> None:
    overwrite(place, 1)


def garbage(place: Path) -> None:
    (place / FILE_NAME).write_bytes(NO_DATABASE)


def short(place: Path) -> None:
    (place / FILE_NAME).write_bytes(b"SQLite format 3\0")


@pytest.mark.parametrize("damage", [first_page, garbage, short])
def test_what_nothing_can_be_read_of(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    place = tmp_path / "data"
    filled(place)
    damage(place)
    for line in ("records list", "records verify", "subjects list", "subjects delete anon --yes"):
        result = run_cli(line)
        assert (result.exit_code, "keep what can be read of it with: microcurrent records repair" in result.stderr) == (
            9,
            True,
        ), result.stderr
    text = repaired_text(place)
    assert "kept: 0 sessions, 0 rows of telemetry, 0 events" in text
    assert "nothing of the sessions could be read" in text


def test_an_empty_file(tmp_path: Path) -> None:
    """SQLite leaves one when it is killed at once: without a log beside it, it is a new one."""
    place = tmp_path / "data"
    filled(place)
    (place / FILE_NAME).write_bytes(b"")
    assert run_cli("records list").stdout.startswith("no sessions yet")
    assert run_cli("records verify").exit_code == 0
    assert run_cli("records repair").stdout == SOUND
    with Records() as records:
        recorded(records)
        assert records.verify().problems == []


def test_an_empty_file_with_a_log(tmp_path: Path) -> None:
    """SQLite would throw the log away: refused, and kept by the repair."""
    place = tmp_path / "data"
    killed_session()
    (place / FILE_NAME).write_bytes(b"")
    before = files_of(place)
    for line in ("records list", "subjects list", "records import x.json"):
        (tmp_path / "x.json").write_text("{}")
        result = run_cli(line)
        assert (result.exit_code, "the file is empty, but not its log" in result.stderr) == (9, True), result.stderr
    assert files_of(place) == before
    assert run_cli("records repair").exit_code == 0
    log = before[f"{FILE_NAME}-wal"]
    assert [path.read_bytes() for path in place.glob("*.damaged-*-wal")] == [log]


def test_a_log_beside_the_damaged_file(tmp_path: Path) -> None:
    """Rows that are only in the log are kept, and the log is not applied to the new file."""
    place = tmp_path / "data"
    numbers = filled(place)
    overwrite(place, pages_of(place, "events")[0])
    killed = killed_session()
    text = repaired_text(place)
    assert f"kept: {SESSIONS + 2} sessions" in text
    with open_stored() as stored:
        assert stored.session(killed)["ended"] == "interrupted"
        assert len(stored.telemetry(killed)) >= 15
        assert len(stored.telemetry(numbers[0])) == ROWS


def test_odd_values(tmp_path: Path) -> None:
    """A file that SQLite finds sound, with values that no program wrote: refused with a sentence, and left out."""
    place = tmp_path / "data"
    numbers = three(place)
    edit(place, "UPDATE sessions SET wave = '{' WHERE id = ?", numbers[0])
    edit(place, "UPDATE telemetry SET peak_ua = 'many' WHERE seq = 1 AND session_id = ?", numbers[1])
    edit(place, "UPDATE events SET detail = x'00ff' WHERE session_id = ?", numbers[2])
    edit(place, "UPDATE events SET kind = CAST(x'ff' AS TEXT) WHERE session_id = ?", numbers[1])
    result = run_cli("records list")
    assert f"session {numbers[1]} in" in result.stderr
    assert (
        "is damaged (row 1 of its telemetry holds something else than integers); nothing was changed" in result.stderr
    )
    text = repaired_text(place)
    assert f"lost: session {numbers[0]}" in text
    with open_stored() as stored:
        assert len(stored.telemetry(numbers[1])) == 2
        assert stored.events(numbers[2]) == []


def test_older_and_newer_files(tmp_path: Path) -> None:
    place = tmp_path / "data"
    leave(place, SECOND)
    assert run_cli("records repair").stdout.startswith("the records are sound")
    assert run_cli("records verify").exit_code == 0
    edit(place, "PRAGMA user_version = 99")
    before = files_of(place)[FILE_NAME]
    result = run_cli("records repair")
    assert (result.exit_code, "written by a newer version" in result.stderr) == (9, True)
    assert files_of(place)[FILE_NAME] == before
    assert backups(place) == []


def test_a_damaged_older_file(tmp_path: Path) -> None:
    place = tmp_path / "data"
    leave(place, SECOND)
    overwrite(place, pages_of(place, "events")[0])
    text = repaired_text(place)
    assert "kept: 2 sessions, 5 rows of telemetry, 0 events" in text


def test_not_while_a_session_runs(tmp_path: Path) -> None:
    with Records() as records:
        record = begin(records)
        result = run_cli("records repair")
        assert (result.exit_code, "a session runs; nothing was changed" in result.stderr) == (6, True)
        record.finish("duration", {})


def test_every_repair_has_its_backup(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    contents = []
    for number in range(3):
        (place / FILE_NAME).write_bytes(NO_DATABASE + bytes([number]))
        contents.append((place / FILE_NAME).read_bytes())
        assert repair().backup is not None
    assert sorted(path.read_bytes() for path in backups(place)) == contents
    with Records() as records:
        recorded(records, "anon")
    told = run_cli("subjects delete anon --yes").stdout
    assert "backups of repairs may still hold some of it; delete them yourself: " in told
    assert all(str(path) in told for path in backups(place))


@pytest.mark.parametrize("seed", range(12))
def test_damage_anywhere(tmp_path: Path, seed: int) -> None:
    """A few runs of bytes anywhere in the file: whatever is left is readable, and the chain knows what is not."""
    place = tmp_path / "data"
    filled(place)
    rng = random.Random(seed)
    path = place / FILE_NAME
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 6)):
        at, count = rng.randrange(len(data)), rng.choice((1, 8, 300, 5000))
        data[at : at + count] = rng.randbytes(min(count, len(data) - at))
    path.write_bytes(data)
    for line in ("records list", "records show", "records export --all", "records verify", "subjects list"):
        assert run_cli(line).exit_code in (0, 9, 10)
    result = run_cli("records repair")
    assert result.exit_code == 0, result.stderr
    sound = "sound" in result.stdout  # what SQLite cannot tell from an edit is the chain's to find
    assert run_cli("records verify").exit_code in ((0, 10) if sound else (0,))
    assert run_cli("records export --all").exit_code == 0


def test_salvage_gives_up(tmp_path: Path) -> None:
    """A table of which nothing can be read takes a limited number of attempts."""
    place = tmp_path / "data"
    filled(place)
    for page in pages_of(place, "events"):
        overwrite(place, page)
    database = sqlite3.connect(place / FILE_NAME)
    salvage = Salvage(database, "events", ["kind"], "rowid", "'' = ?", "", 2**40)
    assert list(salvage.rows()) == []
    assert 0 < salvage.failed < 20_000
    database.close()


def test_on_a_full_disk(tmp_path: Path) -> None:
    """What cannot be backed up is not repaired, and nothing is left half."""
    place = tmp_path / "data"
    filled(place)
    overwrite(place, pages_of(place, "events")[0])
    before = files_of(place)
    for limit_bytes in (0, 100_000, len(before[FILE_NAME])):
        code, errors = on_small_disk("records repair", limit_bytes)
        if code == 9:
            assert "free some space" in errors
            assert (place / FILE_NAME).read_bytes() == before[FILE_NAME]
            assert not list(place.glob(".*"))
    assert all(path.read_bytes() == before[FILE_NAME] for path in backups(place))
