"""Writes the zero-current code into the DAC's EEPROM with Adafruit's driver, and reads it back with ours.

Needed once per DAC: the part powers up with whatever its EEPROM holds, and anything but mid-scale with the power-down
bits clear is current. The adapter gives machine.I2C the interface that adafruit_bus_device expects.
"""

import gc

from micropython import const

_BUSY_READS_MAX = const(6)  # ours: the driver asks every 50 ms, the longest that a write takes (DS22039 table 1-1)
_READY = const(0x80)  # RDY/BSY, bit 7 of the first byte read (DS22039 6.2)


class BusAdapter:
    """machine.I2C behind the four methods of CircuitPython's busio.I2C that the driver calls."""

    def __init__(self, bus):
        self._bus = bus
        self._busy_reads = 0

    def try_lock(self):
        """Always True: the main loop is the only user of the bus while the engine is disarmed."""
        return True

    def unlock(self):
        """Nothing to release."""

    def writeto(self, address, buffer, *, start=0, end=None):
        """Write buffer[start:end]. A zero-length probe becomes an error, so that the driver probes by reading."""
        data = memoryview(buffer)[start : len(buffer) if end is None else end]
        if not len(data):
            raise OSError("no zero-length writes on this bus")
        self._bus.writeto(address, data)

    def readfrom_into(self, address, buffer, *, start=0, end=None):
        """Read into buffer[start:end]. Raises OSError when the part says busy _BUSY_READS_MAX times in a row."""
        answer = memoryview(buffer)[start : len(buffer) if end is None else end]
        self._bus.readfrom_into(address, answer)
        self._busy_reads = 0 if answer[0] & _READY else self._busy_reads + 1
        if self._busy_reads > _BUSY_READS_MAX:
            raise OSError("DAC stays busy")


def commission(dac, zero_code, gate_closed):
    """Store zero_code in the EEPROM unless it is there; return True when it was written.

    Raises RuntimeError while the gate conducts (gate_closed = 1): the part ignores every write, a stop included, while
    its EEPROM programs. Raises OSError when it does not answer or does not hold the code afterwards.
    """
    if gate_closed:
        raise RuntimeError("no EEPROM write while the gate conducts")
    _ready, _code, _power_down, eeprom_code, eeprom_power_down = dac.read()
    if (eeprom_code, eeprom_power_down) == (zero_code, 0):
        return False
    from adafruit_mcp4725 import MCP4725  # imported late: heap that is needed once in a board's life

    part = MCP4725(BusAdapter(dac.bus), address=dac.address)
    part.raw_value = zero_code
    part.save_to_eeprom()
    if dac.read() != (1, zero_code, 0, zero_code, 0):
        raise OSError("DAC does not hold the zero-current code after the EEPROM write")
    del part
    gc.collect()
    return True
