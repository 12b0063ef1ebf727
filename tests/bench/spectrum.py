"""Sines in DAC steps, with numpy: a fit, and their purity where a stretch is whole cycles and whole samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HARMONICS = 10  # ours: THD counts the second to the tenth, as far as they are below half the sample rate
PHASES = 32  # ours: so many places of the grid on the sine are tried for the ideal quantiser


@dataclass(frozen=True)
class Purity:
    """dB: signal against all else; against its largest other line; of all harmonics against the signal."""

    sinad_db: float
    sfdr_db: float
    thd_db: float

    def figures(self) -> dict[str, float]:
        return {name: round(float(value), 2) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Sine:
    """A fit: amplitude in DAC steps, phase in radians at the first sample, constant part in DAC steps."""

    amplitude: float
    phase: float
    mean: float

    def at(self, angle: Floats) -> Floats:
        return self.amplitude * np.sin(angle + self.phase)


def fitted(angle: Floats, codes: Floats) -> Sine:
    """Sine, cosine and constant by least squares."""
    basis = np.stack([np.sin(angle), np.cos(angle), np.ones_like(angle)], axis=1)
    sine, cosine, mean = np.linalg.lstsq(basis, codes, rcond=None)[0]
    return Sine(float(np.hypot(sine, cosine)), float(np.arctan2(cosine, sine)), float(mean))


def angles(samples: int, period_us: float, frequency_hz: float) -> Floats:
    """Phase of the requested frequency at each sample, in radians."""
    return np.arange(samples, dtype=np.float64) * (2 * np.pi * frequency_hz * period_us / 1e6)


def purity(codes: Floats, cycles: int) -> Purity:
    """Of whole cycles: then every line of the spectrum is a bin of its own and no window is needed."""
    power = np.abs(np.fft.rfft(codes)) ** 2
    power[0] = 0
    signal = power[cycles]
    harmonics = [power[cycles * k] for k in range(2, HARMONICS + 1) if cycles * k < len(power)]
    rest = power.copy()
    rest[cycles] = 0
    return Purity(*(10 * np.log10(x) for x in (signal / rest.sum(), signal / rest.max(), sum(harmonics) / signal)))


def whole_cycles(frequency_mhz: int, period_us: int, least_s: float) -> tuple[int, int]:
    """(samples, cycles) of the shortest stretch of whole cycles and whole samples that lasts so long."""
    cycle_parts, sample_parts = 10**9, frequency_mhz * period_us  # a cycle and a sample in the same unit
    common = np.gcd(cycle_parts, sample_parts)
    samples, cycles = cycle_parts // common, sample_parts // common
    times = max(1, int(np.ceil(least_s * 1e6 / (samples * period_us))))
    return int(samples * times), int(cycles * times)


def ideal(angle: Floats, amplitude: float, phase: float) -> Floats:
    """A sine rounded to whole steps."""
    return np.rint(amplitude * np.sin(angle + phase))


def ideal_worst(angle: Floats, cycles: int, amplitude: float) -> Purity:
    """The worst of each figure of the ideal quantiser over where the sample grid may fall on the sine.

    What rounding leaves of single lines depends on that by chance; ours falls where the session's ramp has put it.
    """
    step = (angle[1] - angle[0]) / PHASES
    found = [purity(ideal(angle, amplitude, k * step), cycles) for k in range(PHASES)]
    sinad, sfdr = (min(getattr(each, name) for each in found) for name in ("sinad_db", "sfdr_db"))
    return Purity(sinad, sfdr, max(each.thd_db for each in found))
