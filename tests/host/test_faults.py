"""What is said about faults: a sentence for each, with the numbers it was raised with; the table; the samples."""

import json
from dataclasses import replace

import pytest

from boards.rp2040_pico import board as constants
from firmware.core import supervisor
from firmware.shared import faults, limits, protocol
from microcurrent import transport
from microcurrent.fault_text import all_faults, fault_of, fault_text, numbers_text

from .conftest import run_cli
from .test_session import ScriptedDevice

# Raised without numbers, or with some that say nothing about the cause (the sense reading when the bus hung, ...).
WITHOUT_NUMBERS = {
    faults.DAC_NO_ACK, faults.SUPERVISOR_LATE, faults.ESTOP, faults.SETTINGS_CORRUPT, faults.INTERNAL,
    faults.BOARD_MISMATCH, faults.BUS_HUNG, faults.DAC_READBACK, faults.DC_IMBALANCE, faults.MAINS_USB,
    faults.JOURNAL_BROKEN, faults.FIRMWARE_ALTERED,
}  # fmt: skip
CODES = [row[0] for row in faults.TABLE]
READING, LIMIT = 1234, 567


@pytest.mark.parametrize("code", CODES, ids=faults.name_of)
def test_every_fault_has_a_sentence(code: int) -> None:
    """What happened with the numbers; the state; what to do."""
    text = fault_text(code, READING, LIMIT)
    happened, state, remedy = text.split("; ", 2)
    assert happened.startswith(f"fault {code} {faults.name_of(code)}: {faults.meaning_of(code)}")
    assert state == "output is off and latched"
    assert remedy == faults.hint_of(code) and remedy
    shown = str(READING) in happened or str(LIMIT) in happened
    assert shown == (code not in WITHOUT_NUMBERS)


SPECIAL = [
    (faults.OVER_CURRENT, 412, 300, "measured 412 uA, limit 300 uA"),
    (faults.WATCHDOG_RESET, 500, protocol.ACTIVE, "500 ms without proof of progress, in state ACTIVE"),
    (faults.WATCHDOG_RESET, 500, 99, "500 ms without proof of progress, in state 99"),
    (faults.CHARGE_LIMIT, 412, 300, "measured 412 uA in the phase that was too large"),
    (
        faults.CHARGE_LIMIT,
        720_001,
        limits.SESSION_CHARGE_UC,
        f"720001 uC in the session, limit {limits.SESSION_CHARGE_UC} uC",
    ),
    (faults.SUPPLY, 10_500, 0, "10500 mV"),  # by a check of the self-test
    (faults.SUPPLY, 10_500, 10_800, "10500 mV, limit 10800 mV"),
    (faults.SELFTEST_FAILED, 12, 0, "reading of the failed check 12"),
    (faults.SELFTEST_FAILED, 1000, 500, "the watchdog did not reset the board within 1000 ms, its limit is 500 ms"),
    (faults.DAC_EEPROM_UNSAFE, 0, 0, ""),
    (faults.OUTPUT_ASTRAY, 0, 0, ""),  # found before current flowed: nothing was measured
    (faults.SAMPLE_INTERRUPT_STOPPED, 12, 10, "missing for 12 ms, limit 10 ms"),
    (faults.SAMPLE_INTERRUPT_RAISED, 0, 300, ""),
    (0, 5, 5, ""),
    (200, 5, 5, ""),  # of a newer firmware
]


@pytest.mark.parametrize(("code", "reading", "limit", "text"), SPECIAL)
def test_numbers(code: int, reading: int, limit: int, text: str) -> None:
    assert numbers_text(code, reading, limit) == text


def test_the_supervisors_numbers_are_what_the_sentence_says() -> None:
    """The units stand in the sentence: they must be those of the supervisor."""
    watch = supervisor.Supervisor(constants)

    def found(supply_mv: int, temperature_c: int) -> str:
        codes = [watch.surroundings(supply_mv, temperature_c, 0) for _ in range(supervisor.TEMPERATURE_LOOKS)]
        return numbers_text(codes[-1], watch.reading, watch.limit)

    assert found(12_000, 61) == f"61 C, limit {constants.TEMPERATURE_MAX_C} C"
    assert found(13_500, 20) == f"13500 mV, limit {constants.SUPPLY_MAX_MV} mV"
    assert found(10_500, 20) == f"10500 mV, limit {constants.SUPPLY_MIN_MV} mV"


def test_the_list_is_the_table() -> None:
    listed = json.loads(run_cli("faults list --json").stdout)
    assert [(row["code"], row["name"], row["off_us"]) for row in listed] == [
        (row[0], row[1], row[5]) for row in sorted(faults.TABLE)
    ]
    assert json.loads(run_cli("faults --json list").stdout) == listed
    lines = run_cli("faults list").stdout.splitlines()
    assert lines[0].split() == ["code", "fault", "found", "by", "off", "within", "meaning", "remedy"]
    assert len(lines) == len(CODES) + 2
    assert lines[2].startswith("1     over-current              interrupt              255 us")
    assert all(
        fault.meaning in line and fault.hint in line for fault, line in zip(all_faults(), lines[2:], strict=True)
    )


@pytest.mark.parametrize(("off_us", "text"), [(0, "before any current"), (105, "105 us"), (10_200, "10.2 ms")])
def test_time_to_off(off_us: int, text: str) -> None:
    assert replace(all_faults()[0], off_us=off_us).off == text


def test_a_fault_that_only_a_newer_firmware_knows() -> None:
    assert fault_of(200) is None
    assert fault_text(200, 1, 2).startswith("fault 200 fault-200: ")


class Faulty(ScriptedDevice):
    """A device that latched an over-current in a session."""

    samples = "800800" + "99a9a1" + "800000" * 62

    def _answer(self, command: str, args: dict) -> dict:
        if command == "faults":
            return {
                "code": faults.OVER_CURRENT, "name": "over-current", "reading": 412, "limit": 300, "time_ms": 9000,
                "session": 3, "samples": self.samples,
            }  # fmt: skip
        found = super()._answer(command, args)
        return found | {"board": "rp2040_pico"} if command == "hello" else found


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transport.OPENERS, "bench", lambda _name: Faulty())


@pytest.mark.usefixtures("faulty")
def test_the_latched_fault_and_its_samples() -> None:
    plain = run_cli("faults").stdout.splitlines()
    assert plain == [
        "fault 1 over-current: the measured current left the window around the set-point (measured 412 uA, limit "
        "300 uA); output is off and latched; Check the electrode wiring and the output stage, then run: microcurrent "
        "faults clear",
        "found by     interrupt",
        "off within   255 us",
        "session      3 since boot",
    ]
    lines = run_cli("faults --samples").stdout.splitlines()
    assert lines[:4] == plain
    assert lines[4].split() == ["sample", "DAC", "code", "commanded", "ADC", "count", "measured"]
    assert lines[6].split() == ["1", "2048", "0", "uA", "2048", "0", "uA"]
    assert lines[7].split() == ["2", "2458", "200", "uA", "2465", "224", "uA"]
    assert len(lines) == 6 + 64


@pytest.mark.usefixtures("faulty")
def test_the_latched_fault_for_other_programs() -> None:
    found = json.loads(run_cli("faults --json").stdout)
    assert (found["kind"], found["off_us"], found["hint"]) == ("trip", 255, faults.hint_of(faults.OVER_CURRENT))
    assert len(found["samples"]) == 64
    assert found["samples"][1] == {"dac_code": 2458, "commanded_ua": 200, "adc_count": 2465, "measured_ua": 224}


@pytest.mark.usefixtures("faulty")
def test_a_fault_without_a_session_has_no_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Faulty, "samples", "")
    assert run_cli("faults --samples").stdout.endswith("samples      none: no session ran\n")
    assert json.loads(run_cli("faults --json").stdout)["samples"] == []
