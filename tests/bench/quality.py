"""Signal quality from the DAC's trace, with numpy: sines against the ideal 12-bit quantiser on the same grid, squares,
charge, changes of settings, frequency. Currents in DAC steps are those of 1 mA / 2048.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from .spectrum import Floats, angles, fitted, ideal, ideal_worst, purity, whole_cycles
from .stand import MS, Stand
from .timing import Ints, updates

STEPS_PER_UA = 2.048
SHAPES = ("sine", "square")
LEAST_S = 1.0  # ours: of a sine that is looked at


def sine(stand: Stand, frequency_mhz: int, amplitude_ua: int) -> dict:
    """One sine: ours and the ideal quantiser's purity, and what is wrong with frequency and amplitude."""
    terms = stand.play(shape="sine", frequency_mhz=frequency_mhz, amplitude_ua=amplitude_ua, sample_us=0)
    period_us = terms["sample_us"]
    samples, cycles = whole_cycles(frequency_mhz, period_us, max(LEAST_S, 4000 / frequency_mhz))
    from_ns = stand.hold(samples * period_us / 1000 + 5)
    codes = updates(stand.pico.trace, from_ns)[1][:samples].astype(float)
    angle = angles(samples, period_us, frequency_mhz / 1000)
    amplitude, phase = amplitude_ua * STEPS_PER_UA, fitted(angle, codes).phase
    return {
        "frequency_hz": frequency_mhz / 1000,
        "amplitude_ua": amplitude_ua,
        "sample_us": period_us,
        "ours": purity(codes, cycles).figures(),
        "ideal": purity(ideal(angle, amplitude, phase), cycles).figures(),
        "ideal_worst": ideal_worst(angle, cycles, amplitude).figures(),
        "amplitude_error_steps": round(fitted(angle, codes).amplitude - amplitude, 3),
        "mean_steps": round(float(codes.mean()), 5),
    }


def frequency(stand: Stand, frequency_mhz: int, seconds: float) -> dict:
    """Error of a sine's frequency, from the phase of its two halves; the crystal is exact here."""
    terms = stand.play(shape="sine", frequency_mhz=frequency_mhz, amplitude_ua=600, sample_us=0)
    from_ns = stand.hold(seconds * 1000)
    codes = updates(stand.pico.trace, from_ns)[1].astype(float)
    angle = angles(len(codes), terms["sample_us"], frequency_mhz / 1000)
    first, second = (fitted(angle[part], codes[part]).phase for part in np.array_split(np.arange(len(codes)), 2))
    drift = (second - first + np.pi) % (2 * np.pi) - np.pi
    return {
        "frequency_hz": frequency_mhz / 1000,
        "sample_us": terms["sample_us"],
        "error_ppm": round(float(drift / (angle[-1] / 2)) * 1e6, 3),
    }


def rises(codes: Ints) -> Ints:
    """Where cycles begin: indexes of the first sample that is not below zero after one that is."""
    return np.flatnonzero((codes[:-1] < 0) & (codes[1:] >= 0)) + 1


def square(stand: Stand, frequency_mhz: int, amplitude_ua: int = 200, **changes: object) -> dict:
    """One square: where its edges are against the exact cycle, its duty, its overshoot, its charge per cycle."""
    wave = {"sample_us": 0, "frequency_mhz": frequency_mhz, "amplitude_ua": amplitude_ua} | changes
    terms = stand.play(None, **wave)
    from_ns = stand.hold(max(1000, 4e6 / frequency_mhz))
    times, codes = updates(stand.pico.trace, from_ns)
    return {"frequency_hz": frequency_mhz / 1000, "sample_us": terms["sample_us"]} | square_figures(
        times, codes, 1e12 / frequency_mhz, round(amplitude_ua * STEPS_PER_UA)
    )


def square_figures(times: Ints, codes: Ints, cycle_ns: float, peak: int) -> dict:
    """Of a square without gaps: edges are compared with a grid of exact cycles laid through their middle."""
    begins = rises(codes)
    edges = times[begins] - np.arange(len(begins)) * cycle_ns
    edges -= (edges.max() + edges.min()) / 2
    cycles = list(pairwise(begins.tolist()))
    duties = [float(times[a + np.count_nonzero(codes[a:b] > 0)] - times[a]) / cycle_ns for a, b in cycles]
    return {
        "cycles": len(cycles),
        "edge_worst_us": round(float(np.abs(edges).max()) / 1000, 2),
        "duty_error_percent": round(max(abs(duty - 0.5) for duty in duties) * 100, 3),
        "overshoot_steps": int(np.abs(codes).max()) - peak,
        "net_steps_worst": max(abs(int(codes[a:b].sum())) for a, b in cycles),
    }


def carried(stand: Stand, frequency_mhz: int, seconds: float) -> dict:
    """Net charge of a sine after each stretch of whole cycles and whole samples: it must stay, not grow."""
    terms = stand.play(shape="sine", frequency_mhz=frequency_mhz, amplitude_ua=137, sample_us=0)
    samples, cycles = whole_cycles(frequency_mhz, terms["sample_us"], 0)
    from_ns = stand.hold(seconds * 1000)
    codes = updates(stand.pico.trace, from_ns)[1]
    stretches = len(codes) // samples
    sums = np.cumsum(codes[: stretches * samples].reshape(stretches, samples).sum(axis=1))
    return {
        "frequency_hz": frequency_mhz / 1000,
        "sample_us": terms["sample_us"],
        "cycles": cycles * stretches,
        "stretches": stretches,
        "net_steps_worst": int(np.abs(sums).max()),
        "net_steps_last": int(sums[-1]),
        "mean_na": round(float(sums[-1]) / (stretches * samples) / STEPS_PER_UA * 1000, 3),
    }


CHANGES = (
    ("amplitude down", {"amplitude_ua": 100}),
    ("amplitude up", {"amplitude_ua": 300}),
    ("frequency", {"frequency_mhz": 73_000}),
    ("shape", {"shape": "sine"}),
    ("shape and both", {"shape": "square", "amplitude_ua": 150, "frequency_mhz": 40_000}),
    ("to a sawtooth", {"shape": "sawtooth", "amplitude_ua": 250}),
)


def excursions(stand: Stand) -> dict[str, int]:
    """Steps between settings in one session: the largest code beyond the larger of both envelopes, in DAC steps."""
    stand.play(frequency_mhz=50_000, sample_us=100)
    level_ua, found = 200, {}
    for name, changes in CHANGES:
        from_ns = stand.pico.now_ns
        stand.request("change", {"session": stand.session, "wave": changes})
        stand.hold(200)
        then_ua = int(changes.get("amplitude_ua", level_ua))
        codes = updates(stand.pico.trace, from_ns)[1]
        found[name] = int(np.abs(codes).max()) - round(max(level_ua, then_ua) * STEPS_PER_UA)
        level_ua = then_ua
    return found


def rms(values: Floats) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(values**2)))


def delivered(stand: Stand, load: str, shape: str, amplitude_ua: int = 200) -> dict:
    """Current through the electrodes against the commanded one over whole cycles, every 5 us."""
    stand.pico.set_load(load)
    stand.play(shape=shape, amplitude_ua=amplitude_ua, frequency_mhz=10_000, sample_us=0)
    from_ns = stand.hold(500)
    _t, commanded, current, _mv = stand.pico.trace.current(from_ns, from_ns + 500 * MS, 5000)
    error = current - commanded
    return {
        "load": load,
        "shape": shape,
        "amplitude_ua": amplitude_ua,
        "mean_ua": round(float(error.mean()), 3),
        "rms_ua": round(rms(error), 3),
        "rms_percent": round(rms(error) / rms(commanded) * 100, 3),
    }


SINES = [(mhz, ua) for mhz in (1000, 10_000, 100_000, 1_000_000) for ua in (50, 200, 600)]
SQUARES_MHZ = (1000, 10_000, 99_990, 333_333, 800_000)
CARRIED_MHZ = (1000, 10_000, 77_000, 100_000, 320_000, 1_000_000)
FREQUENCIES = ((100, 20), (1000, 10), (333_333, 3), (333_334, 3), (1_000_000, 3))  # mHz, seconds
LOADS = ("500R", "2k", "10k", "typical")


def jobs(stand: Stand) -> list[tuple[str, Callable[[], dict]]]:
    """(section, what measures one row of it), each for a process of its own."""
    return [
        *(("quality, sine", partial(sine, stand, mhz, ua)) for mhz, ua in SINES),
        *(("quality, square", partial(square, stand, mhz)) for mhz in SQUARES_MHZ),
        *(("quality, net charge of a sine", partial(carried, stand, mhz, 3)) for mhz in CARRIED_MHZ),
        *(("quality, frequency", partial(frequency, stand, mhz, s)) for mhz, s in FREQUENCIES),
        *(("quality, delivered", partial(delivered, stand, load, shape)) for load in LOADS for shape in SHAPES),
        ("quality, changes", partial(excursions, stand)),
    ]
