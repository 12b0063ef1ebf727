"""The value of --channel2: a second channel's waveform, in the words that describe the first one."""

import contextlib
import shlex
from collections.abc import Iterator
from typing import Any

import click

from firmware.shared import waveform

from .. import quantities
from ..errors import BadValueError
from ..points import POINTS
from ..report import FREE
from ..treatment import OF_THE_SESSION, checked_second
from .options import Quantity
from .sections import SectionedCommand
from .wave import wave_of
from .wave_options import place_options, second_wave_options


class Phase(Quantity):
    """Degrees of a cycle; their unit may be left away."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Text to degrees."""
        typed = str(value).strip()
        return super().convert(f"{typed}deg" if typed.lstrip("+-").isdecimal() else value, param, ctx)


@click.command("--channel2", cls=SectionedCommand)
@click.argument("shape", metavar="WAVEFORM", type=click.Choice(waveform.SHAPES))
@second_wave_options(amplitude="100uA")
@place_options
@click.option(
    "--phase",
    "phase_deg",
    type=Phase(quantities.ANGLE, 0, 359),
    help="Lock it to the first channel: where its cycle stands when the first one's begins.",
)
def _grammar() -> None:
    """The second output's waveform, as one quoted text. Time, ramp and sample period are the session's."""
    # never invoked: it takes the value apart


def second_of(text: str, wave: dict[str, Any]) -> dict[str, Any]:
    """The second channel's waveform, in a session of `wave`. Raises BadValueError, click.UsageError."""
    with _named():
        if not text.strip():
            raise BadValueError(f"it is empty; nothing was sent; {_EXAMPLE}")
        ctx = _grammar.make_context("--channel2", _split(text))
        found = dict(ctx.params)
        phase_deg = found.pop("phase_deg")
        second = wave_of(ctx, **found, **{name: wave[name] for name in OF_THE_SESSION})
        points = second.pop(POINTS, None)
        if points and wave["table_crc"] not in (0, second["table_crc"]):
            raise BadValueError(
                f"--table {found['table']}: the board holds one table, and the first channel's is another; nothing "
                f"was sent; give both the same file"
            )
        checked = checked_second(second | {"phase_deg": FREE if phase_deg is None else phase_deg}, wave)
    return checked | {POINTS: points} if points else checked


_EXAMPLE = "name a waveform and its options, as in --channel2 'sine --frequency 40Hz --amplitude 50uA'"


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadValueError(f"{error}: {text}; nothing was sent; close the quotation") from None


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Say of every error within that it is in --channel2."""
    try:
        yield
    except click.UsageError as error:
        raise click.UsageError(f"in --channel2: {error.format_message()}", click.get_current_context()) from None
    except BadValueError as error:
        raise BadValueError(f"in --channel2: {error}") from None
