"""The options that describe a waveform, for every command that takes one."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from firmware.shared import waveform

from .. import quantities
from ..errors import BadValueError
from .options import Quantity

F = TypeVar("F", bound=Callable[..., Any])

_RANGES = {name: (low, high) for name, low, high, _default in waveform.FIELDS}


def ranged(name: str, kind: quantities.Kind) -> Quantity:
    """The type of an option that fills the waveform's field `name`."""
    return Quantity(kind, *_RANGES[name])


def wave_options(amplitude: str | None) -> Callable[[F], F]:
    """All but the shape, the area and the zone. amplitude: what counts when none is given; None: the field is None."""
    return _all_of(_amplitude(amplitude), _FREQUENCY, *_TIMES, *_FORM, _SAMPLE, *_SWEEP)


def second_wave_options(amplitude: str) -> Callable[[F], F]:
    """The same for a second channel: what is the session's is refused."""
    refused = (_refused(option) for option in ("--duration", "--ramp", "--sample"))
    return _all_of(_amplitude(amplitude), _FREQUENCY, *_FORM, *_SWEEP, *refused)


def place_options(function: F) -> F:
    """Where the electrodes are, and the points of a table: --zone, --area, --table."""
    return _all_of(*_PLACE)(function)


def _all_of(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _refused(option: str) -> Callable[[F], F]:
    def refuse(_ctx: click.Context, _param: click.Parameter, typed: str | None) -> None:
        if typed is not None:
            raise BadValueError(
                f"{option} {typed}: time, ramp and sample period are the session's, the same for both channels; "
                f"nothing was sent; give {option} beside --channel2, not within it"
            )

    return click.option(option, expose_value=False, hidden=True, callback=refuse)


def _amplitude(default: str | None) -> Callable[[F], F]:
    kind = ranged("amplitude_ua", quantities.CURRENT)
    return click.option(
        "--amplitude", "amplitude_ua", type=kind, default=default, show_default=True, help="Peak current."
    )


def _quantity(option: str, name: str, kind: quantities.Kind, default: str, meaning: str) -> Callable[[F], F]:
    shown = not default.startswith("0")  # 0 stands for none, which needs no words
    return click.option(option, name, type=ranged(name, kind), default=default, show_default=shown, help=meaning)


_FREQUENCY = _quantity("--frequency", "frequency_mhz", quantities.FREQUENCY, "10Hz", "Cycles per second.")
_TIMES = (
    _quantity("--duration", "duration_ms", quantities.DURATION, "10s", "Length of the session, ramps included."),
    _quantity("--ramp", "ramp_ms", quantities.DURATION, "2s", "Length of the ramp in, and of the ramp out."),
)
_SWEEP = (
    _quantity(
        "--amplitude-end", "amplitude_end_ua", quantities.CURRENT, "0uA", "Peak current at the other end of a sweep."
    ),
    _quantity(
        "--frequency-end", "frequency_end_mhz", quantities.FREQUENCY, "0Hz", "Frequency at the other end of a sweep."
    ),
    _quantity(
        "--sweep", "sweep_ms", quantities.DURATION, "0ms", "Time from one end to the other; it goes there and back."
    ),
    _quantity(
        "--hold",
        "hold_ms",
        quantities.DURATION,
        "0ms",
        "Time for which a sweep stays at either end; with --amplitude-end, an envelope.",
    ),
    _quantity(
        "--second", "second_mhz", quantities.FREQUENCY, "0Hz", "A second frequency, in the same peak (not square)."
    ),
)
_FORM = (
    click.option(
        "--polarity",
        type=click.Choice(waveform.POLARITIES),
        default=waveform.BIPHASIC,
        show_default=True,
        help="All but biphasic carry net charge and have a cap of their own.",
    ),
    _quantity(
        "--alternate-every", "alternate_ms", quantities.DURATION, "10s", "Time per polarity with --polarity alternate."
    ),
    click.option(
        "--duty",
        "duty_permille",
        type=ranged("duty_permille", quantities.SHARE),
        default="100%",
        show_default="100%, or what --gap leaves",
        help="Share of each half period that carries current.",
    ),
    _quantity("--width", "width_us", quantities.SHORT_TIME, "0us", "Length of a phase, instead of --duty."),
    _quantity("--rise", "rise_us", quantities.SHORT_TIME, "0us", "Length of an edge, within the phase."),
    _quantity("--gap", "gap_us", quantities.SHORT_TIME, "0us", "Pause between the phases."),
    _quantity("--burst", "burst_ms", quantities.DURATION, "0ms", "Output between two rests, in whole cycles."),
    _quantity("--rest", "rest_ms", quantities.DURATION, "0ms", "Rest after each burst, at least."),
    _quantity(
        "--rest-random", "rest_random_ms", quantities.DURATION, "0ms", "Added to each rest: up to this, by chance."
    ),
)
_SAMPLE = _quantity(
    "--sample", "sample_us", quantities.SHORT_TIME, "0us", "Time between two samples [the board chooses]."
)
_PLACE = (
    click.option(
        "--zone",
        type=click.Choice(waveform.ZONES),
        help="Where the electrodes are; may only be stricter than the board's setting [the board's setting zone].",
    ),
    click.option(
        "--area",
        "area_mm2",
        type=Quantity(quantities.AREA, 1, 20000),
        help="Area of the smaller electrode; may only be smaller than what the board has declared [the board's "
        "setting area_mm2].",
    ),
    click.option("--table", metavar="FILE", help="The points of one period, as CSV (with the waveform table)."),
)
