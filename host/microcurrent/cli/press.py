"""`microcurrent press`: a running virtual Pico's button, which confirms what a host alone may not change."""

import time

import click

from .. import quantities
from .options import Quantity, json_option, port_option, print_json

LOOK_S = 0.02  # ours: how often we look whether it was released


@click.command("press")
@click.option(
    "--for",
    "hold_ms",
    type=Quantity(quantities.DURATION, 1, 60_000),
    default="1.5s",
    show_default=True,
    help="How long to hold it, in the virtual Pico's own time.",
)
@port_option
@json_option
def command(hold_ms: int, port: str | None, as_json: bool) -> None:
    """Hold the virtual Pico's button for a while. A confirmation takes a second; a real board has a button of its own.

    Ends when the button is released; Ctrl-C does not release it earlier.
    """
    from ..bench.process import ask
    from ..ports import choose

    control = _control_of(choose(port))
    pressed = ask(control, do="button", ms=hold_ms)
    while ask(control, do="time")["now_ns"] < pressed["until_ns"]:
        time.sleep(LOOK_S)
    if as_json:
        print_json({"held_ms": hold_ms, "released_ns": pressed["until_ns"]})
        return
    click.echo(f"button held for {quantities.show(hold_ms, quantities.DURATION)}")


def _control_of(port: str) -> str:
    from ..bench.places import control_of
    from ..errors import NoBoardError

    try:
        return str(control_of(port))
    except NoBoardError:
        raise NoBoardError(
            f"{port} is no running virtual Pico; nothing was pressed; hold the button of that board by hand, or start "
            f"a virtual one with: microcurrent sim"
        ) from None
