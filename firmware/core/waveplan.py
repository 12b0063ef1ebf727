"""Turns a checked waveform into the integers the sample engine runs on. Pure arithmetic, main loop only.

A square is planned in whole samples: both phases of a cycle have the same count, so every cycle carries exactly no
net charge in DAC steps; the period's fraction of a sample is carried from cycle to cycle, so the mean frequency is
exact. The other shapes are read from a table by a 32-bit phase accumulator.
"""

from array import array

from ..shared import units, waveform

TABLE_BITS = 8
TABLE_LENGTH = 1 << TABLE_BITS
UNIT = 2048  # a table value of UNIT means the full amplitude
ENVELOPE_ONE = 1 << 28  # ramp factor 1.0; fine enough for a 30 s ramp at any sample rate
GAIN_SHIFT = 4  # amplitudes are kept in 1/16 DAC codes, finer than 1 uA

# 256 sine values of one period, quarter wave stored: round(2048 * sin(pi/2 * k/64)), k = 0..64.
_QUARTER_SINE = (
    0, 50, 100, 151, 201, 251, 301, 350, 400, 449, 498, 546, 595, 642, 690, 737, 784, 830, 876, 921, 965, 1009, 1053,
    1096, 1138, 1179, 1220, 1260, 1299, 1338, 1375, 1412, 1448, 1483, 1517, 1551, 1583, 1615, 1645, 1674, 1703, 1730,
    1757, 1782, 1806, 1829, 1851, 1872, 1892, 1911, 1928, 1945, 1960, 1974, 1987, 1998, 2009, 2018, 2026, 2033, 2038,
    2042, 2046, 2047, 2048,
)  # fmt: skip


class Plan:
    """Engine parameters of one session; every attribute is an integer, `table` an array('h') of 256 values.

    use_table: 1 for table shapes. cycle_samples, cycle_fraction: samples per cycle and its fraction in 1/2**30.
    positive_end, gap_end, negative_end: sample index in the cycle where each part ends. negative_unit: value of the
    negative phase (-UNIT, or 0 in unipolar modes). phase_step: phase per sample in 1/2**32 cycle.
    gain: signed amplitude in 1/16 DAC codes. ramp_step: envelope change per sample. total_samples: session length
    with ramps; ramp_samples: length of one ramp. alternate_cycles: cycles per polarity, 0 = never.
    phase_samples: samples of the longest phase. balanced: 1 when a whole cycle carries no net charge.
    """

    use_table = 0
    cycle_samples = cycle_fraction = 0
    positive_end = gap_end = negative_end = negative_unit = 0
    phase_step = 0
    gain = 0
    ramp_step = 0
    total_samples = ramp_samples = 0
    alternate_cycles = 0
    phase_samples = balanced = 0
    table = array("h")


SAMPLES_PER_CYCLE_MIN = 10  # ours: five samples a phase, so that duty and gap can still be told apart


def problem(wave, sample_hz):
    """Why samples of this rate cannot play a checked waveform, as a sentence; None when they can."""
    longest_mhz = sample_hz * 1000 // SAMPLES_PER_CYCLE_MIN
    if wave["frequency_mhz"] > longest_mhz:
        return "frequency_mhz is %d; this board's %d samples a second permit %d" % (
            wave["frequency_mhz"],
            sample_hz,
            longest_mhz,
        )
    width, gap = _square_samples(wave, sample_hz)
    period_us = 1000000 // sample_hz
    if not width:
        return "a phase of %d permille of a half period is shorter than half a sample, %d us" % (
            wave["duty_permille"],
            period_us // 2,
        )
    if wave["gap_us"] and not gap:
        return "gap_us is %d; this board's shortest is %d" % (wave["gap_us"], period_us)
    cycle_ms = 1000000 // wave["frequency_mhz"]
    if wave["polarity"] == waveform.ALTERNATE and wave["alternate_ms"] < cycle_ms:
        return "alternate_ms is %d; one cycle lasts %d" % (wave["alternate_ms"], cycle_ms)
    return None


def played(wave, sample_hz):
    """(phase_us, gap_us, alternate_ms) as they are played: whole samples, whole cycles. 0 where they do not apply."""
    phase_us = gap_us = alternate_ms = 0
    if wave["shape"] == waveform.SQUARE:
        width, gap = _square_samples(wave, sample_hz)
        phase_us, gap_us = width * 1000000 // sample_hz, gap * 1000000 // sample_hz
    if wave["polarity"] == waveform.ALTERNATE:
        alternate_ms = units.rounded_div(_alternate_cycles(wave) * 1000000, wave["frequency_mhz"])
    return phase_us, gap_us, alternate_ms


def plan(wave, sample_hz, full_scale_ua):
    """The Plan for a waveform that shared/waveform.check() has accepted. Allocates; main loop only."""
    made = Plan()
    made.use_table = 0 if wave["shape"] == waveform.SQUARE else 1
    _plan_cycle(made, wave, sample_hz)
    _plan_level(made, wave, full_scale_ua)
    _plan_time(made, wave, sample_hz)
    made.table = table(wave["shape"], wave["polarity"] != waveform.BIPHASIC)
    return made


def _plan_cycle(made, wave, sample_hz):
    frequency_mhz = wave["frequency_mhz"]
    samples_milli = sample_hz * 1000
    made.cycle_samples = samples_milli // frequency_mhz
    remainder = samples_milli % frequency_mhz
    made.cycle_fraction = (remainder << 30) // frequency_mhz
    made.phase_step = (frequency_mhz << 32) // samples_milli
    width, gap = _square_samples(wave, sample_hz)
    made.positive_end = width
    made.gap_end = width + gap if gap else made.cycle_samples // 2
    made.negative_end = made.gap_end + width
    made.balanced = 1 if wave["polarity"] == waveform.BIPHASIC else 0
    made.negative_unit = -UNIT * made.balanced
    made.phase_samples = made.cycle_samples // 2 + 1 if made.use_table else width


def _square_samples(wave, sample_hz):
    """(samples of one phase, samples of the gap), to the nearest whole one; the gap has precedence."""
    half = sample_hz * 1000 // wave["frequency_mhz"] // 2
    gap = units.rounded_div(wave["gap_us"] * sample_hz, 1000000)
    width = min(units.rounded_div(half * wave["duty_permille"], 1000), half - gap)
    return max(0, width), gap


def _alternate_cycles(wave):
    return max(1, units.rounded_div(wave["alternate_ms"] * wave["frequency_mhz"], 1000000))


def _plan_level(made, wave, full_scale_ua):
    steps = (units.DAC_STEPS // 2) << GAIN_SHIFT
    gain = units.rounded_div(wave["amplitude_ua"] * steps, full_scale_ua)
    made.gain = -gain if wave["polarity"] == waveform.NEGATIVE else gain


def _plan_time(made, wave, sample_hz):
    made.total_samples = wave["duration_ms"] * sample_hz // 1000
    made.ramp_samples = max(1, wave["ramp_ms"] * sample_hz // 1000)
    made.ramp_step = max(1, -(-ENVELOPE_ONE // made.ramp_samples))
    made.alternate_cycles = _alternate_cycles(wave) if wave["polarity"] == waveform.ALTERNATE else 0


def table(shape, unipolar):
    """One period of a shape as array('h') of 256 values within -UNIT..UNIT, starting at zero, net sum zero.

    Unipolar: the negative half is replaced by zero.
    """
    values = array("h", (_value(shape, index) for index in range(TABLE_LENGTH)))
    if unipolar:
        for index in range(TABLE_LENGTH):
            values[index] = max(0, values[index])
    return values


def _value(shape, index):
    half = TABLE_LENGTH // 2
    if index >= half:
        return -_value(shape, TABLE_LENGTH - index) if index > half else 0
    if shape == waveform.SINE:
        return _QUARTER_SINE[index if index <= 64 else half - index]
    if shape == waveform.SAWTOOTH:
        return UNIT * index // (half - 1)
    if shape == waveform.RAMPED:
        return min(UNIT, UNIT * min(index, half - index) * 8 // half)
    return UNIT if index else 0
