"""The mutants that no case can kill, with the reason why each is equivalent: equivalent.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant

PATH = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """Mutants of one file by one operator. after: the changed lines, stripped; empty: all that the operator makes."""

    file: str
    operator: str
    after: tuple[str, ...]
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """True when the mutant is one of these."""
        if (mutant.file, mutant.operator) != (self.file, self.operator):
            return False
        return not self.after or mutant.after in self.after


def equivalents(path: Path = PATH) -> list[Equivalent]:
    """All entries of the list. Raises TypeError for one that lacks a field or has a strange one, or has no reason."""
    found = []
    for row in tomllib.loads(path.read_text())["equivalent"]:
        entry = Equivalent(**{**row, "after": tuple(row["after"])})
        if not entry.reason.strip():
            raise TypeError(f"{entry.file} {entry.operator}: an equivalent mutant needs its reason")
        found.append(entry)
    return found
