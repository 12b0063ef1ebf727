"""Boot checks and self-test: what must hold before the gate may close. Every check runs with the gate open.

Each check returns (name, passed, reading, sentence). Main loop only, engine disarmed.
"""

import time

from ..core import meter, waveplan
from ..shared import faults, units, waveform

_ZERO_TOLERANCE_COUNTS = 40  # ours: 21 uA at 0.54 uA per count; offset of sense amplifier and ADC before calibration
_OPEN_TOLERANCE_UA = 5  # ours: with the gate open nothing may flow; 5 uA is 9 ADC counts of noise and code steps
_PROBE_CODES = (0, 1365, 2730, 4095)  # corners and both halves of the code range
_TRIAL_MS = 30


def dac_answers(dac):
    """The DAC acknowledges and its EEPROM write is not in progress."""
    try:
        ready = dac.read()[0]
    except OSError as error:
        return "dac-answers", False, error.errno or 0, "no acknowledge at address 0x%02x" % dac.address
    return "dac-answers", ready == 1, ready, "address 0x%02x" % dac.address


def dac_eeprom(dac, zero_code):
    """The DAC would power up at the zero-current code with its power-down bits clear."""
    try:
        _ready, _code, _down, code, power_down = dac.read()
    except OSError:
        return "dac-eeprom", False, -1, "cannot be read"
    passed = code == zero_code and power_down == 0
    return "dac-eeprom", passed, code, "EEPROM code %d, power-down %d; wanted %d, 0" % (code, power_down, zero_code)


def dac_moves(dac, codes):
    """What is written is what the DAC holds. codes: written in turn, the last one parks it."""
    try:
        passed = dac.follows(codes)
    except OSError:
        return "dac-moves", False, -1, "no acknowledge"
    return "dac-moves", passed, int(passed), "it holds %s" % ("what is written" if passed else "something else")


def sense_zero(engine):
    """Without current the sense amplifier rests at mid supply."""
    counts = engine.read_sense()[0] - units.ADC_STEPS // 2
    return "sense-zero", abs(counts) <= _ZERO_TOLERANCE_COUNTS, counts, "%d counts from mid supply" % counts


def gate_opens(engine, dac, board):
    """With the gate open, a DAC at a quarter of full scale drives no current."""
    try:
        dac.write(board.ZERO_CODE + units.DAC_STEPS // 8)
        time.sleep_ms(1)
        counts = engine.read_sense()[0] - units.ADC_STEPS // 2
        dac.write(board.ZERO_CODE)
    except OSError:
        return "gate-opens", False, -1, "no acknowledge"
    leak_ua = units.ua_of_counts(counts, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
    return "gate-opens", abs(leak_ua) <= _OPEN_TOLERANCE_UA, leak_ua, "%d uA through the open gate" % leak_ua


def interrupt_runs(engine, board):
    """The sample interrupt comes on time for 30 ms, with the gate open and the zero code."""
    wave, _problem = waveform.check({"amplitude_ua": 1, "frequency_mhz": 10000, "duration_ms": 1000, "ramp_ms": 100})
    try:
        problem = engine.arm(waveplan.plan(wave, board.SAMPLE_HZ, board.FULL_SCALE_UA), board.TRIP_UA)
        if problem:
            return "interrupt-runs", False, problem, faults.meaning_of(problem)
        time.sleep_ms(_TRIAL_MS)
        snapshot = engine.snapshot()
        engine.disarm()
    except OSError:
        return "interrupt-runs", False, -1, "no acknowledge"
    ticks, missed, trip = snapshot[meter.TICKS], snapshot[meter.MISSED], snapshot[meter.TRIP]
    wanted = board.SAMPLE_HZ * _TRIAL_MS // 1000
    passed = wanted * 9 // 10 <= ticks <= wanted * 11 // 10 and missed == 0 and trip == 0
    return "interrupt-runs", passed, ticks, "%d of %d interrupts, %d missed, trip %d" % (ticks, wanted, missed, trip)


def boot(dac, board):
    """The checks that every boot runs: list of results. One step of the DAC is enough, and harmless in any case."""
    return [
        dac_answers(dac),
        dac_eeprom(dac, board.ZERO_CODE),
        dac_moves(dac, (board.ZERO_CODE + 1, board.ZERO_CODE)),
    ]


def full(engine, dac, board):
    """All checks: list of results."""
    return [
        dac_answers(dac),
        dac_eeprom(dac, board.ZERO_CODE),
        dac_moves(dac, _PROBE_CODES + (board.ZERO_CODE,)),
        sense_zero(engine),
        gate_opens(engine, dac, board),
        interrupt_runs(engine, board),
    ]
