"""What the hand should do now, in words: the box of the screen."""

from collections.abc import Callable
from dataclasses import dataclass

from firmware.shared import protocol

from ..treatment_runner import FINISHED
from ..treatment_texts import ADVICE, place_text, sought_text
from . import seen
from .seen import Seen

CALM, MOVE, WARN, BAD = "calm", "move", "warn", "bad"
_ENDS = {
    FINISHED: ("finished", "All steps were played; the output is off. Take the electrodes off."),
    "stopped": ("stopped", "The treatment was stopped; the output is off."),
    "pause": ("ended by pause", "It was paused for too long; the output is off."),
    "lease": ("ended by the lease", "The board heard nothing from here for too long and has stopped by itself."),
    "estop": (
        "emergency stop",
        "The emergency stop is open; the output is off. Release it when it is safe, then: microcurrent faults clear.",
    ),
    "fault": ("fault", "The board has found a fault; the output is off. See: microcurrent faults."),
    "link-lost": ("link lost", "The board was not found again; without us it stops by itself. Check the cable."),
}


@dataclass(frozen=True)
class Guidance:
    """level: CALM, MOVE, WARN or BAD; title: in one or two words; text: what to do."""

    level: str
    title: str
    text: str


def guidance(now: Seen) -> Guidance:
    """For what is seen."""
    how = now.how
    return _FIXED[how] if how in _FIXED else _BY_HOW.get(how, _at_work)(now)


_FIXED = {
    seen.LOST: Guidance(
        BAD,
        "link lost",
        "Looking for the board; it stops by itself when it hears nothing from here. Check the cable; keys cannot "
        "reach it: to be safe, lift the electrodes off.",
    ),
    seen.PAUSED: Guidance(
        WARN,
        "paused",
        f"No current flows and the time stands still. p goes on; after {protocol.PAUSE_MS // 60000} min the treatment "
        f"ends.",
    ),
    seen.STARTING: Guidance(CALM, "ready", f"{ADVICE[protocol.CONTACT_UNKNOWN].capitalize()}, with gel."),
}


def _fault(now: Seen) -> Guidance:
    return Guidance(BAD, "fault", now.fault)


def _moving(now: Seen) -> Guidance:
    left_s = -(-now.move_left_ms // 1000)
    when = f"Goes on by itself in {left_s} s." if left_s else "Goes on by itself."
    return Guidance(MOVE, "move", f"Lift off and move to: {place_text(now.current)}. {when}")


def _stopping(now: Seen) -> Guidance:
    if now.stops > 1:
        return Guidance(WARN, "off at once", "The output is switched off.")
    return Guidance(WARN, "ramping down", "The current ramps down to zero. q or Ctrl-C again: off at once.")


def _seeking(now: Seen) -> Guidance:
    advice = sought_text([row["contact"] for row in now.rows])
    text = f"{advice[0].upper()}{advice[1:]}."
    if now.how == seen.NO_CONTACT:
        return Guidance(WARN, "contact lost", f"{text} The time stands still until contact is back.")
    return Guidance(MOVE, "looking for contact", f"{text} The time begins with contact.")


def _at_work(now: Seen) -> Guidance:
    contacts = [row["contact"] for row in now.rows]
    if any(contact in (protocol.CONTACT_DRY, protocol.CONTACT_SHORT) for contact in contacts):
        worst = next(contact for contact in contacts if contact in (protocol.CONTACT_DRY, protocol.CONTACT_SHORT))
        return Guidance(WARN, protocol.CONTACT_NAMES[worst], f"Contact is {ADVICE[worst]}.")
    if now.hold_is_done:
        return Guidance(MOVE, "next movement", "Hold done: lift off, begin the movement again.")
    return Guidance(CALM, "how", now.current.cue or "Keep both electrodes on the skin.")


def _at_the_end(now: Seen) -> Guidance:
    if now.fault:
        return Guidance(BAD, "fault", now.fault)
    title, text = _ENDS.get(now.ended, (f"ended by {now.ended}", "The output is off."))
    if now.end_text:
        text = f"{text} {now.end_text}"
    if now.ended == "stopped" and now.stopped_by:
        text = f"{text} Stopped by {now.stopped_by}."
    level = {FINISHED: CALM, "stopped": WARN}.get(now.ended, BAD)
    return Guidance(level, title, text)


_BY_HOW: dict[str, Callable[[Seen], Guidance]] = {
    seen.ENDED: _at_the_end,
    seen.FAULT: _fault,
    seen.STOPPING: _stopping,
    seen.BETWEEN: _moving,
    seen.NO_CONTACT: _seeking,
    seen.SEEKING: _seeking,
}
