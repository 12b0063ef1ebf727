"""What an import took in, for people and programs."""

from pathlib import Path

from . import chain_of_records as chain
from .record_import import Imported


def lines(imported: Imported, into: Path) -> list[str]:
    """What is new, what was here already, and which courses were closed."""
    rows = imported.rows
    new = [f"{len(imported.new)} sessions"]
    new += [chain.counted(table, len(found.new)) for table, found in rows.items() if found.new]
    known = [str(len(imported.known))] if imported.known else []
    known += [chain.counted(table, len(found.known)) for table, found in rows.items() if found.known]
    behind = f"; {', '.join(known)} were here already" if known else ""
    told = f"{', '.join(new)} imported into {into}{behind}"
    return [told, *(f"closed, as it was on the other machine: course {number}" for number in rows["courses"].closed)]


def as_json(imported: Imported) -> dict:
    """The same for programs; new and known are ids of sessions."""
    rows = {
        table: {"new": found.new, "known": found.known} | ({"closed": found.closed} if table == "courses" else {})
        for table, found in imported.rows.items()
    }
    return {"new": imported.new, "known": imported.known, **rows}
