"""`microcurrent demo`: the whole chain in one command, on a virtual Pico."""

import itertools
import os
from pathlib import Path

import click

from ..errors import INTERRUPTED_EXIT_CODE
from . import complete
from .options import image_option, json_option, print_json, say

BUILD_ENV = "MICROCURRENT_BUILD"  # set by make; otherwise ./build


@click.command("demo")
@image_option
@json_option
@click.option(
    "--dir", "place", type=click.Path(file_okay=False, path_type=Path), help="Where everything is left [build/demo]."
)
@click.option(
    "--load",
    default="typical",
    show_default=True,
    shell_complete=complete.loads,
    help="What is between the electrodes.",
)
@click.pass_context
def command(ctx: click.Context, image: str | None, as_json: bool, place: Path | None, load: str) -> None:
    """Boot a virtual Pico, flash it with mpremote, commission its DAC, self-test it, declare an area, run 200 uA.

    Leaves a picture, a VCD and the session's record, and says where.
    """
    from ..bench.options import DEFAULT_BOARD
    from ..demo import STEPS, Show, demonstrate
    from ..figures import table_rows
    from ..treatment import Watcher, verdict
    from .progress import SessionProgress, UploadProgress, print_table

    target = place or Path(os.environ.get(BUILD_ENV, "build")) / "demo"
    number = itertools.count(1)
    with UploadProgress() as upload, SessionProgress() as progress:
        show = Show(
            step=lambda text: say(f"[{next(number)}/{STEPS}] {text}"),
            say=lambda text: say(f"      {text}"),
            upload=upload.show,
            session=Watcher(progress.row, progress.note),
        )
        done = demonstrate(target, load, image, show)
    if as_json:
        files = {name: str(path) for name, path in done.files.items()}
        print_json({"id": done.treated.number, "summary": done.treated.summary, "files": files})
    else:
        sample_us = done.treated.outcome.accepted.get("sample_us")
        print_table("", ("", "commanded", "delivered"), table_rows(done.treated.summary, DEFAULT_BOARD, sample_us))
        for name, path in done.files.items():
            click.echo(f"{name:8}  {path}")
    problem = verdict(done.treated)
    if problem is not None:
        raise problem
    if done.treated.outcome.interrupted:
        ctx.exit(INTERRUPTED_EXIT_CODE)
