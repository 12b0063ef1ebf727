"""The table of a report: one row per step and channel, as text."""

from dataclasses import dataclass

from . import texts
from .facts import ending
from .parts import NOT_BEGUN, Part, course_ends, frequencies, swept_to_mhz
from .series import Point

# (field of StepRow, heading, unit that stands with it)
COLUMNS = (
    ("number", "Step", ""),
    ("place", "Site", ""),
    ("side", "Side", ""),
    ("wave", "Waveform", ""),
    ("frequency", "Frequency", "Hz"),
    ("commanded", "Commanded", "µA peak"),
    ("permitted", "Permitted", "µA"),
    ("delivered", "Delivered", "µA mean"),
    ("full", "Full phases", "%"),
    ("impedance", "Impedance", "kΩ"),
    ("course", "Its course", "kΩ"),
    ("charge", "Charge", "µC"),
    ("lift_offs", "Lift-offs", ""),
    ("ended", "Ended", ""),
)
_ENDED = {"duration": "done", "finished": "done"}
_WAYS = {"biphasic": "", "positive": "one way, +", "negative": "one way, \N{MINUS SIGN}", "alternate": "alternating"}


@dataclass(frozen=True)
class StepRow:
    """Texts of one row; `small` ones stand below them. course: impedance over the step, in ohm."""

    number: str
    place: str
    side: str
    wave: str
    wave_small: str
    frequency: str
    commanded: str
    permitted: str
    permitted_small: str
    delivered: str
    delivered_small: str
    full: str
    impedance: str
    course: list[Point]
    course_text: str
    charge: str
    lift_offs: str
    ended: str
    ended_small: str
    tone: str
    second: bool


def table_of(parts: list[Part]) -> list[StepRow]:
    """All rows, in the order of the steps; a second channel below its step's first."""
    return [_row(part) for part in parts]


def _row(part: Part) -> StepRow:
    commanded_ua = part.figure("reached_ua") if part.figures else None
    delivered_ua, mean_ua = part.figure("delivered_mean_ua"), part.figure("commanded_mean_ua")
    ends = course_ends(part.course)
    second = part.channel == 2
    return StepRow(
        number="ch. 2" if second else str(part.index or texts.UNKNOWN),
        place="" if second else texts.words(part.site) or texts.UNKNOWN,
        side="" if second else texts.words(part.side) or texts.UNKNOWN,
        wave=texts.words(part.wave.get("shape")),
        wave_small=_WAYS.get(part.wave.get("polarity", ""), texts.words(part.wave.get("polarity"))),
        frequency=_frequency(part.wave),
        commanded=_number(part.granted_ua if commanded_ua is None else commanded_ua),
        permitted=_number(part.limit_ua),
        permitted_small=texts.words(part.binding),
        delivered=_number(delivered_ua),
        delivered_small="" if delivered_ua is None else f"of {_number(mean_ua)}",
        full=_full(part),
        impedance=_kilohm(part.figure("impedance_ohm")),
        course=part.course if len(part.course) > 1 else [],
        course_text=f"{_kilohm(ends[0])} → {_kilohm(ends[1])}" if ends else texts.UNKNOWN,
        charge=_microcoulomb(part.figure("total_charge_nc")),
        lift_offs=_number(part.figure("lift_offs")),
        ended="" if second else _ENDED.get(part.ended, texts.words(part.ended)),
        ended_small=f"felt {part.felt}\N{MULTIPLICATION SIGN}" if part.felt and not second else "",
        tone="" if second else _tone(part),
        second=second,
    )


def _tone(part: Part) -> str:
    return "none" if part.ended == NOT_BEGUN else ending(part.ended)[1]


def _number(value: int | None) -> str:
    return texts.UNKNOWN if value is None else texts.grouped(value)


def _frequency(wave: dict) -> str:
    shown = " + ".join(f"{value / 1000:.6g}" for value in frequencies(wave))
    end_mhz = swept_to_mhz(wave)
    return f"{shown} … {end_mhz / 1000:.6g}" if end_mhz else shown


def _full(part: Part) -> str:
    return texts.percent(part.figure("full_phases"), part.figure("phases")).partition("\N{NO-BREAK SPACE}")[0]


def _kilohm(value_ohm: float | None) -> str:
    return texts.UNKNOWN if value_ohm is None else texts.three_digits(value_ohm / 1000)


def _microcoulomb(value_nc: int | None) -> str:
    if value_nc is None:
        return texts.UNKNOWN
    return texts.grouped(round(value_nc / 1000)) if value_nc >= 99_950 else texts.three_digits(value_nc / 1000)
