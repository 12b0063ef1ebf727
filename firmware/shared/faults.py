"""The fault table: code, name, meaning, what to do. Device and host derive everything about faults from it."""

NONE = 0
OVER_CURRENT = 1
DAC_NO_ACK = 2
DAC_EEPROM_UNSAFE = 3
DAC_STUCK = 4
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

# (code, name, meaning, hint). The hint is shown behind the reading: what to do next.
TABLE = (
    (
        OVER_CURRENT,
        "over-current",
        "the measured current left the window around the set-point",
        "Check the electrode wiring and the output stage, then run: microcurrent faults clear",
    ),
    (
        DAC_NO_ACK,
        "dac-no-ack",
        "the DAC did not acknowledge on the I2C bus",
        "Check SDA, SCL, supply and the DAC's address, then run: microcurrent faults clear",
    ),
    (
        DAC_EEPROM_UNSAFE,
        "dac-eeprom-unsafe",
        "the DAC would not power up at the zero-current code",
        "Run: microcurrent commission",
    ),
    (
        DAC_STUCK,
        "dac-stuck",
        "the DAC acknowledges, but its code or the measured current does not follow",
        "Check the DAC and the output stage, then run: microcurrent selftest",
    ),
    (
        SAMPLE_INTERRUPT_LATE,
        "sample-interrupt-late",
        "the sample interrupt came more than a sample period late",
        "Run: microcurrent selftest; report it if it comes back",
    ),
    (
        SAMPLE_INTERRUPT_STOPPED,
        "sample-interrupt-stopped",
        "the sample interrupt stopped: it raised an exception or its timer died",
        "This is a defect: please report it with the output of: microcurrent log",
    ),
    (
        SUPERVISOR_LATE,
        "supervisor-late",
        "the main loop did not look after the output for 100 ms",
        "This is a defect: please report it with the output of: microcurrent log",
    ),
    (
        LEASE_LOST,
        "lease-lost",
        "the host did not renew the session's lease in time",
        "Check the cable and the host, then run: microcurrent faults clear",
    ),
    (ESTOP, "e-stop", "the emergency stop is open", "Close the emergency stop, then run: microcurrent faults clear"),
    (
        SETTINGS_CORRUPT,
        "settings-corrupt",
        "no stored settings slot passes its checksum",
        "Run: microcurrent config reset",
    ),
    (
        WATCHDOG_RESET,
        "watchdog-reset",
        "the watchdog reset the board",
        "Run: microcurrent selftest, then: microcurrent faults clear",
    ),
    (
        SELFTEST_FAILED,
        "selftest-failed",
        "the self-test did not pass",
        "Run: microcurrent selftest and mend what it names",
    ),
    (
        INTERNAL,
        "internal",
        "the firmware met an exception that nobody expected",
        "This is a defect: please report it with the output of: microcurrent log",
    ),
    (
        BOARD_MISMATCH,
        "board-mismatch",
        "the firmware was built for another board",
        "Run: microcurrent flash --board with the board you have",
    ),
    (
        BUS_HUNG,
        "bus-hung",
        "the I2C bus took no sample for four sample periods in a row",
        "Check SDA, SCL and their pull-ups, then run: microcurrent faults clear",
    ),
)


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
