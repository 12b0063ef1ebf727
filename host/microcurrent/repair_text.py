"""What a repair of the records kept and lost, for people and programs."""

from .record_repair import Repaired

SOUND = (
    "the records are sound as a database; nothing was repaired; whether they were edited: microcurrent records verify"
)


def lines(repaired: Repaired) -> list[str]:
    """What was done, what is kept, what is lost, and where the damaged file is."""
    if repaired.backup is None:
        return [SOUND]
    kept = repaired.kept
    rows = kept["telemetry"] + kept["telemetry2"]
    found = [f"kept: {kept['sessions']} sessions, {rows} rows of telemetry, {kept['events']} events"]
    if repaired.partial:
        found.append(f"could not be read whole: {', '.join(sorted(repaired.partial))}")
    found += [f"lost: session {number}" for number in repaired.lost]
    found += [f"not as it was recorded, or not known to be: session {number}" for number in repaired.changed]
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
        "lost": repaired.lost,
        "changed": repaired.changed,
    }
