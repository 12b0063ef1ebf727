"""The journal in flash: what survives losses of power, at any moment of a write; damage is a fault and never silent."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.core import journal as core_journal
from firmware.core import journal_file
from firmware.shared import faults
from microcurrent import journal
from microcurrent.bench import files
from microcurrent.bench.pico import VirtualPico
from microcurrent.errors import FaultError
from tests.bench.python_on import boot as boot_to_prompt
from tests.bench.python_on import run as run_source
from tests.dual.cases.case_journal import Files
from tests.support import library_files

from .conftest import Bench, Device, not_frozen
from .shutter import Shutter

SESSION = {"session": 1, "amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 1000, "utc_s": 1770000000}
FAULT = {"code": 1, "reading": 512, "limit": 300, "session": 1, "state": "ACTIVE", "samples": "0123ab" * 64}
OPEN = """
import json, time
from firmware.core import journal
from firmware.hw import journal_files
book = journal.Journal(journal_files.Files(lambda: 0))
began_ms = time.ticks_ms()
book.open()
took_ms = time.ticks_diff(time.ticks_ms(), began_ms)
"""


def opened(flash: bytes) -> core_journal.Journal:
    """The journal in a filesystem, as a board would find it after its next power-on."""
    found = files.read_files(bytes(files.FILESYSTEM_OFFSET) + flash)
    book = core_journal.Journal(Files(*(found.get(name) for name in core_journal.NAMES)))
    book.open()
    return book


def nearly_full(free: int = 700) -> bytes:
    """A file that has room for at most `free` bytes more."""
    stored = Files()
    book = core_journal.Journal(stored)
    while len(stored.data["/journal_a"] or b"") < journal_file.FILE_BYTES - free:
        book.add("confirm", {"names": ["area_mm2"]}, 5)
    assert stored.data["/journal_b"] is None
    return stored.data["/journal_a"] or b""


@pytest.fixture
def at_prompt(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    """A board with our modules, at its prompt, whose journal turns over soon."""
    not_frozen()
    pico = VirtualPico(image)
    pico.install_files(library_files(firmware_files) | {"/journal_a": nearly_full()})
    return boot_to_prompt(pico)


# Power cuts in the flash itself, with the board's own littlefs --------------------------------------------------------


def test_power_cut_within_any_flash_command_leaves_the_journal_whole(at_prompt: VirtualPico, image: Path) -> None:
    """The state is that before or behind the record that was being written, and it never goes back."""
    run_source(at_prompt, OPEN)
    shutter = Shutter(at_prompt)
    steps = [(None, None)]
    for kind, detail in (("session", SESSION), ("fault", FAULT), ("end", {}), ("clear", {"code": 1})):
        run_source(at_prompt, f"book.add({kind!r}, {detail!r}, 1000)")
        book = opened(shutter.filesystem())
        steps.append((book.latched, book.open_session))
    assert steps == [(None, None), (None, SESSION), (FAULT, SESSION), (FAULT, None), (None, None)]
    at, turned = 0, set()
    for number, state in enumerate(shutter.states):
        book = opened(state)
        assert book.problem is None, (number, book.problem)
        assert book._torn == 0, "littlefs stores an append as a whole or not at all"
        assert (book.latched, book.open_session) in steps[at:], number
        at += steps[at:].index((book.latched, book.open_session))
        turned.add(book._current)
    assert at >= 3 and turned == {0, 1} and len(shutter.states) > 100
    code = at_prompt.flash_bytes()[: files.FILESYSTEM_OFFSET]
    for state in shutter.states[:: len(shutter.states) // 4]:
        board_agrees(VirtualPico(image, flash=code + state), opened(state))


def board_agrees(pico: VirtualPico, expected: core_journal.Journal) -> None:
    """A board that is powered on with that flash finds the same, and goes on."""
    boot_to_prompt(pico)
    told = run_source(pico, OPEN + "print(json.dumps([book.problem, book.latched, book.open_session]))")
    assert json.loads(told) == [None, expected.latched, expected.open_session]
    run_source(pico, "book.add('interrupted', {'session': 1, 'reset': 'power'}, 5)")
    assert opened(pico.flash_bytes()[files.FILESYSTEM_OFFSET :]).open_session is None


def test_what_the_journal_costs_the_main_loop(at_prompt: VirtualPico) -> None:
    """A boot reads it within 0.5 s; a record, erases included, stays far below the watchdog's patience for flash."""
    told = run_source(
        at_prompt,
        OPEN + "began_ms = time.ticks_ms()\n"
        f"book.add('fault', {FAULT!r}, 5)\n"
        "added_ms = time.ticks_diff(time.ticks_ms(), began_ms)\n"
        "began_ms = time.ticks_ms()\n"
        "json.dumps(book.page(30))\n"
        "print([took_ms, added_ms, time.ticks_diff(time.ticks_ms(), began_ms)])",
    )
    opened_ms, added_ms, page_ms = json.loads(told)
    assert 20 < opened_ms < 500
    assert 45 < added_ms < at_prompt.board.WATCHDOG_FLASH_MS // 10
    assert 1 < page_ms < 60


def test_no_write_reaches_the_flash_while_the_gate_conducts(at_prompt: VirtualPico) -> None:
    before = at_prompt.flash_bytes()
    told = run_source(
        at_prompt,
        "from firmware.hw import journal_files\n"
        "files = journal_files.Files(lambda: 1)\n"
        "for write in (files.append, files.replace):\n"
        "    try:\n"
        "        write('/journal_a', b'x')\n"
        "    except RuntimeError as error:\n"
        "        print(error)\n"
        "print(files.read('/journal_b', 0, 9), len(files.read('/journal_a', 9, 9000)))\n",
    )
    assert told == "no flash write while the gate conducts\n" * 2 + f"b'' {len(nearly_full()) - 9}"
    assert at_prompt.flash_bytes() == before


# The firmware ---------------------------------------------------------------------------------------------------------


def kinds(bench: Bench) -> list[str]:
    """The kinds of all records, oldest first; their chain is intact."""
    found = journal.read(bench.client)
    assert found.problem is None
    return [record["kind"] for record in found.records if record]


def power_cycled(bench: Bench) -> None:
    bench.pico.reset("power")
    bench.client.reconnect()


@pytest.mark.rung("stage")
def test_a_session_is_written_down(device: Device) -> None:
    ran = device.run(duration_ms=500)
    found = journal.read(device.client)
    assert found.problem is None
    began, end = [record for record in found.records if record and record["kind"] != "kept"][-2:]
    assert (began["kind"], began["session"]) == ("session", ran.terms["session"])
    assert (began["amplitude_ua"], began["duration_ms"]) == (200, 500)
    assert (end["kind"], end["session"]) == ("end", ran.terms["session"])
    assert (end["reason"], end["lift_offs"]) == ("duration", 0)
    assert end["total_uc"] > 50


def test_a_latched_fault_and_its_samples_survive_a_loss_of_power(bench: Bench) -> None:
    bench.start(duration_ms=60_000)
    bench.pico.run_for_ms(900)
    bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 1)
    bench.pico.run_for_ms(400)
    before = bench.request("faults")
    assert before["code"] == faults.ESTOP
    bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 0)
    power_cycled(bench)
    after = bench.request("faults")
    assert [after[name] for name in ("code", "reading", "limit", "session")] == [
        before[name] for name in ("code", "reading", "limit", "session")
    ]
    with pytest.raises(FaultError):
        bench.start()
    assert bench.request("clear") == {"code": faults.NONE}
    power_cycled(bench)
    assert bench.request("faults")["code"] == faults.NONE
    found = journal.read(bench.client)
    assert sorted(kinds(bench)) == ["clear", "end", "fault", "session"]
    record = next(record for record in found.records if record and record["kind"] == "fault")
    assert len(journal.samples_of(record)) == 64


def test_a_stop_by_the_watchdog_survives_a_loss_of_power(bench: Bench) -> None:
    bench.start(duration_ms=60_000)
    bench.pico.run_for_ms(700)
    bench.pico.reset("watchdog")
    bench.client.reconnect()
    for again in (False, True):
        if again:
            power_cycled(bench)
        assert bench.request("faults")["code"] == faults.WATCHDOG_RESET
        assert kinds(bench) == ["session", "interrupted", "fault"]


def test_a_session_that_lost_power_is_reported_as_interrupted(bench: Bench) -> None:
    bench.start(duration_ms=60_000)
    bench.pico.run_for_ms(900)
    power_cycled(bench)
    found = journal.read(bench.client)
    assert kinds(bench) == ["session", "interrupted"]
    assert found.records[-1] and found.records[-1]["reset"] == "power"
    assert bench.request("faults")["code"] == faults.NONE
    power_cycled(bench)
    assert kinds(bench) == ["session", "interrupted"]


def test_power_cut_while_an_end_and_its_fault_are_written(bench: Bench) -> None:
    """Whatever is stored by then, the next power-on knows of the session; nothing in the chain is missing."""
    bench.start(duration_ms=60_000)
    bench.pico.run_for_ms(900)
    shutter = Shutter(bench.pico)
    bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 1)
    bench.pico.run_for_ms(600)
    assert kinds(bench)[1:] in (["fault", "end"], ["end", "fault"])
    assert len(shutter.states) > 20
    for state in shutter.states:
        book = opened(state)
        assert book.problem is None
        assert book.open_session or book.latched, "a fault that ended a session is known, or the session is open"


def test_an_altered_journal_is_a_fault_until_it_is_cleared(boot: Callable[..., Bench]) -> None:
    stored = Files()
    book = core_journal.Journal(stored)
    for kind, detail in (("session", SESSION), ("fault", FAULT), ("end", {})):
        book.add(kind, detail, 5)
    content = stored.data["/journal_a"]
    assert content
    bench = boot()
    bench.pico.install_files({"/journal_a": content.replace(b'"amplitude_ua": 200', b'"amplitude_ua": 100')})
    bench.client.hello()
    for again in (False, True):
        if again:
            power_cycled(bench)
        assert bench.request("faults")["code"] == faults.JOURNAL_BROKEN
        assert journal.read(bench.client).problem == "the line after record 0: checksum mismatch"
        with pytest.raises(FaultError):
            bench.start()
    assert bench.request("clear") == {"code": faults.NONE}
    for again in (False, True):
        if again:
            power_cycled(bench)
        found = journal.read(bench.client)
        assert (found.problem, found.past) == (None, "the line after record 0: checksum mismatch")
        assert [record and record["kind"] for record in found.records][:4] == [None, "fault", "end", "restart"]
        assert bench.request("faults")["code"] == faults.NONE
    assert bench.run(duration_ms=500).reason == "duration"


@pytest.mark.parametrize(("detail", "code"), [({}, faults.INTERNAL), ({"code": 9}, 9), ({"code": 201}, 201)])
def test_a_fault_of_another_firmware_is_a_fault_all_the_same(
    boot: Callable[..., Bench], detail: dict[str, int], code: int
) -> None:
    """Records with fewer fields than ours, of an unknown code, of a session without its number."""
    stored = Files()
    book = core_journal.Journal(stored)
    book.add("session", {}, 5)
    book.add("fault", detail, 6)
    bench = boot()
    bench.pico.install_files({"/journal_a": stored.data["/journal_a"] or b""})
    bench.client.hello()
    assert bench.request("faults")["code"] == code
    with pytest.raises(FaultError):
        bench.start()
    assert bench.request("clear") == {"code": faults.NONE}
    assert kinds(bench) == ["session", "fault", "interrupted", "clear"]


def test_reading_a_long_journal_in_mid_session_disturbs_nothing(boot: Callable[..., Bench]) -> None:
    bench = boot()
    bench.pico.install_files({"/journal_a": nearly_full()})
    bench.client.hello()
    read = []

    def during(since_s: float) -> None:
        if since_s > 0.6 and not read:
            read.extend(journal.read(bench.client).lines)

    ran = bench.run(duration_ms=2000, during=during)
    assert ran.reason == "duration" and ran.last["missed"] == 0
    assert len(read) > 40
    assert bench.request("faults")["code"] == faults.NONE
