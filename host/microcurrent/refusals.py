"""What a device's refusal means to the user: the kind of failure, the state now, what to do."""

import re

from firmware.shared import protocol

from . import quantities
from .errors import BadValueError, FaultError, FirmwareError, MicrocurrentError, RefusedError
from .quantities import Kind

REFUSALS: dict[str, type[MicrocurrentError]] = {
    protocol.ERR_VALUE: BadValueError,
    protocol.ERR_LIMIT: RefusedError,
    protocol.ERR_STATE: RefusedError,
    protocol.ERR_FAULT: FaultError,
    protocol.ERR_HARDWARE: FaultError,
    protocol.ERR_INTERNAL: FaultError,
    protocol.ERR_UNKNOWN: FirmwareError,
}

_UPDATE = ("nothing was changed", "bring firmware and program to one version: microcurrent flash")
# By error code: the state now, and what to do.
_REST = {
    protocol.ERR_VALUE: ("nothing was changed", "correct the value and try again"),
    protocol.ERR_LIMIT: ("no current flows", "ask for less"),
    protocol.ERR_STATE: ("nothing was changed", "see the state with: microcurrent status"),
    protocol.ERR_FAULT: ("the output stays off", "read the fault with: microcurrent faults"),
    protocol.ERR_HARDWARE: ("the output is off", "check the wiring, then run: microcurrent selftest"),
    protocol.ERR_INTERNAL: ("the output is off", "please report it with the output of: microcurrent log"),
    protocol.ERR_UNKNOWN: _UPDATE,
}

# Waveform fields of the link as people meet them: the option of `run`, and the quantity that shows its number.
OPTIONS: dict[str, tuple[str, Kind]] = {
    "amplitude_ua": ("--amplitude", quantities.CURRENT),
    "frequency_mhz": ("--frequency", quantities.FREQUENCY),
    "duration_ms": ("--duration", quantities.DURATION),
    "ramp_ms": ("--ramp", quantities.DURATION),
    "duty_permille": ("--duty", quantities.SHARE),
    "gap_us": ("--gap", quantities.SHORT_TIME),
    "alternate_ms": ("--alternate-every", quantities.DURATION),
}
_FIELD = re.compile(rf"\b({'|'.join(OPTIONS)})\b(?:( is)? (\d+))?")
# Bounds of that field further on in the same text.
_BOUND = re.compile(r"\b(permits?|lasts|(?:short|long)est is|within) (\d+)(?:\.\.(\d+))?")
# What core/session.py of the firmware says when a limit refuses: field, number, rule, its source, permitted number.
_LIMIT = re.compile(r"(amplitude_ua|duration_ms) is (\d+); rule (\S+)( \(.*\))? permits (\d+)")
# By binding rule, behind "use --amplitude 100uA or less": what else would help.
_OTHER_WAYS = {
    "unipolar": ", or --polarity biphasic",
    "density": ", or larger electrodes (--area)",
    "hard-cap": "; the hard cap is a constant of the board",
    "user-max": ", or raise the setting: microcurrent config set amplitude_max_ua {asked}",
    "session_max_ms": ", or raise the setting: microcurrent config set session_max_ms {asked}",
}


def data_of(reply: dict) -> dict:
    """The "data" of a reply; raises the error that a refusal stands for, in a whole sentence."""
    if reply.get("ok"):
        data = reply.get("data")
        return data if isinstance(data, dict) else {}
    code = str(reply.get("err", "without a code"))
    text = str(reply.get("text") or f"the board refused and gave no reason (error {code})")
    raise REFUSALS.get(code, FirmwareError)(_whole_sentence(code, text))


def _whole_sentence(code: str, text: str) -> str:
    """The device's text, short on purpose, with the state and the remedy that belong to it."""
    limit = _LIMIT.fullmatch(text)
    if code == protocol.ERR_LIMIT and limit:
        return _limit_sentence(*limit.groups())
    if text.count(";") >= 2:
        return in_options(text)
    return "; ".join([in_options(text), *_REST.get(code, _UPDATE)])


def _limit_sentence(field: str, asked: str, rule: str, source: str | None, permitted: str) -> str:
    option, kind = OPTIONS[field]
    shown, most = quantities.show(int(asked), kind), quantities.show(int(permitted), kind)
    other = _OTHER_WAYS.get(rule, "").format(asked=shown)
    return (
        f"{option} is {shown}; rule {rule}{source or ''} permits {most}; no current flows; "
        f"use {option} {most} or less{other}"
    )


def in_options(text: str) -> str:
    """A device's sentence with its waveform fields as options, and their numbers with units."""
    fields = list(_FIELD.finditer(text))
    if len({match.group(1) for match in fields}) == 1:
        kind = OPTIONS[fields[0].group(1)][1]
        text = _BOUND.sub(lambda match: _bound(match, kind), text)
    return _FIELD.sub(_option, text)


def _option(match: re.Match[str]) -> str:
    name, verb, number = match.groups()
    option, kind = OPTIONS[name]
    return option if number is None else f"{option}{verb or ''} {quantities.show(int(number), kind)}"


def _bound(match: re.Match[str], kind: Kind) -> str:
    word, low, high = match.groups()
    shown = quantities.show(int(low), kind)
    return f"{word} {shown}" if high is None else f"{word} {shown} .. {quantities.show(int(high), kind)}"
