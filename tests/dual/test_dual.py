"""The same case files on both interpreters: CPython, and MicroPython on the emulated RP2040 (its int sizes)."""

import ast
import importlib
from pathlib import Path

import pytest

from microcurrent.bench.pico import VirtualPico
from tests.support import compile_for_pico, library_files, repl

CASES = sorted((Path(__file__).parent / "cases").glob("case_*.py"))


def case_names(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@pytest.mark.parametrize("case,name", [(path.stem, name) for path in CASES for name in case_names(path)])
def test_on_cpython(case: str, name: str) -> None:
    module = importlib.import_module(f"tests.dual.cases.{case}")
    getattr(module, name)()
    assert callable(getattr(module, name))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_on_micropython(path: Path, image: Path, firmware_files: dict[str, bytes]) -> None:
    pico = VirtualPico(image)
    pico.install_files(
        library_files(firmware_files)
        | {"/lib/boards/rp2040_pico/board.mpy": firmware_files["/lib/board.mpy"]}
        | {f"/{path.stem}.mpy": compile_for_pico(path)}
        | {"/lib/tests/dual/session_bench.mpy": compile_for_pico(Path(__file__).with_name("session_bench.py"))}
        | {"/runner.mpy": compile_for_pico(Path(__file__).with_name("runner.py"))}
    )
    output = repl(pico, f"import runner; runner.run('{path.stem}')", until="END", limit_ms=20_000)
    verdicts = [line for line in output.splitlines() if line.startswith(("PASS ", "FAIL "))]
    assert verdicts == [f"PASS {name}" for name in sorted(case_names(path))], output
