"""docs/interrupt.md: the path of a sample, and the tables of words and fault numbers from the data that the code uses.

`python -m tests.interrupt.tables` writes it, a test compares.
"""

import ast
import sys
from pathlib import Path

from firmware.hw.interrupt import word
from firmware.shared import faults
from microcurrent import expand

PAGE = Path(__file__).parents[2] / "docs" / "interrupt.md"
HEAD = """# The sample interrupt

Every sample period the RP2040's timer calls `tick` in [firmware/hw/interrupt/rp2.py](../firmware/hw/interrupt/rp2.py).
It sends the codes that were computed last time, then supervises each output: it compares the current with the command,
keeps the accounts, opens the gates on a fault, and computes the next code. The stages below are ordinary Python
functions. The build inlines them into one function for the board: `python -m microcurrent.expand` prints it.

This page is generated: `make tables`.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Stages", "", *stages(), "", "## Words of an output", "", *words(), "", "## Faults", "", *trips()]
    return "\n".join(parts) + "\n"


def stages() -> list[str]:
    """Every stage in the order in which the interrupt calls it, with what its docstring says first."""
    found: dict[str, tuple[str, ast.FunctionDef]] = {}
    for module, text in expand.sources().items():
        found |= {node.name: (module, node) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    lines: list[str] = []
    _called("tick", found, 0, lines)
    return lines


def _called(name: str, found: dict[str, tuple[str, ast.FunctionDef]], depth: int, lines: list[str]) -> None:
    module, node = found[name]
    said = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    lines.append(f"{'  ' * depth}- `{name}` ({module}.py): {said}")
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)]
    names = [part.func.id for part in sorted(calls, key=lambda part: part.lineno) if isinstance(part.func, ast.Name)]
    for called in dict.fromkeys(each for each in names if each in found and each != expand.DIFFERENCE):
        _called(called, found, depth + 1, lines)


def words() -> list[str]:
    """Every word: number, name, unit, who writes it, meaning. All begin at 0 unless load() sets them."""
    rows = {name: value for name, value in vars(word).items() if name.isupper() and "LENGTH" not in name}
    names = {value: name for name, value in rows.items() if isinstance(value, int)}
    lines = ["| number | word | unit | written by | meaning |", "|---|---|---|---|---|"]
    for number, (unit, writers, meaning) in enumerate(word.TABLE):
        lines.append(f"| {number} | `{names[number]}` | {unit} | {', '.join(writers)} | {meaning} |")
    lines += [
        "",
        f"From {word.NEW} on stand the {word.PLAN_LENGTH} words of a change. `load` and `main` are the main loop.",
    ]
    return lines


def trips() -> list[str]:
    """The faults that an interrupt finds."""
    lines = ["| number | fault | meaning |", "|---|---|---|"]
    found = [row for row in faults.TABLE if row[4] == faults.TRIP]
    return lines + [f"| {row[0]} | {row[1]} | {row[2]} |" for row in found]


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.exit(0)
