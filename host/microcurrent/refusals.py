"""What a device's refusal means to the user: the kind of failure, the state now, what to do."""

import re

from firmware.shared import protocol, rules, waveform

from . import quantities
from .errors import BadValueError, FaultError, FirmwareError, MicrocurrentError, RefusedError
from .option_words import OPTIONS, in_options
from .quantities import Kind


class ConfirmError(RefusedError):
    """The change waits for the device's button; nothing is changed until it is held."""


REFUSALS: dict[str, type[MicrocurrentError]] = {
    protocol.ERR_VALUE: BadValueError,
    protocol.ERR_LIMIT: RefusedError,
    protocol.ERR_STATE: RefusedError,
    protocol.ERR_CONFIRM: ConfirmError,
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
    protocol.ERR_CONFIRM: (
        "nothing was changed",
        f"hold the device's button for {protocol.HOLD_MS / 1000:g} s within {protocol.CONFIRM_MS / 1000:g} s",
    ),
    protocol.ERR_STATE: ("nothing was changed", "see the state with: microcurrent status"),
    protocol.ERR_FAULT: ("the output stays off", "read the fault with: microcurrent faults"),
    protocol.ERR_HARDWARE: ("the output is off", "check the wiring, then run: microcurrent selftest"),
    protocol.ERR_INTERNAL: ("the output is off", "please report it with the output of: microcurrent log"),
    protocol.ERR_UNKNOWN: _UPDATE,
}

# By what a sentence says, what helps better than _REST.
_HELPS = (
    ("both channels together", "ask for less on one of them, or on both"),
    ("shorter than half a sample", "use a longer --width or --duty, or a shorter --sample"),
    ("play it exactly from", "use a higher --frequency, or a longer --sample"),
    (
        "us permit ",
        "use a lower --frequency, or a shorter --sample (see the board's shortest with: microcurrent status)",
    ),
    ("channels that are locked", "give both the same --frequency, or run them without --phase"),
)
# What limits.refusal() says: field, number, rule, its source, permitted number, and of another rule that permits less.
_LIMIT = re.compile(r"(amplitude_ua|duration_ms) is (\d+); rule (\S+) \((.*)\) permits (\d+)(?:, rule (\S+) (\d+))?")
_ZONE = re.compile(r"zone is (\w+); rule zone \((.*)\) permits 0: (.*)")
_SECOND = "channel 2: "  # before what is said of the second channel of two
_BUTTON = "or permit more, with the device's button: microcurrent config set"
# By rule, what helps beside asking for less.
_REMEDIES = {
    "hard-cap": "the hard cap is a constant of the board",
    "profile": f"{_BUTTON} profile professional",
    "zone": f"or place the electrodes elsewhere: another --zone, {_BUTTON} zone body",
    "density": f"{_BUTTON} area_mm2 10cm2 (the area that your electrodes have)",
    "polarity": "or use --polarity biphasic",
    "session-charge": "or a shorter --duration",
    "session-time": f"{_BUTTON} session_max_ms {{asked}}",
    "personal": f"or measure the threshold again, {_BUTTON} threshold_ua 250uA (what you measured)",
}


def data_of(reply: dict) -> dict:
    """The "data" of a reply; raises the error that a refusal stands for, in a whole sentence."""
    if reply.get("ok"):
        data = reply.get("data")
        return data if isinstance(data, dict) else {}
    code = str(reply.get("err", "without a code"))
    text = str(reply.get("text") or f"the board refused and gave no reason (error {code})")
    raise REFUSALS.get(code, FirmwareError)(_whole_sentence(code, text))


def limit_sentence(text: str) -> str:
    """A sentence of limits.refusal() in the user's words, with the state and what to do."""
    found = _ZONE.fullmatch(text)
    if found:
        zone, source, reason = found.groups()
        return (
            f"--zone is {zone}; rule zone ({source}) permits 0uA: {reason}; no current flows; "
            f"place the electrodes elsewhere, with another --zone"
        )
    found = _LIMIT.fullmatch(text)
    return _lower(found) if found else _with_rest(protocol.ERR_LIMIT, text)


def _lower(found: re.Match[str]) -> str:
    """The sentence of a number that a rule permits less of."""
    field, asked, rule, source, most, lower_rule, lowest = found.groups()
    option, kind = OPTIONS[field]
    shown, permitted = quantities.show(int(asked), kind), quantities.show(int(most), kind)
    lower = f", rule {lower_rule} {quantities.show(int(lowest), kind)}" if lower_rule else ""
    return (
        f"{option} is {shown}; rule {rule} ({source}) permits {permitted}{lower}; no current flows; "
        f"{_remedy(option, kind, int(lowest or most), lower_rule or rule, source, shown)}"
    )


def _remedy(option: str, kind: Kind, most: int, rule: str, source: str, asked: str) -> str:
    """What to do: less of it, or what else helps against the binding rule."""
    less = f"use {option} {quantities.show(most, kind)} or less"
    if source.startswith(("TENS", "EMS")):
        return f"this device is none for TENS or EMS: {less}"
    other = _REMEDIES.get(rule, "").format(asked=asked)
    if rule == "profile" and source.startswith(rules.PROFILES[-1]):
        other = "there is no wider profile"
    if rule == "session-time" and source.startswith(waveform.POLARITIES[1:]):
        other = _REMEDIES["polarity"]
    if not most:
        return other.removeprefix("or ")
    return f"{less}, {other}" if other else less


def _whole_sentence(code: str, text: str) -> str:
    """The device's text, short on purpose, with the state and the remedy that belong to it."""
    if text.startswith(_SECOND):
        return _SECOND + _whole_sentence(code, text.removeprefix(_SECOND))
    if code == protocol.ERR_LIMIT:
        return limit_sentence(text)
    if text.count(";") >= 2:
        return in_options(text)
    return _with_rest(code, text)


def _with_rest(code: str, text: str) -> str:
    state, remedy = _REST.get(code, _UPDATE)
    helps = next((better for said, better in _HELPS if said in text), remedy)
    return f"{in_options(text)}; {state}; {helps}"
