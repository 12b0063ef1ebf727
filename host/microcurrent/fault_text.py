"""Sentences about faults: what happened with the number and the limit; the state; what to do.

What a fault's two numbers are is decided where it is raised: firmware/core/supervisor.py, session.py and app.py.
"""

from dataclasses import dataclass

from firmware.shared import faults, limits, protocol

# By fault: what its reading is, and what its limit is. A limit of 0 stands for none: a check of the self-test has its
# own, which its sentence names. Faults that are not listed have no numbers.
_NUMBERS = {
    faults.OVER_CURRENT: ("measured {reading} uA", "limit {limit} uA"),
    faults.OUTPUT_ASTRAY: ("measured {reading} uA", ""),
    faults.COMPARATOR: ("last sample {reading} uA", ""),
    faults.DAC_EEPROM_UNSAFE: ("EEPROM code {reading}", ""),
    faults.SAMPLE_INTERRUPT_LATE: ("{reading} us late", "limit {limit} us"),
    faults.SAMPLE_INTERRUPT_STOPPED: ("missing for {reading} ms", "limit {limit} ms"),
    faults.SAMPLE_INTERRUPT_RAISED: ("missing for {reading} ms", "limit {limit} ms"),
    faults.LEASE_LOST: ("", "lease {limit} ms"),
    faults.SENSE_STUCK: ("voltage reading {reading} counts", "{limit} would be open electrodes"),
    faults.COMPLIANCE_LOST: ("for {reading} ms", "limit {limit} ms"),
    faults.OPEN_ELECTRODE: ("looked for {reading} ms", "limit {limit} ms"),
    faults.SHORT: ("voltage reading {reading} counts", "limit {limit} ohm"),
    faults.CHARGE_LIMIT: ("measured {reading} uA in the phase that was too large", ""),
    faults.OVER_TIME: ("{reading} ms", "limit {limit} ms"),
    faults.OVER_TEMPERATURE: ("{reading} C", "limit {limit} C"),
    faults.SUPPLY: ("{reading} mV", "limit {limit} mV"),
    faults.SELFTEST_FAILED: ("reading of the failed check {reading}", ""),
}
# Found at one output alone; every other fault is the board's.
_OF_A_CHANNEL = (
    faults.OVER_CURRENT, faults.DAC_NO_ACK, faults.DAC_EEPROM_UNSAFE, faults.OUTPUT_ASTRAY, faults.BUS_HUNG,
    faults.DAC_READBACK, faults.SENSE_STUCK, faults.COMPLIANCE_LOST, faults.OPEN_ELECTRODE, faults.SHORT,
    faults.DC_IMBALANCE, faults.CHARGE_LIMIT, faults.COMPARATOR,
)  # fmt: skip
_FOUND_BY = {
    faults.TRIP: "interrupt",
    faults.SUPERVISED: "supervisor",
    faults.BOOT: "check without current",
}


@dataclass(frozen=True)
class Fault:
    """A row of the fault table. off_us: longest time from the cause to the open gate; 0: found before current flows."""

    code: int
    name: str
    meaning: str
    hint: str
    kind: str
    off_us: int

    @property
    def found_by(self) -> str:
        """The layer that finds it, in words."""
        return _FOUND_BY[self.kind]

    @property
    def off(self) -> str:
        """The longest time to an open gate as text."""
        if not self.off_us:
            return "before any current"
        return f"{self.off_us} us" if self.off_us < 1000 else f"{self.off_us / 1000:g} ms"


def all_faults() -> list[Fault]:
    """The whole table, by code."""
    return sorted((Fault(*row[:6]) for row in faults.TABLE), key=lambda fault: fault.code)


def fault_of(code: int) -> Fault | None:
    """The row of a code; None for 0, and for a code that only a newer firmware knows."""
    return next((fault for fault in all_faults() if fault.code == code), None)


def channel_of(found: dict, identity: dict) -> int | None:
    """The channel of a fault event or of a reply to `faults`; None from a board with one channel."""
    return found.get("channel") if identity.get("channels", 1) > 1 else None


def fault_text(code: int, reading: int, limit: int, channel: int | None = None) -> str:
    """The sentence about a latched fault, from its code and its two numbers. channel: None where there is only one."""
    numbers = numbers_text(code, reading, limit)
    shown = f" ({numbers})" if numbers else ""
    return (
        f"fault {code} {faults.name_of(code)}{where(code, channel)}: {faults.meaning_of(code)}{shown}; "
        f"output is off and latched; {faults.hint_of(code)}"
    )


def where(code: object, channel: object) -> str:
    """' on channel 2' behind a fault's name; empty for what is the board's, and without a channel."""
    return f" on channel {channel}" if channel and code in _OF_A_CHANNEL else ""


def numbers_text(code: int, reading: int, limit: int) -> str:
    """A fault's reading and limit with their units; empty where there are none."""
    if code == faults.WATCHDOG_RESET:
        return f"{reading} ms without proof of progress, in state {_state_name(limit)}"
    if code == faults.CHARGE_LIMIT and limit == limits.SESSION_CHARGE_UC:  # by the supervisor, not by the interrupt
        return f"{reading} uC in the session, limit {limit} uC"
    if code == faults.SELFTEST_FAILED and limit:
        return f"the watchdog did not reset the board within {reading} ms, its limit is {limit} ms"
    if reading == limit == 0:
        return ""
    if code in (faults.SAMPLE_INTERRUPT_STOPPED, faults.SAMPLE_INTERRUPT_RAISED) and not reading:
        return ""  # found by another interrupt, which counts no milliseconds
    about_reading, about_limit = _NUMBERS.get(code, ("", ""))
    parts = (about_reading, about_limit if limit else "")
    return ", ".join(part.format(reading=reading, limit=limit) for part in parts if part)


def _state_name(state: int) -> str:
    return protocol.STATE_NAMES[state] if 0 <= state < len(protocol.STATE_NAMES) else str(state)
