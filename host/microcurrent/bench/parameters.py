"""What the output stage is built of."""

import types
from dataclasses import dataclass
from math import inf

from boards.rp2040_pico import board as pico_board

from .mcp4725 import STEPS
from .segments import Circuit, circuit_of
from .skin import Load

TRIP_TEST_SHARE = 0.5  # of the comparators' threshold, while TRIP_TEST_PIN is high; board.py


@dataclass(frozen=True)
class StageParameters:
    """Defaults: the design's values with the errors of a typical uncalibrated unit (ours).

    Current = gain * (DAC voltage - mid rail) / pump_ohm + offset, inside +-(compliance_mv + spare_mv) across load,
    series_ohm and rail_ohm, and inside +-limiter_ua. While the sense amplifier shows more than comparator_ua for
    comparator_ns, the latch sets.
    """

    gain: float = 1.003  # ours: 1 % resistors, matched in the pump
    offset_ua: float = 0.5  # ours: 0.8 mV of op-amp offset
    limiter_ua: float = 820.0  # a current-regulator diode of the 1N5295 class per direction; value unverified
    bleeder_ohm: float = 1e6
    # ours: an LM393-class comparator at small overdrive, latch and switch; its 1.3 us are of the data sheet, unverified
    comparator_ns: float = 2000.0
    comparator_ua: float = pico_board.COMPARATOR_UA
    dummy_ohm: float = pico_board.DUMMY_OHM
    full_scale_ua: float = pico_board.FULL_SCALE_UA
    compliance_mv: float = pico_board.COMPLIANCE_MV
    series_ohm: float = pico_board.SERIES_OHM
    # At its rail the stage has compliance_mv at 975 uA and more at less current: set resistor, limiter and switch drop
    # less. Both fit SPICE of boards/output_stage within 1 % from 10 uA up to the limiter (tests/spice/test_bench.py).
    spare_mv: float = 1950.0
    rail_ohm: float = 2000.0
    bare_ohm: float = 560.0  # in place of rail_ohm with a limiter's diode shorted; within 3 % of SPICE
    reference_mv: float = pico_board.ADC_REFERENCE_MV
    sense_uv_per_ua: float = pico_board.SENSE_UV_PER_UA
    voltage_divider: float = pico_board.VOLTAGE_DIVIDER
    zero_code: int = pico_board.ZERO_CODE

    @staticmethod
    def of_board(board: types.ModuleType) -> "StageParameters":
        """The stage that a boards/*/board module describes."""
        return StageParameters(
            comparator_ua=board.COMPARATOR_UA,
            dummy_ohm=board.DUMMY_OHM,
            full_scale_ua=board.FULL_SCALE_UA,
            compliance_mv=board.COMPLIANCE_MV,
            series_ohm=board.SERIES_OHM,
            reference_mv=board.ADC_REFERENCE_MV,
            sense_uv_per_ua=board.SENSE_UV_PER_UA,
            voltage_divider=board.VOLTAGE_DIVIDER,
            zero_code=board.ZERO_CODE,
        )

    @property
    def dummy(self) -> Load:
        """The internal dummy load."""
        return Load("dummy", self.dummy_ohm)

    def commanded_ua(self, code: int, power_down: int = 0) -> float:
        """What a perfect stage would drive; a powered-down DAC gives 0 V, which is full negative current."""
        return ((0 if power_down else code) - self.zero_code) * self.full_scale_ua / (STEPS // 2)

    def circuit(self, load: Load, limits_ua: tuple[float, float]) -> Circuit:
        """Stage and load, with a passive limiter of (most negative, most positive) current."""
        shorted = inf in limits_ua or -inf in limits_ua
        drive_ohm = self.series_ohm + (self.bare_ohm if shorted else self.rail_ohm)
        return circuit_of(load, drive_ohm, self.compliance_mv + self.spare_mv, limits_ua, self.bleeder_ohm)
