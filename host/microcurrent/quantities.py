"""Numbers with units, as people type them, to whole base units and back. Exact: no float is involved.

Base units are those of the link: uA, mHz, ms, us, mm2, permille, Hz (rates).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

MAX_TEXT = 40  # ours: longer input is a mistake, and an exact number of any length would be slow
MAX_BASE_UNITS = 10**9  # ours: beyond every range in firmware/shared, so the message can say "far too large"

_NUMBER = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([^\s0-9.+-]\S*)?", re.ASCII)
_EXPONENT = re.compile(r"[eE][+-]?[0-9]", re.ASCII)


class QuantityError(ValueError):
    """Text that is not a quantity of the kind asked for. `args[0]` says what is wrong and what to write."""


@dataclass(frozen=True)
class Kind:
    """One physical quantity: its units as multiples of the base unit, and an example for error messages."""

    name: str
    base: str
    units: tuple[tuple[str, int], ...]  # (unit, base units in it), smallest first; the first spelling is shown
    example: str


CURRENT = Kind("current", "uA", (("uA", 1), ("µA", 1), ("μA", 1), ("mA", 1000)), "250uA")
FREQUENCY = Kind("frequency", "mHz", (("mHz", 1), ("Hz", 1000), ("kHz", 1000000)), "8.3Hz")
DURATION = Kind("time", "ms", (("ms", 1), ("s", 1000), ("min", 60000), ("h", 3600000)), "2min")
SHORT_TIME = Kind("time", "us", (("us", 1), ("µs", 1), ("μs", 1), ("ms", 1000), ("s", 1000000)), "100us")
AREA = Kind("area", "mm2", (("mm2", 1), ("mm²", 1), ("cm2", 100), ("cm²", 100)), "10cm2")
SHARE = Kind("share", "permille", (("permille", 1), ("%", 10)), "50%")
ANGLE = Kind("angle", "deg", (("deg", 1), ("°", 1)), "90deg")
RESISTANCE = Kind("resistance", "ohm", (("ohm", 1), ("R", 1), ("kohm", 1000), ("k", 1000)), "10k")
RATE = Kind("rate", "Hz", (("Hz", 1),), "10Hz")


def parse(text: str, kind: Kind, low: int | None = None, high: int | None = None) -> int:
    """The whole number of base units that `text` names. Raises QuantityError with a sentence.

    `low`, `high`: inclusive range in base units; None leaves that side open (negative numbers are then refused).
    """
    base_units = _exact(text.strip(), kind)
    if base_units.denominator != 1:
        raise QuantityError(
            f"{_quoted(text)} is not a whole number of {kind.base}; nothing was sent; write for example {kind.example}"
        )
    value = int(base_units)
    floor = 0 if low is None else low
    if value < floor:
        raise QuantityError(
            f"{_quoted(text)} is below the smallest {kind.name}, {show(floor, kind)}; nothing was sent; "
            f"choose a larger value"
        )
    if high is not None and value > high:
        raise QuantityError(
            f"{_quoted(text)} is above the largest {kind.name}, {show(high, kind)}; nothing was sent; "
            f"choose a smaller value"
        )
    if value > MAX_BASE_UNITS:
        raise QuantityError(
            f"{_quoted(text)} is far too large for a {kind.name}; nothing was sent; write for example {kind.example}"
        )
    return value


def _exact(text: str, kind: Kind) -> Fraction:
    match = _NUMBER.fullmatch(text) if len(text) <= MAX_TEXT else None
    if match is None:
        raise QuantityError(
            f"{_quoted(text)} is not a number with a unit; nothing was sent; write for example {kind.example}"
        )
    sign, digits, unit = match.groups()
    if unit is None:
        raise QuantityError(
            f"{_quoted(text)} has no unit ({_units(kind)}); nothing was sent; write for example {kind.example}"
        )
    if _EXPONENT.match(unit):
        raise QuantityError(
            f"{_quoted(text)} has an exponent, which is not taken; nothing was sent; write for example {kind.example}"
        )
    scale = dict(kind.units).get(unit)
    if scale is None:
        raise QuantityError(
            f"{_quoted(unit)} is not a unit of {kind.name} ({_units(kind)}); nothing was sent; "
            f"write for example {kind.example}"
        )
    value = Fraction(digits) * scale
    return -value if sign == "-" else value


def show(value: int, kind: Kind) -> str:
    """A short exact text of `value` base units that `parse` reads back: 8300 mHz is '8.3Hz', 120000 ms is '2min'."""
    ascii_units = [row for row in kind.units if row[0].isascii()]
    for unit, scale in reversed(ascii_units):
        if abs(value) >= scale and value * 1000 % scale == 0:
            return f"{format((Decimal(value) / scale).normalize(), 'f')}{unit}"
    return f"{value}{kind.base}"


def _units(kind: Kind) -> str:
    return ", ".join(unit for unit, _scale in kind.units if unit.isascii())


def _quoted(text: str) -> str:
    shown = text.strip()
    return repr(shown if len(shown) <= MAX_TEXT else shown[: MAX_TEXT - 3] + "...")
