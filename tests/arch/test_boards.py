"""Boards define the same names, agree with boot.py, and their wiring tables show the pins that the firmware drives."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOARDS = ("rp2040_pico", "esp32_devkit")


def constants(name: str) -> dict[str, object]:
    module = import_module(f"boards.{name}.board")
    return {key: value for key, value in vars(module).items() if key.isupper()}


def test_both_boards_define_the_same_names_with_the_same_types() -> None:
    first, second = (constants(name) for name in BOARDS)
    assert first.keys() == second.keys()
    assert {key: type(value) for key, value in first.items()} == {key: type(value) for key, value in second.items()}


@pytest.mark.parametrize("name", BOARDS)
def test_pins_are_distinct(name: str) -> None:
    pins = [value for key, value in constants(name).items() if key.endswith("_PIN")]
    assert len(pins) == len(set(pins)) == 13


@pytest.mark.parametrize("name", BOARDS)
def test_boot_drops_this_boards_gate_before_any_import_but_machine(name: str) -> None:
    tree = ast.parse((ROOT / "firmware" / "boot.py").read_text())
    statements = [node for node in tree.body if not isinstance(getattr(node, "value", None), ast.Constant)]
    assert ast.unparse(statements[0]) == "from machine import Pin"
    assert ast.unparse(statements[1]) == f"Pin({constants(name)['GATE_PIN']}, Pin.OUT, value=0)"


@pytest.mark.parametrize("name", BOARDS)
def test_hard_cap_is_the_designs(name: str) -> None:
    assert constants(name)["HARD_CAP_UA"] == 1000


@pytest.mark.parametrize("name", BOARDS)
def test_wiring_table_names_every_pin(name: str) -> None:
    text = (ROOT / "boards" / name / "README.md").read_text()
    for key, value in constants(name).items():
        if key.endswith("_PIN"):
            assert re.search(rf"\| `{key}` \| (GP|GPIO){value} ", text), (key, value)
