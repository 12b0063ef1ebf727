"""Numbers, times and names as a report prints them. What is unknown is a dash; nothing raises."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime

UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
FOOTNOTE = "Delivered figures are what the board measured, not what it was asked for."
_NBSP = "\N{NO-BREAK SPACE}"
_THIN = "\N{NARROW NO-BREAK SPACE}"
_LONGEST = 300  # ours: characters of a text field that a page still takes well
_CHARGE = ((1e6, "mC"), (1e3, "µC"), (1, "nC"))
_RESISTANCE = ((1e6, "MΩ"), (1e3, "kΩ"), (1, "Ω"))


def clean(value: object, longest: int = _LONGEST) -> str:
    """A text field of a record on one line: control and direction characters are gone, and what is too long is cut."""
    text = "" if value is None else str(value)[: 10 * longest]
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or _is_shown(char))
    whole = " ".join(kept.split())
    return whole if len(whole) <= longest else whole[: longest - 1] + "…"


def _is_shown(char: str) -> bool:
    """No control, direction, surrogate or private character."""
    return not unicodedata.category(char).startswith("C")


def words(value: object) -> str:
    """A name of the programme's language in words: 'eye_under' is 'eye under'."""
    return clean(value, 80).replace("_", " ").replace("-", " ")


def whole(value: object) -> int | None:
    """An int of a record; None for what is missing or something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def joined(number: str, unit: str) -> str:
    """A number and its unit, which no line break parts."""
    return f"{number}{_NBSP}{unit}"


def grouped(value: int) -> str:
    """12345 with a narrow gap between its thousands."""
    return f"{value:,}".replace(",", _THIN).replace("-", MINUS)


def current(value_ua: int | None) -> str:
    """'198 µA'."""
    return UNKNOWN if value_ua is None else joined(grouped(value_ua), "µA")


def charge(value_nc: float | None) -> str:
    """'850 nC', '12.3 µC', '1.58 mC'."""
    return _scaled(value_nc, _CHARGE)


def resistance(value_ohm: float | None) -> str:
    """'509 Ω', '10.2 kΩ', '1.20 MΩ'."""
    return _scaled(value_ohm, _RESISTANCE)


def scale_of(largest: float, units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """(factor, unit) in which a number of base units is read well."""
    return next((pair for pair in units if largest >= pair[0]), units[-1])


def charge_scale(largest_nc: float) -> tuple[float, str]:
    """(nC in it, unit) for an axis of charge."""
    return scale_of(largest_nc, _CHARGE[:2]) if largest_nc >= 1e3 else _CHARGE[1]


def three_digits(value: float) -> str:
    """A number to three digits, without an exponent."""
    size = abs(value)
    decimals = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:.{decimals}f}".replace("-", MINUS)


def _scaled(value: float | None, units: Sequence[tuple[float, str]]) -> str:
    if value is None:
        return UNKNOWN
    factor, unit = scale_of(abs(value), units)
    return joined(str(round(value)).replace("-", MINUS) if factor == 1 else three_digits(value / factor), unit)


def percent(part: float | None, of: float | None) -> str:
    """The share in percent to a tenth; 100 only when it is all, 0 only when it is nothing."""
    if part is None or not of:
        return UNKNOWN
    share = 100 * part / of
    if 0 < part < of:
        share = min(max(share, 0.1), 99.9)
    return joined(f"{share:.0f}" if share in (0, 100) else f"{share:.1f}", "%")


def duration(value_ms: int | None) -> str:
    """'8.5 s', '12 min 30 s', '1 h 0 min'."""
    if value_ms is None:
        return UNKNOWN
    if value_ms < 60_000:
        return joined(f"{value_ms / 1000:.1f}", "s")
    minutes, seconds = divmod(round(value_ms / 1000), 60)
    if minutes < 60:
        return joined(str(minutes), "min") + (f"{_NBSP}{joined(str(seconds), 's')}" if seconds else "")
    return f"{joined(str(minutes // 60), 'h')}{_NBSP}{joined(str(minutes % 60), 'min')}"


def frequency(value_mhz: int | None) -> str:
    """'10 Hz', '0.3 Hz', '1 kHz' stays '1000 Hz'."""
    return UNKNOWN if value_mhz is None else joined(f"{value_mhz / 1000:.6g}", "Hz")


def instant(text: object) -> str:
    """A record's UTC instant as '2026-03-01 14:05 UTC'; what is no instant, as it is."""
    try:
        return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return clean(text, 40) or UNKNOWN
