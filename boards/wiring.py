"""What every pin constant of boards/*/board.py goes to, for the wiring tables and pin diagrams. Imports nothing.

PINS: constant -> (goes to, net of boards/output_stage/circuit.py or "", note). A board's pins.py says where its pins
are, and what differs there. Constants of a second output have the note of the first one's.
"""

PULL_DOWN = "**10 kΩ pull-down to GND**"

PINS = {
    "SDA_PIN": ("MCP4725 SDA", "", "2.2 kΩ pull-up to 3V3"),
    "SCL_PIN": ("MCP4725 SCL", "", "2.2 kΩ pull-up to 3V3"),
    "GATE_PIN": (
        "control of the output gate",
        "gate_pin",
        "**10 kΩ pull-down to GND: the gate is open when the MCU resets**",
    ),
    "ESTOP_PIN": (
        "emergency stop, normally-closed contact to GND",
        "estop_pin",
        "no contact, or a broken wire, means stop; bridge to GND only on the bench",
    ),
    "LED_PIN": ("LED", "", "lit while the gate conducts"),
    "BUTTON_PIN": (
        "push button to GND",
        "",
        "pressed while current flows: a step down at once, and held for two seconds: the end; held for a second "
        "otherwise, it confirms what raises a cap: a host alone cannot",
    ),
    "BUZZER_PIN": (
        "active buzzer, 3.3 V, through a transistor above 10 mA",
        "",
        "cues: relocate, hold done, contact lost, finished",
    ),
    "CUE_LED_PIN": ("LED with 1 kΩ to GND", "", "lit with every sound"),
    "VBUS_PIN": ("VBUS", "", "high: the board hangs on a USB cable, which must be isolated and declared so"),
    "DUMMY_PIN": (
        "change-over of the output to the dummy load",
        "dummy_pin",
        f"{PULL_DOWN}; low: electrodes; high: 4.7 kΩ inside, electrodes open",
    ),
    "TRIP_TEST_PIN": ("comparator threshold", "trip_pin", f"{PULL_DOWN}; high: half the threshold, for the self-test"),
    "TRIPPED_PIN": (
        "comparator latch",
        "tripped_pin",
        "high after the comparator opened the gate by itself; cleared while `GATE_PIN` is low",
    ),
    "SENSE_PIN": ("current sense amplifier", "sense", "1.65 V at 0 µA, 1.5 mV per µA"),
    "VOLTAGE_PIN": ("output voltage divider", "volt", "1.65 V at 0 V, one eighth of the voltage"),
    "SUPPLY_PIN": ("positive rail of the output stage", "sup", "one fifth of the voltage"),
    "MUX_PINS": ("multiplexer select", "", "lower bit first"),
}
