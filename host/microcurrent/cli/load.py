"""`microcurrent load`: what a running virtual Pico's electrodes are on; skin dries, contact is lost, gel is renewed."""

import click

from .. import quantities
from . import complete
from .options import Quantity, json_option, port_option, print_json


@click.command("load")
@click.argument("name", shell_complete=complete.loads)
@click.option("--area", type=Quantity(quantities.AREA, 10, 20000), help="Area of one electrode [as it is].")
@click.option("--channel", type=click.IntRange(1, 2), default=1, help="Which output of a board with two [1].")
@port_option
@json_option
def command(name: str, area: int | None, channel: int, port: str | None, as_json: bool) -> None:
    """Change the load while the virtual Pico runs: good, typical, dry, open, short, 500R, 1k, 2k, 4k7 or 10k."""
    from ..bench.places import control_of
    from ..bench.process import ask
    from ..bench.skin import load_of
    from ..ports import choose

    load_of(name, area or 1000)  # an unknown name is refused here, as a wrong value
    changed = ask(str(control_of(choose(port))), do="load", name=name, area_mm2=area, channel=channel)
    if as_json:
        print_json(changed)
        return
    which = "channel 2: " if channel == 2 else ""
    click.echo(f"{which}load {changed['name']} under {changed['area_mm2'] / 100:g} cm2")
