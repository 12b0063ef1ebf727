"""`microcurrent sim`: a virtual Pico to play with."""

import json

import click

from .. import quantities
from . import complete
from .options import Quantity, image_option, json_option, say


@click.command("sim")
@image_option
@json_option
@click.option(
    "--board",
    shell_complete=complete.boards,
    help="As which board it is wired; rp2040_pico_dual has two outputs.  [default: what DIR holds, else rp2040_pico]",
)
@click.option(
    "--load",
    default="typical",
    show_default=True,
    shell_complete=complete.loads,
    help="What is between the electrodes: good, typical, dry, open, short, or a bench resistor.",
)
@click.option(
    "--load2", shell_complete=complete.loads, help="What is between the electrodes of a second output [the same]."
)
@click.option(
    "--area",
    "area_mm2",
    type=Quantity(quantities.AREA, 10, 20000),
    default="10cm2",
    show_default=True,
    help="Area of one electrode.",
)
@click.option("--state", metavar="DIR", help="Keep flash and DAC EEPROMs in DIR [a new board each time].")
@click.option("--name", help="Name of the port [the process id].")
@click.option("--blank", is_flag=True, help="Do not install the firmware: a board as it comes from the shop.")
@click.option(
    "--free-running",
    is_flag=True,
    help="As fast as it can instead of real time; leases then expire between two commands.",
)
@click.option("--vcd", metavar="FILE", help="Write its trace as VCD when it ends.")
@click.option("--csv", metavar="FILE", help="Write its trace as CSV when it ends.")
def command(
    image: str | None,
    as_json: bool,
    board: str | None,
    load: str,
    load2: str | None,
    area_mm2: int,
    state: str | None,
    name: str | None,
    blank: bool,
    free_running: bool,
    vcd: str | None,
    csv: str | None,
) -> None:
    """Run a virtual Pico behind a pseudo-terminal until Ctrl-C; print its port.

    Other commands find it by themselves, or by --port. It runs from a battery, its data line isolated: no USB cable
    supplies it. Its button is: microcurrent press. --json prints port, control socket and pid as one line. A trace
    holds at least the last two and a half minutes of output, of two outputs half of that; while it is written, Ctrl-C
    gives it up.
    """
    import tempfile
    from pathlib import Path

    from ..bench.boards import emulated_board
    from ..bench.options import BOOT_MS, DEFAULT_BOARD, ServerOptions
    from ..bench.server import run_server
    from ..image.resolver import resolve_image
    from ..virtual import board_in, board_of, install, require_writable, written

    def announce(ready: dict[str, object]) -> None:
        if as_json:
            click.echo(json.dumps(ready))
            return
        click.echo(f"virtual Pico on {ready['port']}\ncontrol socket {ready['control']}\nCtrl-C ends it")

    for target in (vcd, csv):
        require_writable(target)
    if board:
        emulated_board(board)  # an unknown one is refused before an image is obtained
    found = resolve_image(image, say)
    wired = emulated_board(board or board_of(found) or (board_in(Path(state)) if state else DEFAULT_BOARD)).BOARD
    with tempfile.TemporaryDirectory(prefix="microcurrent-sim-") as fresh:
        place = state or fresh
        if not blank:
            install(found, Path(place), board=wired)
        options = ServerOptions(
            str(found.path),
            load=load,
            area_mm2=area_mm2,
            state=place,
            name=name,
            free_running=free_running,
            boot_ms=0 if blank else BOOT_MS,
            board=wired,
            load2=load2,
        )
        pico = run_server(options, announce)
    for target, write in ((vcd, pico.write_vcd), (csv, pico.write_csv)):
        if target:
            say(f"writing {target}")
            write(Path(target))
            say(written(target, 0, pico.trace.begin_ns))
