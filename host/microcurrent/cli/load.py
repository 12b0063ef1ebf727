"""`microcurrent load`: what a running virtual Pico's electrodes are on; skin dries, contact is lost, gel is renewed."""

import click

from .. import quantities
from . import complete
from .options import Quantity, json_option, port_option, print_json


@click.command("load")
@click.argument("name", shell_complete=complete.loads)
@click.option("--area", type=Quantity(quantities.AREA, 10, 20000), help="Area of one electrode [as it is].")
@port_option
@json_option
def command(name: str, area: int | None, port: str | None, as_json: bool) -> None:
    """Change the load while the virtual Pico runs: good, typical, dry, open, short, 500R, 2k or 10k."""
    from ..bench.places import control_of
    from ..bench.process import ask
    from ..bench.skin import load_of
    from ..ports import choose

    load_of(name, area or 1000)  # an unknown name is refused here, as a wrong value
    changed = ask(str(control_of(choose(port))), do="load", name=name, area_mm2=area)
    if as_json:
        print_json(changed)
        return
    click.echo(f"load {changed['name']} under {changed['area_mm2'] / 100:g} cm2")
