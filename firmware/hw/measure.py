"""What a calibration is computed from: codes into the internal dummy load, and what the ADC shows of them.

Nothing of a present calibration is in these numbers. Imported when it is asked for; main loop only, engine disarmed.
"""

from micropython import const

from ..shared import calibration, units
from .output_checks import Dummy

_MEANS = const(4)  # ours: of 16 readings each
_STEP_CODES = const(102)  # 50 uA: half of the smallest limit; with an offset of 20 uA still below it
_OFFSET_MAX_UA = const(30)  # ours: calibration.FIELDS permit 20 uA; beside it 10 uA of the sense's own errors
_TOLERANCE_PERCENT = const(20)  # ours: the parts of the dummy load and of the divider, 36 counts of voltage


def measured(engine, channel, board, codes):
    """(rows, None): [code, sum of _MEANS sense readings, the same of the voltage], first with the gate open (code -1);
    or (None, why not, a sentence). Raises OSError when a DAC does not answer.
    """
    kept = [engine.scale(index) for index in range(engine.channels)]
    engine.calibrate([calibration.Scale(board)] * engine.channels)
    try:
        with Dummy(engine, channel, board) as dummy:
            rows = [_row(engine, channel, -1)]
            problem = _not_the_dummy(dummy, engine, channel, board, rows[0])
            if problem:
                return None, problem
            for code in codes:
                dummy.drive(code)
                rows.append(_row(engine, channel, code))
            return rows, None
    finally:
        engine.calibrate(kept)


def _row(engine, channel, code):
    current = voltage = 0
    for _ in range(_MEANS):
        each = engine.read_sense(channel)
        current += each[0]
        voltage += each[1]
    return [code, current, voltage]


def _not_the_dummy(dummy, engine, channel, board, opened):
    """Why the output is not on its dummy load: told by what 50 uA more make, so that no offset matters."""
    found = []
    for code in (board.ZERO_CODE, board.ZERO_CODE + _STEP_CODES):
        dummy.drive(code)
        row = _row(engine, channel, code)
        found.append((row[1] - opened[1], row[2] - opened[2]))
        offset_ua = units.ua_of_counts(found[0][0] // _MEANS, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
        if abs(offset_ua) > _OFFSET_MAX_UA:
            return "%d uA flow at the middle code; at most %d can be calibrated; check pump and mid rail" % (
                offset_ua, _OFFSET_MAX_UA)  # fmt: skip
    current, voltage = found[1][0] - found[0][0], found[1][1] - found[0][1]
    if current <= 0:
        return "a step of 50 uA shows %d counts of current; check the sense amplifier and the gate" % (
            current // _MEANS)  # fmt: skip
    ohm = units.rounded_div(voltage * board.VOLTAGE_DIVIDER * board.SENSE_UV_PER_UA, current)
    if abs(ohm - board.DUMMY_OHM) * 100 > board.DUMMY_OHM * _TOLERANCE_PERCENT:
        return "the dummy load measures %d ohm, wanted %d" % (ohm, board.DUMMY_OHM)
    return None
