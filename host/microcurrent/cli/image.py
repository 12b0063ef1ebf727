"""`microcurrent image`: which MicroPython image is used, obtained when it is not there yet."""

import click

from .options import image_option, json_option, print_json, say


@click.command("image")
@image_option
@json_option
def command(image: str | None, as_json: bool) -> None:
    """Obtain and check the MicroPython image; show its path, version, sha256 and origin."""
    from ..image import cache, resolver

    found = resolver.resolve_image(image, say)
    if as_json:
        print_json(cache.as_text(found))
        return
    for name, value in cache.as_text(found).items():
        click.echo(f"{name:13} {value}")
