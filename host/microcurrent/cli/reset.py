"""`microcurrent reset`: restarts the firmware."""

import click

from .options import data_dir_option, json_option, port_option, print_json, say


@click.command("reset")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Reset the board: output off, then a fresh start of the firmware.

    Works from a MicroPython prompt too, when the firmware is installed.
    """
    from ..connect import chosen_port
    from ..restart import restart

    with chosen_port(port, data_dir, say) as place:
        identity = restart(place.port)
    if as_json:
        print_json(identity)
        return
    click.echo(f"firmware {identity['firmware']} runs on {identity['board']}; output off")
