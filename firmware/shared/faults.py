"""The fault table: the only place where a fault is described. Device, host, README and campaign derive from it.

A row is (code, name, meaning, hint, kind, off_us, scenario):
kind: which layer finds it. TRIP: an interrupt; SUPERVISED: the main loop's supervisor; BOOT: checks with the
gate open, at boot and before a start.
off_us: longest time from the cause (for a TRIP: from the analogue crossing, or the first sample that can show it) to
an open gate, in us, with the longest sample period; SAMPLES tells how many periods of it there are. 0: found before
any current flows. Where the stop is a ramp, off_us ends where the ramp begins.
scenario: the name of the injection in tests/campaign that provokes it on the virtual Pico.
"""

TRIP = "trip"
SUPERVISED = "supervised"
BOOT = "boot"

NONE = 0
OVER_CURRENT = 1
DAC_NO_ACK = 2
DAC_EEPROM_UNSAFE = 3
OUTPUT_ASTRAY = 4
SAMPLE_INTERRUPT_LATE = 5
SAMPLE_INTERRUPT_STOPPED = 6
SUPERVISOR_LATE = 7
LEASE_LOST = 8
ESTOP = 9
SETTINGS_CORRUPT = 10
WATCHDOG_RESET = 11
SELFTEST_FAILED = 12
INTERNAL = 13
BOARD_MISMATCH = 14
BUS_HUNG = 15
DAC_READBACK = 16
SENSE_STUCK = 17
COMPLIANCE_LOST = 18
OPEN_ELECTRODE = 19
SHORT = 20
DC_IMBALANCE = 21
CHARGE_LIMIT = 22
OVER_TIME = 23
OVER_TEMPERATURE = 24
SUPPLY = 25
MAINS_USB = 26
COMPARATOR = 27
SAMPLE_INTERRUPT_RAISED = 28
JOURNAL_BROKEN = 29
FIRMWARE_ALTERED = 30

_CLEAR = ", then run: microcurrent faults clear"
_REPORT = "This is a defect: please report it with the output of: microcurrent log"

LONGEST_SAMPLE_US = 250  # of all boards with samples in an interrupt (a test compares)
_ONE = LONGEST_SAMPLE_US + 5
_TWO = 2 * LONGEST_SAMPLE_US + 5
# Sample periods that off_us contains; every other fault's time does not depend on the period.
SAMPLES = {OVER_CURRENT: 1, DAC_NO_ACK: 2, OUTPUT_ASTRAY: 2, ESTOP: 1, CHARGE_LIMIT: 1, COMPARATOR: 1}

TABLE = (
    (OVER_CURRENT, "over-current", "the measured current left the window around the set-point",
     "Check the electrode wiring and the output stage" + _CLEAR, TRIP, _ONE, "pump-at-rail"),
    (DAC_NO_ACK, "dac-no-ack", "the DAC did not acknowledge on the I2C bus",
     "Check SDA, SCL, supply and the DAC's address" + _CLEAR, TRIP, _TWO + 45, "dac-absent"),
    (DAC_EEPROM_UNSAFE, "dac-eeprom-unsafe", "the DAC would not power up at the zero-current code",
     "Run: microcurrent commission", BOOT, 0, "dac-eeprom"),
    (OUTPUT_ASTRAY, "output-astray", "the measured current exceeds or opposes the command",
     "Check the DAC and the output stage, then run: microcurrent selftest", TRIP, _TWO, "dac-stuck"),
    (SAMPLE_INTERRUPT_LATE, "sample-interrupt-late", "the sample interrupt came more than a sample period late",
     "Run: microcurrent selftest; report it if it comes back", SUPERVISED, 50000, "interrupt-late"),
    (SAMPLE_INTERRUPT_STOPPED, "sample-interrupt-stopped", "the sample interrupt stopped coming",
     _REPORT, TRIP, 10200, "interrupt-dead"),
    (SUPERVISOR_LATE, "supervisor-late", "the main loop did not look after the output for 100 ms",
     _REPORT, TRIP, 100300, "main-loop-hung"),
    (LEASE_LOST, "lease-lost", "the host did not renew the session's lease in time",
     "Check the cable and the host" + _CLEAR, SUPERVISED, 2050000, "host-silent"),
    (ESTOP, "e-stop", "the emergency stop is open",
     "Close the emergency stop" + _CLEAR, TRIP, _ONE, "estop-open"),
    (SETTINGS_CORRUPT, "settings-corrupt", "a stored settings slot does not pass its checksum",
     "Check the settings with: microcurrent config show" + _CLEAR, BOOT, 0, "settings-corrupt"),
    (WATCHDOG_RESET, "watchdog-reset", "the watchdog reset the board",
     "Run: microcurrent selftest" + _CLEAR, BOOT, 500000, "cpu-hung"),
    (SELFTEST_FAILED, "selftest-failed", "the self-test did not pass",
     "Run: microcurrent selftest and mend what it names", BOOT, 0, "gate-stuck"),
    (INTERNAL, "internal", "the firmware met an exception that nobody expected",
     _REPORT, SUPERVISED, 50000, "main-loop-raises"),
    (BOARD_MISMATCH, "board-mismatch", "the firmware was built for another board",
     "Run: microcurrent flash --board with the board you have", BOOT, 0, "other-board"),
    (BUS_HUNG, "bus-hung", "the I2C bus took no sample for four sample periods in a row",
     "Check SDA, SCL and their pull-ups" + _CLEAR, TRIP, 1300, "sda-held"),
    (DAC_READBACK, "dac-readback", "the DAC acknowledges, but does not hold what was written",
     "Check the DAC, then run: microcurrent selftest", BOOT, 0, "dac-deaf"),
    (SENSE_STUCK, "sense-stuck", "current is commanded and voltage is there, but the sense reading stays at zero",
     "Check the sense amplifier, then run: microcurrent selftest", SUPERVISED, 400000, "sense-dead"),
    (COMPLIANCE_LOST, "compliance-lost", "no phase reached 90 % of its charge for 3 s: the skin needs more voltage",
     "Moisten the electrodes or ask for less current" + _CLEAR, SUPERVISED, 3200000, "skin-dries"),
    (OPEN_ELECTRODE, "open-electrode", "no stable contact was found for 10 s",
     "Put both electrodes on the skin with gel" + _CLEAR, SUPERVISED, 10200000, "lift-off"),
    (SHORT, "short", "the electrodes measure less than 100 ohm for a second",
     "Part the electrodes" + _CLEAR, SUPERVISED, 1200000, "electrodes-touch"),
    (DC_IMBALANCE, "dc-imbalance", "the mean current of whole cycles over a second is not zero",
     "Run: microcurrent selftest; check the output stage's offset", TRIP, 2300000, "offset-drifts"),
    (CHARGE_LIMIT, "charge-limit", "a phase or the session moved more charge than was permitted",
     "Check the output stage, then run: microcurrent selftest", TRIP, _ONE, "phase-too-long"),
    (OVER_TIME, "over-time", "the session did not end when its time was over",
     _REPORT, SUPERVISED, 600000, "clock-slow"),
    (OVER_TEMPERATURE, "over-temperature", "the chip is too warm",
     "Let it cool down" + _CLEAR, SUPERVISED, 200000, "chip-warm"),
    (SUPPLY, "supply", "the output stage's supply is out of its range",
     "Charge or replace the battery" + _CLEAR, SUPERVISED, 200000, "supply-sags"),
    (MAINS_USB, "mains-usb", "a USB cable supplies the board and no isolation is declared",
     "Unplug it, or declare an isolated supply: microcurrent config set usb_isolated 1", SUPERVISED, 50000,
     "usb-plugged"),
    (COMPARATOR, "comparator", "the hardware comparator opened the gate: the current passed its threshold",
     "Check the output stage, then run: microcurrent selftest", TRIP, _ONE, "limiter-and-pump"),
    (SAMPLE_INTERRUPT_RAISED, "sample-interrupt-raised",
     "the sample interrupt ended in its middle: it raised an exception", _REPORT, TRIP, 10200,
     "interrupt-raises"),
    (JOURNAL_BROKEN, "journal-broken", "the journal's chain of records is broken: altered, or the flash is failing",
     "Keep a copy with: microcurrent log --json" + _CLEAR, BOOT, 0, "journal-altered"),
    (FIRMWARE_ALTERED, "firmware-altered", "a file of the firmware is not as it was built, or older firmware came back",
     "Run: microcurrent status, which names it; microcurrent flash" + _CLEAR, BOOT, 0, "module-altered"),
)  # fmt: skip


def off_us(code, sample_us):
    """The longest time to an open gate with this sample period; 0 for codes without a row."""
    row = _row(code)
    return row[5] - SAMPLES.get(code, 0) * (LONGEST_SAMPLE_US - sample_us) if row else 0


def name_of(code):
    """The fault's name, 'none' for 0, 'fault-N' for a code this version does not know."""
    row = _row(code)
    if row:
        return row[1]
    return "none" if code == NONE else "fault-%d" % code


def meaning_of(code):
    """What happened, as half a sentence; empty for 0 and for unknown codes."""
    row = _row(code)
    return row[2] if row else ""


def hint_of(code):
    """What to do next; empty for 0 and for unknown codes."""
    row = _row(code)
    return row[3] if row else ""


def _row(code):
    for row in TABLE:
        if row[0] == code:
            return row
    return None
