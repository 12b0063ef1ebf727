"""`microcurrent run`: one waveform, recorded."""

import os
from typing import TYPE_CHECKING

import click

from firmware.shared import waveform

from .. import quantities
from ..errors import INTERRUPTED_EXIT_CODE
from . import complete
from .options import Quantity, data_dir_option, image_option, json_option, port_option, print_json, say
from .wave_options import wave_options

if TYPE_CHECKING:
    from ..connect import Wishes
    from ..records import Records
    from ..treatment import Treated
    from ..virtual import Sim


@click.command("run")
@click.argument("shape", metavar="WAVEFORM", type=click.Choice(waveform.SHAPES))
@wave_options(amplitude="100uA")
@click.option(
    "--zone",
    type=click.Choice(waveform.ZONES),
    help="Where the electrodes are; may only be stricter than the board's setting [the board's setting zone].",
)
@click.option(
    "--area",
    "area_mm2",
    type=Quantity(quantities.AREA, 1, 20000),
    help="Area of the smaller electrode; may only be smaller than what the board has declared [the board's setting "
    "area_mm2].",
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
    help="What the virtual Pico drives (with --port sim): good, typical, dry, open, ...",
)
@click.option("--table", metavar="FILE", help="The points of one period, as CSV (with the waveform table).")
@click.option("--vcd", metavar="FILE", help="Write the virtual Pico's trace as VCD (with --port sim).")
@click.option("--csv", metavar="FILE", help="Write the virtual Pico's trace as CSV (with --port sim).")
@port_option
@image_option
@data_dir_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    shape: str,
    zone: str | None,
    area_mm2: int | None,
    lease_ms: int | None,
    load: str | None,
    table: str | None,
    vcd: str | None,
    csv: str | None,
    port: str | None,
    image: str | None,
    data_dir: str | None,
    as_json: bool,
    **fields: int | str,
) -> None:
    """Run a waveform, show it live and record it.

    Contact is looked for first, at 8 uA; the ramp begins when both electrodes have touched without a gap. Ctrl-C ramps
    down first; a second Ctrl-C switches the output off at once.
    """
    from .. import treatment
    from ..connect import Wishes, chosen_port, client_on
    from ..interrupts import Interrupts
    from ..points import POINTS, crc_of, upload
    from ..records import Records
    from .progress import SessionProgress
    from .wave import WaveOptions

    points = table_of(shape, table)
    other = {"zone": zone or waveform.NO_ZONE, "area_mm2": area_mm2 or 0, "table_crc": crc_of(points) if points else 0}
    wave = treatment.checked_wave(WaveOptions(ctx, shape, fields).checked() | other)
    if points:
        wave[POINTS] = points
    wishes = Wishes(load, area_mm2, image, vcd, csv)
    with (
        Records(data_dir) as records,
        chosen_port(port, data_dir, say, wishes) as place,
        client_on(place.port) as client,
        Interrupts() as interrupts,
        SessionProgress() as progress,
    ):
        client.hello()
        if area_mm2 is None:
            wave["area_mm2"] = client.request("config")["set"]["area_mm2"]
        if place.sim:
            place.sim.put_load(None, wave["area_mm2"] or None)
        if interrupts.count:
            ctx.exit(INTERRUPTED_EXIT_CODE)
        if points:
            upload(client, points)
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
        )
        progress.end()
        if place.sim:
            export_trace(place.sim, wishes, begun_ns)
        report(treated, records, as_json)
    problem = treatment.verdict(treated)
    if problem is not None:
        raise problem
    if treated.outcome.interrupted:
        ctx.exit(INTERRUPTED_EXIT_CODE)


def table_of(shape: str, path: str | None) -> list[int]:
    """The points of `run table --table FILE`; none for every other waveform. Raises BadValueError."""
    from ..errors import BadValueError
    from ..points import read

    if shape == waveform.TABLE and path is None:
        raise BadValueError("a table has no points; nothing was sent; name a CSV file of one period: --table FILE")
    if shape != waveform.TABLE and path is not None:
        raise BadValueError(f"--table {path}: a {shape} has no table; nothing was sent; use: run table")
    return read(path) if path is not None else []


def export_trace(sim: "Sim", wishes: "Wishes", begun_ns: int) -> None:
    """Write the session's part of the virtual Pico's trace where it was asked for."""
    from ..virtual import written

    for kind, target in (("vcd", wishes.vcd), ("csv", wishes.csv)):
        if target:
            answer = sim.ask(do=kind, path=os.path.abspath(target), from_ns=begun_ns)
            say(written(target, begun_ns, answer["kept_from_ns"]))


def report(treated: "Treated", records: "Records", as_json: bool) -> None:
    """The final table, or everything as JSON."""
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
    print_table("", ("", "commanded", "delivered"), table_rows(treated.summary))
    click.echo(f"recorded as {treated.number[:8]} in {records.path}")
