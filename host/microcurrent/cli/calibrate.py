"""`microcurrent calibrate`: guided, against a bench meter or a known resistor."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .. import quantities
from .options import Quantity, data_dir_option, json_option, port_option, print_json, say

if TYPE_CHECKING:
    from ..calibrate.meters import Meter
    from ..calibrate.procedure import Channel, Done, Procedure
    from ..client import DeviceClient
    from ..connect import Place


@click.command("calibrate")
@click.option(
    "--meter",
    "address",
    metavar="METER",
    default="typed",
    show_default=True,
    help="typed; sim, a virtual Pico's own; or a VISA address such as TCPIP::192.168.1.5::5025::SOCKET.",
)
@click.option(
    "--measures",
    type=click.Choice(("current", "voltage")),
    default="current",
    show_default=True,
    help="Whether the meter stands in series, or across the resistor.",
)
@click.option("--query", metavar="TEXT", help="What to ask a SCPI meter [MEAS:CURR:DC? or MEAS:VOLT:DC?].")
@click.option(
    "--resistor",
    "ohm",
    type=Quantity(quantities.RESISTANCE, 500, 20000),
    default="4.7k",
    show_default=True,
    help="The resistor between the electrodes; as exact as you know it where its voltage is measured.",
)
@click.option("--readings", metavar="FILE", help="Typed readings from a file, one number per line, in order.")
@click.option("--internal", is_flag=True, help="Only what the board measures by itself, on its dummy load.")
@click.option("--show", is_flag=True, help="Show the calibration that the board has, and end.")
@click.option("--erase", is_flag=True, help="Erase it: the design's numbers hold again.")
@click.option("--yes", is_flag=True, help="The resistor is connected; ask nothing.")
@port_option
@data_dir_option
@json_option
def command(
    address: str,
    measures: str,
    query: str | None,
    ohm: int,
    readings: str | None,
    internal: bool,
    show: bool,
    erase: bool,
    yes: bool,
    port: str | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Measure offset, gain and ADC steps of every output and sense, store them on the board, and verify them.

    \b
    1  the board drives its internal dummy load: zero, the ADC's steps, the output as its sense sees it
    2  slow sessions into a known resistor, with a meter in series or across it: what truly flows
    3  the constants are judged, stored and proven by the board's self-test
    4  two other amplitudes must lie within 2 uA and 1 % of what was asked for

    No person may be connected. A calibration is good for a year.
    """
    from ..connect import chosen_port, client_on
    from ..errors import BadValueError

    if sum((internal, show, erase)) > 1:
        raise BadValueError("--internal, --show and --erase exclude each other; nothing was sent; give one of them")
    with chosen_port(port, data_dir, say) as place, client_on(place.port) as client:
        client.hello()
        if show or erase:
            _show(client, erase, as_json)
            return
        answer = _asker(readings)
        done = _calibrated(client, place, _Wanted(address, measures, query, ohm, internal, yes, answer))
    if as_json:
        print_json(_as_dict(done))
    else:
        _print(done, client.identity["board"])


class _Wanted:
    """What was asked for."""

    def __init__(
        self, address: str, measures: str, query: str | None, ohm: int, internal: bool, yes: bool,
        answer: Callable[[str], str],
    ) -> None:  # fmt: skip
        self.address, self.measures, self.query, self.ohm = address, measures, query, ohm
        self.internal, self.yes, self.answer = internal, yes, answer


def _asker(readings: str | None) -> Callable[[str], str]:
    if readings is not None:
        from ..calibrate.meters import from_file

        return from_file(readings)
    return lambda question: click.prompt(question, err=True)


def _show(client: "DeviceClient", erase: bool, as_json: bool) -> None:
    found = client.request("calibration", {"erase": True} if erase else {})
    if as_json:
        print_json(found)
        return
    from .calibration_text import constants_rows, described

    click.echo(described(found))
    if found["calibration"]:
        from .progress import print_table

        print_table("", ("channel", "constant", "value", "meaning"), constants_rows(found["calibration"]))


def _calibrated(client: "DeviceClient", place: "Place", wanted: _Wanted) -> "Done":
    from ..build import board_constants
    from ..calibrate.procedure import INTERNAL, Done, Procedure

    procedure = Procedure(client, board_constants(client.identity["board"]), say)
    channels = procedure.internal()
    stored = False
    try:
        stored = True
        told = procedure.store(channels, INTERNAL)
        if not wanted.internal:
            told = _outside(procedure, channels, place, wanted)
    except BaseException:
        if stored:
            procedure.restore()
        raise
    return Done(told, channels)


def _outside(procedure: "Procedure", channels: list["Channel"], place: "Place", wanted: _Wanted) -> dict:
    """Every channel against the reference, then all of them stored and verified."""
    reference = ""
    for channel in channels:
        with _meter(place, wanted, channel.number) as meter:
            procedure.external(channel, meter, wanted.ohm)
            reference = meter.name
    told = procedure.store(channels, reference)
    for channel in channels:
        with _meter(place, wanted, channel.number, again=len(channels) > 1) as meter:
            procedure.verify(channel, meter, wanted.ohm)
    return told


class _meter:
    """The meter of a channel, with the resistor connected."""

    def __init__(self, place: "Place", wanted: _Wanted, channel: int, again: bool = True) -> None:
        from ..calibrate.loads import control_ask, put
        from ..calibrate.opened import opened

        sim = control_ask(place)
        if sim is not None:
            for number in (1, channel) if channel > 1 else (1,):
                put(sim, wanted.ohm, number)
        elif again and not wanted.yes:
            _connect(wanted, channel)
        self._meter = opened(
            wanted.address, wanted.measures, wanted.ohm, channel, ask=wanted.answer, sim=sim, query=wanted.query
        )

    def __enter__(self) -> "Meter":
        return self._meter

    def __exit__(self, *_exc: object) -> None:
        self._meter.close()


def _connect(wanted: _Wanted, channel: int) -> None:
    """Ask a person to connect the resistor. Raises BadValueError where nobody can be asked."""
    from ..errors import BadValueError

    if not sys.stdin.isatty():
        raise BadValueError(
            f"somebody has to connect {wanted.ohm} ohm to the electrodes of channel {channel}, and nobody can be asked "
            f"here; no current has flowed outside of the board; connect it, and give --yes"
        )
    where = "in series with it, its range 1 mA or above" if wanted.measures == "current" else "across it, range 10 V"
    both = " (and another one on channel 1, which plays 10 uA meanwhile)" if channel > 1 else ""
    say(
        f"disconnect every person; connect {wanted.ohm} ohm to the electrodes of channel {channel}{both}, the meter "
        f"{where}"
    )
    if wanted.address == "typed":
        say("each amplitude flows for some phases of 5 s: have the meter hold MIN and MAX, they are asked afterwards")
    click.prompt("press Enter when it is connected", default="", show_default=False, err=True)


def _as_dict(done: "Done") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "calibration": done.calibration,
        "channels": [
            {**asdict(each), "verified": [{**asdict(point), "good": point.good} for point in each.checked]}
            for each in done.channels
        ],
    }


def _print(done: "Done", board: str) -> None:
    from ..build import board_constants
    from .calibration_text import constants_rows, described, fit_rows, verify_rows
    from .progress import print_table

    print_table("", ("channel", "constant", "value", "meaning"), constants_rows(done.calibration))
    for channel in done.channels:
        if channel.fitted:
            click.echo("")
            print_table(
                f"channel {channel.number}: the points, and how far they lie beside the line",
                ("asked", "delivered", "told", "output", "sense", "impedance"),
                fit_rows(channel),
            )
            click.echo("")
            print_table(
                f"channel {channel.number}: delivered and told, before (computed from the constants) and after "
                "(measured)",
                ("asked", "before", "told before", "after", "told after", "permitted", ""),
                verify_rows(channel, board_constants(board)),
            )
    click.echo("")
    click.echo(described({"calibration": done.calibration, "problem": None}))
