"""`microcurrent image`: which MicroPython image is used, obtained when it is not there yet; and production images."""

from pathlib import Path

import click

from . import complete
from .options import image_option, json_option, print_json, say


@click.command("image")
@image_option
@json_option
@click.option("--production", is_flag=True, help="Build the image with our firmware frozen into it instead.")
@click.option("--board", shell_complete=complete.boards, help="Which board it is for.  [default: rp2040_pico]")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Copy it to FILE too.")
def command(image: str | None, as_json: bool, production: bool, board: str | None, output: Path | None) -> None:
    """Obtain and check the MicroPython image; show its path, version, sha256 and origin.

    With --production: MicroPython with the firmware frozen into it, always built here (a minute, later seconds), from
    Debian's source packages; the same sources give the same bytes. Put it on a board with: flash --production FILE.
    """
    from ..image import cache, resolver

    if production:
        if image:
            raise click.UsageError("--image names an image that is there; --production builds one: give one of them")
        _show(_production(board or "rp2040_pico", output), as_json)
        return
    if board or output:
        raise click.UsageError("--board and --output are for an image that is built: give --production too")
    _show(cache.as_text(resolver.resolve_image(image, say)), as_json)


def _production(board: str, output: Path | None) -> dict[str, str]:
    from ..image.cache import sha256_of
    from ..image.production import copied, production_image

    place, found = production_image(board, say)
    if output:
        place = copied(place, output)
    return {
        "path": str(place),
        "board": found.board,
        "firmware": found.firmware,
        "manifest": found.manifest,
        "version": found.micropython,
        "sha256": sha256_of(place),
    }


def _show(found: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        click.echo(f"{name:13} {value}")
