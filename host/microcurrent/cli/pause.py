"""`microcurrent pause`: holds the running session, from any terminal."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("pause")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Ramp the running session down and keep it; `microcurrent resume` goes on with what is left of it.

    Works while another terminal runs it. A pause longer than 5 min ends the session.
    """
    with device(port, shared=True, data_dir=data_dir) as board:
        done = board.request("pause")
    if as_json:
        print_json(done)
        return
    click.echo(f"state {done['state']}")
