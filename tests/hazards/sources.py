"""What exists: the symbols and tests of a source file, parsed and not imported, and the words of a page."""

import ast
from functools import cache
from pathlib import Path

from .data import ROOT


def exists(reference: str) -> bool:
    """True when path::symbol is defined at the top of that file or of its class, or the words stand in that page."""
    path, _, wanted = reference.partition("::")
    if not wanted or not (ROOT / path).is_file():
        return False
    if path.endswith(".py") and wanted in symbols(ROOT / path):
        return True
    is_name = wanted.replace(".", "_").isidentifier()
    return not (is_name and path.endswith(".py")) and wanted in words(ROOT / path)


def is_test(reference: str) -> bool:
    """True when path::function is a test that pytest or the runner of the dual cases collects."""
    path, _, name = reference.partition("::")
    file = Path(path)
    collected = file.name.startswith("test_") or (file.parent.name == "cases" and file.name.startswith("case_"))
    return path.startswith("tests/") and collected and name.startswith("test_") and exists(reference)


@cache
def symbols(path: Path) -> frozenset[str]:
    """Functions, classes, constants, and Class.method of a Python file."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        names = _names(node)
        found.update(names)
        if isinstance(node, ast.ClassDef):
            found.update(f"{node.name}.{name}" for member in node.body for name in _names(member))
    return frozenset(found)


@cache
def words(path: Path) -> str:
    """A page's text with all white space as single spaces and without the marks of emphasis."""
    return " ".join(path.read_text().replace("**", "").split())


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
