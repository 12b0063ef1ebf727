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
    """

    use_table = 0
    cycle_samples = cycle_fraction = 0
    positive_end = gap_end = negative_end = negative_unit = 0
    phase_step = 0
    gain = 0
    ramp_step = 0
    total_samples = ramp_samples = 0
    alternate_cycles = 0
    table = array("h")


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
    half = made.cycle_samples // 2
    width = half * wave["duty_permille"] // 1000
    gap = min(wave["gap_us"] * sample_hz // 1000000, half - 1)
    width = max(1, min(width, half - gap))
    made.positive_end = width
    made.gap_end = width + gap if gap else half
    made.negative_end = made.gap_end + width
    made.negative_unit = -UNIT if wave["polarity"] == waveform.BIPHASIC else 0


def _plan_level(made, wave, full_scale_ua):
    steps = (units.DAC_STEPS // 2) << GAIN_SHIFT
    gain = units.rounded_div(wave["amplitude_ua"] * steps, full_scale_ua)
    made.gain = -gain if wave["polarity"] == waveform.NEGATIVE else gain


def _plan_time(made, wave, sample_hz):
    made.total_samples = wave["duration_ms"] * sample_hz // 1000
    made.ramp_samples = max(1, wave["ramp_ms"] * sample_hz // 1000)
    made.ramp_step = max(1, -(-ENVELOPE_ONE // made.ramp_samples))
    made.alternate_cycles = 0
    if wave["polarity"] == waveform.ALTERNATE:
        made.alternate_cycles = max(1, wave["alternate_ms"] * wave["frequency_mhz"] // 1000000)


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
