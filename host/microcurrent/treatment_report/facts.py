"""What a report says in words: how the session ended, warnings, screening, device and origin."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..fault_text import fault_text
from ..figures import ended_text
from ..record_reader import INTERRUPTED, RUNNING
from ..report import loads_text
from ..screening_questions import BY_ID
from ..session import LINK_LOST
from ..treatment import REFUSED
from . import texts
from .parts import Part, began

GOOD, WARN, BAD = "good", "warn", "bad"
NOT_CALIBRATED = "not calibrated: nominal values"
NO_HASH = "not in the chain"
# By how a record ended: what the head says, and how grave it is. Other endings are told as they are.
_ENDINGS = {
    "finished": ("finished as planned", GOOD),
    "duration": ("finished as planned", GOOD),
    "stopped": ("stopped before its end", WARN),
    "skipped": ("skipped", WARN),
    "pause": ("ended: it was paused for too long", WARN),
    "lease": ("ended by the device: its host was silent", BAD),
    LINK_LOST: ("the link to the device was lost", BAD),
    "estop": ("emergency stop", BAD),
    "fault": ("ended by a fault", BAD),
    REFUSED: ("refused: it never began", WARN),
    INTERRUPTED: ("the program was interrupted; the record may lack its end", BAD),
    RUNNING: ("still running when this was written", WARN),
}


@dataclass(frozen=True)
class Fact:
    """A name and what it is. code: in a fixed-width face."""

    name: str
    value: str
    code: bool = False


@dataclass(frozen=True)
class Notice:
    """A sentence above everything else. tone: WARN or BAD; "" for plain information."""

    tone: str
    text: str


def ending(ended: object) -> tuple[str, str]:
    """(words, tone) of a reason why something ended."""
    return _ENDINGS.get(str(ended), (texts.words(ended), WARN))


def ended(session: dict) -> tuple[str, str]:
    """(words, tone) of how the whole session ended, with what caused it."""
    reason = session["ended"] or RUNNING
    text, tone = ending(reason)
    summary = session.get("summary") or {}
    cause = ended_text("", summary).removeprefix(": ")
    return (f"{text} ({texts.clean(cause, 60)})" if cause and cause != reason else text), tone


def notices(session: dict, parts: Sequence[Part], events: Sequence[dict]) -> list[Notice]:
    """What whoever reads the report must know first."""
    summary = session.get("summary") or {}
    found = [Notice(BAD, text) for text in fault_sentences(events)]
    if summary.get("error"):
        found.append(Notice(WARN, texts.clean(summary["error"])))
    if not any(map(began, parts)):
        found.append(Notice(WARN, "No current flowed: there is nothing to plot and nothing was delivered."))
    if session.get("load"):
        found.append(
            Notice(
                "", f"Recorded on a virtual board (load {texts.clean(loads_text(session), 60)}): no person was treated."
            )
        )
    return found


def fault_sentences(events: Sequence[dict]) -> list[str]:
    """A sentence per fault, each once."""
    found = []
    for event in events:
        detail = event["detail"]
        code = texts.whole(detail.get("code"))
        if event["kind"] == "fault" and code:
            reading, limit = (texts.whole(detail.get(name)) or 0 for name in ("reading", "limit"))
            found.append(texts.clean(fault_text(code, reading, limit, texts.whole(detail.get("channel")))))
    return list(dict.fromkeys(found))


def screening(session: dict) -> list[Fact]:
    """The answers that held; nothing for a session that was not screened."""
    kept = session.get("screening")
    if not kept:
        return []
    answers = kept.get("answers") or {}
    no = [texts.words(name) for name, answer in answers.items() if answer == "no"]
    odd = [texts.words(name) for name, answer in answers.items() if answer not in ("yes", "no")]
    found = [
        Fact("Outcome", _OUTCOMES.get(kept.get("outcome"), texts.words(kept.get("outcome")) or texts.UNKNOWN)),
        Fact("Answered", texts.instant(kept.get("at_utc"))),
        *(Fact("Yes", _question(name)) for name, answer in answers.items() if answer == "yes"),
        Fact("No", ", ".join(no) or "none"),
        *([Fact("Unclear", ", ".join(odd))] if odd else []),
    ]
    if kept.get("acknowledged"):
        found.append(Fact("Acknowledged", f"“{texts.clean(kept['acknowledged'])}”"))
    return found


_OUTCOMES = {
    "clear": "clear: nothing spoke against it",
    "ask": "a professional was to be asked first",
    "refused": "refused",
}


def _question(name: str) -> str:
    known = BY_ID.get(name)
    return f"{texts.words(name)}: {known.text}" if known else texts.words(name)


def device(session: dict, chain_hash: str | None) -> list[Fact]:
    """What played it and what it measured with, and how the record is told apart from an edited one."""
    kept, image = session.get("device") or {}, session.get("image") or {}
    calibration = texts.clean(session.get("calibration"), 80)

    def named(name: str) -> str:
        return texts.clean(kept.get(name), 80) or texts.UNKNOWN

    return [
        Fact("Board", named("board")),
        Fact("Board id", named("uid"), True),
        Fact("Firmware", f"{named('firmware')} on MicroPython {named('micropython')}"),
        Fact("Manifest", named("manifest"), True),
        Fact("Image", texts.clean(image.get("sha256"), 80) or "not known to the host", bool(image.get("sha256"))),
        Fact("Calibration", calibration or NOT_CALIBRATED, bool(calibration)),
        Fact("Record", texts.clean(session["id"], 80), True),
        Fact("Chain hash", texts.clean(chain_hash, 80) or NO_HASH, bool(chain_hash)),
    ]


def origin(session: dict) -> list[Fact]:
    """Where the programme comes from, and what is known of it; nothing for a plain session."""
    programme = session.get("programme") or {}
    found = [
        ("Programme", " ".join(texts.clean(programme.get(name), 60) for name in ("name", "version")).strip(), False),
        ("Hash", texts.clean(programme.get("sha256"), 80), True),
        ("Source", texts.clean(programme.get("source")), False),
        ("Evidence", texts.clean(programme.get("evidence")), False),
        ("Course", texts.clean(session.get("course"), 80), True),
    ]
    return [Fact(*fact) for fact in found if fact[1]]
