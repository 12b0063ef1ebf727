"""`microcurrent skip`: the next step of the programme that runs; from any terminal."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("skip")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Ramp this step down and go on with the next one. Works while another terminal runs the treatment."""
    with device(port, shared=True, data_dir=data_dir) as board:
        told = board.request("skip")
    if as_json:
        print_json(told)
        return
    click.echo(f"step {told['step']} of {told['steps']} of {told['name']} is skipped")
