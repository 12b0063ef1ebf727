"""What a repair of the records kept and lost, for people and programs."""

from . import chain_of_records as chain
from .record_repair import Repaired
from .record_schema import SESSIONS, TABLES_OF_SUBJECTS

SOUND = (
    "the records are sound as a database; nothing was repaired; whether they were edited: microcurrent records verify"
)


def lines(repaired: Repaired) -> list[str]:
    """What was done, what is kept, what is lost, and where the damaged file is."""
    if repaired.backup is None:
        return [SOUND]
    kept = repaired.kept
    rows = kept["telemetry"] + kept["telemetry2"]
    besides = "".join(f", {chain.counted(table, kept[table])}" for table in TABLES_OF_SUBJECTS if kept[table])
    found = [f"kept: {kept['sessions']} sessions, {rows} rows of telemetry, {kept['events']} events{besides}"]
    if repaired.partial:
        found.append(f"could not be read whole: {', '.join(sorted(repaired.partial))}")
    found += [f"lost: {chain.named(key)}" for key in repaired.lost]
    found += [f"not as it was recorded, or not known to be: {chain.named(key)}" for key in repaired.changed]
    if not kept["sessions"]:
        found.append("nothing of the sessions could be read; other tools may find more in the damaged file")
    return [*found, f"the damaged file is kept: {repaired.backup}"]


def as_json(repaired: Repaired) -> dict:
    """The same for programs."""
    return {
        "sound": repaired.backup is None,
        "backup": repaired.backup and str(repaired.backup),
        "kept": dict(repaired.kept),
        "partial": sorted(repaired.partial),
        "lost": _of(SESSIONS, repaired.lost),
        "changed": _of(SESSIONS, repaired.changed),
        "lost_besides": {table: _of(table, repaired.lost) for table in TABLES_OF_SUBJECTS},
        "changed_besides": {table: _of(table, repaired.changed) for table in TABLES_OF_SUBJECTS},
    }


def _of(table: str, keys: list[chain.Key]) -> list[str]:
    return [number for of, number in keys if of == table]
