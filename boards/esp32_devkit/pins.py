"""Where the pins of an ESP32 DevKitC V4 are: Espressif's guide to that board, tables of J2 and J3. Imports nothing."""

PREFIX = "GPIO"
NAME = "ESP32 DevKitC V4"
TOP = "antenna"
# From the antenna down, each side as one looks at the parts.
LEFT = (
    "3V3", "EN", "GPIO36", "GPIO39", "GPIO34", "GPIO35", "GPIO32", "GPIO33", "GPIO25", "GPIO26", "GPIO27", "GPIO14",
    "GPIO12", "GND", "GPIO13", "GPIO9", "GPIO10", "GPIO11", "5V",
)  # fmt: skip
RIGHT = (
    "GND", "GPIO23", "GPIO22", "GPIO1", "GPIO3", "GPIO21", "GND", "GPIO19", "GPIO18", "GPIO5", "GPIO17", "GPIO16",
    "GPIO4", "GPIO0", "GPIO2", "GPIO15", "GPIO8", "GPIO7", "GPIO6",
)  # fmt: skip
LEFT_NUMBERS = tuple(f"J2 pin {number}" for number in range(1, 20))
RIGHT_NUMBERS = tuple(f"J3 pin {number}" for number in range(1, 20))
INSIDE = ()
DIFFERENT = {
    "VBUS_PIN": ("5V pin through 100 kΩ, 150 kΩ to GND", ""),
    "GATE_PIN": ("control of the output gate", "**10 kΩ pull-down to GND**; not a strapping pin"),
    "SENSE_PIN": ("current sense amplifier", "input only; 1.65 V at 0 µA, 1.5 mV per µA"),
    "VOLTAGE_PIN": ("output voltage divider", "input only; 1.65 V at 0 V, one eighth of the voltage"),
    "SUPPLY_PIN": ("positive rail of the output stage", "input only; one fifth of the voltage"),
}
"""Constants whose texts differ from boards/wiring.py: (goes to, note; empty: as there)."""
