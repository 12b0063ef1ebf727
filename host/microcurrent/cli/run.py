"""`microcurrent run`: one waveform, recorded."""

import os
from typing import TYPE_CHECKING, Any

import click

from firmware.shared import waveform

from .. import quantities
from ..errors import INTERRUPTED_EXIT_CODE
from . import complete
from .options import Quantity, data_dir_option, image_option, json_option, port_option, print_json, say
from .sections import SectionedCommand
from .wave_options import place_options, wave_options

if TYPE_CHECKING:
    from ..client import DeviceClient
    from ..connect import Place, Wishes
    from ..records import Records
    from ..treatment import Treated
    from ..virtual import Sim


@click.command("run", cls=SectionedCommand)
@click.argument("shape", metavar="WAVEFORM", type=click.Choice(waveform.SHAPES))
@wave_options(amplitude="100uA")
@place_options
@click.option(
    "--channel2",
    metavar="'WAVEFORM OPTIONS'",
    help="Play a waveform on the second output too: its options as one quoted text, such as 'sine --frequency 40Hz "
    "--amplitude 50uA'. Time and ramp are the session's; --phase DEG within it locks its cycle to the first's.",
)
@click.option(
    "--lease",
    "lease_ms",
    type=Quantity(quantities.DURATION, 500, 10000),
    help="Silence of this program after which the board stops [the board's setting lease_ms].",
)
@click.option(
    "--load",
    shell_complete=complete.loads,
    help="What it drives: good, typical, dry, open, ...",
)
@click.option("--load2", shell_complete=complete.loads, help="The same of its second output [the same as --load].")
@click.option(
    "--board",
    shell_complete=complete.boards,
    help="Which virtual Pico to start [the one with as many outputs as are asked for].",
)
@click.option("--vcd", metavar="FILE", help="Write its trace as VCD.")
@click.option("--csv", metavar="FILE", help="Write its trace as CSV.")
@port_option
@image_option
@data_dir_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    shape: str,
    channel2: str | None,
    lease_ms: int | None,
    load: str | None,
    load2: str | None,
    board: str | None,
    vcd: str | None,
    csv: str | None,
    port: str | None,
    image: str | None,
    data_dir: str | None,
    as_json: bool,
    **described: Any,
) -> None:
    """Run a waveform, show it live and record it. Numbers carry a unit: 250uA, 8.3Hz, 2min.

    \b
    square    rectangular phases: --duty or --width, --gap, --rise
    sine      one tone, or two with --second
    sawtooth  rises from one peak to the other, and falls at once
    ramped    a square with linear edges, each an eighth of a phase
    table     one period of your own from a CSV file: --table

    Contact is looked for first, at 8 uA; the ramp begins when both electrodes have touched without a gap. Ctrl-C ramps
    down first; a second Ctrl-C switches the output off at once.
    """
    from .. import treatment
    from ..connect import Wishes, chosen_port, client_on
    from ..interrupts import Interrupts
    from ..records import Records
    from .progress import SessionProgress
    from .wave import wave_of

    wave = wave_of(ctx, shape, **described)
    wave2 = _second_of(channel2, wave)
    wishes = Wishes(
        load=load,
        load2=load2,
        area_mm2=wave["area_mm2"] or None,
        image=image,
        vcd=vcd,
        csv=csv,
        board=board,
        channels=2 if wave2 else 1,
    )
    with (
        Records(data_dir) as records,
        chosen_port(port, data_dir, say, wishes) as place,
        client_on(place.port) as client,
        Interrupts() as interrupts,
        SessionProgress() as progress,
    ):
        client.hello()
        prepare(client, place, wave, wave2)
        if interrupts.count:
            ctx.exit(INTERRUPTED_EXIT_CODE)
        begun_ns = place.sim.now_ns() if place.sim else 0
        watcher = treatment.Watcher(progress.row, progress.note)
        treated = treatment.treat(
            client,
            records,
            wave,
            watcher,
            lambda: interrupts.count,
            lease_ms=lease_ms,
            sim=place.sim,
            signal_name=lambda: interrupts.name,
            wave2=wave2,
        )
        progress.end()
        if place.sim:
            export_trace(place.sim, wishes, begun_ns)
        report(treated, records, as_json, client.identity["board"])
    problem = treatment.verdict(treated)
    if problem is not None:
        raise problem
    if treated.outcome.interrupted:
        ctx.exit(INTERRUPTED_EXIT_CODE)


def _second_of(channel2: str | None, wave: dict[str, Any]) -> dict[str, Any] | None:
    """What --channel2 asks for; its grammar is only made when it does."""
    if channel2 is None:
        return None
    from .channel2 import second_of

    return second_of(channel2, wave)


def prepare(client: "DeviceClient", place: "Place", wave: dict[str, Any], wave2: dict[str, Any] | None) -> None:
    """Fill in the areas that the board has declared, and send it a table's points.

    Raises BadValueError before anything is sent when the board has too few channels.
    """
    from ..points import POINTS, upload
    from ..treatment import require_second

    if wave2 is not None:
        require_second(client.identity)
    for channel, each in enumerate((wave, wave2), 1):
        if each is None:
            continue
        each["area_mm2"] = each["area_mm2"] or client.request("config")["set"]["area_mm2"]
        if place.sim:
            place.sim.put_load(None, each["area_mm2"] or None, channel)
    points = wave.get(POINTS) or (wave2 or {}).get(POINTS)
    if points:
        upload(client, points)


def export_trace(sim: "Sim", wishes: "Wishes", begun_ns: int) -> None:
    """Write the session's part of the virtual Pico's trace where it was asked for."""
    from ..virtual import written

    for kind, target in (("vcd", wishes.vcd), ("csv", wishes.csv)):
        if target:
            answer = sim.ask(do=kind, path=os.path.abspath(target), from_ns=begun_ns)
            say(written(target, begun_ns, answer["kept_from_ns"]))


def report(treated: "Treated", records: "Records", as_json: bool, board: str) -> None:
    """The final table, or everything as JSON. board: its name."""
    from ..figures import table_rows
    from .progress import print_table

    if as_json:
        print_json(
            {
                "id": treated.number,
                "ended": treated.outcome.ended,
                "fault": treated.outcome.fault,
                "accepted": treated.outcome.accepted,
                "summary": treated.summary,
                "records": str(records.path),
            }
        )
        return
    rows = table_rows(treated.summary, board, treated.outcome.accepted.get("sample_us"))
    print_table("", ("", "commanded", "delivered"), rows)
    click.echo(f"recorded as {treated.number[:8]} in {records.path}")
