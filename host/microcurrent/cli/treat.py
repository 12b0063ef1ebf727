"""`microcurrent treat`: a programme, step by step, with screening before and a record after."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import INTERRUPTED_EXIT_CODE
from . import complete
from .options import data_dir_option, image_option, json_option, port_option, print_json, say
from .screening import subject_option

if TYPE_CHECKING:
    from ..client import DeviceClient
    from ..interrupts import Interrupts
    from ..plain_treatment import PlainView
    from ..programme import Programme
    from ..programme_treatment import Plan, Treated, Treatment
    from ..records import Records
    from ..treatment_runner import View
    from ..treatment_screen.app import FullScreenView
    from ..virtual import Sim

MIN_COLUMNS, MIN_ROWS = 40, 15  # of the full-screen view; smaller terminals get plain lines


@click.command("treat")
@click.argument("programme", metavar="PROGRAMME")
@subject_option
@click.option(
    "--screening",
    "screening_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Answers of a file instead of questions; see: microcurrent screening template.",
)
@click.option("--plain", is_flag=True, help="Plain lines instead of the full-screen view; also when piped.")
@click.option(
    "--away",
    is_flag=True,
    help="Let the board go on by itself when this program leaves; needs the board's setting host_may_leave.",
)
@click.option("--load", shell_complete=complete.loads, help="What a virtual Pico drives: good, typical, dry, ...")
@click.option("--load2", shell_complete=complete.loads, help="The same of its second output.")
@port_option
@image_option
@data_dir_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme: str,
    subject: str,
    screening_file: Path | None,
    plain: bool,
    away: bool,
    load: str | None,
    load2: str | None,
    port: str | None,
    image: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Run PROGRAMME (a name of `programs list`, or a file) for a person, guide the hand, and record what was delivered.

    First the person is screened: once, again after 30 days or a change. Then the board plays the programme step by
    step; the time of a step stands still without contact. Keys: p pause, d "I feel it", s skip, q stop; the board's
    button says "I feel it" too, and held for two seconds it stops. Ctrl-C ramps down, a second one switches off at
    once.
    """
    from ..connect import Wishes, chosen_port, client_on
    from ..interrupts import Interrupts
    from ..programme_library import Library
    from ..programme_treatment import plan, verdict
    from ..record_writer import now_utc
    from ..records import Records

    made = Library(data_dir).load(programme)
    wishes = Wishes(load=load, load2=load2, image=image, channels=made.channels)
    with Records(data_dir) as records:
        screening, course = admitted(records, made, subject, screening_file)
        with chosen_port(port, data_dir, say, wishes) as place, client_on(place.port) as client:
            client.hello()
            planned = plan(client, records, made, subject, now_utc())
            checklist(made, planned)
            view = view_for(made, planned, plain=plain or as_json)
            with (
                Interrupts() as interrupts,
                treatment(client, records, planned, view, subject, screening, course, place.sim) as begun,
            ):
                touch(client, made, begun, interrupts)
                begun.begin(away=away)
                view.run(begun.runner, interrupts)
                treated = begun.finish()
        report(treated, records, client, as_json)
    problem = verdict(treated)
    if problem is not None:
        raise problem
    if interrupts.count:
        ctx.exit(INTERRUPTED_EXIT_CODE)
    if not as_json:
        for text in made.after:
            click.echo(f"after: {text}")


def admitted(
    records: "Records", programme: "Programme", subject: str, screening_file: Path | None
) -> tuple[dict, str | None]:
    """The screening that permits it, and the course it belongs to. Raises RefusedError: nothing has been sent yet."""
    from .. import course as courses
    from .. import screening, subjects
    from ..record_writer import now_utc
    from .screening import asker, changed

    subjects.checked(subject)
    now = now_utc()
    warning = courses.clock_warning(records, subject, now)
    if warning:
        say(warning)
    at_terminal = sys.stdin.isatty()
    course = courses.check_due(records, subject, programme.name, now)
    held = screening.require(
        records,
        subject,
        file=screening_file,
        interactive=asker() if at_terminal else None,
        sites=programme.sites,
        now_utc=now,
        changed=changed if at_terminal else None,
    )
    return held, course


def checklist(programme: "Programme", planned: "Plan") -> None:
    """What to do before the start, and what should be known."""
    from .. import quantities

    length = quantities.show(programme.duration_ms, quantities.DURATION)
    say(f"{programme.title} {programme.version}: {len(programme.steps)} steps, {length} of current")
    say("not a medical device; no effect is claimed")
    for text in programme.before:
        say(f"before: {text}")
    for text in planned.notes:
        say(f"note: {text}")


def touch(client: "DeviceClient", programme: "Programme", begun: "Treatment", interrupts: "Interrupts") -> None:
    """Show contact until it is good. Raises RefusedError when it is given up, or never becomes good."""
    from firmware.shared import sites

    from ..coach import coach
    from .contact import ContactLine

    line = ContactLine()
    zone = sites.zone_of(programme.steps[0].site)

    def given_up() -> bool:
        begun.serve()
        return interrupts.count > 0

    coach(client, programme.channels, line.show, given_up, zone)
    line.end()


def view_for(programme: "Programme", planned: "Plan", *, plain: bool) -> "PlainView | FullScreenView":
    """The full-screen view on a terminal that is large enough, else plain lines."""
    if not plain and full_screen_fits():
        from ..treatment_screen.app import FullScreenView

        return FullScreenView(programme, say)
    from ..plain_treatment import PlainView

    return PlainView(programme, say)


def full_screen_fits() -> bool:
    """True where all three streams are a terminal that can draw, of at least 40 columns and 15 rows."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return False
    if os.environ.get("TERM", "dumb") == "dumb" or "utf" not in (sys.stdout.encoding or "").lower():
        return False
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return columns >= MIN_COLUMNS and rows >= MIN_ROWS


def treatment(
    client: "DeviceClient",
    records: "Records",
    planned: "Plan",
    view: "View",
    subject: str,
    screening: dict,
    course: str | None,
    sim: "Sim | None",
) -> "Treatment":
    """The treatment, its record open, nothing started."""
    from .. import course as courses
    from ..programme_treatment import Treatment
    from ..record_writer import now_utc

    def admit() -> str | None:
        """The limits once more: another process may have begun a session since they were asked for."""
        return courses.check_due(records, subject, planned.programme.name, now_utc())

    return Treatment(
        client, records, planned, view, subject=subject, screening=screening, course=course, admit=admit, sim=sim
    )


def report(treated: "Treated", records: "Records", client: "DeviceClient", as_json: bool) -> None:
    """The final table, or everything as JSON."""
    from ..figures import table_rows
    from .progress import print_table

    if as_json:
        print_json(
            {"id": treated.number, "ended": treated.course.ended, "fault": treated.course.fault,
             "summary": treated.summary, "records": str(records.path)}
        )  # fmt: skip
        return
    rows = [
        (str(step["index"]), f"{step['side']} {step['site']}", f"{step['commanded_mean_ua']} uA",
         f"{step['delivered_mean_ua']} uA" if step["delivered_mean_ua"] is not None else "-",
         f"{step['impedance_ohm']} ohm" if step["impedance_ohm"] is not None else "-",
         f"{step['total_charge_nc'] / 1000:.0f} uC", str(step["lift_offs"]), step["ended"])
        for step in treated.summary["steps"]
    ]  # fmt: skip
    heads = ("step", "place", "commanded", "delivered", "impedance", "charge", "lift-offs", "ended")
    print_table("", heads, rows)
    print_table("", ("", "commanded", "delivered"), table_rows(treated.summary, client.identity["board"], None))
    click.echo(f"recorded as {treated.number[:8]} in {records.path}; see it with: microcurrent report")
