"""The I2C bus to the DAC: opening it with a bounded timeout, and freeing one that a slave holds."""

from machine import I2C, Pin

TIMEOUT_US = 2000  # ours: 8 times the longest transfer (6 bytes at 400 kHz); MicroPython's default is 50 ms


def open_bus(board, pins):
    """Return machine.I2C after freeing the bus. pins: the board itself, or its SECOND. Engine disarmed."""
    recover(pins)
    return I2C(
        pins.I2C_ID,
        sda=Pin(pins.SDA_PIN),
        scl=Pin(pins.SCL_PIN),
        freq=board.I2C_HZ,
        timeout=TIMEOUT_US,
    )


def recover(pins):
    """Free a bus whose slave holds SDA low after a reset in mid-transfer. Returns True when SDA is high at the end.

    Nine clocks finish any byte a slave may be sending, then a STOP: I2C specification UM10204, section 3.1.16.
    Clocks only when SDA is low, so that a healthy bus sees nothing.
    """
    sda = Pin(pins.SDA_PIN, Pin.IN, Pin.PULL_UP)
    scl = Pin(pins.SCL_PIN, Pin.OPEN_DRAIN, value=1)
    if sda.value():
        return True
    for _ in range(9):
        scl.value(0)
        scl.value(1)
    sda.init(Pin.OPEN_DRAIN, value=0)
    scl.value(1)
    sda.value(1)
    sda.init(Pin.IN, Pin.PULL_UP)
    return bool(sda.value())
