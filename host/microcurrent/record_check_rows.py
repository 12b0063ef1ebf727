"""What a screening, a threshold or a course must hold so that this program can follow it."""

import uuid
from collections.abc import Callable
from datetime import datetime

from firmware.shared import sites

from . import chain_of_records as chain
from . import course_plan, screening, subjects
from .personal_thresholds import HIGHEST_UA, LOWEST_UA
from .record_reader import parsed_json

_NUMBERS = {"threshold_ua"}  # columns that hold integers; the others hold text
_NEEDED = {
    "screenings": ("at_utc", "answers", "outcome"),
    "thresholds": ("at_utc", "site", "side", "threshold_ua", "detail"),
    "courses": ("programme", "plan", "created_utc"),
}


def check_row(table: str, row: dict) -> None:
    """Raises ValueError, or BadValueError, that says what is odd. row: as it is stored, only what has a value."""
    what = chain.NAMES[table]
    number = row.get("id")
    if not isinstance(number, str) or not _is_uuid(number):
        raise ValueError(f"the id {str(number)[:40]!a} is none of a {what}")
    for name, value in row.items():
        if type(value) is not (int if name in _NUMBERS else str):
            raise ValueError(f"the {name} of {what} {number} is {'no integer' if name in _NUMBERS else 'no text'}")
    for name in ("subject", *_NEEDED[table]):
        if name not in row:
            raise ValueError(f"{what} {number} has no {name}")
    for name in ("at_utc", "created_utc", "ended_utc"):
        if name in row and datetime.fromisoformat(row[name]).utcoffset() is None:
            raise ValueError(f"the {name} of {what} {number} does not say its time zone")
    subjects.checked(row["subject"])
    _CHECKS[table](row, f"{what} {number}")


def _is_uuid(number: str) -> bool:
    try:
        return str(uuid.UUID(number)) == number
    except ValueError:
        return False


def _check_screening(row: dict, which: str) -> None:
    """A question that is unknown here, or missing, is no damage: what the answers permit is judged when it counts."""
    answers = parsed_json("answers", row["answers"])
    if not isinstance(answers, dict) or not all(isinstance(answer, str) for answer in answers.values()):
        raise ValueError(f"the answers of {which} are no table of questions")
    if row["outcome"] not in screening.OUTCOMES:
        raise ValueError(f"the outcome of {which} is unknown")


def _check_threshold(row: dict, which: str) -> None:
    for name, known in (("site", sites.SITES), ("side", sites.SIDES)):
        if row[name] not in known:
            raise ValueError(f"the {name} of {which} is unknown")
    if not LOWEST_UA <= row["threshold_ua"] <= HIGHEST_UA:
        raise ValueError(f"the threshold of {which} is {row['threshold_ua']} uA, it may be {LOWEST_UA} to {HIGHEST_UA}")
    if not isinstance(parsed_json("detail", row["detail"]), dict):
        raise ValueError(f"the detail of {which} is no table")


def _check_course(row: dict, _which: str) -> None:
    course_plan.checked_name(row["programme"], "programme")
    course_plan.checked(parsed_json("plan", row["plan"]))


_CHECKS: dict[str, Callable[[dict, str], None]] = {
    "screenings": _check_screening,
    "thresholds": _check_threshold,
    "courses": _check_course,
}
