"""MCP4725 driver: fast writes, read-back, general call. It never writes the EEPROM; that is hw/commission.py.

Data sheet: Microchip DS22039, sections 6.1 (write commands), 6.2 (read-back), 7.3 (general call).
"""

GENERAL_CALL = 0
RESET = 0x06  # DS22039 7.3.1: reload register from EEPROM, as at power-on
FULL_CODE = 4095


class Dac:
    """One MCP4725. bus: machine.I2C; address: its 7-bit address. Main loop only, and not while the engine is armed.

    Every method raises OSError when the part does not acknowledge or the bus times out.
    """

    def __init__(self, bus, address):
        self.bus = bus
        self.address = address
        self.errors = 0  # transfers that failed, since boot
        self._pair = bytearray(2)
        self._answer = bytearray(5)

    def write(self, code):
        """Fast write of a 12-bit code, power-down bits clear. Raises ValueError outside 0..4095: no wrap-around."""
        if not 0 <= code <= FULL_CODE:
            raise ValueError("DAC code %d is outside 0..%d" % (code, FULL_CODE))
        self._pair[0] = code >> 8
        self._pair[1] = code & 0xFF
        self._transfer(self.bus.writeto, self.address, self._pair)

    def _transfer(self, method, address, data):
        try:
            method(address, data)
        except OSError:
            self.errors += 1
            raise

    def follows(self, codes):
        """Write each code in turn and read it back; True when the part held every one."""
        for code in codes:
            self.write(code)
            if self.read()[1:3] != (code, 0):
                return False
        return True

    def reset(self):
        """General-call reset: the register takes the EEPROM's code and bits. Reaches every part on the bus."""
        self._transfer(self.bus.writeto, GENERAL_CALL, bytes((RESET,)))

    def read(self):
        """(ready, code, power_down, eeprom_code, eeprom_power_down): what the part really holds.

        ready: 1 unless an EEPROM write is in progress; power_down: 0 normal, 1..3 output pulled to ground.
        """
        self._transfer(self.bus.readfrom_into, self.address, self._answer)
        status, high, low, eeprom_high, eeprom_low = self._answer
        return (
            status >> 7,
            high << 4 | low >> 4,
            status >> 1 & 3,
            (eeprom_high & 0x0F) << 8 | eeprom_low,
            eeprom_high >> 5 & 3,
        )
