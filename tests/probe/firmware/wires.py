"""Which pin of the probe goes to which point of the board under test. Wiring and levels: README.md beside this folder.

Constants only: the host reads this file too.
"""

GATE_PIN = 2  # GATE_PIN of the board under test, through 1 kohm
ESTOP_PIN = 3  # in place of the emergency-stop contact, through 1 kohm: low is closed, released is open
RUN_PIN = 4  # RUN of the board under test, through 1 kohm: low resets it, else released
LINES = ("gate", "estop", "run")  # edges of these are timed

INPUTS = ("dac", "sense", "voltage")  # what the ADC sees, each through 1 kohm, in the order of INPUT_PINS
INPUT_PINS = (26, 27, 28)  # MCP4725 VOUT; SENSE_PIN; VOLTAGE_PIN of the board under test
