"""Options and small helpers that several commands share."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from .. import quantities
from ..quantities import Kind
from . import complete

F = TypeVar("F", bound=Callable[..., Any])
_TYPED_PORT = "microcurrent.port"  # key of click's own notes, which a command shares with its group


class Quantity(click.ParamType):
    """A number with a unit, as whole base units. `low`, `high`: inclusive range in base units."""

    def __init__(self, kind: Kind, low: int | None = None, high: int | None = None) -> None:
        self.kind = kind
        self.low = low
        self.high = high
        self.name = kind.name

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Its units, in the help."""
        return "|".join(unit for unit, _scale in self.kind.units if unit.isascii())

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Text to base units; an int is taken as it is (defaults)."""
        if isinstance(value, int):
            return value
        try:
            return quantities.parse(str(value), self.kind, self.low, self.high)
        except quantities.QuantityError as error:
            self.fail(error.args[0], param, ctx)


def port_option(function: F) -> F:
    """--port NAME. What was typed is kept for messages; the name of a running virtual Pico becomes its port."""
    return click.option(
        "--port",
        metavar="NAME",
        callback=_named_port,
        shell_complete=complete.ports,
        help="Serial port, the name of a running virtual Pico, or 'sim' for one of this command's own "
        "[MICROCURRENT_PORT, or the only board found].",
    )(function)


def _named_port(ctx: click.Context, _param: click.Parameter, typed: str | None) -> str | None:
    if typed is None:
        return None
    ctx.meta[_TYPED_PORT] = typed
    from .. import ports

    return ports.named(typed)


def typed_port(ctx: click.Context) -> str | None:
    """The port as the user named it, None when it was left to the environment or to the only board.

    'sim' counts from the environment too: what the library names instead is gone when the command ends.
    """
    from ..ports import PORT_ENV, SIM

    return ctx.meta.get(_TYPED_PORT) or (SIM if os.environ.get(PORT_ENV) == SIM else None)


def at_port(text: str) -> str:
    """A message with that port in every command which it recommends."""
    from ..remedies import with_port

    return with_port(text, typed_port(click.get_current_context()))


def json_option(function: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def data_dir_option(function: F) -> F:
    """--data-dir DIR."""
    return click.option(
        "--data-dir",
        metavar="DIR",
        help="Where records are kept [MICROCURRENT_DATA_DIR, or the platform's data directory].",
    )(function)


def image_option(function: F) -> F:
    """--image FILE."""
    return click.option(
        "--image",
        metavar="FILE",
        help="MicroPython image to boot [MICROCURRENT_IMAGE, the cache, a download, or a build].",
    )(function)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2))


def say(text: str) -> None:
    """A progress line on stderr, so that stdout stays the answer."""
    click.echo(text, err=True)


@contextmanager
def device(port: str | None, *, shared: bool = False, data_dir: str | None = None) -> Iterator[Any]:
    """The checked device of a command. With `shared`, a port held by another microcurrent is reached through it."""
    from ..connect import open_device

    with open_device(port, shared=shared, data_dir=data_dir, say=say) as opened:
        yield opened
