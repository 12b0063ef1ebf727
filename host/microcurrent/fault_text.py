"""Sentences about faults: what happened with the number and the limit; the state; what to do."""

from firmware.shared import faults

# What the two numbers of a fault are; faults that are not listed have none worth showing.
_NUMBERS = {
    faults.OVER_CURRENT: "measured {reading} uA, limit {limit} uA",
    faults.DAC_EEPROM_UNSAFE: "EEPROM code {reading}, zero current is {limit}",
    faults.SAMPLE_INTERRUPT_LATE: "{reading} us late, limit {limit} us",
    faults.SAMPLE_INTERRUPT_STOPPED: "silent for {reading} ms, limit {limit} ms",
    faults.LEASE_LOST: "lease {limit} ms",
    faults.WATCHDOG_RESET: "{limit} ms without proof of progress",
}


def fault_text(code: int, reading: int, limit: int) -> str:
    """The sentence about a latched fault, from its code and its two numbers."""
    numbers = _NUMBERS.get(code, "").format(reading=reading, limit=limit)
    shown = f" ({numbers})" if numbers else ""
    return (
        f"fault {code} {faults.name_of(code)}: {faults.meaning_of(code)}{shown}; output is off and latched; "
        f"{faults.hint_of(code)}"
    )
