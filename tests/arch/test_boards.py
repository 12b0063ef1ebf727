"""Boards define the same names, agree with boot.py, and their wiring tables show the pins that the firmware drives."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOARDS = ("rp2040_pico", "rp2040_pico_dual", "esp32_devkit")


def constants(name: str) -> dict[str, object]:
    module = import_module(f"boards.{name}.board")
    return {key: value for key, value in vars(module).items() if key.isupper()}


def types(name: str) -> dict[str, type]:
    return {key: type(value) for key, value in constants(name).items() if key != "SECOND"}


def test_all_boards_define_the_same_names_with_the_same_types() -> None:
    assert types(BOARDS[0]) == types(BOARDS[1]) == types(BOARDS[2])
    assert {constants(name)["SECOND"] is None for name in BOARDS} == {True, False}


def test_two_outputs_are_wired_like_one_but_for_the_analog_inputs() -> None:
    one, two = constants(BOARDS[0]), constants(BOARDS[1])
    assert {key for key in one if one[key] != two[key]} == {
        "BOARD", "SECOND", "MUX_PINS", "VOLTAGE_PIN", "SUPPLY_INPUT",
    }  # fmt: skip


def pins_of(name: str) -> dict[str, int]:
    """{constant: pin}, those of a second output included."""
    found = constants(name)
    second = vars(found["SECOND"]) if found["SECOND"] else {}
    every = found | {f"SECOND.{key}": value for key, value in second.items()}
    return {key: value for key, value in every.items() if key.endswith("_PIN") and isinstance(value, int)}


@pytest.mark.parametrize("name", BOARDS)
def test_pins_are_distinct(name: str) -> None:
    pins = [value for key, value in pins_of(name).items()]
    muxed = constants(name)["MUX_PINS"]
    assert isinstance(muxed, tuple)
    assert len({*pins, *muxed}) == (len(pins) if not muxed else len(pins) - 1 + len(muxed))  # both inputs on one pin


@pytest.mark.parametrize("name", BOARDS)
def test_boot_drops_this_boards_gate_before_any_import_but_machine(name: str) -> None:
    tree = ast.parse((ROOT / "firmware" / "boot.py").read_text())
    statements = [node for node in tree.body if not isinstance(getattr(node, "value", None), ast.Constant)]
    assert ast.unparse(statements[0]) == "from machine import Pin"
    gates = [f"Pin({pin}, Pin.OUT, value=0)" for key, pin in pins_of(name).items() if key.endswith("GATE_PIN")]
    assert [ast.unparse(statement) for statement in statements[1 : 1 + len(gates)]] == gates


@pytest.mark.parametrize("name", BOARDS)
def test_hard_cap_is_the_designs(name: str) -> None:
    assert constants(name)["HARD_CAP_UA"] == 1000


@pytest.mark.parametrize("name", BOARDS)
def test_wiring_table_names_every_pin(name: str) -> None:
    text = (ROOT / "boards" / name / "README.md").read_text()
    for key, value in pins_of(name).items():
        assert re.search(rf"\| .*`{key}`.* \| (GP|GPIO){value} ", text), (key, value)
