"""Courses: series of treatments of one subject with one programme; what is due, and how much a day may have.

What counts is taken from the records: sessions of the subject with the programme's name. One that played less than
DONE_PERCENT of its planned time is not done, but counts for the day's limit when current flowed (or when nobody knows).
When this machine's clock was set back, sessions lie in the future: they count as today's, and nothing is due before
the newest of them.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from . import chain_of_records as chain
from . import course_plan, moments, subjects
from .course_plan import Period, Progress
from .errors import BadValueError, RecordError, RefusedError
from .moments import Instant
from .record_reader import StoredSessions
from .records import Records

DONE_PERCENT = 25  # ours: less is a try that was given up, not a treatment
# Ours: what regimens of home devices ask for, and no source asks for more (domain survey 2.3: 5 days a week, weekly).
PER_DAY_WITHOUT_COURSE = 2
# Ours: two programmes twice a day. At the field's usual 20 min it is 80 min of current.
PER_DAY_OF_SUBJECT = course_plan.PER_DAY_MOST
# Ours: one session may not be made twice as long as its limit by starting it again; morning and evening are further
# apart.
PAUSE = timedelta(hours=4)
START_REFUSED = "refused"  # treatment.REFUSED, which is slow to import
CLOCK_NOTE = "the newest session is dated {at} UTC, which is in the future: this machine's clock was set back"


@dataclass(frozen=True)
class Session:
    """What courses need of a record. dose_uc: None when unknown, as impedance_ohm; flowed: True when unknown."""

    id: str
    programme: str
    started_utc: datetime
    ended_utc: datetime
    ended: str | None
    played_ms: int
    planned_ms: int
    dose_uc: float | None
    impedance_ohm: int | None
    flowed: bool

    @property
    def done(self) -> bool:
        """True when enough of it was played to count as a treatment."""
        return self.flowed and self.played_ms * 100 >= self.planned_ms * DONE_PERCENT


@dataclass(frozen=True)
class Status:
    """How a course stands. due: sessions due today; next_day: of the next one, None when none will be.

    not_before_utc: end of the pause after the newest session, None when there is none to wait for. state: "planned",
    "running", "complete" or "ended". notes: sentences a person must see.
    """

    row: dict
    state: str
    today: date
    rows: list[Progress]
    sessions: list[Session]
    due: int
    next_day: date | None
    not_before_utc: datetime | None
    notes: tuple[str, ...]

    @property
    def asked(self) -> int:
        """Sessions asked for by the periods that are over, and those due now."""
        over = sum(row.period.asked for row in self.rows if row.period.after <= self.today)
        return over + sum(min(row.done, row.period.asked) for row in self._present()) + self.due

    @property
    def done(self) -> int:
        """Sessions done in it, those beyond what was asked included."""
        return sum(row.done for row in self.rows)

    @property
    def missed(self) -> int:
        """Sessions that periods which are over asked for in vain."""
        return sum(row.missed for row in self.rows)

    def _present(self) -> list[Progress]:
        return [row for row in self.rows if row.period.after > self.today]


def new(records: Records, subject: str, programme: str, plan: dict, now_utc: Instant) -> str:
    """Store a course and return its id.

    Raises BadValueError for an impossible plan, RefusedError when one of this subject and programme runs already.
    """
    subjects.checked(subject)
    course_plan.checked_name(programme, "programme")
    course_plan.checked(plan)
    for row in courses(records, subject):
        if row["ended_utc"] is None and programme == row["programme"]:
            raise RefusedError(
                f"{subject} has a course of {programme} already, {row['plan']['name']} ({row['id'][:8]}); nothing was "
                f"changed; end it first: microcurrent course end {row['id'][:8]}"
            )
    number = str(uuid.uuid4())
    kept = {"id": number, "subject": subject, "programme": programme, "plan": plan}
    records.add("courses", {**kept, "created_utc": moments.text(now_utc), "ended_utc": None})
    return number


def end(records: Records, number: str, now_utc: Instant) -> None:
    """No more sessions belong to the course from now on."""
    records.change("courses", number, {"ended_utc": moments.text(now_utc)}, chain.CLOSED)


def courses(stored: StoredSessions, subject: str | None = None) -> list[dict]:
    """All courses as they were made, plans decoded. Raises RecordError for one whose plan cannot be followed."""
    rows = stored.rows("courses", subject)
    for row in rows:
        try:
            course_plan.checked(row["plan"])
            moments.instant(row["ended_utc"] or row["created_utc"])
        except BadValueError as error:
            raise RecordError(
                f"the course {row['id'][:8]} in {stored.path} is damaged ({str(error).partition(';')[0]}); nothing was "
                f"changed; restore a backup, or choose another place with --data-dir"
            ) from None
    return rows


def find(stored: StoredSessions, name: str | None, subject: str | None = None) -> dict:
    """A course by its name, the beginning of its id, or None for the only one that runs. Raises RecordError."""
    rows = courses(stored, subject)
    if name is not None:
        rows = [row for row in rows if row["plan"]["name"] == name or (name and row["id"].startswith(name))]
    running = [row for row in rows if row["ended_utc"] is None]
    chosen = running if len(running) == 1 else rows
    if len(chosen) == 1:
        return chosen[0]
    what = f"{len(chosen) or 'no'} courses {'are kept' if name is None else f'are called {name!r:.40}'}"
    raise RecordError(
        f"{what}{f' of {subject}' if subject else ''}; nothing was changed; see: microcurrent course list; choose one "
        f"by the beginning of its id"
    )


def sessions_of(stored: StoredSessions, subject: str) -> list[Session]:
    """Every treatment of a subject, oldest first. Raises RecordError, also for a damaged one."""
    return _by_subject(stored, stored.sessions_of(subject)).get(subject, [])


def _sessions_since(stored: StoredSessions, subject: str, first: date) -> list[Session]:
    """Those of `sessions_of` that began or ended on this day or later, or run; some earlier ones may be among them."""
    early = first - timedelta(days=2)  # whatever offset the days have, and the dates of the records
    return _by_subject(stored, stored.sessions_of(subject, early.isoformat())).get(subject, [])


def _by_subject(stored: StoredSessions, rows: Iterable[dict]) -> dict[str, list[Session]]:
    """rows: decoded sessions in the order they were added."""
    found: dict[str, list[Session]] = {}
    for row in rows:
        if not row.get("subject"):
            continue
        try:
            found.setdefault(row["subject"], []).append(_session(row))
        except (BadValueError, KeyError, TypeError, AttributeError, ValueError):
            raise RecordError(
                f"the session {row['id'][:8]} in {stored.path} is damaged, so nobody knows what is due; nothing was "
                f"changed; restore a backup, or choose another place with --data-dir"
            ) from None
    return {subject: sorted(rows, key=lambda one: one.started_utc) for subject, rows in found.items()}


def _session(row: dict) -> Session:
    programme, summary = row.get("programme") or {}, row.get("summary") or {}
    started_utc = moments.instant(row["started_utc"])
    steps = summary.get("steps") or [summary]
    planned = [step["duration_ms"] for step in programme.get("steps") or [row["wave"]]]
    charges_nc = [charge for step in steps for charge in _charges_nc(step)]
    charge_nc = sum(charges_nc) if charges_nc else None
    return Session(
        id=row["id"],
        programme=str(programme.get("name", "")),
        started_utc=started_utc,
        ended_utc=moments.instant(row["ended_utc"]) if row.get("ended_utc") else started_utc,
        ended=row["ended"],
        played_ms=sum(step.get("elapsed_ms") or 0 for step in steps),
        planned_ms=sum(planned),
        dose_uc=None if charge_nc is None else charge_nc / 1000,
        impedance_ohm=summary.get("impedance_ohm"),
        flowed=_flowed(row["ended"], charge_nc, summary),
    )


def _flowed(ended: str | None, charge_nc: int | None, summary: dict) -> bool:
    if charge_nc is None:  # nobody knows, unless the start itself was refused
        return ended != START_REFUSED
    return charge_nc > 0 or bool(summary.get("reached_ua"))


def _charges_nc(figures: dict) -> list[int]:
    """The charge of a step's channels; none when it is not known."""
    found = [figures.get("total_charge_nc"), (figures.get("channel2") or {}).get("total_charge_nc")]
    return [charge for charge in found if charge is not None]


def status(stored: StoredSessions, row: dict, now_utc: Instant) -> Status:
    """How the course stands at `now_utc`. Raises RecordError."""
    return _status(row, sessions_of(stored, row["subject"]), moments.instant(now_utc))


def every_status(stored: StoredSessions, now_utc: Instant, subject: str | None = None) -> list[Status]:
    """The same of all courses, in the order in which they were made. Raises RecordError."""
    sessions = _by_subject(stored, reversed(stored.sessions()))
    now = moments.instant(now_utc)
    return [_status(row, sessions.get(row["subject"], []), now) for row in courses(stored, subject)]


def _status(row: dict, everything: Sequence[Session], now: datetime) -> Status:
    zone = moments.zone(row["plan"]["zone"])
    sessions = [one for one in everything if one.programme == row["programme"]]
    newest = max((one.started_utc for one in sessions), default=now)
    notes = (clock_note(newest),) if newest > now else ()
    latest = max(now, newest)  # nothing becomes due again when the clock was set back
    today = moments.day(min(latest, moments.instant(row["ended_utc"])) if row["ended_utc"] else latest, zone)
    sessions = [one for one in sessions if _belongs(one, row, zone)]
    done_days = [moments.day(one.started_utc, zone) for one in sessions if one.done]
    rows = course_plan.follow(row["plan"], done_days, today)
    state, next_day = _state(row, rows, today)
    running = state == "running"
    due = _due(rows, today, done_days) if running and next_day == today else 0
    wait_until = max((one.ended_utc + PAUSE for one in sessions if one.done), default=now)
    not_before_utc = wait_until if running and wait_until > now else None
    return Status(row, state, today, rows, sessions, due, next_day, not_before_utc, notes)


def clock_note(newest: datetime) -> str:
    """What to tell when the newest session lies in the future."""
    return CLOCK_NOTE.format(at=moments.text(newest)[:16].replace("T", " "))


def _belongs(session: Session, row: dict, zone: tzinfo) -> bool:
    """True from the course's first day until it was ended."""
    begun = moments.day(session.started_utc, zone) >= moments.parse_day(row["plan"]["start"])
    return begun and (not row["ended_utc"] or session.started_utc <= moments.instant(row["ended_utc"]))


def _state(row: dict, rows: list[Progress], today: date) -> tuple[str, date | None]:
    """(state, day of the next session: today when it is due already)."""
    if row["ended_utc"]:
        return "ended", None
    for progress in rows:
        period = progress.period
        if period.after > today and progress.done < period.asked:
            next_day = max(period.due_from(progress.done), today)
            begun = moments.parse_day(row["plan"]["start"]) <= today
            return ("running" if begun else "planned"), next_day
    return "complete", None  # the last period is over, or all is done that it asks for


def _due(rows: list[Progress], today: date, done_days: Sequence[date]) -> int:
    """Sessions due today: what the present period asks for by now, within what one day may have."""
    progress = next(row for row in rows if row.period.first <= today < row.period.after)
    period = progress.period
    by_now = sum(period.due_from(number) <= today for number in range(progress.done, period.asked))
    return min(by_now, max(0, period.per_day - done_days.count(today)))


def check_due(
    records: StoredSessions, subject: str, programme: str, now_utc: Instant, zone: tzinfo | None = None
) -> str | None:
    """Id of the course that a session begun now belongs to, None without one. Raises RefusedError beyond a limit.

    A session between two that are due is permitted within the limits. zone: whose days count without a course; None:
    this machine's.
    """
    now = moments.instant(now_utc)
    running = [row for row in courses(records, subject) if row["programme"] == programme and not row["ended_utc"]]
    found = next((row for row in running if _period(row, now) is not None), None)
    period = _period(found, now) if found else None
    days = moments.zone(found["plan"]["zone"]) if found else zone or moments.zone(moments.local_zone_name())
    first = min(period.first if period else now.date(), now.date())  # what is over by then counts for nothing
    everything = [one for one in _sessions_since(records, subject, first) if one.flowed or one.ended is None]
    same = [one for one in everything if one.programme == programme]
    _check_running(everything, subject)
    per_day = period.per_day if period else PER_DAY_WITHOUT_COURSE
    _check_day(_todays(same, now, days), per_day, f"of {programme}", now)
    _check_day(_todays(everything, now, days), PER_DAY_OF_SUBJECT, f"of {subject}", now)
    if period and period.most:
        _check_week(same, period, days, now)
    _check_pause(same, now, days)
    return found["id"] if found else None


def clock_warning(stored: StoredSessions, subject: str, now_utc: Instant) -> str:
    """What to tell before a session when the subject's newest one lies in the future; empty when the clock is right."""
    now = moments.instant(now_utc)
    newest = max((one.started_utc for one in _sessions_since(stored, subject, now.date())), default=now)
    return clock_note(newest) if newest > now else ""


def _period(row: dict, now: datetime) -> Period | None:
    """The period of the course that `now` is in, None before its first and after its last."""
    today = moments.day(now, moments.zone(row["plan"]["zone"]))
    for period in course_plan.periods(row["plan"]):
        if period.first > today:
            return None
        if today < period.after:
            return period
    return None


def _todays(sessions: Sequence[Session], now: datetime, zone: tzinfo) -> list[Session]:
    """Those begun today, and those in the future: nobody knows which day they really were."""
    today = moments.day(now, zone)
    return [one for one in sessions if one.started_utc > now or moments.day(one.started_utc, zone) == today]


def _check_day(sessions: Sequence[Session], limit: int, whose: str, now: datetime) -> None:
    if len(sessions) >= limit:
        raise RefusedError(
            f"already {_counted(sessions, now)} {whose} today, the limit is {limit}; no current has flowed; "
            f"{_remedy(sessions, now, 'come back tomorrow')}"
        )


def _check_week(sessions: Sequence[Session], period: Period, zone: tzinfo, now: datetime) -> None:
    counted = [
        one
        for one in sessions
        if one.started_utc > now or period.first <= moments.day(one.started_utc, zone) < period.after
    ]
    if period.most and len(counted) >= period.most:
        raise RefusedError(
            f"already {_counted(counted, now)} in the course's week from {period.first}, the limit is {period.most}; "
            f"no current has flowed; {_remedy(counted, now, f'come back on {period.after}')}"
        )


def _check_pause(sessions: Sequence[Session], now: datetime, zone: tzinfo) -> None:
    """A treatment that was done is over for PAUSE; a clock that was set back by less does not shorten that."""
    for one in reversed(sessions):
        apart = now - one.ended_utc
        if not one.done or abs(apart) >= PAUSE:
            continue
        if apart < timedelta(0):
            raise RefusedError(
                f"the last session ended at {moments.text(one.ended_utc)[:16]} UTC, which is in the future, and the "
                f"pause is {_minutes(PAUSE)}; no current has flowed; set this machine's clock right"
            )
        until = (one.ended_utc + PAUSE + timedelta(minutes=1)).astimezone(zone)
        raise RefusedError(
            f"the last session ended {_minutes(apart)} ago, the pause is {_minutes(PAUSE)}; no current has flowed; "
            f"come back at {until:%H:%M}"
        )


def _check_running(sessions: Sequence[Session], subject: str) -> None:
    if any(one.ended is None for one in sessions):
        raise RefusedError(
            f"a session of {subject} runs already; no current of another has flowed; wait for its end, or run: "
            f"microcurrent stop"
        )


def _counted(sessions: Sequence[Session], now: datetime) -> str:
    """How many, and what a reader would not expect to be counted."""
    tries = sum(not one.done for one in sessions)
    future = sum(one.started_utc > now for one in sessions)
    behind = [f"{tries} of them given up early"] if tries else []
    behind += [f"{future} dated in the future: the clock was set back"] if future else []
    count = f"{len(sessions)} session{'s' if len(sessions) != 1 else ''}"
    return count + (f" ({', '.join(behind)})" if behind else "")


def _remedy(sessions: Sequence[Session], now: datetime, usual: str) -> str:
    return "set this machine's clock right" if any(one.started_utc > now for one in sessions) else usual


def _minutes(span: timedelta) -> str:
    whole = int(span.total_seconds()) // 60
    return f"{whole // 60} h {whole % 60:02d} min" if whole >= 60 else f"{whole} min"
