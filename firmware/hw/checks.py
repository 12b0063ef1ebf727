"""Boot checks and self-test: what must hold before a session may begin. Proofs, not assumptions.

Each check returns (name, passed, reading, sentence). Main loop only, engine disarmed, gate open; what needs current
is in output_checks.py.
"""

import time

from micropython import const

from ..core import meter, waveplan
from ..shared import faults, units, waveform
from . import image, output_checks

_ZERO_TOLERANCE_COUNTS = const(40)  # ours: 21 uA at 0.54 uA per count; offsets of an uncalibrated stage
_ZERO_DRIFT_COUNTS = const(20)  # ours: 11 uA, 16 mV at the amplifier: more than it drifts with temperature and years
_TRIAL_MS = const(30)
_TRIAL_SAMPLES = const(10)
_MEMORY_BYTES = const(4096)
_MEMORY_LEAST_BYTES = const(1024)  # ours: an answer needs as much


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


def sense_zero(engine, channel):
    """Without current the sense amplifier rests at mid supply, and where it did when it was calibrated."""
    counts = engine.read_sense(channel)[0] - units.ADC_STEPS // 2
    calibrated = engine.scale(channel).zero
    drift = 0 if calibrated is None else counts - calibrated
    passed = abs(counts) <= _ZERO_TOLERANCE_COUNTS and abs(drift) <= _ZERO_DRIFT_COUNTS
    text = "%d counts from mid supply" % counts
    if calibrated is not None:
        text += ", %d when calibrated" % calibrated
    return "sense-zero", passed, counts, text


def interrupt_runs(engine, board):
    """The sample interrupt comes on time for 30 ms, or ten longer samples, with the gate open and the zero code."""
    wave, _problem = waveform.check({"amplitude_ua": 1, "frequency_mhz": 10000, "duration_ms": 1000, "ramp_ms": 100})
    sample_us = engine.periods_us[-1]  # the shortest: what is slower is on time too
    try:
        plan = waveplan.plan(wave, sample_us, board.FULL_SCALE_UA)
        problem = engine.arm([plan] * engine.channels, [board.TRIP_UA] * engine.channels)
        if problem:
            return "interrupt-runs", False, problem, faults.meaning_of(problem)
        snapshot = engine.snapshot(0)
        ticks, clock_us = snapshot[meter.TICKS], snapshot[meter.CLOCK_US]
        for _ in range(max(1, _TRIAL_SAMPLES * sample_us // (1000 * _TRIAL_MS))):
            time.sleep_ms(_TRIAL_MS)
            engine.feed()
        snapshot = engine.snapshot(0)
        engine.disarm()
    except OSError:
        return "interrupt-runs", False, -1, "no acknowledge"
    ticks, missed, trip = snapshot[meter.TICKS] - ticks, snapshot[meter.MISSED], snapshot[meter.TRIP]
    passed_us = (snapshot[meter.CLOCK_US] - clock_us) & meter.CLOCK_MASK  # longer where garbage is collected meanwhile
    wanted = passed_us // sample_us
    passed = wanted * 9 // 10 <= ticks <= wanted * 11 // 10 and missed == 0 and trip == 0
    return "interrupt-runs", passed, ticks, "%d of %d interrupts, %d missed, trip %d" % (ticks, wanted, missed, trip)


def supply(engine, board):
    """The output stage's supply is in its range."""
    supply_mv, _celsius = engine.housekeeping()
    passed = board.SUPPLY_MIN_MV <= supply_mv <= board.SUPPLY_MAX_MV
    text = "%d mV, permitted %d..%d" % (supply_mv, board.SUPPLY_MIN_MV, board.SUPPLY_MAX_MV)
    return "supply", passed, supply_mv, text


def temperature(engine, board):
    """The chip is not too warm."""
    _supply_mv, celsius = engine.housekeeping()
    text = "%d C, at most %d" % (celsius, board.TEMPERATURE_MAX_C)
    return "temperature", celsius <= board.TEMPERATURE_MAX_C, celsius, text


def memory():
    """A block of RAM keeps two patterns and their complements; the rest is in use and cannot be overwritten.

    As much as is free in one piece, up to 4096 bytes: after some sessions it lies in smaller ones.
    """
    size = _MEMORY_BYTES
    block = None
    while block is None:
        try:
            block = bytearray(size)
        except MemoryError:
            size >>= 1
            if size < _MEMORY_LEAST_BYTES:
                return "memory", False, size, "no %d bytes are free in one piece" % _MEMORY_LEAST_BYTES
    for pattern in (0x55, 0xAA, 0x00, 0xFF):
        for index in range(size):
            block[index] = pattern ^ (index & 0xFF)
        for index in range(size):
            if block[index] != pattern ^ (index & 0xFF):
                return "memory", False, index, "byte %d does not keep 0x%02x" % (index, pattern)
    return "memory", True, size, "%d bytes kept four patterns" % size


def _harmless(dac, board):
    """Checks that could hurt nobody even if the gate were stuck: one DAC step is half a microampere."""
    return [dac_answers(dac), dac_moves(dac, (board.ZERO_CODE + 1, board.ZERO_CODE))]


def quick(engine, channel, dac, board):
    """Of one output, before every session: list of results."""
    results = _harmless(dac, board) + [sense_zero(engine, channel)]
    if all(result[1] for result in results):
        results += output_checks.gate_only(engine, channel, board)
    return results


def boot(engine, channel, dac, board):
    """Of one output, at every boot: list of results. Nothing is injected unless the DAC and the sense are sound."""
    results = _harmless(dac, board)
    results += [dac_eeprom(dac, board.ZERO_CODE), sense_zero(engine, channel)]
    if channel == 0:
        results += [supply(engine, board), temperature(engine, board)]
    if all(result[1] for result in results):
        results += output_checks.all_of(engine, channel, dac, board)
        if channel == engine.channels - 1:
            results.append(interrupt_runs(engine, board))
    return results


def full(engine, channel, dac, board):
    """Of one output, the self-test on demand: list of results."""
    results = boot(engine, channel, dac, board)
    return results if channel else results + [memory(), image.check()]


def of_all(checks_of, engine, dacs, board):
    """quick, boot or full of every output, up to one that fails: list of results. The second's names end in "-2"."""
    answers = [dac_answers(dac) for dac in dacs]  # first: without one of them no output can be put back to zero
    for channel, answer in enumerate(answers):
        if not answer[1]:
            return [(_named(answer[0], channel),) + answer[1:]]
    results = []
    for channel, dac in enumerate(dacs):
        found = checks_of(engine, channel, dac, board)
        results += [(_named(result[0], channel),) + result[1:] for result in found]
        if not all(result[1] for result in results):
            break
    return results


def _named(name, channel):
    return name + "-2" if channel else name


def name_and_channel(name):
    """("dac-moves", 1) of "dac-moves-2": which check it was, and of which output."""
    return (name[:-2], 1) if name.endswith("-2") else (name, 0)
