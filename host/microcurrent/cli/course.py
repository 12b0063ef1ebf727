"""`microcurrent course`: a series of treatments, what is due of it, and what it delivered."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import data_dir_option, json_option, print_json, say

if TYPE_CHECKING:
    from ..course import Status

_COURSE = click.argument("name", metavar="[COURSE]", required=False)
_subject_option = click.option("--subject", metavar="NAME", help="Only courses of this pseudonym.")


@click.group("course")
def command() -> None:
    """Plan a series of treatments and follow it. COURSE is its name, or the beginning of its id."""


@command.command("new")
@click.argument("name")
@click.option("--subject", metavar="NAME", required=True, help="Pseudonym of the person who is treated; never a name.")
@click.option("--programme", metavar="NAME", required=True, help="The programme that the course repeats.")
@click.option("--preset", type=click.Choice(("clinic", "home")), help="A usual series [NAME, if it is one of these].")
@click.option("--phase", "phases", multiple=True, metavar="TEXT", help='Instead: "2/week x 6 weeks", then "1/month".')
@click.option("--start", metavar="DATE", help="The first day, as 2026-03-01 [today].")
@click.option("--zone", "zone_name", metavar="NAME", help="Whose days count, as Europe/Berlin [this machine's zone].")
@data_dir_option
@json_option
def new(
    name: str,
    subject: str,
    programme: str,
    preset: str | None,
    phases: tuple[str, ...],
    start: str | None,
    zone_name: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Plan a course.

    Presets: clinic (two a week for six weeks, then every four weeks), home (twice a day for two weeks, then three to
    four a week).
    """
    from .. import course, course_plan, moments
    from ..programme_library import Library
    from ..record_writer import now_utc
    from ..records import Records

    texts = _texts(name, preset, phases)
    zone = moments.zone(zone_name or moments.local_zone_name())
    now = now_utc()
    first = moments.parse_day(start) if start else moments.day(now, zone)
    plan = course_plan.make(name, first, zone.key, texts)
    programme = Library(data_dir).load(programme).name  # sessions are counted by it
    with Records(data_dir) as records:
        number = course.new(records, subject, programme, plan, now)
        status = course.status(records, course.find(records, number), now)
    if as_json:
        print_json(_as_dict(status))
        return
    click.echo(f"course {name} ({number[:8]}): {_plan_text(plan)}; {_next_text(status)}")


def _texts(name: str, preset: str | None, phases: tuple[str, ...]) -> tuple[str, ...]:
    from ..course_plan import PRESETS
    from ..errors import BadValueError

    if preset and phases:
        raise BadValueError("--preset and --phase were given; nothing was planned; leave one of them away")
    texts = phases or PRESETS.get(preset or name, ())
    if not texts:
        raise BadValueError(
            "neither a preset nor a phase was given; nothing was planned; add --preset clinic, --preset home, or "
            'phases such as: --phase "2/week x 6 weeks" --phase "1/month"'
        )
    return texts


@command.command("list")
@_subject_option
@data_dir_option
@json_option
def list_courses(subject: str | None, data_dir: str | None, as_json: bool) -> None:
    """List all courses."""
    from .progress import print_table

    found = _every_status(data_dir, subject)
    if as_json:
        print_json([_as_dict(status) for status in found])
        return
    if not found:
        click.echo("no courses yet; plan one with: microcurrent course new")
        return
    heads = ("id", "course", "subject", "programme", "state", "done", "missed", "next")
    rows = [
        (
            *(status.row["id"][:8], status.row["plan"]["name"], status.row["subject"], status.row["programme"]),
            *(status.state, f"{status.done}", f"{status.missed}", _day(status.next_day)),
        )
        for status in found
    ]
    print_table("", heads, rows)


@command.command("next")
@_subject_option
@data_dir_option
@json_option
def show_next(subject: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show what is due now, of all subjects."""
    from .progress import print_table

    found = [status for status in _every_status(data_dir, subject) if status.state in ("running", "planned")]
    if as_json:
        print_json([_as_dict(status) for status in found])
        return
    if not found:
        click.echo("no course runs; plan one with: microcurrent course new")
        return
    found.sort(key=lambda status: (not status.due, str(status.next_day), status.row["subject"]))
    rows = [
        (status.row["subject"], status.row["programme"], status.row["plan"]["name"], _next_text(status))
        for status in found
    ]
    print_table("", ("subject", "programme", "course", "next"), rows)
    _say_notes(found)


@command.command("show")
@_COURSE
@_subject_option
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="PNG file to draw the trend in.")
@data_dir_option
@json_option
def show(name: str | None, subject: str | None, plot: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Show one course: what was due, done and missed, and what its sessions delivered."""
    from .. import course
    from ..record_reader import open_stored
    from ..record_writer import now_utc

    with open_stored(data_dir) as stored:
        status = course.status(stored, course.find(stored, name, subject), now_utc())
        thresholds = stored.rows("thresholds", status.row["subject"]) if plot else []
    if as_json:
        print_json(_as_dict(status))
    else:
        _print(status)
    if plot:
        from ..course_plot import plot_course

        plot_course(status, thresholds, plot)
        say(f"picture of course {status.row['plan']['name']} written to {plot}")


@command.command("end")
@_COURSE
@_subject_option
@data_dir_option
def end(name: str | None, subject: str | None, data_dir: str | None) -> None:
    """End a course: nothing of it is due any more. Its sessions are kept."""
    from .. import course
    from ..errors import RefusedError
    from ..record_writer import now_utc
    from ..records import Records

    with Records(data_dir) as records:
        row = course.find(records, name, subject)
        if row["ended_utc"]:
            raise RefusedError(
                f"the course {row['plan']['name']} ({row['id'][:8]}) was ended at {row['ended_utc'][:16]} UTC; nothing "
                f"was changed; see: microcurrent course list"
            )
        course.end(records, row["id"], now_utc())
    click.echo(f"course {row['plan']['name']} ({row['id'][:8]}) of {row['subject']} ended; its sessions are kept")


def _every_status(data_dir: str | None, subject: str | None) -> "list[Status]":
    from .. import course
    from ..record_reader import open_stored
    from ..record_writer import now_utc

    with open_stored(data_dir) as stored:
        return course.every_status(stored, now_utc(), subject)


def _print(status: "Status") -> None:
    from .progress import print_table

    row = status.row
    heads = [
        ("course", f"{row['plan']['name']} ({row['id'][:8]}) of {row['subject']}, programme {row['programme']}"),
        ("plan", _plan_text(row["plan"])),
        ("state", f"{status.state}: {status.done} done of {status.asked} asked so far, {status.missed} missed"),
        ("next", _next_text(status)),
        ("dose", _dose_text(status)),
    ]
    for key, text in heads:
        click.echo(f"{key:8} {text}")
    click.echo()
    print_table("", ("phase", "from", "to", "asked", "done", "missed", "sessions"), _period_rows(status))
    if status.sessions:
        click.echo()
        print_table("", ("session", "started (UTC)", "played", "dose", "impedance", "counts"), _session_rows(status))
    _say_notes([status])


def _period_rows(status: "Status") -> list[tuple[str, ...]]:
    from datetime import timedelta

    rows = []
    for progress in status.rows:
        period = progress.period
        days = ", ".join(f"{day:%d %b}" for day in progress.days)
        done = f"{progress.done}" if period.first <= status.today else "-"
        missed = f"{progress.missed}" if period.after <= status.today else "-"
        last = period.after - timedelta(days=1)
        rows.append((f"{period.number}", f"{period.first}", f"{last}", f"{period.asked}", done, missed, days or "-"))
    return rows


def _session_rows(status: "Status") -> list[tuple[str, ...]]:
    return [
        (
            one.id[:8],
            f"{one.started_utc:%Y-%m-%d %H:%M}",
            f"{one.played_ms / 60000:.1f} of {one.planned_ms / 60000:.1f} min",
            "-" if one.dose_uc is None else f"{one.dose_uc / 1000:.1f} mC",
            "-" if one.impedance_ohm is None else f"{one.impedance_ohm} ohm",
            "done" if one.done else "given up early" if one.flowed else "no current flowed",
        )
        for one in status.sessions
    ]


def _plan_text(plan: dict) -> str:
    from ..course_plan import phase_text

    return f"{', then '.join(map(phase_text, plan['phases']))}; from {plan['start']}, days of {plan['zone']}"


def _next_text(status: "Status") -> str:
    from ..moments import zone

    if status.next_day is None:
        return "nothing"
    if not status.due:
        return f"on {status.next_day}"
    times = "" if status.due == 1 else f", {status.due} times"
    until = status.not_before_utc
    local = until.astimezone(zone(status.row["plan"]["zone"])) if until else None
    return f"due today{times}{f', not before {local:%H:%M}' if local else ''}"


def _dose_text(status: "Status") -> str:
    import statistics

    doses = [one.dose_uc for one in status.sessions if one.dose_uc is not None]
    if not doses:
        return "none delivered yet"
    return f"{sum(doses) / 1000:.1f} mC in {len(doses)} sessions, median {statistics.median(doses) / 1000:.1f} mC"


def _say_notes(found: "list[Status]") -> None:
    for note in dict.fromkeys(note for status in found for note in status.notes):
        say(f"note: {note}; it counts as today's, and nothing is due twice; set the clock right")


def _day(day: object) -> str:
    return str(day or "-")


def _as_dict(status: "Status") -> dict:
    """For --json."""
    kept = {name: status.row[name] for name in ("id", "subject", "programme", "plan", "created_utc", "ended_utc")}
    return {
        **kept,
        "state": status.state,
        "today": str(status.today),
        "asked": status.asked,
        "done": status.done,
        "missed": status.missed,
        "due": status.due,
        "next_day": str(status.next_day) if status.next_day else None,
        "not_before_utc": status.not_before_utc.isoformat(timespec="minutes") if status.not_before_utc else None,
        "notes": list(status.notes),
        "periods": [
            {
                "phase": row.period.number,
                "first": str(row.period.first),
                "days": row.period.days,
                "asked": row.period.asked,
                "done": row.done,
                "missed": row.missed,
            }
            for row in status.rows
        ],
        "sessions": [
            {
                "id": one.id,
                "started_utc": one.started_utc.isoformat(timespec="milliseconds"),
                "played_ms": one.played_ms,
                "planned_ms": one.planned_ms,
                "dose_uc": one.dose_uc,
                "impedance_ohm": one.impedance_ohm,
                "done": one.done,
            }
            for one in status.sessions
        ],
    }
