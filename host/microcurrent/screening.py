"""The screening gate: nobody is treated without answers that permit it.

`require` is the only way to a permitted screening: it returns one that was judged just now, or raises. Every outcome is
stored, refusals too, so that the next attempt is asked anew. What is missing or odd is never taken as a "no".
"""

import json
import textwrap
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

from firmware.shared import sites as sites_table

from . import moments, subjects
from .errors import BadValueError, RecordError, RefusedError
from .moments import Instant
from .record_reader import StoredSessions
from .records import Records
from .screening_questions import ASK, BY_ID, QUESTIONS, REFUSE, Question

YES, NO = "yes", "no"
CLEAR, REFUSED = "clear", "refused"  # outcomes; the third is ASK: permitted once it is acknowledged
OUTCOMES = (CLEAR, ASK, REFUSED)
VALID_DAYS = 30
ACKNOWLEDGEMENT = "I have asked a professional"  # to be typed as it stands
_MAX_FILE_BYTES = 64 * 1024  # ours: a filled-in template has four
_TEMPLATE_COLUMNS = 96
_FILE_KEYS = {"answers", "acknowledged", "date", "subject"}


@dataclass(frozen=True)
class Verdict:
    """outcome: one of OUTCOMES; reasons: "id: why" of every question that was answered with yes."""

    outcome: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Asker:
    """How a person is asked.

    answer: "yes" or "no" to a question; acknowledge: what was typed when a verdict needs a professional's word.
    """

    answer: Callable[[Question], str]
    acknowledge: Callable[[Verdict], str]


def on_face(places: Sequence[str]) -> bool:
    """True when one of these sites is on the face or near an eye. Raises BadValueError for an unknown site."""
    unknown = [site for site in places if site not in sites_table.SITES]
    if unknown:
        raise BadValueError(
            f"{unknown[0]!r:.40} is no site; nothing was asked and no current has flowed; the sites are: "
            f"{', '.join(sites_table.SITES)}"
        )
    return any(sites_table.is_face(site) for site in places)


def questions(face: bool = True) -> list[Question]:
    """The questions that apply, in the order in which they are asked."""
    return [question for question in QUESTIONS if face or not question.face_only]


def judge(answers: Mapping[str, object], face: bool = True) -> Verdict:
    """What the answers mean. A yes counts wherever the sites are.

    face: False when questions about the face may be missing. Raises BadValueError for an answer that is missing, that
    is neither "yes" nor "no", or that belongs to no question.
    """
    if not isinstance(answers, Mapping):
        raise BadValueError(f"the answers are no table of questions; {_NOT_BEGUN}; {_HOW_TO_FILL}")
    unknown = [name for name in answers if name not in BY_ID]
    if unknown:
        raise BadValueError(f"there is no question {unknown[0]!r:.40}; {_NOT_BEGUN}; {_HOW_TO_FILL}")
    missing = [question.id for question in questions(face) if answers.get(question.id) in (None, "")]
    if missing:
        raise BadValueError(f"not answered: {', '.join(missing)}; {_NOT_BEGUN}; {_HOW_TO_FILL}")
    for name, answer in answers.items():
        if answer not in (YES, NO):
            raise BadValueError(f"{name} is answered with {answer!r:.40}; {_NOT_BEGUN}; write {YES!r} or {NO!r}")
    agreed = [question for question in QUESTIONS if answers.get(question.id) == YES]
    kinds = {question.kind for question in agreed}
    outcome = REFUSED if REFUSE in kinds else ASK if agreed else CLEAR
    decisive = [question for question in agreed if outcome != REFUSED or question.kind == REFUSE]
    return Verdict(outcome, tuple(f"{question.id}: {question.why}" for question in decisive))


_NOT_BEGUN = "nothing was permitted and no current has flowed"
_HOW_TO_FILL = "list the questions with: microcurrent screening questions"


def is_acknowledged(text: object) -> bool:
    """True for ACKNOWLEDGEMENT as a person types it: case, spaces and a full stop do not matter."""
    return isinstance(text, str) and " ".join(text.split()).rstrip(".").casefold() == ACKNOWLEDGEMENT.casefold()


def ask(subject: str, sites: Sequence[str], asker: Asker, now_utc: Instant) -> dict:
    """Ask every question that applies; the result is not stored yet, and may be a refusal.

    Raises BadValueError when `asker` returns something else than "yes" or "no".
    """
    face = on_face(sites)
    answers = {question.id: asker.answer(question) for question in questions(face)}
    verdict = judge(answers, face)
    typed = asker.acknowledge(verdict) if verdict.outcome == ASK else None
    return _result(subject, now_utc, answers, verdict.outcome, typed)


def _result(subject: str, at_utc: Instant, answers: Mapping[str, object], outcome: str, typed: object) -> dict:
    acknowledged = ACKNOWLEDGEMENT if outcome == ASK and is_acknowledged(typed) else None
    return {
        "id": None,
        "subject": subject,
        "at_utc": moments.text(at_utc),
        "answers": dict(answers),
        "outcome": outcome,
        "acknowledged": acknowledged,
    }


def from_file(path: Path, subject: str, now_utc: Instant, zone: tzinfo | None = None) -> dict:
    """The result that a filled-in file (TOML, or JSON by its ending) holds; it answers every question.

    It was answered at the end of the day `date` that it states, at the latest when it was last written. zone: whose
    days these are; None: this machine's. Raises RecordError when it cannot be read, BadValueError when it is not
    complete, RefusedError when it is older than VALID_DAYS, dated in the future, or another subject's.
    """
    found, written_utc = _read(path)
    extra = sorted(set(found) - _FILE_KEYS)
    if extra:
        raise BadValueError(f"{path} has an unknown key {extra[0]!r:.40}; {_NOT_BEGUN}; {_HOW_TO_TEMPLATE}")
    if "answers" not in found:
        raise BadValueError(f"{path} has no answers; {_NOT_BEGUN}; {_HOW_TO_TEMPLATE}")
    if found.get("subject", subject) != subject:
        raise RefusedError(
            f"{path} holds the answers of another subject than {subject}; {_NOT_BEGUN}; answers are each subject's own"
        )
    try:
        verdict = judge(found["answers"])
    except BadValueError as error:
        raise BadValueError(f"{path}: {error}") from None
    chosen = zone or moments.zone(moments.local_zone_name())
    at_utc = _answered_at(path, found.get("date"), written_utc, moments.instant(now_utc), chosen)
    return _result(subject, at_utc, found["answers"], verdict.outcome, found.get("acknowledged"))


_HOW_TO_TEMPLATE = "write a new file with: microcurrent screening template"


def _read(path: Path) -> tuple[dict, datetime]:
    """What the file holds, and when it was last written."""
    try:
        with open(path, "rb") as handle:
            data = handle.read(_MAX_FILE_BYTES + 1)
        written_utc = datetime.fromtimestamp(path.stat().st_mtime, moments.UTC)
    except (OSError, OverflowError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecordError(
            f"the screening file {path} cannot be read ({reason}); {_NOT_BEGUN}; check the path"
        ) from None
    if len(data) > _MAX_FILE_BYTES:
        raise BadValueError(f"{path} has more than {_MAX_FILE_BYTES // 1024} KB; {_NOT_BEGUN}; {_HOW_TO_TEMPLATE}")
    try:
        written = data.decode("utf-8-sig")
        found = json.loads(written) if path.suffix.lower() == ".json" else tomllib.loads(written)
    except (ValueError, RecursionError) as error:
        raise BadValueError(
            f"{path} is no TOML or JSON ({str(error) or 'nested too deeply':.80}); {_NOT_BEGUN}; {_HOW_TO_TEMPLATE}"
        ) from None
    if not isinstance(found, dict):
        raise BadValueError(f"{path} is no table of answers; {_NOT_BEGUN}; {_HOW_TO_TEMPLATE}")
    return found, written_utc


def _answered_at(path: Path, stated: object, written_utc: datetime, now: datetime, zone: tzinfo) -> datetime:
    if stated in (None, ""):
        at_utc, whence = written_utc, "last written"
    else:
        stated_day = _stated_day(path, stated)
        if stated_day > now.astimezone(zone).date():
            raise RefusedError(_undated(path, f"is dated {stated_day}, which is in the future"))
        at_utc, whence = min(moments.end_of(stated_day, zone), now), f"dated {stated_day},"
        at_utc = min(at_utc, written_utc)
    if at_utc > now:
        raise RefusedError(_undated(path, f"was last written at {moments.text(at_utc)}, which is in the future"))
    if now - at_utc > timedelta(days=VALID_DAYS):
        raise RefusedError(
            f"{path} was {whence} more than {VALID_DAYS} days ago; {_NOT_BEGUN}; answer anew: {_HOW_TO_TEMPLATE}"
        )
    return at_utc


def _undated(path: Path, what: str) -> str:
    return f"{path} {what}; {_NOT_BEGUN}; set this machine's clock right, or answer anew: {_HOW_TO_TEMPLATE}"


def _stated_day(path: Path, stated: object) -> date:
    if isinstance(stated, date) and not isinstance(stated, datetime):
        return stated
    if isinstance(stated, str):
        return moments.parse_day(stated)
    raise BadValueError(f"{path} has the date {stated!r:.40}; {_NOT_BEGUN}; write for example date = 2026-03-01")


def template(subject: str) -> str:
    """A file to be filled in (TOML): every answer is empty, so it is refused until somebody has answered."""
    lines = [
        f'# Answer every question with "{YES}" or "{NO}"; the file is refused until then. It holds for',
        f"# {VALID_DAYS} days from when it was last written, or from the day stated here if that is earlier:",
        "# date = 2026-03-01",
        f'subject = "{subject}"',
        "",
        '# Where a question of the kind "ask a professional" is answered with yes: ask one, then write here',
        f"# {ACKNOWLEDGEMENT}",
        'acknowledged = ""',
        "",
        "[answers]",
    ]
    for question in QUESTIONS:
        texts = (question.text, f"yes: {meaning(question)}; {question.why}")
        lines += ["", *(f"# {line}" for text in texts for line in textwrap.wrap(text, _TEMPLATE_COLUMNS))]
        lines.append(f'{question.id} = ""')
    return "\n".join(lines) + "\n"


def meaning(question: Question) -> str:
    """What a yes leads to, in words."""
    return "no treatment" if question.kind == REFUSE else "ask a professional first"


def stored_results(stored: StoredSessions, subject: str) -> list[dict]:
    """Every stored screening of a subject in the order in which they were stored. Raises RecordError."""
    return stored.rows("screenings", subject)


def current(stored: StoredSessions, subject: str, now_utc: Instant, face: bool = True) -> dict | None:
    """The screening that permits a treatment now; None when there is none and the subject is to be asked.

    That is the newest, when it is no refusal, at most VALID_DAYS old, not in the future (the clock was set back since),
    and still permitted by the present questions. face: False when questions about the face may be missing.
    """
    results = stored_results(stored, subject)
    if not results:
        return None
    newest = max(results, key=lambda row: row["at_utc"])
    if REFUSED in [row["outcome"] for row in stored.last_stored(results)] or invalid_because(newest, now_utc, face):
        return None
    return newest


def invalid_because(result: dict, now_utc: Instant, face: bool = True) -> str:
    """Why a screening permits nothing now, in a few words; empty when it does."""
    try:
        age = moments.instant(now_utc) - moments.instant(result["at_utc"])
        verdict = judge(result["answers"], face)
    except BadValueError as error:
        return str(error).partition(";")[0]
    if age < timedelta(0):
        return "it is dated in the future: the clock was set back since"
    if age > timedelta(days=VALID_DAYS):
        return f"it is older than {VALID_DAYS} days"
    if REFUSED in (verdict.outcome, result["outcome"]):
        return "refused"
    if verdict.outcome == ASK and not is_acknowledged(result["acknowledged"]):
        return "not acknowledged"
    return ""


def store(records: Records, subject: str, result: dict) -> str:
    """Keep a result, whatever its outcome, and return its id; one that is already there is not stored twice."""
    values = {name: result[name] for name in ("at_utc", "answers", "outcome", "acknowledged")}
    for row in stored_results(records, subject):
        if all(row[name] == value for name, value in values.items()):
            return row["id"]
    number = str(uuid.uuid4())
    records.add("screenings", {"id": number, "subject": subject, **values})
    return number


def require(
    records: Records,
    subject: str,
    *,
    file: Path | None,
    interactive: Asker | None,
    sites: Sequence[str],
    now_utc: Instant,
    changed: Callable[[str], str] | None = None,
) -> dict:
    """The screening that permits a treatment of `subject` at `sites` now, as a record keeps it.

    file: answers of a file; without one a person is asked by `interactive`, unless a valid screening is there and
    `changed`, which gets its day, answers "no". Without either nobody is treated. Raises RefusedError with the
    reasons, BadValueError for odd answers, RecordError.
    """
    subjects.checked(subject)
    face = on_face(sites)
    if file is not None:
        result = from_file(file, subject, now_utc)
        _require_newer_than_refusals(records, subject, result, file)
    elif interactive is not None:
        result = _held(records, subject, now_utc, face, changed) or ask(subject, sites, interactive, now_utc)
    else:
        raise RefusedError(
            f"{subject} was not screened and there is nobody to ask; {_NOT_BEGUN}; fill in a file once "
            f"(microcurrent screening template FILE --subject {subject}) and pass it with --screening FILE"
        )
    return _permitted({**result, "id": store(records, subject, result)}, now_utc, face)


def _held(
    stored: StoredSessions, subject: str, now_utc: Instant, face: bool, changed: Callable[[str], str] | None
) -> dict | None:
    """The valid screening of which a person says that nothing has changed since."""
    held = current(stored, subject, now_utc, face)
    if held is None or changed is None:
        return None
    answer = changed(held["at_utc"][:10])
    if answer not in (YES, NO):
        raise BadValueError(f"{answer!r:.40} was answered; {_NOT_BEGUN}; answer {YES!r} or {NO!r}")
    return held if answer == NO else None


def _require_newer_than_refusals(stored: StoredSessions, subject: str, result: dict, file: Path) -> None:
    """A file that was filled in before a refusal does not undo it."""
    results = stored_results(stored, subject)
    newest = max(results, key=lambda row: row["at_utc"], default=None)
    for row in (newest, *stored.last_stored(results)):
        if row and row["outcome"] == REFUSED and row["at_utc"] >= result["at_utc"] and not _same(row, result):
            raise RefusedError(
                f"{subject} was refused at {row['at_utc'][:16]} UTC, after {file} was filled in; {_NOT_BEGUN}; "
                f"when that has changed, answer anew: {_HOW_TO_TEMPLATE}"
            )


def _same(row: dict, result: dict) -> bool:
    return row["at_utc"] == result["at_utc"] and row["answers"] == result["answers"]


def _permitted(result: dict, now_utc: Instant, face: bool) -> dict:
    """`result` when it permits a treatment. Raises RefusedError with the reasons, and what would help."""
    why = invalid_because(result, now_utc, face)
    if not why:
        return result
    verdict = judge(result["answers"], face)
    reasons = ". ".join(verdict.reasons)
    if verdict.outcome == REFUSED:
        raise RefusedError(
            f"{result['subject']} is not treated. {reasons}; no current has flowed, the answers are kept; "
            f"ask a doctor; this device has no way around it"
        )
    if verdict.outcome == ASK and why == "not acknowledged":
        raise RefusedError(
            f"a professional's word is needed first and was not confirmed. {reasons}; no current has flowed, the "
            f"answers are kept; ask one, answer again, and type (in a file: acknowledged = ...): {ACKNOWLEDGEMENT}"
        )
    raise RefusedError(f"the screening does not hold: {why}; {_NOT_BEGUN}; answer anew")
