"""`microcurrent resume`: goes on with a paused session, from any terminal."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("resume")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Go on with the paused session: contact is looked for again, then the current ramps up.

    Works while another terminal runs it.
    """
    with device(port, shared=True, data_dir=data_dir) as board:
        done = board.request("resume")
    if as_json:
        print_json(done)
        return
    click.echo(f"state {done['state']}")
