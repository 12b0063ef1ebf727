"""The options of a waveform that must fit together, checked in the user's words: options, units, what was typed."""

from typing import Any

import click
from click.core import ParameterSource

from firmware.shared import waveform

from .. import quantities
from ..errors import BadValueError
from ..option_words import OPTIONS
from ..points import POINTS, crc_of, read
from ..treatment import checked_wave

_RAMP_LOW_MS = next(low for name, low, _high, _default in waveform.FIELDS if name == "ramp_ms")
_DUTY_LOW = next(low for name, low, _high, _default in waveform.FIELDS if name == "duty_permille")
FULL_DUTY = 1000
_SQUARE_ONLY = (("gap_us", "a gap"), ("duty_permille", "a duty"), ("width_us", "a width"), ("rise_us", "edges"))


def wave_of(
    ctx: click.Context, shape: str, zone: str | None, area_mm2: int | None, table: str | None, **fields: Any
) -> dict[str, Any]:
    """The waveform that a command was given, checked; the points of a table are under POINTS. Raises BadValueError."""
    points = table_of(shape, table)
    other = {"zone": zone or waveform.NO_ZONE, "area_mm2": area_mm2 or 0, "table_crc": crc_of(points) if points else 0}
    wave = checked_wave(WaveOptions(ctx, shape, fields).checked() | other)
    return wave | {POINTS: points} if points else wave


def table_of(shape: str, path: str | None) -> list[int]:
    """The points of the waveform table from a CSV file; none for every other waveform. Raises BadValueError."""
    if shape == waveform.TABLE and path is None:
        raise BadValueError("a table has no points; nothing was sent; name a CSV file of one period: --table FILE")
    if shape != waveform.TABLE and path is not None:
        raise BadValueError(
            f"--table {path}: a {shape} has no table; nothing was sent; leave --table away, or choose table"
        )
    return read(path) if path is not None else []


class WaveOptions:
    """What `run` or `limits` was given. `fields`: the waveform's fields by name, defaults included."""

    def __init__(self, ctx: click.Context, shape: str, fields: dict[str, Any]) -> None:
        self._ctx = ctx
        self._shape = shape
        self._fields = fields

    def checked(self) -> dict[str, Any]:
        """The waveform's fields; without --duty, what --gap leaves. Raises BadValueError for what does not fit."""
        self._check_alternation()
        self._check_shape()
        self._check_ramps()
        return {"shape": self._shape, **self._fields, "duty_permille": self._duty()}

    def _typed(self, name: str) -> bool:
        return self._ctx.get_parameter_source(name) != ParameterSource.DEFAULT

    def _shown(self, name: str) -> str:
        """An option's value with its unit, and whether nobody asked for it."""
        value = quantities.show(self._fields[name], OPTIONS[name][1])
        return value if self._typed(name) else f"{value} (the default)"

    def _check_alternation(self) -> None:
        polarity = self._fields["polarity"]
        if self._typed("alternate_ms") and polarity != waveform.ALTERNATE:
            raise BadValueError(
                f"--alternate-every {self._shown('alternate_ms')} does nothing with --polarity {polarity}; nothing "
                f"was sent; add --polarity alternate, or leave --alternate-every away"
            )

    def _check_shape(self) -> None:
        for name, what in _SQUARE_ONLY:
            if self._shape != waveform.SQUARE and self._typed(name):
                raise BadValueError(
                    f"{OPTIONS[name][0]} {self._shown(name)}: only a square has {what}; nothing was sent; "
                    f"leave {OPTIONS[name][0]} away, or choose square"
                )

    def _check_ramps(self) -> None:
        ramp_ms, duration_ms = self._fields["ramp_ms"], self._fields["duration_ms"]
        if 2 * ramp_ms <= duration_ms:
            return
        longest_ms = duration_ms // 2
        ramps = quantities.show(2 * ramp_ms, quantities.DURATION)
        shorter = f"--ramp {quantities.show(longest_ms, quantities.DURATION)} or less, or "
        raise BadValueError(
            f"--ramp {self._shown('ramp_ms')}: two ramps need {ramps}, --duration is {self._shown('duration_ms')}; "
            f"nothing was sent; use {shorter if longest_ms >= _RAMP_LOW_MS else ''}a longer --duration"
        )

    def _duty(self) -> int:
        """The duty in permille: what was asked for, or what the gap leaves of a half period."""
        asked, gap_us, frequency_mhz = (self._fields[name] for name in ("duty_permille", "gap_us", "frequency_mhz"))
        if self._fields["width_us"] and self._typed("duty_permille"):
            raise BadValueError(
                f"--width {self._shown('width_us')} and --duty {self._shown('duty_permille')} both give the length of "
                f"a phase; nothing was sent; leave one of them away"
            )
        if not gap_us or self._fields["width_us"]:
            return asked
        half_us = 500_000_000 // frequency_mhz
        most = max(half_us - gap_us, 0) * FULL_DUTY // half_us
        if most < _DUTY_LOW:
            half = quantities.show(half_us, quantities.SHORT_TIME)
            raise BadValueError(
                f"--gap {self._shown('gap_us')} leaves no room for a phase: half a period of --frequency "
                f"{self._shown('frequency_mhz')} is {half}; nothing was sent; use a shorter --gap, or a lower "
                f"--frequency"
            )
        if not self._typed("duty_permille"):
            return min(asked, most)
        if asked > most:
            largest = quantities.show(most, quantities.SHARE)
            raise BadValueError(
                f"--gap {self._shown('gap_us')} leaves at most {largest} for --duty, which is "
                f"{self._shown('duty_permille')}; nothing was sent; use --duty {largest} or less, a shorter --gap, or "
                f"a lower --frequency"
            )
        return asked
