"""Every mutant of a source file that the operators of cosmic-ray make, as text: no file is changed.

cosmic-ray's own runner edits the file in place and starts a test command per mutant; in memory nothing can be left
behind by a run that is interrupted, and a mutant costs milliseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """One change. file: path from the repository's root; before, after: the changed line, stripped, from 1 on."""

    file: str
    line: int
    operator: str
    before: str
    after: str
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.operator}\n  - {self.before}\n  + {self.after}"


def mutants_of(file: str) -> Iterator[Mutant]:
    """All mutants of a file, operator by operator."""
    source = (ROOT / file).read_text()
    nodes = list(ast_nodes(get_ast(source)))
    for name in operator_names():
        kind = get_operator(name)
        if kind.arguments():  # the two that insert or replace variables want to be told which: they have no defaults
            continue
        operator = kind()
        for occurrence in range(sum(len(list(operator.mutation_positions(node))) for node in nodes)):
            code = mutate_code(source, operator, occurrence)
            assert code is not None  # there are as many occurrences as positions
            yield _mutant(file, source, name.removeprefix("core/"), code)


def _mutant(file: str, source: str, operator: str, code: str) -> Mutant:
    before, after = source.splitlines(), code.splitlines()
    row = next(index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new)
    return Mutant(file, row + 1, operator, before[row].strip(), after[row].strip(), code)
