"""Where the pins of a Raspberry Pi Pico are: data sheet of the Pico, pinout on its first pages. Imports nothing."""

PREFIX = "GP"
NAME = "Raspberry Pi Pico"
TOP = "USB"
# From the USB socket down, each side as one looks at the parts; number -> what is there.
LEFT = (
    "GP0", "GP1", "GND", "GP2", "GP3", "GP4", "GP5", "GND", "GP6", "GP7", "GP8", "GP9", "GND", "GP10", "GP11", "GP12",
    "GP13", "GND", "GP14", "GP15",
)  # fmt: skip
RIGHT = (
    "VBUS", "VSYS", "GND", "3V3_EN", "3V3", "ADC_VREF", "GP28", "AGND", "GP27", "GP26", "RUN", "GP22", "GND", "GP21",
    "GP20", "GP19", "GP18", "GND", "GP17", "GP16",
)  # fmt: skip
LEFT_NUMBERS = tuple(f"pin {number}" for number in range(1, 21))
RIGHT_NUMBERS = tuple(f"pin {number}" for number in range(40, 20, -1))
INSIDE = ("GP23", "GP24", "GP25")  # on the board, on no pin
DIFFERENT = {
    "VBUS_PIN": ("VBUS of the Pico, wired on board", ""),
    "DUMMY_PIN": ("change-over of the outputs to their dummy loads", ""),
    "VOLTAGE_PIN": ("multiplexer output; its input 0: output voltage divider of the first output", ""),
    "SUPPLY_PIN": ("the same; its input 2: positive rail of the output stages", ""),
    "SECOND.TRIPPED_PIN": ("comparator latch of the second output", "cleared while `SECOND.GATE_PIN` is low"),
    "SECOND.SENSE_PIN": ("current sense amplifier of the second output", "as the first"),
    "SECOND.GATE_PIN": ("control of the second output gate", ""),
    "SECOND.SDA_PIN": ("SDA of the second MCP4725", ""),
    "SECOND.SCL_PIN": ("SCL of the second MCP4725", ""),
}
"""Constants whose texts differ from boards/wiring.py: (goes to, note; empty: as there)."""
