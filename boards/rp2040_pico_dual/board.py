"""Raspberry Pi Pico (RP2040) with two output stages: pins, buses and scale factors. Constants only; imports nothing.

The wiring is in README.md beside this file. Every board defines the same names (a test compares them).
"""

BOARD = "rp2040_pico_dual"
MACHINE = "Raspberry Pi Pico with RP2040"  # what the image's os.uname().machine must start with
PORT = "rp2"  # selects hw/*_rp2.py; those of other ports are not uploaded
MPY_ARCH = "armv6m"  # mpy-cross -march for viper code

# Pins (GPIO numbers). GATE_PIN is the same on every board: boot.py drops it before it imports anything.
GATE_PIN = 18  # high closes the output gate; external pull-down
ESTOP_PIN = 19  # normally-closed contact to ground, internal pull-up: high means stop
LED_PIN = 25
BUTTON_PIN = 14  # to ground, internal pull-up: low while held; steps down, confirms what raises a cap
BUZZER_PIN = 15  # high: an active buzzer (3.3 V) sounds
CUE_LED_PIN = 16  # high: lit with every sound of the buzzer, for who cannot hear it
VBUS_PIN = 24  # high while a USB cable supplies the board (Pico data sheet, table of GPIO functions)
DUMMY_PIN = 20  # high: output on the internal dummy load, electrodes disconnected; external pull-down
TRIP_TEST_PIN = 21  # high: halves the comparator's threshold, for the self-test; external pull-down
TRIPPED_PIN = 22  # high after the comparator opened the gate; its latch is cleared while GATE_PIN is low
SDA_PIN = 4
SCL_PIN = 5
SENSE_PIN = 26  # ADC: current sense amplifier
VOLTAGE_PIN = SUPPLY_PIN = 28  # ADC: output of an analog multiplexer
MUX_PINS = (10, 11)  # its select lines, the lower bit first
VOLTAGE_INPUT = 0  # of the multiplexer: output voltage divider
SUPPLY_INPUT = 2  # positive rail of the output stages, divided
TEMPERATURE_CHANNEL = 4  # ADC channel of the chip's own sensor, RP2040 data sheet 4.9.5

LINK_BAUD = 0  # USB says when it has room

I2C_ID = 0
I2C_HZ = 400000  # MCP4725 data sheet, section 5: fast mode
DAC_ADDRESS = 0x60  # A0 strapped low


class SECOND:
    """The second output: what differs from the first. DUMMY_PIN and TRIP_TEST_PIN switch both."""

    GATE_PIN = 17  # the same on every board that has one: boot.py drops it too
    TRIPPED_PIN = 13
    SDA_PIN = 6
    SCL_PIN = 7
    I2C_ID = 1
    SENSE_PIN = 27
    VOLTAGE_INPUT = 1


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
TEMPERATURE_MAX_C = 60  # ours: no part of the design warms itself; FOC-Stim stops at the same figure

# Hardware protection, independent of the MCU.
LIMITER_MAX_UA = 920  # passive limiter 820 uA +10 %, plus 2 % of sense error; more flows only past a shorted diode
COMPARATOR_UA = 950  # window comparator on the sense amplifier: above the limiter's 902, below 1 mA; ours
DUMMY_OHM = 4700  # full scale into it and SERIES_OHM needs 7.9 V, inside the compliance

# Engine.
# Sample periods that core/waveplan.py chooses from, longest first. The engine leaves out those that the bus is too slow
# for: a sample with START and STOP takes 77 us at the SCL rate its registers give, one of a held transaction 48 us.
PERIODS_US = (250, 100, 62)
# A pulse of one sample: the bus takes it in 48 us, but not many of them without a pause.
PULSE_US = 50
PAIR_US = 100  # shortest sample period of two channels: the interrupt takes 38 us for both
TRIP_UA = (
    100  # measured current beyond the set-point by this much trips in the interrupt; ours, below the limiter at 600 uA
)
CONTACT_UA = 8  # current that looks for contact: 10 uA less the gain and offset errors of an uncalibrated stage
# Measured current may exceed or oppose the command by this much. Ours: offset, gain and noise of an uncalibrated stage
# come to 36 uA at 600 uA.
FOLLOW_UA = 60
WATCHDOG_MS = 480  # ours: with a pass of the main loop before it, a hung CPU holds the output for less than 500 ms
WATCHDOG_FLASH_MS = 4000  # while a flash or EEPROM write runs with the gate open; ours: ten sector erases of 400 ms
