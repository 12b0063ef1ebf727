"""`microcurrent contact`: how the electrodes touch, until it is good."""

import sys

import click

from .options import data_dir_option, image_option, port_option, say


@click.command("contact")
@click.option(
    "--channels", type=click.IntRange(1, 2), default=1, show_default=True, help="How many outputs to look at."
)
@click.option("--load", help="What a virtual Pico drives: good, typical, dry, ...")
@port_option
@image_option
@data_dir_option
def command(channels: int, load: str | None, port: str | None, image: str | None, data_dir: str | None) -> None:
    """Show contact and impedance live, at 8 uA and never more, and what to do, until it is good and stays so.

    Ends after three minutes at the latest (exit code 6 without good contact); Ctrl-C ends it at once.
    """
    from ..coach import coach
    from ..connect import Wishes, chosen_port, client_on
    from ..interrupts import Interrupts
    from ..treatment import require_no_fault, require_second

    wishes = Wishes(load=load, image=image, channels=channels)
    with chosen_port(port, data_dir, say, wishes) as place, client_on(place.port) as client, Interrupts() as interrupts:
        client.hello()
        if channels > 1:
            require_second(client.identity)
        require_no_fault(client)
        coach(client, channels, ContactLine().show, lambda: interrupts.count > 0)
    click.echo("contact is good")


class ContactLine:
    """One line that is drawn anew on a terminal; elsewhere a line when the words change."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, text: str, _row: dict[str, int]) -> None:
        """The words of the newest row."""
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[Kcontact: {text}", err=True, nl=False)
            self._shown = text
            return
        words = text.split(", ")[-1]
        if words != self._shown:
            self._shown = words
            say(f"contact: {text}")

    def end(self) -> None:
        """Leave the line as it stands."""
        if self._shown and sys.stderr.isatty():
            click.echo(err=True)
