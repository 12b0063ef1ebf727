"""`microcurrent devices`: what could be a board."""

import click

from .options import json_option, print_json


@click.command("devices")
@json_option
def command(as_json: bool) -> None:
    """List the boards that are connected, and virtual ones that run."""
    from dataclasses import asdict

    from .. import ports

    boards = ports.find_boards()
    if as_json:
        print_json([asdict(board) for board in boards])
        return
    for board in boards:
        click.echo(f"{board.port}  {board.kind}  {board.serial}".rstrip())
    if not boards:
        click.echo("no boards found; plug one in, or use a virtual one with: --port sim")
