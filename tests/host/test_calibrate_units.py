"""200 units within worst-case tolerances: calibrated, each delivers and tells what is asked within 2 uA and 1 %.

Each unit is the bench's stage and ADC with errors of its parts; codes and counts go through the firmware's own
arithmetic (waveplan, calibration.Scale, meter). The interrupt's two lines, viper, stand here as in hw/interrupt/.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from boards.rp2040_pico import board
from firmware.core import meter as meters
from firmware.core import waveplan
from firmware.shared import calibration, calibration_slot, units, waveform
from microcurrent.bench import adc
from microcurrent.bench.parameters import StageParameters
from microcurrent.calibrate import fit, internal, made
from microcurrent.calibrate.points import AMPLITUDES_UA
from microcurrent.errors import VerifyError

UNITS = 200
SEED = 20261128
PERIOD_US = 250
SAMPLES = 60  # of a phase: enough for the noise to average out as a phase of a second would let it
CHECKED_UA = (8, 20, 50, 100, 200, 274, 276, 300, 450, 600)
NOISE_LSB = 0.97  # root mean square, pico-adc.markomo.me (domain survey 5.2)
# Worst cases, evenly distributed both ways; sources in boards/CALIBRATION.md.
DAC_GAIN = 0.0125
RESISTOR = 0.01
REFERENCE = 0.02
DAC_OFFSET_UA = 12.1
MID_RAIL_UA = 5.0
INL_LSB = 2.0
SENSE_OFFSET_COUNTS = 12.0
METER = 0.002


@dataclass
class Unit:
    """One board: what its parts make of codes and currents."""

    random: np.random.Generator

    def __post_init__(self) -> None:
        def within(size: float) -> float:
            return float(self.random.uniform(-size, size))

        reference = 1 + within(REFERENCE)
        gain = (1 + within(DAC_GAIN)) * (1 + within(RESISTOR)) * reference
        self.stage = StageParameters(gain=gain, offset_ua=within(DAC_OFFSET_UA) + within(MID_RAIL_UA))
        # 1 k, and a gain of 1.5 = 1 + 1 k / 2 k: a third of each of its two resistors' errors.
        sense = (1 + within(RESISTOR)) * (1 + (within(RESISTOR) + within(RESISTOR)) / 3) / reference
        self.counts_per_ua = sense * 4096 * board.SENSE_UV_PER_UA / 1000 / board.ADC_REFERENCE_MV
        self.sense_offset = within(SENSE_OFFSET_COUNTS)
        self.edges = adc.edges_of(float(self.random.uniform(4, 10.5)))
        self.inl = (within(INL_LSB), within(INL_LSB))
        self.meter = 1 + within(METER)

    def current_ua(self, code: int) -> float:
        """What flows into a resistor; the DAC's line is bent by a bow and an S of up to INL_LSB each."""
        x = (code - 2048) / 2048
        bent = self.inl[0] * (1 - x * x) + self.inl[1] * x * (1 - x * x) * 2.6
        lsb_ua = board.FULL_SCALE_UA / 2048
        return self.stage.gain * (self.stage.commanded_ua(code) + bent * lsb_ua) + self.stage.offset_ua

    def shown(self, current_ua: float, count: int) -> list[int]:
        """ADC readings of a current."""
        ideal = 2048 + self.sense_offset + current_ua * self.counts_per_ua
        noisy = ideal + self.random.normal(0, NOISE_LSB, count)
        return [adc.code_of(value, self.edges) for value in noisy]

    def rows(self, codes: list[int]) -> internal.Rows:
        """What "measure" answers: sums of four means, each of 16 readings and cut off."""

        def row(code: int, current_ua: float) -> list[int]:
            readings = self.shown(current_ua, 64)
            return [code, sum(sum(readings[first : first + 16]) // 16 for first in range(0, 64, 16)), 8192]

        return [row(-1, 0.0), *(row(code, self.current_ua(code)) for code in codes)]

    def phase(self, asked_ua: int, constants: dict[str, int] | None) -> fit.Point:
        """One phase of a square, as the firmware plays and measures it."""
        scale = calibration.Scale(board, constants)
        code = played(abs(asked_ua), scale, 1 if asked_ua > 0 else -1)
        zero = units.rounded_div(sum(linear(value, scale) for value in self.shown(0.0, 20)), 20)
        current_ua = self.current_ua(code)
        charge = sum(linear(value, scale) - zero for value in self.shown(current_ua, SAMPLES))
        account = meters.Meter(board)
        account.sense_uv_per_ua = scale.sense_uv_per_ua
        account.begin(PERIOD_US)
        told_ua = account.charge_nc(charge) * 1000 / (SAMPLES * PERIOD_US)
        return fit.Point(asked_ua, code, current_ua, told_ua)

    def measured(self, asked_ua: int, constants: dict[str, int]) -> fit.Point:
        """The same, its current read by a bench meter."""
        point = self.phase(asked_ua, constants)
        read_ua = point.true_ua * self.meter + float(self.random.uniform(-0.1, 0.1))
        return fit.Point(point.asked_ua, point.code, read_ua, point.told_ua)


def linear(value: int, scale: calibration.Scale) -> int:
    """As the interrupt does it."""
    return value + ((value + 511) >> 10) * scale.step


def played(amplitude_ua: int, scale: calibration.Scale, sign: int) -> int:
    """The code of a square's top, as the interrupt computes it, with the unit's shift."""
    request = {"amplitude_ua": amplitude_ua, "frequency_mhz": 500, "duration_ms": 10000, "ramp_ms": 100}
    wave, problem = waveform.check(request)
    assert wave is not None, problem
    gain = scale.gain(waveplan.plan(wave, PERIOD_US, board.FULL_SCALE_UA).gain)
    m = sign * 16384 * ((gain * (waveplan.ENVELOPE_ONE >> 16)) >> 12)
    code = 2048 - ((131072 - m) >> 18) if m < 0 else 2048 + ((m + 131072) >> 18)
    return min(max(code, max(0, -scale.shift)), 4095 - max(0, scale.shift)) + scale.shift


def calibrated(unit: Unit) -> dict[str, int]:
    """Constants of one unit, by the very steps of `microcurrent calibrate`."""
    found = internal.fitted(unit.rows(internal.codes(board.ZERO_CODE)), board)
    made.refuse_scattered(found, board, 1)
    constants = internal.constants_of(found, board)
    made.refuse_implausible(constants, 1)
    points = [unit.measured(sign * amplitude, constants) for amplitude in AMPLITUDES_UA for sign in (1, -1)]
    fitted = fit.fitted(points, constants, board)
    made.refuse_implausible(fitted.constants, 1)
    fit.refuse_residuals(fitted, points, 1)
    return fitted.constants


@pytest.fixture(scope="module")
def every() -> list[tuple[Unit, dict[str, int]]]:
    random = np.random.default_rng(SEED)
    return [(unit, calibrated(unit)) for unit in (Unit(random) for _ in range(UNITS))]


def both_signs(unit: Unit, constants: dict[str, int] | None) -> list[fit.Point]:
    return [unit.phase(sign * amplitude, constants) for amplitude in CHECKED_UA for sign in (1, -1)]


def test_every_unit_is_right_afterwards(every: list[tuple[Unit, dict[str, int]]]) -> None:
    bad, worst_share = [], 0.0
    for number, (unit, constants) in enumerate(every):
        for point in both_signs(unit, constants):
            worst_share = max(worst_share, abs(point.error_ua) / point.permitted_ua)
            if not point.good:
                bad.append((number, point))
    print(f"worst error {worst_share:.0%} of what is permitted")
    assert not bad, bad[:5]


def test_few_are_before(every: list[tuple[Unit, dict[str, int]]]) -> None:
    """The test above can fail."""
    right = sum(all(point.good for point in both_signs(unit, None)) for unit, _constants in every)
    assert right < UNITS // 10, right


def test_constants_are_the_units_own(every: list[tuple[Unit, dict[str, int]]]) -> None:
    for unit, constants in every:
        assert abs(constants["offset_na"] / 1000 - unit.stage.offset_ua) <= 1.6  # beside it the bow of the DAC's line
        assert abs(constants["gain_ppm"] / 1e6 - (unit.stage.gain - 1)) <= 0.007
        width = next(b - a for a, b in zip(unit.edges[511:], unit.edges[512:], strict=False))
        assert abs(constants["step"] / 256 - (width - 1)) <= 1.5


def test_bounds_have_room_for_the_worst_corners() -> None:
    """What no honest unit exceeds is at least the sum of all parts' worst cases, and not much more."""
    bounds = {row[0]: row[2] for row in calibration_slot.FIELDS}
    gain = (1 + DAC_GAIN) * (1 + RESISTOR) ** 2 * (1 + REFERENCE) - 1
    assert gain * 1e6 <= bounds["gain_ppm"] <= gain * 1.3e6
    sense = (1 + RESISTOR) * (1 + RESISTOR * 2 / 3) / (1 - REFERENCE) * 4092 / (4092 - 4 * 9) - 1
    assert sense * 1e6 <= bounds["sense_gain_ppm"] <= sense * 1.3e6
    assert (DAC_OFFSET_UA + MID_RAIL_UA) * 1000 <= bounds["offset_na"] <= (DAC_OFFSET_UA + MID_RAIL_UA) * 1300


def test_a_mistyped_reading_is_refused(every: list[tuple[Unit, dict[str, int]]]) -> None:
    unit = every[0][0]
    constants = internal.constants_of(internal.fitted(unit.rows(internal.codes(2048)), board), board)
    points = [unit.measured(sign * amplitude, constants) for amplitude in AMPLITUDES_UA for sign in (1, -1)]
    slipped = fit.Point(points[2].asked_ua, points[2].code, points[2].true_ua + 20, points[2].told_ua)
    wrong = [*points[:2], slipped, *points[3:]]
    with pytest.raises(
        VerifyError, match=r"at 200 uA lies .* uA beside the line through all points .* at most 2\.5 is plausible"
    ):
        fit.refuse_residuals(fit.fitted(wrong, constants, board), wrong, 1)
    tenfold = [fit.Point(each.asked_ua, each.code, each.true_ua * 1.1, each.told_ua) for each in points]
    with pytest.raises(VerifyError, match=r"gain_ppm is \d+ ppm .* an honest unit has -60000\.\.60000"):
        made.refuse_implausible(fit.fitted(tenfold, constants, board).constants, 1)


def test_readings_of_a_dummy_load_that_are_no_line_are_refused(every: list[tuple[Unit, dict[str, int]]]) -> None:
    unit = every[0][0]
    rows = unit.rows(internal.codes(2048))
    bent = [[code, current + (code - 2048) ** 2 // 25000, voltage] for code, current, voltage in rows]
    with pytest.raises(VerifyError, match="ADC counts from a straight line"):
        made.refuse_scattered(internal.fitted(bent, board), board, 1)
