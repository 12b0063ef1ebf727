"""The plan of a course, pure: phases, the periods they make, and what of them is due, done and missed on a day.

A plan is {"name", "start": first day, "zone": whose days, "phases": [...]}. A phase asks `per_week` sessions in every
seven days, or `per_day` in every `every_days` days; it lasts `weeks`, or until it has asked `count` sessions; the last
phase may go on for good. `per_day` is also the most that one day may have, `per_week_most` (where it is given) the
most that one week may. What a phase asks is spread evenly: of two a week the second is due from the fourth day on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count as counting

from . import moments
from .errors import BadValueError

# Clinic: two a week, then every four weeks, as practitioners announce it (domain survey 2.3: weekly, then every four
# weeks). Home: as a maker's regimen: daily, then a few times a week (the same; the numbers are those of the issue).
PRESETS = {
    "clinic": ("2/week x 6 weeks", "1/month"),
    "home": ("2/day x 2 weeks", "3-4/week"),
}
MONTH_DAYS = 28  # four weeks: the day of the week stays
PER_DAY_MOST = 4  # ours: twice what any regimen in our sources asks for
_WEEK_DAYS = 7
_MOST_PHASES = 12  # this and what follows: ours, beyond every regimen
_RANGES = {"count": 1000, "per_week": _WEEK_DAYS * PER_DAY_MOST, "every_days": 366, "per_day": PER_DAY_MOST}
_RANGES |= {"weeks": 260, "per_week_most": _WEEK_DAYS * PER_DAY_MOST}
_YEARS = (2000, 2200)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}")
_RATE = re.compile(r"(?:(\d{1,2})(?:-(\d{1,2}))?/(day|week|month)|every (\d{1,3}) days?)", re.ASCII)
_LENGTH = re.compile(r"(\d{1,4}) (weeks?|times|sessions?)", re.ASCII)
_EXAMPLES = '"2/week x 6 weeks", "2/day x 14 times", "3-4/week", "every 3 days x 4 weeks", "1/month"'


@dataclass(frozen=True)
class Period:
    """One stretch of days of a phase. number: the phase's, from 1; most: sessions that it may have, None: no limit."""

    number: int
    first: date
    days: int
    asked: int
    per_day: int
    most: int | None

    @property
    def after(self) -> date:
        """The first day that is no more part of it."""
        return self.first + timedelta(days=self.days)

    def due_from(self, done: int) -> date:
        """The day from which on the next session is due when `done` are done and that is less than asked."""
        return self.first + timedelta(days=self.days * done // self.asked)


@dataclass(frozen=True)
class Progress:
    """A period and what became of it. days: those of its sessions; missed: only of a period that is over."""

    period: Period
    days: tuple[date, ...]
    missed: int

    @property
    def done(self) -> int:
        """Sessions done in it; may be more than asked."""
        return len(self.days)


def checked_name(name: str, what: str) -> str:
    """A course's or programme's name. Raises BadValueError; what: "course"."""
    if not _NAME.fullmatch(name):
        raise BadValueError(
            f"{name!r:.60} is no name of a {what}; nothing was changed; use 1 to 32 letters, digits, '-', '_' and '.'"
        )
    return name


def make(name: str, start: date, zone: str, texts: Sequence[str]) -> dict:
    """A plan of phases as people write them: "2/week x 6 weeks", "1/month". Raises BadValueError."""
    plan = {"name": checked_name(name, "course"), "start": start.isoformat(), "zone": zone}
    return checked({**plan, "phases": [parse_phase(text) for text in texts]})


def parse_phase(text: str) -> dict:
    """One phase as people write it. Raises BadValueError."""
    rate, ends, length = (part.strip() for part in text.strip().lower().partition("x"))
    how_often, how_long = _RATE.fullmatch(rate), _LENGTH.fullmatch(length)
    if how_often is None or bool(how_long) != bool(ends):
        raise BadValueError(f"{text!r:.60} is no phase of a course; nothing was changed; write for example {_EXAMPLES}")
    phase = {"count": None, "per_week": None, "every_days": None, "per_day": 1, "weeks": None, **_rate(how_often)}
    if how_long:
        phase["weeks" if how_long[2].startswith("week") else "count"] = int(how_long[1])
    return phase


def _rate(found: re.Match[str]) -> dict[str, int]:
    low, high, unit, every_days = found.groups()
    if every_days:
        return {"every_days": int(every_days)}
    times = int(low)
    if high and (unit != "week" or int(high) < times):
        raise BadValueError(f"{found[0]!r} is no range; nothing was changed; only a week may have one, as in 3-4/week")
    if unit == "day":
        return {"every_days": 1, "per_day": times}
    if unit == "month":
        return {"every_days": MONTH_DAYS // times if times else 0}
    most = int(high or times)
    return {"per_week": times, "per_day": max(1, -(-most // _WEEK_DAYS))} | ({"per_week_most": most} if high else {})


def phase_text(phase: dict) -> str:
    """A phase as `parse_phase` reads it."""
    if phase["per_week"]:
        most = phase.get("per_week_most")
        rate = f"{phase['per_week']}{f'-{most}' if most else ''}/week"
    elif phase["every_days"] == 1:
        rate = f"{phase['per_day']}/day"
    else:
        rate = "1/month" if phase["every_days"] == MONTH_DAYS else f"every {phase['every_days']} days"
    lengths = {"weeks": phase["weeks"], "times": phase["count"]}
    return " x ".join([rate, *(f"{number} {unit}" for unit, number in lengths.items() if number)])


def checked(plan: object) -> dict:
    """The plan when it can be followed. Raises BadValueError."""
    try:
        if not isinstance(plan, dict):
            raise TypeError
        checked_name(plan["name"], "course")
        moments.zone(plan["zone"])
        start, phases = moments.parse_day(plan["start"]), plan["phases"]
        if not isinstance(phases, list) or not all(isinstance(phase, dict) for phase in phases):
            raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise BadValueError("a course's plan has no name, start, zone and phases; nothing was changed") from None
    if not _YEARS[0] <= start.year <= _YEARS[1]:
        raise BadValueError(
            f"a course that begins on {start} is not taken; nothing was changed; choose one of the years "
            f"{_YEARS[0]} to {_YEARS[1]}"
        )
    if not 0 < len(phases) <= _MOST_PHASES:
        raise BadValueError(f"a course has 1 to {_MOST_PHASES} phases, not {len(phases)}; nothing was changed")
    for number, phase in enumerate(phases, 1):
        _check_phase(phase, f"phase {number}", number == len(phases))
    return plan


def _check_phase(phase: dict, where: str, is_last: bool) -> None:
    for name, value in phase.items():
        most = _RANGES.get(name, 0)
        if value is not None and not (type(value) is int and 0 < value <= most):
            raise BadValueError(f"{where}: {name} is {value!r:.20}; nothing was changed; it may be 1 to {most}")
    missing = {"count", "per_week", "every_days", "per_day", "weeks"} - phase.keys()
    if missing or phase["per_day"] is None or (phase["per_week"] is None) == (phase["every_days"] is None):
        raise BadValueError(f"{where} does not say how often; nothing was changed; write for example {_EXAMPLES}")
    if not is_last and phase["weeks"] is None and phase["count"] is None:
        raise BadValueError(
            f"{where} has no end, so the next never begins; nothing was changed; write for example 2/week x 6 weeks"
        )


def periods(plan: dict) -> Iterator[Period]:
    """All periods of a checked plan in order; without end when its last phase has none."""
    first = moments.parse_day(plan["start"])
    for number, phase in enumerate(plan["phases"], 1):
        for period in _of_phase(phase, number, first):
            yield period
            first = period.after


def _of_phase(phase: dict, number: int, first: date) -> Iterator[Period]:
    length = _WEEK_DAYS if phase["per_week"] else phase["every_days"]
    asked = phase["per_week"] or phase["per_day"]
    whole = _WEEK_DAYS * phase["weeks"] if phase["weeks"] else None
    for index in counting():
        days = length if whole is None else min(length, whole - index * length)
        wanted = asked if phase["count"] is None else min(asked, phase["count"] - index * asked)
        if days <= 0 or wanted <= 0:
            return
        begin = first + timedelta(days=index * length)
        yield Period(number, begin, days, wanted, phase["per_day"], phase.get("per_week_most"))


def follow(plan: dict, done: Sequence[date], today: date) -> list[Progress]:
    """Every period that has begun by `today`, and the first that has not. done: the days of the sessions done."""
    found = []
    for period in periods(plan):
        days = tuple(sorted(day for day in done if period.first <= day < period.after))
        missed = max(0, period.asked - len(days)) if period.after <= today else 0
        found.append(Progress(period, days, missed))
        if period.first > today:
            break
    return found
