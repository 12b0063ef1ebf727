"""A treatment in words, for every view: steps, cues, what contact asks of the hand."""

from firmware.shared import protocol

from . import quantities
from .programme import Programme, Step

CUES = {
    "relocate": "lift off and move to the next place",
    "hold": "hold done: next movement",
    "contact-lost": "contact lost: more gel, press gently",
    "finished": "finished",
}
# What the contact asks of the hand.
ADVICE = {
    protocol.CONTACT_UNKNOWN: "place both electrodes on the skin",
    protocol.CONTACT_GOOD: "good",
    protocol.CONTACT_DRY: "dry: add gel",
    protocol.CONTACT_OPEN: "open: put both electrodes on the skin, with gel",
    protocol.CONTACT_SHORT: "short: the electrodes or their gel touch each other; move them apart",
}


def place_text(step: Step) -> str:
    """Where a step is: "left cheek"."""
    return f"{step.side} {step.site.replace('_', ' ')}" if step.side != "middle" else step.site.replace("_", " ")


def step_text(programme: Programme, index: int, terms: dict) -> str:
    """A step that begins, in one line."""
    step = programme.steps[index]
    second = terms.get("terms2")
    amplitude = f"{terms['amplitude_ua']} uA" + (f" and {second['amplitude_ua']} uA" if second else "")
    length = quantities.show(step.duration_ms, quantities.DURATION)
    labels = f", {' / '.join(step.labels)}" if step.labels else ""
    return (
        f"step {index + 1} of {len(programme.steps)}: {place_text(step)}, {amplitude} (rule {terms['binding']} permits "
        f"{terms['limit_ua']}), {length}{labels}"
    )


def contact_text(row: dict[str, int]) -> str:
    """Contact and impedance of a telemetry row, and what to do."""
    ohm = f"{row['impedance_ohm']} ohm, " if 0 <= row["impedance_ohm"] < 10_000_000 else ""
    seeking = "looking for contact: " if row["sensing"] else ""
    return f"{seeking}{ohm}{ADVICE[row['contact']]}"


def remaining_text(ms: int) -> str:
    """A time as minutes and seconds."""
    seconds = -(-ms // 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"


def sought_text(contacts: list[int]) -> str:
    """What to do until contact is good: the worst of what all channels say."""
    bad = [contact for contact in contacts if contact not in (protocol.CONTACT_UNKNOWN, protocol.CONTACT_GOOD)]
    if bad:
        return ADVICE[max(bad)]
    if protocol.CONTACT_GOOD in contacts:
        return "contact is good; hold still"
    return ADVICE[protocol.CONTACT_UNKNOWN]
