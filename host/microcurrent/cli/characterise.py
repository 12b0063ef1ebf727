"""`microcurrent characterise`: a table at 500 ohm, 2 kohm and 10 kohm, measured, as HTML and Markdown."""

import sys
from typing import TYPE_CHECKING, Any

import click

from .. import quantities
from .options import Quantity, data_dir_option, json_option, port_option, print_json, say

if TYPE_CHECKING:
    from ..client import DeviceClient


@click.command("characterise")
@click.argument("shape", type=click.Choice(("square", "sine", "sawtooth", "ramped")), default="square")
@click.option("--amplitude", "amplitude_ua", type=Quantity(quantities.CURRENT, 50, 1000), help="[what is permitted]")
@click.option("--frequency", "frequency_mhz", type=Quantity(quantities.FREQUENCY, 2000, 1000000), default="10Hz",
              show_default=True, help="Cycles per second.")  # fmt: skip
@click.option(
    "--width", "width_us", type=Quantity(quantities.SHORT_TIME, 50, 250000), help="Length of a square's pulse."
)
@click.option("--duration", "duration_ms", type=Quantity(quantities.DURATION, 1000, 60000), default="3s",
              show_default=True, help="Time at each resistor.")  # fmt: skip
@click.option("--load", "loads", type=Quantity(quantities.RESISTANCE, 100, 100000), multiple=True,
              help="A resistor, may be given several times [500ohm, 2k, 10k].")  # fmt: skip
@click.option("--output", metavar="DIR", default="characterise", show_default=True, help="Where the files are written.")
@click.option("--yes", is_flag=True, help="Ask nothing: with one --load, which is connected.")
@port_option
@data_dir_option
@json_option
def command(
    shape: str,
    amplitude_ua: int | None,
    frequency_mhz: int,
    width_us: int | None,
    duration_ms: int,
    loads: tuple[int, ...],
    output: str,
    yes: bool,
    port: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Measure what an output does at known resistors: voltage, current, charge per pulse, densities, waveforms.

    No person may be connected. A virtual Pico gets each resistor by itself; else you are asked to connect it, and a
    wrong one is refused. Writes characterise.html (one file, works offline), .md, .json and the pictures.
    """
    from pathlib import Path

    from ..calibrate.loads import control_ask
    from ..characterise.measure import LOADS_OHM, Session
    from ..characterise.sheet import as_dict, sheet, write
    from ..connect import chosen_port, client_on
    from ..treatment import require_no_fault
    from ..virtual import require_writable

    ohms = loads or LOADS_OHM
    require_writable(output)
    with chosen_port(port, data_dir, say) as place, client_on(place.port) as client:
        client.hello()
        require_no_fault(client)
        wave = {"shape": shape, "frequency_mhz": frequency_mhz, "duration_ms": duration_ms + 1000, "ramp_ms": 500}
        wave |= {"width_us": width_us} if width_us else {}
        wave["amplitude_ua"] = amplitude_ua or _permitted(client, wave)
        sim = control_ask(place)
        session = Session(client, wave, sim)
        measured = []
        for ohm in ohms:
            _connect(sim, ohm, yes and len(ohms) == 1)
            say(f"{ohm} ohm: {wave['amplitude_ua']} uA for {duration_ms / 1000:g} s")
            measured.append(session.measure(ohm))
        area_mm2 = _area(client)
        content = sheet(measured, _wave_text(wave), _made(), area_mm2, _facts(client, area_mm2), _notices(client))
    files = write(content, measured, Path(output))
    if as_json:
        print_json(as_dict(content, measured) | {"files": [str(path) for path in files]})
        return
    _print(content)
    click.echo(f"written to {files[0]}, and beside it {', '.join(path.name for path in files[1:])}")


def _permitted(client: "DeviceClient", wave: dict[str, Any]) -> int:
    """The largest amplitude that the board permits this waveform, at most what its compliance leaves for 10 kohm."""
    from firmware.shared import limits, waveform

    checked, problem = waveform.check(wave | {"amplitude_ua": 1})
    if checked is None:
        from ..errors import BadValueError

        raise BadValueError(f"{problem}; nothing was sent; choose another waveform")
    settings = client.request("config")["set"]
    return max(1, limits.permitted(checked, settings, client.identity["hard_cap_ua"])[0])


def _connect(sim: Any, ohm: int, connected: bool) -> None:
    from ..calibrate.loads import put
    from ..errors import BadValueError

    if sim is not None:
        put(sim, ohm, 1)
        return
    if connected:
        return
    if not sys.stdin.isatty():
        raise BadValueError(
            f"somebody has to connect {ohm} ohm to the electrodes, and nobody can be asked here; no current has "
            f"flowed; connect it, and give --load {ohm}ohm --yes"
        )
    click.prompt(
        f"disconnect every person; connect {ohm} ohm to the electrodes of channel 1, then press Enter",
        default="",
        show_default=False,
        err=True,
    )


def _area(client: "DeviceClient") -> int:
    from firmware.shared import rules

    return client.request("config")["set"]["area_mm2"] or rules.TIP_MM2


def _facts(client: "DeviceClient", area_mm2: int) -> list[tuple[str, str]]:
    from .calibration_text import short

    identity = client.identity
    return [
        ("Board", f"{identity['board']} {identity['uid']}"),
        (
            "Firmware",
            f"{identity['firmware']} on MicroPython {identity['micropython']}, manifest {identity['manifest']}",
        ),
        ("Calibration", short(identity.get("calibration"))),
        ("Electrode area", f"{area_mm2 / 100:g} cm2, the smaller one, as declared"),
    ]


def _notices(client: "DeviceClient") -> list[str]:
    from ..calibrate.age import expired

    has = client.identity.get("calibration")
    if not has:
        return ["The board is not calibrated: currents are those of the design, off by up to 36 uA at 600 uA."]
    return ["The calibration is older than a year."] if expired(has[1]) else []


def _wave_text(wave: dict[str, Any]) -> str:
    text = f"{wave['shape']}, {wave['amplitude_ua']} uA, {quantities.show(wave['frequency_mhz'], quantities.FREQUENCY)}"
    width_us = wave.get("width_us")
    return text + (f", pulses of {quantities.show(width_us, quantities.SHORT_TIME)}" if width_us else "")


def _made() -> str:
    import time

    from .. import __version__

    return f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, microcurrent {__version__}"


def _print(content: Any) -> None:
    from .progress import print_table

    rows: list[tuple[str, ...]] = [(row.name, *row.values, row.unit) for row in content.rows]
    print_table("", ("", *content.loads, "unit"), rows)
    for notice in content.notices:
        click.echo(notice)
