"""Names on the link: commands, states, events, telemetry fields. Both sides import them; neither redefines them.

A request is {"id": n, "cmd": name, "args": {...}}; its reply {"id": n, "ok": true, "data": {...}} or
{"id": n, "ok": false, "err": code, "text": sentence}. An event is {"ev": name, "seq": n, ...} and has no id.

A session has one channel or two. What belongs to the second one stands beside the first's under the same name and a 2:
"wave2" in requests and status, "t2" in telemetry and at the end, "terms2" in the terms. Events that concern one channel
carry "channel": 1 or 2.
"""

PROTOCOL_VERSION = 5  # raised whenever a name, a field or a meaning below changes
FIRMWARE_VERSION = "0.2.0"
FIRMWARE_NUMBER = 1  # raised with every release: a board that ran one refuses output under a lower number

# Device states. OFF is a state of its own: gate open and DAC parked, not "0 uA". core/states.py says what may follow.
OFF = 0  # after every reset: nothing is proven yet
RAMP_UP = 1  # looks for contact at 8 uA, then ramps; a lift-off falls back to here
ACTIVE = 2
RAMP_DOWN = 3
FAULT = 4
SELF_TEST = 5  # current flows into the internal dummy load only
READY = 6  # the self-test passed and no fault is latched
ARMED = 7  # a request was checked and permitted; it expires unless started
PAUSED = 8  # gate open in mid-session; the lease goes on
STATE_NAMES = ("OFF", "RAMP_UP", "ACTIVE", "RAMP_DOWN", "FAULT", "SELF_TEST", "READY", "ARMED", "PAUSED")
ARM_MS = 10000  # ours: an armed request that nobody starts within this time is forgotten
CONFIRM_MS = 30000  # ours: time to hold the device's button for a change that raises a cap
HOLD_MS = 1000  # ours: how long the button must be held; a brush is no consent

MEASURE_CODES = 16  # ours: what one "measure" may ask for; it takes 0.2 s, and the answer fits in a line
MEASURE_SPAN = 1434  # codes from the middle, 700 uA: ours, below the limiter's 820 uA with its tolerance

# Why the last session ended.
END_NONE = 0
END_DURATION = 1
END_STOPPED = 2
END_LEASE = 3
END_FAULT = 4
END_ESTOP = 5
END_PAUSE = 6  # paused for longer than PAUSE_MS
END_NAMES = ("none", "duration", "stopped", "lease", "fault", "estop", "pause")
PAUSE_MS = 300000  # ours: five minutes; who left does not come back to a ramp

# Contact, judged from impedance and delivered share; see core/contact.py.
CONTACT_UNKNOWN = 0
CONTACT_GOOD = 1
CONTACT_DRY = 2
CONTACT_OPEN = 3
CONTACT_SHORT = 4
CONTACT_NAMES = ("unknown", "good", "dry", "open", "short")

# Commands the device answers.
COMMANDS = (
    "hello",  # -> identity: protocol, firmware, board, uid, channels, commissioned, maintenance; "image": "frozen" or
    # "uploaded", the code that runs; "calibration": [id, day it was made on], null without
    "status",  # -> one status dict
    "arm",  # args: "wave": the fields of shared/waveform.py, "lease_ms", for two channels also "wave2" -> the session's
    # terms, "terms2" among them; starts nothing. Time, ramp and sample period are those of "wave": "wave2" has none.
    # "contact": true shows the contact and nothing else: the session never leaves sensing level.
    "disarm",  # forget an armed request
    "start",  # args: "session" of the armed request; current begins, at contact-sensing level
    "change",  # args: "session", "wave" or "wave2": what changes -> the terms; from the end of the cycle under way
    "table",  # args: "at", "values", with at = 0 also "points": part of an uploaded table -> "crc", 0 until it is whole
    "pause",  # ramp down, keep the session
    "resume",  # contact sensing and ramp up again
    "stop",  # ramp down and end; args: "now": true drops the gate at once
    "felt",  # somebody feels the current: sensing level at once, then four fifths of it; args: "by"
    "programme",  # args: "at", "step", with at = 0 also "info" (shared/programme.py) -> "hash", "" until it is whole;
    # without args: "stored", the info of the one in flash
    "programme_start",  # args: "hash", "lease_ms", "utc_s", "away": true where the host may leave
    "skip",  # go on with the programme's next step
    "lease",  # renew the host lease; args: "session", or "hash" of the programme that runs
    "telemetry",  # args: "rate_hz" 0..30
    "replay",  # args: "from_seq", "count" -> "rows": [sequence, tuple, second tuple or null] still in the ring
    "config",  # args: none to read all, or {"set": {...}} -> the settings as they stand; see ERR_CONFIRM
    "config_reset",  # settings back to their defaults
    "selftest",  # -> [name, passed, reading, sentence] per check; "watchdog": true lets the watchdog reset the board
    "commission",  # writes the zero-current code into the DAC's EEPROM and reads it back
    "calibration",  # args: none to read, {"set": shared/calibration.py} or {"erase": true} -> "calibration", null
    # without, and "problem", null or why a stored one is not used. Gate open; the board tests itself afterwards.
    "measure",  # args: "channel", "codes" -> "rows": [code, sense, voltage] in ADC counts on the internal dummy load,
    # sums of four readings, the first row with the gate open (code -1); "temperature_c". No calibration is in them.
    "dac",  # -> read-back of DAC register and EEPROM
    "faults",  # -> the latched fault, its readings and its last 64 samples
    "clear",  # clears the latched fault; refused while the cause persists
    "log",  # -> the events the device remembers since boot
    "journal",  # args: "from" record number -> lines of the journal in flash, and where they go on
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
ERR_CONFIRM = "confirm"  # the change raises a cap: hold the device's button for HOLD_MS within CONFIRM_MS
ERR_FAULT = "fault"  # a fault is latched
ERR_HARDWARE = "hardware"  # a part does not answer
ERR_INTERNAL = "internal"  # a defect: the output was switched off

# The telemetry event carries these numbers in this order, all integers, under key "t"; "t2" of a second channel.
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
    "impedance_ohm",  # |voltage| / |current| at the end of the last phase; -1 without current
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
    "series_ohm",  # voltage step / current step from the last phase to the next: what is not skin capacity; -1 unknown
    "lift_offs",  # contact losses in this session
    "sensing",  # 1 while the output looks for contact
    "temperature_c",  # of the chip
    "supply_mv",  # positive rail of the output stage
    "worst_cycles",  # CPU cycles of the session's longest sample interrupt, MicroPython's way there and back left out
    "bus_errors",  # transfers that a DAC did not take, since boot
    "step",  # of a programme, from 1 on; 0: the session belongs to none
)
ROW_KEYS = ("t", "t2")  # of the first and the second channel
TELEMETRY_RATE_MAX_HZ = 50  # every pass of the main loop but those that collect garbage
