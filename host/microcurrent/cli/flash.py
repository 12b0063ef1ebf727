"""`microcurrent flash`: the firmware onto a board."""

from pathlib import Path

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
@click.option(
    "--allow-downgrade", is_flag=True, help="Also upload a build that is older than what has run on the board."
)
@click.option(
    "--production",
    metavar="IMAGE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an image with the firmware inside instead: a .uf2 for an RP2040, a .bin for an ESP32.",
)
@click.option(
    "--drive",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="With --production: the drive of the board that waits for an image.  [default: the only one mounted]",
)
def command(
    port: str | None,
    data_dir: str | None,
    as_json: bool,
    board: str | None,
    force: bool,
    allow_downgrade: bool,
    production: Path | None,
    drive: Path | None,
) -> None:
    """Put the firmware on a board: upload what changed with mpremote, verify by hash, start it.

    The files wait on the board until all are there; whenever the upload is cut short, the firmware that was there
    stays, and the next upload goes on. It is signed if you have a key (see: microcurrent keys).

    With --production: copy an image to the board's drive (hold BOOTSEL while you plug it in; or name the port of a
    running board, which then shows its drive by itself), and wait until the board says that it runs it.
    """
    from dataclasses import asdict

    if production:
        if force or allow_downgrade:
            raise click.UsageError("--force and --allow-downgrade are for uploads: an image is always written whole")
        _production(production, port, drive, board, as_json)
        return
    if drive:
        raise click.UsageError("--drive is for an image: give --production IMAGE too")

    from ..connect import chosen_port
    from ..flash import flash

    with chosen_port(port, data_dir, say) as place, UploadProgress() as progress:
        done = flash(place.port, board, force=force, allow_downgrade=allow_downgrade, say=say, progress=progress.show)
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


def _production(image: Path, port: str | None, drive: Path | None, board: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from ..flash_production import flash_production

    with UploadProgress() as progress:
        done = flash_production(image, port=port, drive=drive, board=board, say=say, progress=progress.show)
    if as_json:
        print_json(asdict(done))
        return
    click.echo(
        f"{done.board} on {done.port} runs {image} (manifest {done.manifest}), firmware {done.identity['firmware']}; "
        f"settings, calibration, journal and programmes are as they were"
    )
