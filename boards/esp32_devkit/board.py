"""ESP32 DevKitC (ESP32-WROOM-32): pins, buses and scale factors. Constants only; imports nothing.

The wiring is in README.md beside this file. Every board defines the same names (a test compares them).
"""

BOARD = "esp32_devkit"
MACHINE = "Generic ESP32 module with ESP32"  # what the image's os.uname().machine must start with
PORT = "esp32"  # selects hw/*_esp32.py; those of other ports are not uploaded
MPY_ARCH = "xtensawin"  # mpy-cross -march for viper code

# Pins (GPIO numbers). GATE_PIN is the same on every board: boot.py drops it before it imports anything.
GATE_PIN = 18  # high closes the output gate; external pull-down
ESTOP_PIN = 19  # normally-closed contact to ground, internal pull-up: high means stop
LED_PIN = 4  # not GPIO2 of some boards, which is a strapping pin
BUTTON_PIN = 32  # to ground, internal pull-up: low while held; steps down, confirms what raises a cap
BUZZER_PIN = 27  # high: an active buzzer (3.3 V) sounds
CUE_LED_PIN = 13  # high: lit with every sound of the buzzer, for who cannot hear it
VBUS_PIN = 33  # high while a USB cable supplies the board: from the DevKitC's 5V pin through 100 k and 150 k
DUMMY_PIN = 23  # high: output on the internal dummy load, electrodes disconnected; external pull-down
TRIP_TEST_PIN = 25  # high: halves the comparator's threshold, for the self-test; external pull-down
TRIPPED_PIN = 26  # high after the comparator opened the gate; its latch is cleared while GATE_PIN is low
SDA_PIN = 21
SCL_PIN = 22
SENSE_PIN = 34  # ADC: current sense amplifier
VOLTAGE_PIN = 35  # ADC: output voltage divider
SUPPLY_PIN = 36  # ADC: positive rail of the output stage, divided
MUX_PINS = ()  # no analog multiplexer before the ADC
VOLTAGE_INPUT = SUPPLY_INPUT = 0
TEMPERATURE_CHANNEL = -1  # the chip's sensor is not on its ADC: esp32.mcu_temperature()

LINK_BAUD = 115200  # of the REPL, ports/esp32/mpconfigport.h: a UART does not say when it has room

I2C_ID = 0
I2C_HZ = 400000  # MCP4725 data sheet, section 5: fast mode
DAC_ADDRESS = 0x60  # A0 strapped low
SECOND = None  # one output

# Output stage: current = (DAC voltage - mid rail) / 1650 ohm.
ZERO_CODE = 2048  # mid rail: zero current
FULL_SCALE_UA = 1000  # |current| at half the code range, nominal
HARD_CAP_UA = 1000  # never settable; design.md: output never exceeds 1 mA
COMPLIANCE_MV = 10000  # what the +-12 V stage can drive, ours: 2 V below the rail
SERIES_OHM = 3200  # 2.2 k series + 1 k sense: inside the compliance, outside the electrodes

# Sense: 1 k resistor in the return, gain 1.5, centred on mid rail; electrode voltage divided by 8 around mid rail.
ADC_REFERENCE_MV = 3300
SENSE_UV_PER_UA = 1500
VOLTAGE_DIVIDER = 8
SUPPLY_DIVIDER = 5
SUPPLY_MIN_MV = 10800  # ours: below it COMPLIANCE_MV is not what the stage can drive
SUPPLY_MAX_MV = 13200  # ours: 10 % above nominal; op-amps of the design end at 15 V
# Ours: the chip's sensor is not calibrated, and shows some 20 degrees more than the room when nothing is wrong
# (unverified); the chip itself is made for 85 degrees around it.
TEMPERATURE_MAX_C = 85

# Hardware protection, independent of the MCU.
LIMITER_MAX_UA = 920  # passive limiter 820 uA +10 %, plus 2 % of sense error; more flows only past a shorted diode
COMPARATOR_UA = 950  # window comparator on the sense amplifier: above the limiter's 902, below 1 mA; ours
DUMMY_OHM = 4700  # full scale into it and SERIES_OHM needs 7.9 V, inside the compliance

# Engine.
# A sample may be late by one collection of garbage and what runs beside it: up to 25.1 ms with this engine on the
# emulated RP2040 at 125 MHz (README.md beside this file), and 60 % more for a chip on which it has never run.
PERIODS_US = (40000,)
PULSE_US = 0  # no shorter pulses than the sample period
PAIR_US = 0  # one output
TRIP_UA = (
    100  # measured current beyond the set-point by this much trips in the interrupt; ours, below the limiter at 600 uA
)
CONTACT_UA = 8  # current that looks for contact: 10 uA less the gain and offset errors of an uncalibrated stage
# Measured current may exceed or oppose the command by this much. Ours: an uncalibrated ADC is off by up to 6 %, which
# is 36 uA at 600 uA, beside the stage's own 36 uA.
FOLLOW_UA = 100
WATCHDOG_MS = 480  # ours: with a pass of the main loop before it, a hung CPU holds the output for less than 500 ms
WATCHDOG_FLASH_MS = 4000  # while a flash or EEPROM write runs with the gate open; ours: ten sector erases of 400 ms
