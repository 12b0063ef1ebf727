"""The journal in a board's flash, read from outside: its records, and what breaks their chain."""

from typing import Any

from firmware.core import journal
from firmware.shared import chain
from microcurrent.bench.pico import VirtualPico


def records(pico: VirtualPico) -> tuple[list[dict[str, Any]], str | None]:
    """(records of the journal, oldest first; the problem that breaks their chain, or None)."""
    files = pico.read_files()
    pages = [files[name].splitlines() for name in journal.NAMES if files.get(name)]
    pages.sort(key=lambda lines: chain.number_of(lines[0]))
    walk = chain.Walk()
    taken = [walk.take(line) for lines in pages for line in lines]
    return [record for record in taken if record], walk.problem
