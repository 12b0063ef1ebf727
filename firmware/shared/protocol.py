"""Names on the link: commands, states, events, telemetry fields. Both sides import them; neither redefines them.

A request is {"id": n, "cmd": name, "args": {...}}; its reply {"id": n, "ok": true, "data": {...}} or
{"id": n, "ok": false, "err": code, "text": sentence}. An event is {"ev": name, "seq": n, ...} and has no id.
"""

PROTOCOL_VERSION = 1  # raised whenever a name, a field or a meaning below changes
FIRMWARE_VERSION = "0.1.0"

# Device states. OFF is a state of its own: gate open and DAC parked, not "0 uA".
OFF = 0
RAMP_UP = 1
ACTIVE = 2
RAMP_DOWN = 3
FAULT = 4
STATE_NAMES = ("OFF", "RAMP_UP", "ACTIVE", "RAMP_DOWN", "FAULT")

# Why the last session ended.
END_NONE = 0
END_DURATION = 1
END_STOPPED = 2
END_LEASE = 3
END_FAULT = 4
END_ESTOP = 5
END_NAMES = ("none", "duration", "stopped", "lease", "fault", "estop")

# Contact, judged from impedance and delivered share; see core/contact.py.
CONTACT_UNKNOWN = 0
CONTACT_GOOD = 1
CONTACT_DRY = 2
CONTACT_OPEN = 3
CONTACT_SHORT = 4
CONTACT_NAMES = ("unknown", "good", "dry", "open", "short")

# Commands the device answers.
COMMANDS = (
    "hello",  # -> identity: protocol, firmware, board, uid, commissioned, maintenance
    "status",  # -> one status dict
    "start",  # args: the waveform fields of shared/waveform.py, "lease_ms" -> session id
    "stop",  # ramp down; args: "now": true drops the gate at once
    "lease",  # renew the host lease; args: "session"
    "telemetry",  # args: "rate_hz" 0..50
    "replay",  # args: "from_seq", "count" -> telemetry tuples still in the device's ring
    "config",  # args: none to read all, or {"set": {...}} -> the settings as they stand
    "config_reset",  # settings back to their defaults
    "selftest",  # -> list of [name, passed, reading]
    "commission",  # writes the zero-current code into the DAC's EEPROM and reads it back
    "dac",  # -> read-back of DAC register and EEPROM
    "faults",  # -> the latched fault and its readings
    "clear",  # clears the latched fault; refused while the cause persists
    "log",  # -> the events the device remembers
    "counters",  # -> sample interrupt and link counters
    "maintenance",  # output off, then reset into a boot without output and without watchdog
    "reset",  # output off, then reset
)

# Bare words a person may type without a checksum: they can only read or stop.
PLAIN_WORDS = ("status", "stop", "hello", "faults")

# Error codes of a reply with ok = false.
ERR_FRAME = "frame"  # the line was damaged
ERR_UNKNOWN = "unknown"  # no such command
ERR_VALUE = "value"  # an argument is missing, out of range or of the wrong type
ERR_LIMIT = "limit"  # a limit refuses the request
ERR_STATE = "state"  # not possible in the present state
ERR_FAULT = "fault"  # a fault is latched
ERR_HARDWARE = "hardware"  # a part does not answer
ERR_INTERNAL = "internal"  # a defect: the output was switched off

# The telemetry event carries these numbers in this order, all integers, under key "t".
TELEMETRY_FIELDS = (
    "time_ms",  # device time since boot
    "session",  # session number since boot, 0 when none ran
    "state",  # index into STATE_NAMES
    "elapsed_ms",  # session time, ramps included
    "remaining_ms",  # until the session ends by itself
    "commanded_ua",  # peak set-point times the present ramp factor
    "delivered_ua",  # mean of |sense current| over samples whose commanded current is not zero
    "peak_ua",  # largest |sense current| of the interval
    "electrode_mv",  # largest |electrode voltage| of the interval
    "headroom_mv",  # compliance voltage left at that peak
    "impedance_ohm",  # mean |voltage| / mean |current| of the interval; -1 without current
    "contact",  # index into CONTACT_NAMES
    "phase_charge_nc",  # delivered charge of the last whole phase
    "net_charge_nc",  # running delivered net charge of the session, signed
    "total_charge_nc",  # running delivered charge of the session, both polarities added
    "phases",  # phases finished in this session
    "full_phases",  # of those, phases with at least 90 % of the commanded charge
    "samples",  # samples written in this session
    "missed",  # samples skipped because the bus was still busy
    "late",  # interrupts more than half a period late
    "worst_late_us",  # largest lateness of the session
    "fault",  # latched fault code, 0 when none
)
TELEMETRY_RATE_MAX_HZ = 50
