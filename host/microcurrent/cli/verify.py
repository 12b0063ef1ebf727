"""`microcurrent verify`: are the board's files those of the build?"""

import click

from . import complete
from .options import data_dir_option, json_option, port_option, print_json, say


@click.command("verify")
@port_option
@data_dir_option
@json_option
@click.option(
    "--board", shell_complete=complete.boards, help="Which board to compare with [what the board says it is]."
)
def command(port: str | None, data_dir: str | None, as_json: bool, board: str | None) -> None:
    """Compare every file on the board with the build, by hash, and check the signature of its manifest.

    The firmware goes into maintenance for it (output off) and is started again; refused while a session runs.
    """
    from dataclasses import asdict

    from ..connect import chosen_port
    from ..flash import verify

    with chosen_port(port, data_dir, say) as place:
        found = verify(place.port, board)
    if as_json:
        print_json({"port": place.port, **asdict(found), "same": True})
        return
    click.echo(f"all {found.files} files on {place.port} are those of the build for {found.board}")
    click.echo(f"manifest: {found.signature}")
