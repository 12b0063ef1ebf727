"""Runs every supplied programme at its full length, and writes down how it went.

usage: python -m tests.whole [NAME ...]; the whole of it writes programmes.md beside this file.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console

from microcurrent.programme_library import Library

from .course import run

RESULTS = Path(__file__).parent / "programmes.md"
_COLUMNS = (
    "programme",
    "steps",
    "min",
    "delivered / commanded µA",
    "µC",
    "phases at full current",
    "lift-offs",
    "samples",
    "missed",
)


def main() -> int:
    """Run them, two at a time, the longest first; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.whole", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    library = Library("/nowhere")
    wanted = parser.parse_args().names or library.names()
    wanted = sorted(wanted, key=lambda name: -library.load(name).duration_ms)
    notes, began_s = Console(stderr=True), time.monotonic()
    rows, failed = [], 0
    with multiprocessing.get_context("spawn").Pool(min(len(wanted), os.cpu_count() or 1)) as pool:
        for name, row, problem in _told(pool.imap_unordered(run, wanted), len(wanted), notes, began_s):
            rows.append(row)
            failed += bool(problem)
            if problem:
                notes.print(f"{name}: {problem}", markup=False, highlight=False, soft_wrap=True)
    text = _table(sorted(row for row in rows if row))
    print(text)
    if len(wanted) == len(library.names()) and not failed:
        RESULTS.write_text(_page(text))
    notes.print(f"{failed} failed; {time.monotonic() - began_s:.0f} s")
    return 1 if failed else 0


def _told(
    results: Iterable[tuple[str, tuple[str, ...], str]], total: int, notes: Console, began_s: float
) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for count, result in enumerate(results, 1):
        notes.print(f"{count} of {total}: {result[0]} after {time.monotonic() - began_s:.0f} s")
        yield result


def _table(rows: list[tuple[str, ...]]) -> str:
    heads = "| " + " | ".join(_COLUMNS) + " |\n|" + "---|" * len(_COLUMNS)
    return "\n".join([heads, *("| " + " | ".join(row) + " |" for row in rows)])


def _page(table: str) -> str:
    return (
        "# Every supplied programme at its full length\n\n"
        "Emulated; written by `make programs`. A scripted hand moves the probes, lifts off once in each step, and\n"
        "its gel dries half-way. Means over the steps; a second channel behind the comma.\n\n" + table + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
