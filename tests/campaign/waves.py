"""The three waveforms in which faults are injected, and the instants within one of their phases."""

from dataclasses import dataclass
from typing import Any

from boards.rp2040_pico import board
from firmware.core import waveplan
from firmware.shared import waveform

MS = 1_000_000
US = 1_000


@dataclass(frozen=True)
class Wave:
    """A request, and how long one of its phases carries current."""

    name: str
    request: dict[str, Any]
    phase_ms: float
    sample_us: int  # what a Pico chooses for it

    @property
    def amplitude_ua(self) -> int:
        return self.request["amplitude_ua"]

    @property
    def ramp_ms(self) -> int:
        return self.request["ramp_ms"]

    @property
    def cycle_ms(self) -> float:
        return 1e6 / self.request["frequency_mhz"]

    @property
    def alternate_ms(self) -> int:
        """How long one sign lasts where the phases of both do not take turns, else 0."""
        return self.request.get("alternate_ms", 0)

    @property
    def phases_per_sign(self) -> int:
        """How many phases follow each other before the sign changes."""
        return self.alternate_ms * self.request["frequency_mhz"] // 1_000_000 or 1


def _wave(name: str, phase_ms: float, **fields: object) -> Wave:
    request: dict[str, Any] = {"duration_ms": 60_000} | fields
    wave, problem = waveform.check(request)
    assert wave is not None, problem
    sample_us, problem = waveplan.choose(wave, board.PERIODS_US)
    assert sample_us, problem
    return Wave(name, request, phase_ms, sample_us)


# A usual treatment, at the longest sample period; a fast and stronger one without corners; a slow one with pauses whose
# sign changes, at the shortest period, with the bus transaction held open. The last ramp is long, so that a whole phase
# fits into its middle.
WAVES = {
    wave.name: wave
    for wave in (
        _wave("square", 50, amplitude_ua=200, frequency_mhz=10_000, ramp_ms=300),
        _wave("sine", 5, shape="sine", amplitude_ua=300, frequency_mhz=100_000, ramp_ms=200),
        _wave(
            "slow", 150, amplitude_ua=100, frequency_mhz=2000, ramp_ms=1200,
            polarity="alternate", alternate_ms=1000, duty_permille=600,
            sample_us=62,
        ),
    )
}  # fmt: skip
SENSING_PHASE_MS = 5.0  # a half wave of contact sensing, 100 Hz
# Early, in the middle and late in a phase; the rest of the sample period is the case's own.
PHASES = {"early": 0.04, "mid": 0.5, "late": 0.96}
