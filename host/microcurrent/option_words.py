"""The device's waveform fields in the user's words: options of `run`, and numbers with units."""

import re

from . import quantities
from .quantities import Kind

# Waveform fields of the link as people meet them: the option of `run`, and the quantity that shows its number.
OPTIONS: dict[str, tuple[str, Kind]] = {
    "amplitude_ua": ("--amplitude", quantities.CURRENT),
    "frequency_mhz": ("--frequency", quantities.FREQUENCY),
    "duration_ms": ("--duration", quantities.DURATION),
    "ramp_ms": ("--ramp", quantities.DURATION),
    "duty_permille": ("--duty", quantities.SHARE),
    "width_us": ("--width", quantities.SHORT_TIME),
    "rise_us": ("--rise", quantities.SHORT_TIME),
    "gap_us": ("--gap", quantities.SHORT_TIME),
    "second_mhz": ("--second", quantities.FREQUENCY),
    "amplitude_end_ua": ("--amplitude-end", quantities.CURRENT),
    "frequency_end_mhz": ("--frequency-end", quantities.FREQUENCY),
    "sweep_ms": ("--sweep", quantities.DURATION),
    "hold_ms": ("--hold", quantities.DURATION),
    "burst_ms": ("--burst", quantities.DURATION),
    "rest_ms": ("--rest", quantities.DURATION),
    "rest_random_ms": ("--rest-random", quantities.DURATION),
    "alternate_ms": ("--alternate-every", quantities.DURATION),
    "sample_us": ("--sample", quantities.SHORT_TIME),
    "phase_deg": ("--phase", quantities.ANGLE),
}
_FIELD = re.compile(rf"\b({'|'.join(OPTIONS)})\b(?:( is)? (\d+)(?:( and) (\d+))?)?")
_TYPED = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
# Bounds of that field further on in the same text.
_BOUND = re.compile(r"\b(permits?|lasts|(?:short|long)est is|within|hard cap of|from) (\d+)(?:\.\.(\d+))?")


def in_options(text: str) -> str:
    """A device's sentence with its waveform fields as options, and their numbers with units."""
    fields = list(_FIELD.finditer(text))
    if len({match.group(1) for match in fields}) == 1:
        kind = OPTIONS[fields[0].group(1)][1]
        text = _BOUND.sub(lambda match: _bound(match, kind), text)
    return _FIELD.sub(_option, text)


def in_keys(text: str) -> str:
    """The same in the keys of a programme's file: amplitude_end where a command line has --amplitude-end."""
    return _TYPED.sub(lambda match: match.group(1).replace("-", "_"), in_options(text))


def _option(match: re.Match[str]) -> str:
    name, verb, number, also, other = match.groups()
    option, kind = OPTIONS[name]
    if number is None:
        return option
    second = f"{also} {quantities.show(int(other), kind)}" if also else ""
    return f"{option}{verb or ''} {quantities.show(int(number), kind)}{second}"


def _bound(match: re.Match[str], kind: Kind) -> str:
    word, low, high = match.groups()
    shown = quantities.show(int(low), kind)
    return f"{word} {shown}" if high is None else f"{word} {shown} .. {quantities.show(int(high), kind)}"
