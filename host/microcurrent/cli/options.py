"""Options and small helpers that several commands share."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from .. import quantities
from ..quantities import Kind

F = TypeVar("F", bound=Callable[..., Any])


class Quantity(click.ParamType):
    """A number with a unit, as whole base units. `low`, `high`: inclusive range in base units."""

    def __init__(self, kind: Kind, low: int | None = None, high: int | None = None) -> None:
        self.kind = kind
        self.low = low
        self.high = high
        self.name = kind.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Text to base units; an int is taken as it is (defaults)."""
        if isinstance(value, int):
            return value
        try:
            return quantities.parse(str(value), self.kind, self.low, self.high)
        except quantities.QuantityError as error:
            self.fail(error.args[0], param, ctx)


def port_option(function: F) -> F:
    """--port NAME."""
    return click.option(
        "--port",
        metavar="NAME",
        help="Serial port, or 'sim' for a virtual Pico [MICROCURRENT_PORT, or the only board found].",
    )(function)


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
