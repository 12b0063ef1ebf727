"""Answers the commands of shared/protocol.py: one function per command, found by name in HANDLERS.

`device` is the wired board of firmware/app.py. Each handler returns the reply's data or raises terms.Refused.
"""

from ..shared import faults, limits, protocol, settings, shapes, waveform
from .session import SEEK_FAULT, SEEK_ONLY
from .terms import Refused

_BY_LENGTH = 16  # ours: "key" or "button"
_EVENTS_TOLD = 16  # ours: such a line stays below framing.MAX_LINE_BYTES
_REPLAY_ROWS_MAX = 3  # ours: three rows of telemetry stay below framing.MAX_LINE_BYTES


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


def _need_no_programme(device):
    if device.programme.active:
        raise Refused(protocol.ERR_STATE, "a programme runs; stop it first with: microcurrent stop")


def _need_idle(device, what):
    _need_no_programme(device)
    if device.session.state not in (protocol.OFF, protocol.READY, protocol.FAULT):
        text = "%s is not possible in state %s; stop it first with: microcurrent stop"
        raise Refused(protocol.ERR_STATE, text % (what, device.session.state_name))


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
        "fault": session.latch.code,
        "gate": device.engine.gate_closed,
        "estop": device.estop(),
        "uptime_ms": device.now_ms(),
        "reset": device.reset_cause,
        "telemetry": device.last_rows[0],
        "telemetry2": device.last_rows[1],
        "sample_us": session.terms.sample_us if session.terms.wave else None,
        "wave": session.terms.wave or None,
        "wave2": session.channels[-1].terms.wave or None if len(session.channels) > 1 else None,
        "programme": device.programme.told(),
    }


def arm(device, arguments):
    """Prove the output, check a request and remember it. Nothing starts."""
    lease_ms = _integer(arguments, "lease_ms", 500, 10000, device.settings["lease_ms"])
    request = arguments.get("wave")
    if not isinstance(request, dict):
        raise Refused(protocol.ERR_VALUE, "wave must be an object with the waveform's fields")
    request2 = arguments.get("wave2")
    if not isinstance(request2, (dict, type(None))):
        raise Refused(protocol.ERR_VALUE, "wave2 must be an object with the waveform's fields")
    contact_only = arguments.get("contact", False)
    if not isinstance(contact_only, bool):
        raise Refused(protocol.ERR_VALUE, "contact must be true or false")
    _need_no_programme(device)
    return device.arm(request, lease_ms, request2, SEEK_ONLY if contact_only else SEEK_FAULT)


def disarm(device, _arguments):
    """Forget the armed request."""
    device.session.disarm()
    return {"state": device.session.state_name}


def start(device, arguments):
    """Begin the armed session."""
    utc_s = _integer(arguments, "utc_s", 0, 1 << 40, 0)
    _need_no_programme(device)
    device.session.start(arguments.get("session"), utc_s, device.estop(), device.now_ms())
    return {"state": device.session.state_name, "session": device.session.number}


def change(device, arguments):
    """Another amplitude, frequency or form for a channel of the running session."""
    index = 1 if "wave2" in arguments else 0
    if index and "wave" in arguments:
        raise Refused(protocol.ERR_VALUE, "wave and wave2 are both given; change one channel at a time")
    changes = arguments.get(("wave", "wave2")[index])
    if not isinstance(changes, dict):
        raise Refused(protocol.ERR_VALUE, "wave must be an object with the waveform's fields")
    number = arguments.get("session")
    return device.session.change(number, changes, device.settings, device.estop(), index, device.look)


def table(device, arguments):
    """Part of a table of points; the first part names how many there are."""
    _need_idle(device, "uploading a table")
    points = device.session.points
    at = _integer(arguments, "at", 0, 1023, 0)
    values = arguments.get("values")
    if not isinstance(values, list) or not 0 < len(values) <= shapes.PART_POINTS:
        raise Refused(protocol.ERR_VALUE, "values must be a list of 1..%d points" % shapes.PART_POINTS)
    if not all(waveform.is_int(value) for value in values):
        raise Refused(protocol.ERR_VALUE, "points must be whole numbers")
    problem = None
    if at == 0:
        problem = points.begin(_integer(arguments, "points", 1, 1024, 0))
    problem = problem or points.add(at, values)
    if problem:
        raise Refused(protocol.ERR_VALUE, problem)
    return {"crc": points.crc}


def pause(device, _arguments):
    """Ramp down and keep the session."""
    if not device.programme.pause(device.now_ms()):
        device.session.pause(device.now_ms())
    return {"state": device.session.state_name, "session": device.session.number}


def resume(device, _arguments):
    """Go on with the paused session."""
    if not device.programme.resume(device.now_ms()):
        device.session.resume(device.estop(), device.now_ms())
    return {"state": device.session.state_name, "session": device.session.number}


def stop(device, arguments):
    """Ramp down, or open the gate now."""
    device.session.stop(arguments.get("now") is True, device.now_ms())
    device.programme.stop(device.now_ms())
    return {"state": device.session.state_name, "session": device.session.number}


def lease(device, arguments):
    """Renew the host's lease."""
    named = arguments.get("hash")
    if named is None:
        device.session.renew(arguments.get("session"), device.now_ms())
    else:
        device.programme.renew(named, device.now_ms())
    return {}


def felt(device, arguments):
    """Somebody feels the current."""
    by = arguments.get("by", "host")
    if not isinstance(by, str) or len(by) > _BY_LENGTH:
        raise Refused(protocol.ERR_VALUE, "by must be a text of at most %d characters" % _BY_LENGTH)
    device.programme.felt(by, device.now_ms())
    return {"amplitude_ua": [each.amplitude_ua for each in device.session.used]}


def _loaded(device):
    """The programme, with what runs it. Taking that into memory lasts longer than current may flow unwatched."""
    if not device.can_run_programmes:
        _need_idle(device, "asking for the programme")
        device.load_programmes()
    return device.programme


def programme(device, arguments):
    """Take a step of a programme, or tell which programme is stored."""
    if not arguments:
        return {"stored": _loaded(device).stored()}
    _need_idle(device, "loading a programme")
    at = _integer(arguments, "at", 0, 1000, 0)
    try:
        return {"hash": _loaded(device).upload(at, arguments.get("info"), arguments.get("step"))}
    except RuntimeError as error:
        raise Refused(protocol.ERR_STATE, error.args[0]) from None


def programme_start(device, arguments):
    """Begin the programme that was loaded."""
    lease_ms = _integer(arguments, "lease_ms", 500, 10000, device.settings["lease_ms"])
    utc_s = _integer(arguments, "utc_s", 0, 1 << 40, 0)
    away = arguments.get("away") is True
    _loaded(device).start(arguments.get("hash"), lease_ms, utc_s, away, device.now_ms())
    return device.programme.told()


def skip(device, _arguments):
    """Go on with the programme's next step."""
    device.programme.skip(device.now_ms())
    return device.programme.told()


def telemetry(device, arguments):
    """Set the telemetry rate until the next reset."""
    device.telemetry_hz = _integer(arguments, "rate_hz", 0, protocol.TELEMETRY_RATE_MAX_HZ, device.telemetry_hz)
    return {"rate_hz": device.telemetry_hz}


def replay(device, arguments):
    """Telemetry rows that are still in the ring."""
    first = _integer(arguments, "from_seq", 0, 1 << 30, 0)
    count = _integer(arguments, "count", 1, 1 << 30, _REPLAY_ROWS_MAX)
    most = _REPLAY_ROWS_MAX // (2 * device.engine.channels - 1)
    oldest, newest = device.ring.bounds()
    rows = device.ring.get(first, min(count, most))
    return {"rows": rows, "oldest": oldest, "newest": newest}


def config(device, arguments):
    """Read all settings, or set some. The answer is the request that reproduces them."""
    changes = arguments.get("set")
    if changes is not None:
        _need_idle(device, "changing settings")
        problem = settings.check(changes)
        if problem:
            raise Refused(protocol.ERR_VALUE, problem)
        _change(device, changes)
    return {"set": device.settings}


def config_reset(device, _arguments):
    """All settings back to their defaults."""
    _need_idle(device, "changing settings")
    _change(device, settings.defaults())
    return {"set": device.settings}


def _change(device, changes):
    """Save settings; what raises a cap waits for the button on the device instead."""
    after = dict(device.settings)
    after.update(changes)
    raised = limits.raises(device.settings, after)
    if not raised:
        device.save_settings(changes)
        return
    device.await_confirmation(changes, raised)
    text = "%s would raise a cap; nothing was changed; hold the device's button for %d ms within %d s to confirm" % (
        ", ".join(raised),
        protocol.HOLD_MS,
        protocol.CONFIRM_MS // 1000,
    )
    raise Refused(protocol.ERR_CONFIRM, text)


def selftest(device, arguments):
    """Run all checks; with "watchdog" let the watchdog reset the board afterwards."""
    _need_idle(device, "a self-test")
    results = device.selftest()
    passed = all(result[1] for result in results)
    if passed and arguments.get("watchdog") is True:
        device.test_watchdog()
    return {"passed": passed, "tests": [list(result) for result in results]}


def commission(device, _arguments):
    """Store the zero-current code in the DAC's EEPROM."""
    _need_idle(device, "commissioning")
    written = device.commission()
    data = dac(device, None)
    data["written"] = written
    return data


def dac(device, _arguments):
    """What the DACs hold: the first one's numbers, and the second one's under "dac2"."""
    _need_idle(device, "reading the DAC")
    found = [_held(part) for part in device.dacs]
    if len(found) > 1:
        found[0]["dac2"] = found[1]
    return found[0]


def _held(part):
    ready, code, power_down, eeprom_code, eeprom_power_down = part.read()
    return {
        "ready": ready,
        "dac_code": code,
        "dac_power_down": power_down,
        "eeprom_code": eeprom_code,
        "eeprom_power_down": eeprom_power_down,
    }


def calibration(device, arguments):
    """Read, set or erase the calibration. The answer is what the board has afterwards."""
    if "set" in arguments:
        _need_ready(device, "calibrating")
        from ..shared import calibration_slot  # set_calibration() forgets it again

        problem = calibration_slot.check(arguments["set"], device.engine.channels)
        if problem:
            raise Refused(protocol.ERR_VALUE, "%s; the calibration was not changed" % problem)
        device.set_calibration(arguments["set"])
    elif arguments.get("erase") is True:
        _need_ready(device, "erasing the calibration")
        device.set_calibration(None)
    return {"calibration": device.calibration, "problem": device.calibration_problem}


def _need_ready(device, what):
    """As _need_idle, and with the gate open; a board whose self-test fails for want of a calibration may have one."""
    _need_idle(device, what)
    if device.engine.gate_closed:
        raise Refused(protocol.ERR_STATE, "%s needs the gate open" % what)


def measure(device, arguments):
    """Codes into the internal dummy load, and what the ADC shows."""
    _need_ready(device, "measuring")
    index = _integer(arguments, "channel", 1, device.engine.channels, 1) - 1
    codes = arguments.get("codes")
    if not isinstance(codes, list) or not 0 < len(codes) <= protocol.MEASURE_CODES:
        raise Refused(protocol.ERR_VALUE, "codes must be a list of 1..%d DAC codes" % protocol.MEASURE_CODES)
    for code in codes:
        if not waveform.is_int(code) or abs(code - device.zero_code) > protocol.MEASURE_SPAN:
            text = "a code must be a whole number within %d of %d"
            raise Refused(protocol.ERR_VALUE, text % (protocol.MEASURE_SPAN, device.zero_code))
    if device.estop():
        raise Refused(protocol.ERR_STATE, "the emergency stop is open: close it")
    rows, problem = device.measure(index, codes)
    if problem:
        raise Refused(protocol.ERR_HARDWARE, "%s; the output is off" % problem)
    return {"rows": rows, "temperature_c": device.session.temperature_c}


def read_faults(device, _arguments):
    """The latched fault, its reading and the samples around it."""
    code, reading, limit, time_ms, number, number_of_channel = device.session.fault
    return {
        "code": code,
        "name": faults.name_of(code),
        "reading": reading,
        "limit": limit,
        "time_ms": time_ms,
        "session": number,
        "channel": number_of_channel,
        "samples": device.session.latch.samples,
    }


def clear(device, _arguments):
    """Clear the latched fault once its cause is gone."""
    if device.session.latch.code:
        _need_idle(device, "clearing a fault")
        device.clear()
    return {"code": device.session.latch.code}


def log(device, _arguments):
    """The last events, oldest first."""
    return {"events": device.events.last(_EVENTS_TOLD)}


def journal(device, arguments):
    """A page of the journal in flash."""
    return device.journal.page(_integer(arguments, "from", 0, 1 << 30, 0))


def counters(device, _arguments):
    """Running counters of link and memory."""
    return device.counters()


def maintenance(device, _arguments):
    """Reset into a REPL without output and without watchdog."""
    stop(device, {"now": True})
    device.reset_soon(True)
    return {}


def reset(device, _arguments):
    """Reset the board."""
    stop(device, {"now": True})
    device.reset_soon(False)
    return {}


HANDLERS = {
    "hello": hello,
    "status": status,
    "arm": arm,
    "disarm": disarm,
    "start": start,
    "change": change,
    "table": table,
    "pause": pause,
    "resume": resume,
    "stop": stop,
    "felt": felt,
    "programme": programme,
    "programme_start": programme_start,
    "skip": skip,
    "lease": lease,
    "telemetry": telemetry,
    "replay": replay,
    "config": config,
    "config_reset": config_reset,
    "selftest": selftest,
    "commission": commission,
    "dac": dac,
    "calibration": calibration,
    "measure": measure,
    "faults": read_faults,
    "clear": clear,
    "log": log,
    "journal": journal,
    "counters": counters,
    "maintenance": maintenance,
    "reset": reset,
}
