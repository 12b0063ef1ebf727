"""`microcurrent flash`: the firmware onto a board."""

import click

from . import complete
from .options import at_port, data_dir_option, json_option, port_option, print_json, say
from .progress import UploadProgress


@click.command("flash")
@port_option
@data_dir_option
@json_option
@click.option(
    "--board",
    shell_complete=complete.boards,
    help="Which board the firmware is built for.  [default: what it runs, else rp2040_pico]",
)
@click.option("--force", is_flag=True, help="Upload every file, changed or not.")
def command(port: str | None, data_dir: str | None, as_json: bool, board: str | None, force: bool) -> None:
    """Put the firmware on a board: upload what changed with mpremote, verify by hash, start it."""
    from dataclasses import asdict

    from ..connect import chosen_port
    from ..flash import flash

    with chosen_port(port, data_dir, say) as place, UploadProgress() as progress:
        done = flash(place.port, board, force=force, say=say, progress=progress.show)
    if as_json:
        print_json(asdict(done))
        return
    removed = f", {len(done.removed)} stale removed" if done.removed else ""
    click.echo(
        f"{done.board} on {done.port}: {len(done.uploaded)} files uploaded, {done.unchanged} unchanged{removed}; "
        f"all verified by hash (manifest {done.manifest})"
    )
    click.echo(f"firmware {done.identity['firmware']} runs on MicroPython {done.micropython}")
    if not done.identity["commissioned"]:
        click.echo(
            at_port("the DAC is not commissioned yet; next, with no electrodes connected: microcurrent commission")
        )
