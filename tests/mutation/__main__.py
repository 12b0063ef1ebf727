"""python -m tests.mutation [FILE...] [--listed TOML]: prints mutants, killed and equivalent ones per file.

Fails on a mutant that is neither, and on a listed one that does not survive: a list that nobody prunes hides things.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.killing import NotGreen, cases_for, survivors
from tests.mutation.listed import PATH, Equivalent, equivalents
from tests.mutation.mutants import Mutant, mutants_of

# What decides about output, and the case module that is made for it.
FILES = {
    "firmware/core/gate.py": "case_gate",
    "firmware/core/states.py": "case_states",
    "firmware/core/supervisor.py": "case_supervisor",
    "firmware/core/consent.py": "case_consent",
    "firmware/core/touch.py": "case_touch",
    "firmware/shared/limits.py": "case_limits",
    "firmware/shared/rules.py": "case_limits",
    "firmware/hw/interrupt/supervision.py": "case_supervision",
    "firmware/hw/interrupt/accounts.py": "case_accounts",
    "firmware/hw/interrupt/wave.py": "case_wave",
    "firmware/hw/interrupt/rp2.py": "case_rp2",
}


def main() -> int:
    """The exit code: 0 when every mutant is killed or listed, and every listed one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("files", nargs="*", help="without it: all; there are: " + ", ".join(FILES))
    parser.add_argument("--listed", type=Path, default=PATH, help="equivalent mutants and why")
    given = parser.parse_args()
    if unknown := set(given.files) - set(FILES):
        parser.error(f"{', '.join(sorted(unknown))}: no file that is mutated; there are: {', '.join(FILES)}")
    began = time.monotonic()
    entries = equivalents(given.listed)
    print(f"{'file':32}{'mutants':>9}{'killed':>9}{'equivalent':>12}{'survived':>10}", flush=True)
    problems: list[str] = []
    total = [0, 0, 0, 0]
    for file in given.files or FILES:
        try:
            counts = _attack(file, [entry for entry in entries if entry.file == file], problems)
        except NotGreen as error:
            print(f"{error.args[0]}; no mutant of {file} was tried; mend the case or the source first")
            return 1
        total = [before + now for before, now in zip(total, counts, strict=True)]
    print(_row("total", total))
    for problem in problems:
        print(problem)
    print(f"{'failed' if problems else 'passed'} after {time.monotonic() - began:.0f} s")
    return 1 if problems else 0


def _attack(file: str, entries: Sequence[Equivalent], problems: list[str]) -> list[int]:
    """Mutants, killed, equivalent and survived of one file; prints them, and adds what is wrong to `problems`."""
    mutants = list(mutants_of(file))
    left = list(survivors(mutants, *cases_for(file, FILES[file])))
    survived = [mutant for mutant in left if not any(entry.covers(mutant) for entry in entries)]
    counts = [len(mutants), len(mutants) - len(left), len(left) - len(survived), len(survived)]
    print(_row(file, counts), flush=True)
    problems.extend(f"survived: {mutant}" for mutant in survived)
    problems.extend(_stale(entries, left))
    return counts


def _stale(entries: Sequence[Equivalent], left: Sequence[Mutant]) -> list[str]:
    """What the list names and did not survive."""
    found = []
    for entry in entries:
        seen = {mutant.after for mutant in left if entry.covers(mutant)}
        gone = [after for after in entry.after if after not in seen] if entry.after else [] if seen else ["every line"]
        found.extend(f"listed, but killed or gone: {entry.file} {entry.operator}: {line}" for line in gone)
    return found


def _row(name: str, counts: Sequence[int]) -> str:
    return "".join([f"{name:32}", *(f"{count:>{width}}" for count, width in zip(counts, (9, 9, 12, 10), strict=True))])


if __name__ == "__main__":
    sys.exit(main())
