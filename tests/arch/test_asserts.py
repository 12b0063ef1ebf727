"""Boards are built without asserts: those that stand in the modules' own bodies are proven here."""

import ast
from pathlib import Path

import pytest

from firmware.core import waveplan
from firmware.shared import faults, shapes
from microcurrent.build import MPY_FLAGS

HW = Path(__file__).resolve().parents[2] / "firmware" / "hw"
KNOWN = {"faults": faults, "shapes": shapes, "waveplan": waveplan, "const": lambda value: value}


def body_of(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text()).body


FOUND = [(path, node) for path in sorted(HW.glob("*.py")) for node in body_of(path) if isinstance(node, ast.Assert)]


def test_boards_are_built_without_asserts() -> None:
    assert "-O3" in MPY_FLAGS and len(FOUND) >= 6


@pytest.mark.parametrize(("path", "node"), FOUND, ids=[f"{path.stem}-{node.lineno}" for path, node in FOUND])
def test_what_a_module_asserts_of_its_constants_holds(path: Path, node: ast.Assert) -> None:
    """With the constants of the module: names that a plain assignment of numbers gives."""
    names = dict(KNOWN)
    for statement in body_of(path):
        if isinstance(statement, ast.Assign) and all(isinstance(each, ast.Name) for each in statement.targets):
            try:
                exec(compile(ast.Module([statement], []), path.name, "exec"), names)
            except (NameError, AttributeError):
                continue  # of a board, not of numbers
    assert eval(compile(ast.Expression(node.test), path.name, "eval"), names)
