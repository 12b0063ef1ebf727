"""`microcurrent threshold`: from which current on a person feels something, at one place."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from firmware.shared import sites, waveform

from .. import quantities
from .options import data_dir_option, image_option, json_option, port_option, print_json, say
from .screening import subject_option
from .wave_options import ranged

if TYPE_CHECKING:
    from ..client import DeviceClient
    from ..records import Records
    from ..staircase import Staircase
    from ..virtual import Sim

LONGEST_MS = 600_000  # ours: ten minutes; a staircase takes two or three


@click.command("threshold")
@subject_option
@click.option("--site", type=click.Choice(sites.SITES), required=True, help="Where the electrodes are.")
@click.option("--side", type=click.Choice(sites.SIDES), default="middle", show_default=True, help="On which side.")
@click.option(
    "--frequency", "frequency_mhz", type=ranged("frequency_mhz", quantities.FREQUENCY), default="10Hz",
    show_default=True, help="Cycles per second: feel depends on it.",
)  # fmt: skip
@click.option(
    "--shape", type=click.Choice(waveform.SHAPES[:-1]), default=waveform.SQUARE, show_default=True,
    help="Waveform: a square is felt first.",
)  # fmt: skip
@click.option(
    "--screening", "screening_file", type=click.Path(dir_okay=False, path_type=Path),
    help="Answers of a file instead of questions.",
)  # fmt: skip
@click.option("--load", help="What a virtual Pico drives: good, typical, dry, ...")
@port_option
@image_option
@data_dir_option
@json_option
def command(
    subject: str,
    site: str,
    side: str,
    frequency_mhz: int,
    shape: str,
    screening_file: Path | None,
    load: str | None,
    port: str | None,
    image: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Find the level from which the current is felt, by an ascending-descending staircase, and keep it.

    Press the space bar or the board's button whenever anything is felt: the current is off with the next sample and
    comes back lower. Programmes stay at or below 80 % of the result at this site and side.
    """
    from .. import personal_thresholds
    from ..connect import Wishes, chosen_port, client_on
    from ..record_writer import now_utc
    from ..records import Records
    from ..treatment import require_no_fault

    wave = {"shape": shape, "frequency_mhz": frequency_mhz, "duration_ms": LONGEST_MS, "ramp_ms": 500,
            "zone": sites.zone_of(site)}  # fmt: skip
    with Records(data_dir) as records:
        screened = _screened(records, subject, site, screening_file)
        with (
            chosen_port(port, data_dir, say, Wishes(load=load, image=image)) as place,
            client_on(place.port) as client,
        ):
            client.hello()
            require_no_fault(client)
            longest_ms = client.request("config")["set"]["session_max_ms"]
            wave["duration_ms"] = min(LONGEST_MS, longest_ms)
            stairs = measure(client, records, wave, subject, screened, place.sim)
        kept = personal_thresholds.store(
            records, subject, site, side, stairs.threshold_ua, {"wave": wave, **stairs.as_detail()}, now_utc()
        )
    if as_json:
        print_json({"id": kept, "threshold_ua": stairs.threshold_ua, **stairs.as_detail()})
        return
    how = "felt from" if stairs.ever_felt else "nothing was felt up to"
    click.echo(
        f"{subject}, {side} {site}: {how} {stairs.threshold_ua} uA; programmes stay at or below "
        f"{stairs.threshold_ua * 80 // 100} uA there (kept as {kept[:8]})"
    )


def _screened(records: "Records", subject: str, site: str, screening_file: Path | None) -> dict:
    """The screening that permits it. Raises RefusedError."""
    import sys

    from .. import screening
    from ..record_writer import now_utc
    from .screening import asker, changed

    at_terminal = sys.stdin.isatty()
    return screening.require(
        records,
        subject,
        file=screening_file,
        interactive=asker() if at_terminal else None,
        sites=(site,),
        now_utc=now_utc(),
        changed=changed if at_terminal else None,
    )


def measure(
    client: "DeviceClient", records: "Records", wave: dict, subject: str, screened: dict, sim: "Sim | None"
) -> "Staircase":
    """Run the staircase, recorded as a session. Raises what ends it without a result."""
    from .. import treatment
    from ..interrupts import Interrupts
    from ..keys import Keys
    from ..live import LiveSession, recorded
    from ..share import ShareServer
    from ..threshold_finder import ThresholdFinder

    checked = treatment.checked_wave(wave | {"amplitude_ua": 1})
    record = records.begin(checked, client.identity, port=client.port, image=sim.image if sim else None,
                           load=sim.load if sim else None, subject=subject, screening=screened)  # fmt: skip
    live = LiveSession(client, record)
    finder = ThresholdFinder(live, client.transport.now, say)
    with Interrupts() as interrupts, Keys() as keys, ShareServer(client) as share, recorded(live, record, checked):
        finder.begin(wave)
        while finder.tick():
            share.serve()
            if any(key in keys.read() for key in " \r\n"):
                finder.press()
            if interrupts.count:
                live.stop(now=interrupts.count > 1)
    return finder.stairs
