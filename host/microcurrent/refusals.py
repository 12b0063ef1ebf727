"""What a device's refusal means to the user: the kind of failure, the state now, what to do."""

from firmware.shared import protocol

from .errors import BadValueError, FaultError, FirmwareError, MicrocurrentError, RefusedError

REFUSALS: dict[str, type[MicrocurrentError]] = {
    protocol.ERR_VALUE: BadValueError,
    protocol.ERR_LIMIT: RefusedError,
    protocol.ERR_STATE: RefusedError,
    protocol.ERR_FAULT: FaultError,
    protocol.ERR_HARDWARE: FaultError,
    protocol.ERR_INTERNAL: FaultError,
    protocol.ERR_UNKNOWN: FirmwareError,
}

# By error code: the state now, and what to do.
_REST = {
    protocol.ERR_VALUE: ("nothing was changed", "correct the value and try again"),
    protocol.ERR_LIMIT: ("no current flows", "ask for less, or see the settings with: microcurrent config show"),
    protocol.ERR_STATE: ("nothing was changed", "see the state with: microcurrent status"),
    protocol.ERR_FAULT: ("the output stays off", "read the fault with: microcurrent faults"),
    protocol.ERR_HARDWARE: ("the output is off", "check the wiring, then run: microcurrent selftest"),
    protocol.ERR_INTERNAL: ("the output is off", "please report it with the output of: microcurrent log"),
    protocol.ERR_UNKNOWN: ("nothing was changed", "bring firmware and program to one version: microcurrent flash"),
}


def data_of(reply: dict) -> dict:
    """The "data" of a reply; raises the error that a refusal stands for, in a whole sentence."""
    if reply.get("ok"):
        data = reply.get("data")
        return data if isinstance(data, dict) else {}
    code = str(reply.get("err"))
    raise REFUSALS.get(code, FirmwareError)(_whole_sentence(code, str(reply.get("text"))))


def _whole_sentence(code: str, text: str) -> str:
    """The device's text, short on purpose, with the state and the remedy that belong to its error code."""
    return text if text.count(";") >= 2 else "; ".join([text, *_REST.get(code, ())])
