"""`microcurrent doctor --hardware`: broken parts on the virtual Pico are diagnosed, and so are a person's readings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boards.rp2040_pico import board as pico_board
from firmware.shared import settings
from microcurrent.bench.pico import VirtualPico
from microcurrent.bringup import electrodes
from microcurrent.bringup.questions import Measurement, Question, at_the_end, with_power, without_power

from .conftest import Cli, booted, make_board


@pytest.fixture(scope="module")
def board(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    return booted(make_board(image, firmware_files | {"/settings_a": settings.encode_slot(1, settings.defaults())}))


def found(mc: Cli, options: str = "--yes") -> tuple[int, dict[str, dict]]:
    result = mc(f"doctor --hardware {options} --json")
    assert result.stdout.startswith("["), result.output
    return result.exit_code, {each["step"]: each for each in json.loads(result.stdout)}


def test_a_sound_board(mc: Cli) -> None:
    code, steps = found(mc)
    assert code == 0
    judged = [name for name, step in steps.items() if step["good"] is not None]
    assert judged == [
        "e-stop", "DAC", "supply", "sense at rest", "dummy load", "gate", "current follows", "limiter", "comparator",
        "sample interrupt",
    ]  # fmt: skip
    assert all(steps[name]["good"] for name in judged)
    assert steps["dummy load"]["reading"].startswith("46") or steps["dummy load"]["reading"].startswith("47")


def estop_open(pico: VirtualPico) -> Callable[[], None]:
    pico.drive_pin(pico.board.ESTOP_PIN, 1)
    return lambda: pico.drive_pin(pico.board.ESTOP_PIN, 0)


def supply_of(mv: float) -> Callable[[VirtualPico], Callable[[], None]]:
    def broken(pico: VirtualPico) -> Callable[[], None]:
        sound, pico.supply_mv = pico.supply_mv, mv
        return lambda: setattr(pico, "supply_mv", sound)

    return broken


def dac_with(name: str, value: object) -> Callable[[VirtualPico], Callable[[], None]]:
    def broken(pico: VirtualPico) -> Callable[[], None]:
        sound = getattr(pico.dac, name)
        setattr(pico.dac, name, value)
        return lambda: setattr(pico.dac, name, sound)

    return broken


def stage_with(**changes: Any) -> Callable[[VirtualPico], Callable[[], None]]:
    def broken(pico: VirtualPico) -> Callable[[], None]:
        sound = {name: getattr(pico.stage.faults, name) for name in changes}
        pico.fail(**changes)
        return lambda: pico.fail(**sound)

    return broken


# What is broken; the step that says so first; words of the likely mistake.
BROKEN = {
    "e-stop open": (estop_open, "e-stop", "contact is open or pressed"),
    "no DAC": (dac_with("absent", True), "DAC", "SDA and SCL swapped"),
    "DAC at another address": (dac_with("address", 0x61), "DAC", "its address is another"),
    "DAC stuck": (dac_with("stuck", True), "DAC", "keeps another code"),
    "DAC as bought": (dac_with("eeprom_code", 0), "DAC", "run microcurrent commission"),
    "weak supply": (supply_of(9000), "supply", "the supply is weak"),
    "no supply divider": (supply_of(0), "supply", "divider's wire to the ADC is missing"),
    "supply of 15 V": (supply_of(15000), "supply", "converter without load or of 15 V"),
    "no sense wire": (stage_with(sense_stuck_mv=0.0), "sense at rest", "the wire to the ADC is missing"),
    "sense at its rail": (stage_with(sense_stuck_mv=3300.0), "sense at rest", "its feedback is open"),
    "unequal mid rail": (stage_with(sense_offset_mv=60.0), "sense at rest", "mid rail's divider is unequal"),
    "sense swapped": (stage_with(sense_gain=-1.0), "dummy load", "flows through the closed gate, or the sense"),
    "sense resistor 2 k": (stage_with(sense_gain=2.0), "dummy load", "the dummy resistor is another"),
    "offset": (stage_with(offset_ua=12.0), "dummy load", "run microcurrent calibrate --internal"),
    "no voltage divider": (stage_with(divider_stuck_mv=1650.0), "dummy load", "divider's wire to the ADC is missing"),
    "gate bridged": (stage_with(gate_stuck=True), "gate", "the switch is bridged"),
    "pump resistor": (stage_with(gain=1.15), "current follows", "pump, sense or DAC beyond their tolerances"),
    "limiter bridged": (stage_with(limiter_shorted="up"), "limiter", "a limiter diode is shorted"),
    "one comparator": (stage_with(comparator_dead_side="down"), "comparator", "the one for negative current"),
    "no comparator": (stage_with(comparator_dead=True), "comparator", "it does not trip"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_part_is_named(mc: Cli, board: VirtualPico, name: str) -> None:
    broken, step, words = BROKEN[name]
    mend = broken(board)
    try:
        code, steps = found(mc)
    finally:
        mend()
    assert mc("faults clear").exit_code == 0
    wrong = [each for each, result in steps.items() if result["good"] is False]
    assert code == 10 and wrong[0] == step, steps
    assert words in steps[step]["mistake"], steps[step]


def test_the_resistor_at_the_electrodes(mc: Cli, board: VirtualPico, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps({f"connect {electrodes.OHM} ohm to the electrode terminals; is it connected? (y/n)": "y"})
    )
    board.set_load("10k")
    code, steps = found(mc, f"--answers {answers}")
    assert code == 0 and steps["electrodes"]["good"], steps["electrodes"]
    board.set_load("open")
    code, steps = found(mc, f"--answers {answers}")
    assert code == 10 and "open: a lead" in steps["electrodes"]["mistake"]
    assert electrodes.judged(4700).mistake.startswith("that is the dummy load")
    assert electrodes.judged(0).mistake == "the electrode terminals are bridged"
    assert electrodes.judged(-1).good is False and "another resistor" in electrodes.judged(20000).mistake


PERSON = {each.key + each.where: each for each in (*without_power(pico_board), *with_power(pico_board))}


@pytest.mark.parametrize("key", PERSON)
def test_every_typed_reading_is_judged(key: str) -> None:
    """Right in the middle, wrong on either side, and each wrong one has its likely mistake."""
    each = PERSON[key]
    assert isinstance(each, Measurement)
    middle = str(each.low * 1.05 if each.high > 1e6 else (each.low + each.high) / 2)
    assert each.judge(middle).good and each.judge(None).good is None
    bounds = [below for below, _text in each.mistakes if below is not None]
    assert bounds == sorted(bounds) and each.mistakes[-1][0] is None
    seen = {each.judge(str(below - 0.001)).mistake for below in bounds if not each.low <= below - 0.001 <= each.high}
    if each.high < 1e9:
        seen.add(each.judge(str(each.high * 1.5 if each.high > 0 else each.high / 2)).mistake)
    assert "" not in seen and len(seen) >= 2 - (each.high >= 1e9)
    assert each.judge("nonsense").good is False


def test_how_readings_may_be_typed(mc: Cli, tmp_path: Path) -> None:
    pull = without_power(pico_board)[0]
    assert isinstance(pull, Measurement)
    assert pull.judge("10k").good and pull.judge("10,0k").good and pull.judge("9.9 kohm").good
    assert "missing" in pull.judge("OL").mistake and "bridged" in pull.judge("0.3").mistake
    for question in at_the_end():
        assert isinstance(question, Question)
        assert question.judge("y").good and question.judge("n").mistake and question.judge(None).good is None
    answers = tmp_path / "a.json"
    answers.write_text(json.dumps({"ohmmeter from GPIO18 (GATE_PIN) to GND, in ohm": "OL"}))
    result = mc(f"doctor --hardware --answers {answers}")
    assert result.exit_code == 10 and "WRONG  gate pull-down" in result.stdout
    assert "likely: the 10 k pull-down is missing or open" in result.stdout and "DAC" not in result.stdout
    answers.write_text("[1")
    assert mc(f"doctor --hardware --answers {answers}").exit_code == 9
    assert mc("doctor --yes").exit_code == 2
