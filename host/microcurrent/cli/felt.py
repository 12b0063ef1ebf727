"""`microcurrent felt`: somebody feels the current; from any terminal."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("felt")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Step down: the current is off with the next sample, and comes back in a ramp to four fifths of what it was.

    Works while another terminal runs the session, and holds for all steps of a programme that follow.
    """
    with device(port, shared=True, data_dir=data_dir) as board:
        done = board.request("felt", {"by": "command"})
    if as_json:
        print_json(done)
        return
    click.echo(f"stepped down to {' and '.join(f'{value} uA' for value in done['amplitude_ua'])}")
