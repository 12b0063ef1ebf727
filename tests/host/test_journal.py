"""The journal on the host: its chain checked from the raw lines, and what `microcurrent log` prints of it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from firmware.core import journal as device_journal
from firmware.shared import chain
from microcurrent import journal, journal_text
from microcurrent.bench.pico import VirtualPico
from microcurrent.errors import FirmwareError, VerifyError
from tests.dual.cases.case_journal import Files, largest

from .conftest import make_board, run_cli

SAMPLES = "800800" + "99a974" * 2 + "fff000"
UTC_S = 1_770_000_000
RECORDS: list[tuple[str, dict[str, Any], int]] = [
    (
        "session",
        {"session": 1, "amplitude_ua": 200, "frequency_mhz": 8300, "duration_ms": 90_000, "utc_s": UTC_S},
        12_345,
    ),
    (
        "fault",
        {"code": 1, "reading": 512, "limit": 300, "session": 1, "state": "ACTIVE", "samples": SAMPLES},
        16_345,
    ),
    (
        "end",
        {"session": 1, "reason": "fault", "elapsed_ms": 4000, "total_uc": 800, "net_uc": -2, "lift_offs": 1},
        16_400,
    ),
    ("clear", {"code": 1}, 60_000),
    ("confirm", {"names": ["profile", "zone"]}, 61_000),
    (
        "session",
        {"session": 2, "amplitude_ua": 100, "frequency_mhz": 10_000, "duration_ms": 1000, "utc_s": 0},
        70_000,
    ),
    ("interrupted", {"session": 2, "reset": "power"}, 400),
    (
        "fault",
        {"code": 12, "reading": 7, "limit": 0, "session": 0, "state": "SELF_TEST", "samples": ""},
        500,
    ),
    ("clear", {"code": 12}, 900),
]
GOLDEN = """\
record        uptime  UTC                  what
     1      12.345 s  2026-02-02 02:40:00  session 1 began: 200uA, 8.3Hz, for 1.5min
     2      16.345 s  2026-02-02 02:40:04  fault 1 over-current: reading 512, limit 300; session 1, ACTIVE
     3      16.400 s  2026-02-02 02:40:04  session 1 ended: fault, after 4s; 800 uC moved, net -2 uC; lift-offs: 1
     4      60.000 s                       fault 1 over-current was cleared
     5      61.000 s                       confirmed with the board's button: profile, zone
     6      70.000 s                       session 2 began: 100uA, 10Hz, for 1s
     7       0.400 s                       session 2 was interrupted; the reset that followed: power
     8       0.500 s                       fault 12 selftest-failed: reading 7, limit 0; SELF_TEST
     9       0.900 s                       fault 12 selftest-failed was cleared
"""
GOLDEN_SAMPLES = """\
record 2, fault 1 over-current: samples, oldest first
sample  DAC code   commanded  ADC count   measured
     1      2048        0 uA       2048       0 uA
     2      2458      200 uA       2420     200 uA
     3      2458      200 uA       2420     200 uA
     4      4095     1000 uA          0   -1100 uA
"""


def written(records: Sequence[tuple[str, dict[str, Any], int]]) -> Files:
    files = Files()
    writer = device_journal.Journal(files)
    for kind, detail, now_ms in records:
        writer.add(kind, detail, now_ms)
    return files


def lines_of(files: Files) -> list[str]:
    reader = device_journal.Journal(files)
    reader.open()
    return reader.lines(0, 10_000)


class Board:
    """A board that answers what `log` asks for, with the firmware's own journal behind it."""

    port = "fake"

    def __init__(self, files: Files, board: str = "rp2040_pico") -> None:
        self.identity: dict = {"board": board}
        self.journal = device_journal.Journal(files)
        self.journal.open()
        self.asked: list[str] = []
        self.before_page: Callable[[int], None] = lambda _number: None

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        self.asked.append(command)
        if command == "journal":
            number = (args or {})["from"]
            self.before_page(number)
            return json.loads(json.dumps(self.journal.page(number)))
        return {"log": {"events": [[1500, "boot", None], [2500, "state", "READY"]]}, "counters": {"b": 2, "a": 1}}[
            command
        ]

    def hello(self, timeout_s: float = 0) -> dict:
        return self.identity

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `microcurrent log ...` on a Board."""

    def run(board: Board, options: str = "") -> Result:
        @contextmanager
        def device(_port: str | None, **_rest: object) -> Iterator[Board]:
            yield board

        monkeypatch.setattr("microcurrent.cli.log.device", device)
        return run_cli(f"log {options}")

    return run


# Checking -------------------------------------------------------------------------------------------------------------


def test_an_intact_chain() -> None:
    found = journal.checked(lines_of(written(RECORDS)))
    assert (found.problem, found.past, found.began, found.last) == (None, None, 1, 9)
    assert [record and record["kind"] for record in found.records] == [kind for kind, _detail, _ms in RECORDS]
    assert found.verdict() == "chain intact, records 1..9"
    found.require_intact()


def test_a_journal_without_records() -> None:
    assert journal.checked([]).verdict() == "no records yet"


def test_every_line_that_is_missing_is_found() -> None:
    """Except the newest: nothing chains to it yet."""
    lines = lines_of(written(RECORDS))
    for missing in range(len(lines) - 1):
        found = journal.checked(lines[:missing] + lines[missing + 1 :])
        assert found.problem == f"record {missing + 2} stands where record {missing + 1} belongs"
        with pytest.raises(VerifyError, match=rf"record {missing + 2} stands .*; keep a copy with: microcurrent log"):
            found.require_intact()


@given(st.data())
def test_an_altered_character_is_found(data: st.DataObject) -> None:
    lines = lines_of(written(RECORDS))
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    character = data.draw(st.characters(codec="utf-8").filter(lambda one: one != lines[number][at]))
    lines[number] = lines[number][:at] + character + lines[number][at + 1 :]
    assert journal.checked(lines).problem


@given(st.lists(st.text(max_size=40), min_size=1))
def test_lines_that_are_none_are_damage_and_nothing_else(lines: list[str]) -> None:
    found = journal.checked(lines)
    assert found.problem
    assert len(list(journal_text.rows(found))) == len(lines) + 1


def test_a_restart_behind_damage_is_told() -> None:
    files = written(RECORDS[:3])
    stored = files.data["/journal_a"]
    assert stored
    files.data["/journal_a"] = stored.replace(b'"ACTIVE"', b'"PAUSED"')
    again = device_journal.Journal(files)
    again.restart(100)
    again.add("clear", {"code": 29}, 101)
    found = journal.checked(lines_of(files))
    assert found.problem is None
    assert found.verdict() == (
        "chain intact, records 4..5; before record 4 it was broken: the line after record 1: checksum mismatch"
    )


def test_reading_takes_page_by_page() -> None:
    fault, session = largest()
    board = Board(written([("session", session, 1), ("fault", fault, 2)] * 20))
    found = journal.read(board)
    assert found.problem is None and found.last == len(found.lines) + found.began - 1 > 40
    assert len(board.asked) > 5


def test_a_file_that_is_replaced_between_two_pages_is_read_again() -> None:
    board = Board(written(RECORDS * 8))
    asked: list[int] = []

    def grow_once(number: int) -> None:
        asked.append(number)
        for kind, detail, now_ms in RECORDS * 9 if len(asked) == 5 else ():
            board.journal.add(kind, detail, now_ms)

    board.before_page = grow_once
    found = journal.read(board)
    assert asked.count(0) == 2
    assert found.problem is None and found.began > asked[4] and found.last > len(RECORDS) * 17


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ({}, "the reply has no lines"),
        ({"lines": [1], "next": -1, "problem": None}, "the reply has no lines"),
        ({"lines": [], "next": None, "problem": None}, "the reply does not say where the journal goes on"),
        ({"lines": [], "next": -1, "problem": 5}, "the reply does not say where the journal goes on"),
        ({"lines": [], "next": 0, "problem": None}, "after record 0 comes record 0"),
    ],
)
def test_an_odd_reply_is_refused(reply: dict, text: str) -> None:
    board = Board(Files())
    board.request = lambda command, args=None, timeout_s=None: reply
    with pytest.raises(FirmwareError, match=f"the journal of fake cannot be read: {text}; nothing was changed; "):
        journal.read(board)


# Showing --------------------------------------------------------------------------------------------------------------


def test_log_prints_every_record_and_the_verdict(log: Callable[..., Result]) -> None:
    board = Board(written(RECORDS))
    result = log(board)
    assert (result.exit_code, result.stdout) == (0, GOLDEN + "chain intact, records 1..9\n")
    assert set(board.asked) == {"journal"}


def test_log_samples(log: Callable[..., Result]) -> None:
    result = log(Board(written(RECORDS)), "--samples")
    assert (result.exit_code, result.stdout) == (0, GOLDEN + GOLDEN_SAMPLES + "chain intact, records 1..9\n")
    unknown = log(Board(written(RECORDS), board="another"), "--samples")
    assert "     2      2458           ?       2420          ?\n" in unknown.stdout


def test_log_events(log: Callable[..., Result]) -> None:
    board = Board(written(RECORDS))
    result = log(board, "--events")
    assert result.stdout == "     1.500 s  boot\n     2.500 s  state     READY\ncounters: a 1, b 2\n"
    assert board.asked == ["log", "counters"]
    found = json.loads(log(board, "--events --json").stdout)
    assert found["events"][1] == {"time_ms": 2500, "kind": "state", "value": "READY"}
    both = log(board, "--events --samples")
    assert both.exit_code == 2 and "choose one" in both.stderr


def test_log_json_has_everything(log: Callable[..., Result]) -> None:
    board = Board(written(RECORDS))
    found = json.loads(log(board, "--json").stdout)
    assert found["chain"] == {"intact": True, "problem": None, "before_restart": None, "first": 1, "last": 9}
    assert found["counters"] == {"a": 1, "b": 2} and len(found["events"]) == 2
    assert [row["line"] for row in found["records"]] == lines_of(written(RECORDS))
    fault = found["records"][1]
    assert (fault["utc"], fault["fault"]) == ("2026-02-02 02:40:04", "fault 1 over-current")
    assert fault["record"]["samples"] == SAMPLES and "samples" not in fault
    with_samples = json.loads(log(board, "--json --samples").stdout)["records"][1]["samples"]
    assert with_samples[1] == {"dac_code": 2458, "commanded_ua": 200, "adc_count": 2420, "measured_ua": 200}


def test_log_of_an_empty_journal(log: Callable[..., Result]) -> None:
    result = log(Board(Files()))
    assert (result.exit_code, result.stdout) == (0, "no records yet\n")


def test_log_of_a_broken_chain_says_where_and_fails(log: Callable[..., Result]) -> None:
    files = written(RECORDS)
    stored = files.data["/journal_a"]
    assert stored
    files.data["/journal_a"] = stored.replace(b'"reading": 512', b'"reading": 212')
    where = "the line after record 1: checksum mismatch"
    result = log(Board(files))
    lines = result.stdout.splitlines()
    assert lines[2].startswith(f"     ?             ?{'':23}damaged: ")
    assert lines[3].startswith("     3      16.400 s                       session 1 ended: fault")
    assert lines[-1] == f"chain broken: {where}"
    assert (result.exit_code, result.stderr) == (
        10,
        f"error: the journal's chain is broken: {where}; the records are shown as they are stored; keep a copy with: "
        f"microcurrent log --json, then run: microcurrent faults clear\n",
    )
    as_json = log(Board(files), "--json")
    assert as_json.exit_code == 10
    found = json.loads(as_json.stdout)
    assert (found["chain"]["intact"], found["chain"]["problem"]) == (False, where)
    assert found["records"][1]["record"] is None and '"reading": 212' in found["records"][1]["line"]


def test_what_only_the_board_sees_counts_too(log: Callable[..., Result]) -> None:
    files = written(RECORDS)
    files.unreadable = ["/journal_b"]
    result = log(Board(files))
    assert result.exit_code == 10
    assert "chain broken: /journal_b cannot be read (" in result.stdout


# A new file and unknown records ---------------------------------------------------------------------------------------


def shown(kind: str, **detail: object) -> str:
    return journal_text.text_of({"n": 1, "ms": 2, "kind": kind, "prev": chain.UNCHAINED} | detail)


def test_what_a_new_file_carries() -> None:
    session, fault = RECORDS[0][1], RECORDS[1][1]
    assert shown("kept") == "a new file"
    assert shown("kept", torn=12, fault=fault, session=session) == (
        "a new file; 12 bytes of a record that lost power halfway were dropped; still latched: fault 1 over-current: "
        "reading 512, limit 300; session 1, ACTIVE; still open: session 1, 200uA, 8.3Hz, for 1.5min"
    )
    assert shown("restart", broken="record 3 ...") == "the chain began anew; it was broken: record 3 ..."
    assert len(journal.samples_of({"kind": "kept", "fault": fault})) == 4


def test_records_of_two_channels() -> None:
    def two(kind: str, detail: dict[str, Any]) -> str:
        return journal_text.text_of({"n": 1, "ms": 2, "kind": kind, "prev": chain.UNCHAINED} | detail, channels=2)

    session = RECORDS[0][1] | {"amplitude2_ua": 50, "frequency2_mhz": 40_000}
    fault = RECORDS[1][1] | {"channel": 2}
    end = RECORDS[2][1] | {"total2_uc": 90, "net2_uc": 1, "lift_offs2": 3}
    assert two("session", session) == "session 1 began: 200uA, 8.3Hz and 50uA, 40Hz, for 1.5min"
    assert two("fault", fault) == "fault 1 over-current on channel 2: reading 512, limit 300; session 1, ACTIVE"
    assert two("end", end) == (
        "session 1 ended: fault, after 4s; 800 uC moved, net -2 uC; lift-offs: 1; channel 2: 90 uC moved, net 1 uC; "
        "lift-offs: 3"
    )
    assert "over-current on channel 2: " in two("kept", {"fault": fault})
    assert two("fault", fault | {"code": 9, "channel": 1}).startswith("fault 9 e-stop: ")  # the board's
    assert shown("fault", **fault) == shown("fault", **RECORDS[1][1])  # of a board with one channel
    assert shown("kept", fault=fault) == shown("kept", fault=RECORDS[1][1])


def test_records_of_another_version_are_shown_as_they_are() -> None:
    assert shown("dream", b=[1], a="x") == "dream a=x b=[1]"
    assert shown("watchdog") == "watchdog"
    assert shown("session", session=1) == "session session=1"
    assert shown("kept", fault=5) == "kept fault=5"
    assert shown("fault", code="x", reading=1, limit=2, state="?") == "fault x unknown: reading 1, limit 2; ?"
    assert shown("fault", code=99, reading=1, limit=2, state="READY") == "fault 99 fault-99: reading 1, limit 2; READY"
    for samples in (None, 5, "12345", "12345g"):
        assert journal.samples_of({"kind": "fault", "samples": samples}) == []
    assert journal.samples_of({"kind": "kept", "fault": 5}) == journal.samples_of({"kind": "end"}) == []


def test_a_time_is_shown_only_where_it_is_known() -> None:
    def times(*records: dict[str, Any] | None) -> list[str | None]:
        return journal_text.utc_of([record and {"ms": 0, "kind": "x"} | record for record in records])

    session = {"kind": "session", "ms": 1000, "utc_s": UTC_S}
    later = {"kind": "confirm", "ms": 3000}
    first, second = "2026-02-02 02:40:00", "2026-02-02 02:40:02"
    assert times(later, session, later) == [None, first, second]
    assert times(session, {"kind": "interrupted"}, later) == [first, None, None]
    assert times(session, {"kind": "end", "ms": 3000}, later) == [first, second, None]
    assert times(session, None, later) == [first, None, None]
    for utc_s in (0, None, "1", 10**18):
        assert times({"kind": "session", "ms": 0, "utc_s": utc_s}, later) == [None, None]


# On the firmware ------------------------------------------------------------------------------------------------------


def test_log_of_the_firmware(
    image: Path, firmware_files: dict[str, bytes], on_port: Callable[[VirtualPico], str]
) -> None:
    """The same records, found in flash by the firmware, which has nothing to add to them."""
    stored = written(RECORDS).data["/journal_a"]
    assert stored
    pico = make_board(image, firmware_files | {"/journal_a": stored})
    on_port(pico)
    result = run_cli("log --samples")
    assert (result.exit_code, result.stdout) == (0, GOLDEN + GOLDEN_SAMPLES + "chain intact, records 1..9\n")
    assert pico.read_files()["/journal_a"] == stored and "/journal_b" not in pico.read_files()
