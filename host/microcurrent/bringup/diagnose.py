"""From what the board told to what is likely wrong: one function per step, in the order in which faults hide others."""

from collections.abc import Callable

from .facts import Facts
from .result import Result

FULL_COUNTS = 1900  # ours: of 2048; an amplifier or a wire at its rail
ZERO_COUNTS = 40  # as hw/checks.py


def all_of(facts: Facts) -> list[Result]:
    """Every step; what stands behind a failed one is not judged."""
    found: list[Result] = []
    for step in STEPS:
        result = step(facts)
        if result is not None:
            found.append(result)
    return found


def estop(facts: Facts) -> Result:
    """The emergency stop's contact."""
    where, expected = f"GPIO{facts.board.ESTOP_PIN} (ESTOP_PIN), normally closed to GND", "closed"
    if not facts.estop:
        return Result("e-stop", where, True, "closed", expected)
    mistake = "the contact is open or pressed, a normally open one was fitted, or its wire is broken"
    return Result("e-stop", where, False, "open", expected, mistake)


def dac(facts: Facts) -> Result:
    """The DAC on its bus."""
    board = facts.board
    where = f"MCP4725 on SDA GPIO{board.SDA_PIN}, SCL GPIO{board.SCL_PIN}"
    expected = f"acknowledges at 0x{board.DAC_ADDRESS:02x}, holds what is written, powers up at {board.ZERO_CODE}"
    if facts.failed("dac-answers"):
        mistake = (
            "no acknowledge: SDA and SCL swapped, no pull-ups or no 3V3 at the DAC, or its address is another (A0 must "
            "be low; breakouts come with 0x60, 0x61, 0x62 or 0x63)"
        )
        return Result("DAC", where, False, facts.tests["dac-answers"][2], expected, mistake)
    if facts.failed("dac-moves") or facts.failed("dac-range"):
        name = "dac-moves" if facts.failed("dac-moves") else "dac-range"
        mistake = "it acknowledges and keeps another code: a damaged DAC, or another part with this address"
        return Result("DAC", where, False, facts.tests[name][2], expected, mistake)
    if facts.failed("dac-eeprom"):
        mistake = "a DAC as it was bought powers up with current: run microcurrent commission"
        return Result("DAC", where, False, facts.tests["dac-eeprom"][2], expected, mistake)
    return Result("DAC", where, True, "it does", expected)


def supply(facts: Facts) -> Result | None:
    """The positive rail, by the board's own divider."""
    board = facts.board
    if "supply" not in facts.tests:
        return None
    passed, reading, _text = facts.tests["supply"]
    where = f"GPIO{board.SUPPLY_PIN}: positive rail divided by {board.SUPPLY_DIVIDER}"
    expected = f"{board.SUPPLY_MIN_MV / 1000:g} to {board.SUPPLY_MAX_MV / 1000:g} V"
    if passed:
        return Result("supply", where, True, f"{reading / 1000:.2f} V", expected)
    if reading < 1000:
        mistake = "no supply, or the divider's wire to the ADC is missing"
    elif reading < board.SUPPLY_MIN_MV:
        mistake = "the supply is weak, or the divider's resistors are others; compare with a voltmeter at the rail"
    else:
        mistake = "a converter without load or of 15 V, or the divider's lower resistor is too large"
    return Result("supply", where, False, f"{reading / 1000:.2f} V", expected, mistake)


def sense_at_rest(facts: Facts) -> Result | None:
    """The sense amplifier with the gate open."""
    if "sense-zero" not in facts.tests:
        return None
    passed, counts, _text = facts.tests["sense-zero"]
    where = f"GPIO{facts.board.SENSE_PIN} (SENSE_PIN): sense amplifier, gate open"
    expected = f"mid supply, within {ZERO_COUNTS} counts"
    reading = f"{counts:+d} counts ({1650 + counts * facts.board.ADC_REFERENCE_MV / 4096:.0f} mV)"
    if passed:
        return Result("sense at rest", where, True, reading, expected)
    if counts < -FULL_COUNTS:
        mistake = "it is at GND: the wire to the ADC is missing, or the amplifier has no supply or no mid rail"
    elif counts > FULL_COUNTS:
        mistake = "it is at 3.3 V: the amplifier's inputs are swapped, or its feedback is open"
    else:
        mistake = "the mid rail's divider is unequal, or current flows with the gate open; measure the mid rail"
    return Result("sense at rest", where, False, reading, expected, mistake)


def dummy(facts: Facts) -> Result | None:
    """The dummy load at 50 uA: relay, sense, divider."""
    if not (facts.passed("sense-zero") or facts.rows):
        return None
    board = facts.board
    where = f"internal dummy load (GPIO{board.DUMMY_PIN} high), 50 uA"
    expected = f"{board.DUMMY_OHM} ohm; current follows the code"
    if facts.rows is None:
        return Result("dummy load", where, False, facts.why_not.split(";")[0], expected, _why_unmeasured(facts.why_not))
    (_, _, _), zero, up, down = facts.rows
    counts = (up[1] - down[1]) / 2
    ohm = (up[2] - down[2]) / (up[1] - down[1]) * board.VOLTAGE_DIVIDER * board.SENSE_UV_PER_UA if counts else 0.0
    shown_ua = counts * board.ADC_REFERENCE_MV * 1000 / 4096 / board.SENSE_UV_PER_UA
    offset_ua = (zero[1] - facts.rows[0][1]) * board.ADC_REFERENCE_MV * 1000 / 4096 / board.SENSE_UV_PER_UA
    reading = f"{ohm:.0f} ohm, {shown_ua:.0f} uA at 50 uA, {offset_ua:+.1f} uA at the middle code"
    mistake = _dummy_mistake(shown_ua, offset_ua, facts.failed("dummy-load"))
    return Result("dummy load", where, not mistake, reading, expected, mistake)


def _dummy_mistake(shown_ua: float, offset_ua: float, failed: bool) -> str:
    if shown_ua < 0:
        return "current falls where the code rises: the sense amplifier's inputs, or the pump's, are swapped"
    if not 40 <= shown_ua <= 60:
        return (
            "the sense shows another current than is asked for: sense resistor (1 k), its gain (1.5) or the pump's "
            "resistor (1650 ohm) is of another value"
        )
    if abs(offset_ua) > 3:
        return (
            "an offset of DAC, mid rail and op-amp that is usual in a new build: run microcurrent calibrate --internal"
        )
    return "the self-test refuses it: run microcurrent selftest for its sentence" if failed else ""


def _why_unmeasured(why_not: str) -> str:
    if "step of 50 uA" in why_not:
        return (
            "no current flows through the closed gate, or the sense does not see it: gate switch, GATE_PIN, limiter, "
            "sense resistor"
        )
    if "flow at the middle code" in why_not:
        return "pump or mid rail is broken: measure the mid rail and the DAC's VOUT, both 1.65 V"
    if "dummy load measures" in why_not:
        return (
            "the change-over does not switch (DUMMY_PIN, relay, its diode), the dummy resistor is another, or the "
            "voltage divider's wire to the ADC is missing"
        )
    return "see the sentence beside it"


def gate(facts: Facts) -> Result | None:
    """The gate switch opens."""
    if "gate-opens" not in facts.tests:
        return None
    passed, leak_ua, text = facts.tests["gate-opens"]
    where = f"gate switch (GPIO{facts.board.GATE_PIN} low), 100 uA asked for"
    expected = "no current"
    if passed:
        return Result("gate", where, True, text, expected)
    mistake = (
        "current flows through the open gate: the switch is bridged, turned round, or its control is not connected to "
        "GATE_PIN"
        if abs(leak_ua) > 5
        else "no current flows through the closed gate: GATE_PIN does not reach the switch, or it has no supply"
    )
    return Result("gate", where, False, text, expected, mistake)


def follows(facts: Facts) -> Result | None:
    """Larger currents."""
    if "sense-follows" not in facts.tests:
        return None
    passed, worst_ua, text = facts.tests["sense-follows"]
    expected = "within 36 uA of -400, -100, 100 and 400 uA"
    mistake = ""
    if not passed and abs(worst_ua) < 150:
        mistake = (
            "gain: pump, sense or DAC beyond their tolerances (microcurrent calibrate says which), or the negative "
            "rail is weak"
        )
    elif not passed:
        mistake = "the negative or the positive rail is missing: one direction saturates; only you can measure -12 V"
    return Result("current follows", "internal dummy load, both directions", passed, text, expected, mistake)


def limiter(facts: Facts) -> Result | None:
    """Both diodes of the passive limiter."""
    if "limiter-holds" not in facts.tests:
        return None
    passed, _reading, text = facts.tests["limiter-holds"]
    expected = f"660 to {facts.board.LIMITER_MAX_UA} uA where 1000 are asked for, both directions"
    mistake = ""
    if not passed:
        mistake = (
            "a limiter diode is shorted, bridged or missing its partner"
            if "tripped" in text
            else "a limiter diode is of another type, or a rail is too low for full current into the dummy load"
        )
    return Result("limiter", "two regulator diodes back to back, internal dummy load", passed, text, expected, mistake)


def comparator(facts: Facts) -> Result | None:
    """The comparators at half their threshold."""
    if "comparator-trips" not in facts.tests:
        return None
    passed, _reading, text = facts.tests["comparator-trips"]
    board = facts.board
    where = f"TRIP_TEST GPIO{board.TRIP_TEST_PIN} high, TRIPPED GPIO{board.TRIPPED_PIN}"
    expected = f"lets 356 uA pass and opens at 594, both directions: half of {board.COMPARATOR_UA}"
    mistake = ""
    if not passed:
        if "below 1" in text:
            mistake = "it trips too early: other window resistors, or the latch is not cleared while GATE_PIN is low"
        elif text.startswith("negative") and "above 0" in text:
            mistake = "the one for negative current does not trip, the other does: its half of U6, or R32"
        elif "above 0" in text:
            mistake = "it does not trip: comparator without supply, TRIP_TEST_PIN or TRIPPED_PIN not connected"
        else:
            mistake = (
                "it trips but the gate stays closed, or the latch is not cleared: check the latch's wire to the gate"
            )
    return Result("comparator", where, passed, text, expected, mistake)


def interrupt(facts: Facts) -> Result | None:
    """The sample interrupt."""
    if "interrupt-runs" not in facts.tests:
        return None
    passed, _reading, text = facts.tests["interrupt-runs"]
    mistake = "" if passed else "the I2C bus is too slow: pull-ups of 2.2 k to 4.7 k, short wires, 400 kHz"
    return Result("sample interrupt", "MCU and I2C bus", passed, text, "on time, none missed", mistake)


STEPS: tuple[Callable[[Facts], Result | None], ...] = (
    estop, dac, supply, sense_at_rest, dummy, gate, follows, limiter, comparator, interrupt,
)  # fmt: skip
