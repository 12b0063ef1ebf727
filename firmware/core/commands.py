"""Answers the commands of shared/protocol.py: one function per command, found by name in HANDLERS.

`device` is the wired board of firmware/app.py. Each handler returns the reply's data or raises session.Refused.
"""

from ..shared import faults, protocol, settings, waveform
from .session import Refused

_REPLAY_ROWS_MAX = 4  # ours: four rows of telemetry stay below framing.MAX_LINE_BYTES


def handle(device, message):
    """The reply to one decoded request (a dict). Raises nothing that a request can cause."""
    number = message.get("id")
    if not waveform.is_int(number):
        return {"id": -1, "ok": False, "err": protocol.ERR_VALUE, "text": "id must be a whole number"}
    try:
        command = message.get("cmd")
        handler = HANDLERS.get(command) if isinstance(command, str) else None
        if handler is None:
            raise Refused(
                protocol.ERR_UNKNOWN,
                "there is no command %s; update the firmware or the host" % waveform.shown(command),
            )
        arguments = message.get("args", {})
        if not isinstance(arguments, dict):
            raise Refused(protocol.ERR_VALUE, "args must be an object")
        return {"id": number, "ok": True, "data": handler(device, arguments)}
    except Refused as error:
        return {"id": number, "ok": False, "err": error.args[0], "text": error.args[1]}
    except OSError as error:
        text = "the DAC or the flash does not answer (%s); output is off; check the wiring" % error
        return {"id": number, "ok": False, "err": protocol.ERR_HARDWARE, "text": text}


def _integer(arguments, name, low, high, default):
    value = arguments.get(name, default)
    if not waveform.is_int(value) or not low <= value <= high:
        raise Refused(protocol.ERR_VALUE, "%s must be a whole number %d..%d" % (name, low, high))
    return value


def _need_off(device, what):
    if device.session.running:
        raise Refused(protocol.ERR_STATE, "%s is not possible while a session runs; stop it first" % what)


def hello(device, _arguments):
    """Who answers, and in which version."""
    return device.identity()


def status(device, _arguments):
    """State, last end, latched fault and the present readings."""
    session = device.session
    return {
        "state": session.state_name,
        "session": session.number,
        "end": protocol.END_NAMES[session.end],
        "fault": session.fault[0],
        "gate": device.engine.gate_closed,
        "estop": device.estop(),
        "uptime_ms": device.now_ms(),
        "reset": device.reset_cause,
        "telemetry": device.last_telemetry,
        "wave": session.wave or None,
    }


def start(device, arguments):
    """Begin a session."""
    lease_ms = _integer(arguments, "lease_ms", 500, 10000, device.settings["lease_ms"])
    request = arguments.get("wave")
    if not isinstance(request, dict):
        raise Refused(protocol.ERR_VALUE, "wave must be an object with the waveform's fields")
    if "area_mm2" not in request:
        request["area_mm2"] = device.settings["area_mm2"]
    return device.session.start(request, lease_ms, device.settings, device.estop(), device.now_ms())


def stop(device, arguments):
    """Ramp down, or open the gate now."""
    device.session.stop(arguments.get("now") is True, device.now_ms())
    return {"state": device.session.state_name, "session": device.session.number}


def lease(device, arguments):
    """Renew the host's lease."""
    device.session.renew(arguments.get("session"), device.now_ms())
    return {}


def telemetry(device, arguments):
    """Set the telemetry rate until the next reset."""
    device.telemetry_hz = _integer(arguments, "rate_hz", 0, protocol.TELEMETRY_RATE_MAX_HZ, device.telemetry_hz)
    return {"rate_hz": device.telemetry_hz}


def replay(device, arguments):
    """Telemetry rows that are still in the ring."""
    first = _integer(arguments, "from_seq", 0, 1 << 30, 0)
    count = _integer(arguments, "count", 1, 1 << 30, _REPLAY_ROWS_MAX)
    oldest, newest = device.ring.bounds()
    return {"rows": device.ring.get(first, min(count, _REPLAY_ROWS_MAX)), "oldest": oldest, "newest": newest}


def config(device, arguments):
    """Read all settings, or set some. The answer is the request that reproduces them."""
    changes = arguments.get("set")
    if changes is not None:
        _need_off(device, "changing settings")
        problem = settings.check(changes)
        if problem:
            raise Refused(protocol.ERR_VALUE, problem)
        device.save_settings(changes)
    return {"set": device.settings}


def config_reset(device, _arguments):
    """All settings back to their defaults."""
    _need_off(device, "changing settings")
    device.save_settings(settings.defaults())
    return {"set": device.settings}


def selftest(device, _arguments):
    """Run all checks with the gate open."""
    _need_off(device, "a self-test")
    results = device.selftest()
    return {"passed": all(result[1] for result in results), "tests": [list(result) for result in results]}


def commission(device, _arguments):
    """Store the zero-current code in the DAC's EEPROM."""
    _need_off(device, "commissioning")
    written = device.commission()
    data = dac(device, None)
    data["written"] = written
    return data


def dac(device, _arguments):
    """What the DAC holds."""
    _need_off(device, "reading the DAC")
    ready, code, power_down, eeprom_code, eeprom_power_down = device.dac.read()
    return {
        "ready": ready,
        "dac_code": code,
        "dac_power_down": power_down,
        "eeprom_code": eeprom_code,
        "eeprom_power_down": eeprom_power_down,
    }


def read_faults(device, _arguments):
    """The latched fault and its reading."""
    code, reading, limit, time_ms, number = device.session.fault
    return {
        "code": code,
        "name": faults.name_of(code),
        "reading": reading,
        "limit": limit,
        "time_ms": time_ms,
        "session": number,
    }


def clear(device, _arguments):
    """Clear the latched fault once its cause is gone."""
    if not device.session.running and device.session.fault[0]:
        device.boot_checks()
    device.session.clear(device.estop())
    return {"code": device.session.fault[0]}


def log(device, _arguments):
    """The last events, oldest first."""
    return {"events": device.events[-16:]}


def counters(device, _arguments):
    """Running counters of link and memory."""
    return device.counters()


def maintenance(device, _arguments):
    """Reset into a REPL without output and without watchdog."""
    device.session.stop(True, device.now_ms())
    device.reset_soon(True)
    return {}


def reset(device, _arguments):
    """Reset the board."""
    device.session.stop(True, device.now_ms())
    device.reset_soon(False)
    return {}


HANDLERS = {
    "hello": hello,
    "status": status,
    "start": start,
    "stop": stop,
    "lease": lease,
    "telemetry": telemetry,
    "replay": replay,
    "config": config,
    "config_reset": config_reset,
    "selftest": selftest,
    "commission": commission,
    "dac": dac,
    "faults": read_faults,
    "clear": clear,
    "log": log,
    "counters": counters,
    "maintenance": maintenance,
    "reset": reset,
}
