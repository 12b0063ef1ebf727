"""The output stage between DAC and electrodes: Howland pump, passive limiter, gate switch, sense amplifiers.

The gate is a change-over switch: closed it connects the pump to the electrodes, open it leaves exactly zero current
and lets them discharge through a bleeder. State is advanced only when something changes; every change starts a
segment, kept so that any past instant can be computed exactly.
"""

import types
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, inf

from boards.rp2040_pico import board as pico_board

from .mcp4725 import STEPS
from .segments import OPEN, TAU_D, Circuit, Segment, circuit_of
from .skin import Load
from .transitions import mode_at, next_transition

FIELDS = 5  # numbers kept per segment: start, regime + 8 * circuit, capacitor voltage, pump target, pump delta


@dataclass(frozen=True)
class StageParameters:
    """What the stage is built of. Defaults: the design's values with the errors of a typical uncalibrated unit (ours).

    Current = gain * (DAC voltage - mid rail) / pump_ohm + offset, inside +-compliance across load and series_ohm.
    """

    gain: float = 1.003  # ours: 1 % resistors, matched in the pump
    offset_ua: float = 0.5  # ours: 0.8 mV of op-amp offset
    limiter_ua: float = 820.0  # two current-regulator diodes of the 1N5295 class, back to back; value unverified
    bleeder_ohm: float = 1e6
    full_scale_ua: float = pico_board.FULL_SCALE_UA
    compliance_mv: float = pico_board.COMPLIANCE_MV
    series_ohm: float = pico_board.SERIES_OHM
    reference_mv: float = pico_board.ADC_REFERENCE_MV
    sense_uv_per_ua: float = pico_board.SENSE_UV_PER_UA
    voltage_divider: float = pico_board.VOLTAGE_DIVIDER
    zero_code: int = pico_board.ZERO_CODE

    @staticmethod
    def of_board(board: types.ModuleType) -> "StageParameters":
        """The stage that a boards/*/board module describes."""
        return StageParameters(
            full_scale_ua=board.FULL_SCALE_UA,
            compliance_mv=board.COMPLIANCE_MV,
            series_ohm=board.SERIES_OHM,
            reference_mv=board.ADC_REFERENCE_MV,
            sense_uv_per_ua=board.SENSE_UV_PER_UA,
            voltage_divider=board.VOLTAGE_DIVIDER,
            zero_code=board.ZERO_CODE,
        )

    def commanded_ua(self, code: int, power_down: int = 0) -> float:
        """What a perfect stage would drive; a powered-down DAC gives 0 V, which is full negative current."""
        return ((0 if power_down else code) - self.zero_code) * self.full_scale_ua / (STEPS // 2)


class Stage:
    """The running stage. All times are emulated ns and must not go backwards in `dac`, `gate` and `connect`.

    The past can be asked for as far back as it was not given to `forget`.
    """

    def __init__(self, parameters: StageParameters, load: Load, code: int, power_down: int) -> None:
        self.parameters = parameters
        self.load = load
        self.closed = False
        self.segments = array("d")
        self.circuits: list[Circuit] = [self._circuit(load)]
        self._target = self._pump_ua(code, power_down)
        self._delta = 0.0
        self._dac_ns = 0.0
        self._transition_ns = inf
        self._next_mode = OPEN
        self._now = self._begin(0.0, OPEN, 0.0)

    def dac(self, t_ns: float, code: int, power_down: int) -> None:
        """The DAC's register took a new value."""
        target = self._pump_ua(code, power_down)
        if target == self._target:
            return
        self._advance(t_ns)
        delta = self._pump_at(t_ns) - target
        self._target, self._delta, self._dac_ns = target, delta, t_ns
        if self.closed:
            self._restart(t_ns)

    def gate(self, t_ns: float, closed: bool) -> None:
        """The gate pin moved."""
        if closed == self.closed:
            return
        self._advance(t_ns)
        self.closed = closed
        self._restart(t_ns)

    def connect(self, t_ns: float, load: Load) -> None:
        """Put the electrodes on another load; its capacity starts discharged."""
        self._advance(t_ns)
        self.load = load
        self.circuits.append(self._circuit(load))
        mode = mode_at(self.circuits[-1], 0.0, self._pump_at(t_ns)) if self.closed else OPEN
        self._begin(t_ns, mode, 0.0)

    def current_ua(self, t_ns: float) -> float:
        """Delivered current at an instant, past or present."""
        segment = self._segment_at(t_ns)
        return segment.at(segment.current, t_ns)

    def electrode_mv(self, t_ns: float) -> float:
        """Voltage between the electrodes at an instant, past or present."""
        segment = self._segment_at(t_ns)
        return segment.at(segment.electrode, t_ns)

    def sense_mv(self, t_ns: float) -> float:
        """Output of the current-sense amplifier."""
        return self.parameters.reference_mv / 2 + self.current_ua(t_ns) * self.parameters.sense_uv_per_ua / 1000

    def divider_mv(self, t_ns: float) -> float:
        """Output of the electrode-voltage divider."""
        return self.parameters.reference_mv / 2 + self.electrode_mv(t_ns) / self.parameters.voltage_divider

    def segments_between(self, from_ns: float, to_ns: float) -> list[Segment]:
        """The segments that cover an interval, in order."""
        return list(self.walk_segments(from_ns, to_ns))

    def walk_segments(self, from_ns: float, to_ns: float) -> Iterator[Segment]:
        """The same one by one: as objects they are ten times as large as they are kept."""
        self._advance(to_ns)
        for index in range(max(self._count_begun(from_ns) - 1, 0), self._count_begun(to_ns)):
            yield self._stored(index)

    def forget(self, before_ns: float) -> None:
        """Keep no more of the past than is needed from `before_ns` on, which must not be in the future."""
        del self.segments[: max(self._count_begun(before_ns) - 1, 0) * FIELDS]

    def _count_begun(self, t_ns: float) -> int:
        """How many kept segments begin at `t_ns` or earlier."""
        segments = self.segments
        return bisect_right(range(len(segments) // FIELDS), t_ns, key=lambda index: segments[index * FIELDS])

    def _segment_at(self, t_ns: float) -> Segment:
        if t_ns >= self._transition_ns:
            self._advance(t_ns)
        if t_ns >= self._now.start_ns:
            return self._now
        index = len(self.segments) // FIELDS - 2
        while index > 0 and self.segments[index * FIELDS] > t_ns:
            index -= 1
        return self._stored(index)

    def _stored(self, index: int) -> Segment:
        start, packed, v0, target, delta = self.segments[index * FIELDS : (index + 1) * FIELDS]
        return Segment(start, int(packed) & 7, self.circuits[int(packed) >> 3], v0, target, delta)

    def _advance(self, t_ns: float) -> None:
        while self._transition_ns <= t_ns:
            at = self._transition_ns
            self._begin(at, self._next_mode, self._now.at(self._now.voltage, at))

    def _restart(self, t_ns: float) -> None:
        """A new segment at `t_ns`, in whatever regime the circuit is then."""
        self._advance(t_ns)
        v = self._now.at(self._now.voltage, t_ns)
        self._begin(t_ns, mode_at(self.circuits[-1], v, self._pump_at(t_ns)) if self.closed else OPEN, v)

    def _begin(self, t_ns: float, mode: int, v0: float) -> Segment:
        delta = self._pump_at(t_ns) - self._target
        last = len(self.circuits) - 1
        self._now = Segment(t_ns, mode, self.circuits[last], v0, self._target, delta)
        self.segments.extend((t_ns, mode + 8.0 * last, v0, self._target, delta))
        self._transition_ns, self._next_mode = next_transition(self._now)
        return self._now

    def _pump_at(self, t_ns: float) -> float:
        return self._target + self._delta * exp((self._dac_ns - t_ns) / TAU_D)

    def _pump_ua(self, code: int, power_down: int) -> float:
        parameters = self.parameters
        return parameters.gain * parameters.commanded_ua(code, power_down) + parameters.offset_ua

    def _circuit(self, load: Load) -> Circuit:
        p = self.parameters
        return circuit_of(load, p.series_ohm, p.compliance_mv, p.limiter_ua, p.bleeder_ohm)
