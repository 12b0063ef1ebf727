"""`microcurrent stop`: ends the session, from any terminal."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("stop")
@port_option
@data_dir_option
@json_option
@click.option("--now", is_flag=True, help="Open the output gate at once instead of ramping down.")
def command(port: str | None, data_dir: str | None, as_json: bool, now: bool) -> None:
    """Ramp the running session down. Works while another terminal runs it."""
    with device(port, shared=True, data_dir=data_dir) as board:
        done = board.request("stop", {"now": True} if now else {})
    if as_json:
        print_json(done)
        return
    click.echo(f"state {done['state']}")
