"""Turns a checked waveform into the integers the sample engine runs on. Pure arithmetic, main loop only.

A square is planned in whole samples: both phases of a cycle have the same count, so every cycle carries exactly no
net charge in DAC steps; the period's fraction of a sample is carried from cycle to cycle, so the mean frequency is
exact. The other shapes are read from a table by a 32-bit phase accumulator.
"""

from array import array

from ..shared import shapes, units, waveform

ENVELOPE_ONE = 1 << 28  # ramp factor 1.0; fine enough for a 30 s ramp at any sample rate
GAIN_SHIFT = 4  # amplitudes are kept in 1/16 DAC codes, finer than 1 uA


class Plan:
    """Engine parameters of one session; every attribute is an integer, `table` an array('H'), see
    shapes.table().

    period_us: between two samples. use_table: 1 for shapes of a table, with 2**table_bits values.
    cycle_samples, cycle_fraction: samples per cycle and its fraction in 1/2**30. width: samples of one phase of a
    square; gap_end: sample index in the cycle where the second one begins; slope: what an edge rises per sample in
    1/shapes.UNIT of the amplitude, 0: at once. phase_step: phase per sample in 1/2**32 cycle; second_step: of a second
    frequency that is added, 0: none. gain: signed amplitude in 1/16 DAC codes. ramp_step: envelope change per sample.
    total_samples: session length with ramps; ramp_samples: length of one ramp. alternate_cycles: cycles per polarity,
    0 = never. burst_cycles: cycles of a burst, 0 = no pauses; after it rest_samples to rest_samples + rest_span
    without output.
    phase_samples: samples of the longest phase; longest_permille: its share of a cycle that comes from a table.
    balanced: 1 when a whole cycle carries no net charge.
    locked: 1 for a channel whose cycle keeps its place in that of another one; phase_begin, sample_begin: where it
    begins, as phase in 1/2**32 cycle and in samples.
    """

    period_us = 0
    use_table = 0
    cycle_samples = cycle_fraction = 0
    width = gap_end = slope = 0
    phase_step = second_step = 0
    gain = 0
    ramp_step = 0
    total_samples = ramp_samples = 0
    alternate_cycles = 0
    burst_cycles = rest_samples = rest_span = 0
    phase_samples = balanced = 0
    longest_permille = 500
    locked = phase_begin = sample_begin = 0
    table_bits = shapes.TABLE_BITS
    table = array("H")

    def take(self, other):
        """Become equal to another plan of the same session."""
        for name, value in other.__dict__.items():
            setattr(self, name, value)


SAMPLES_PER_CYCLE_MIN = 10  # ours: five samples a phase, so that duty and gap can still be told apart
PART_SAMPLES = 20  # ours: a phase or gap of a square is placed to half a sample, 2.5 % of it
CURVE_SAMPLES = 80  # ours: steps of a curve of 4 % of its amplitude at most
PULSE_WIDTH_US = 124  # ours: two of the shortest samples that a board plays one after the other
STEP_MIN = 25000  # of the phase accumulator: rounded, it is exact to 20 ppm


def is_pulse(wave):
    """True for a square of phases so short that they are played with the board's PULSE_US, if it has one."""
    return wave["shape"] == waveform.SQUARE and 0 < wave["width_us"] <= PULSE_WIDTH_US and not wave["rise_us"]


def fits(wave, period_us, board):
    """False for samples of the board's PULSE_US and a waveform that is no pulse: the bus does not keep up with it."""
    return period_us != board.PULSE_US or is_pulse(wave)


def choose(wave, periods_us):
    """(sample period in us, None) for a checked waveform, or (0, why no period plays it, as a sentence).

    periods_us: what the board keeps, longest first. The longest one that plays the waveform well: a lower rate leaves
    more of the CPU to everything else. Where none does well, the shortest.
    """
    shortest_us = periods_us[-1]
    asked_us = wave["sample_us"]
    if asked_us and asked_us < shortest_us:
        return 0, "sample_us is %d; this board's shortest is %d" % (asked_us, shortest_us)
    period_us = asked_us or shortest_us
    for longer_us in () if asked_us else periods_us:
        if _plays_well(wave, longer_us):
            period_us = longer_us
            break
    problem = _problem(wave, period_us)
    return (0, problem) if problem else (period_us, None)


def _plays_well(wave, period_us):
    cycle_us = 1000000000 // max(wave["frequency_mhz"], wave["second_mhz"])
    if wave["shape"] != waveform.SQUARE:
        return cycle_us >= CURVE_SAMPLES * period_us
    width, gap = _square_samples(wave, period_us)
    return width >= PART_SAMPLES and (gap >= PART_SAMPLES or not wave["gap_us"])


def _problem(wave, period_us):
    """Why samples of this period cannot play a checked waveform, as a sentence; None when they can."""
    frequency_mhz = max(wave["frequency_mhz"], wave["second_mhz"])
    most_mhz = 1000000000 // (period_us * SAMPLES_PER_CYCLE_MIN)
    if frequency_mhz > most_mhz:
        return "frequency_mhz is %d; samples of %d us permit %d" % (frequency_mhz, period_us, most_mhz)
    if wave["shape"] != waveform.SQUARE and _phase_step(wave["frequency_mhz"], period_us) < STEP_MIN:
        return "frequency_mhz is %d; samples of %d us play it exactly from %d on" % (
            wave["frequency_mhz"], period_us, -(-STEP_MIN * 1000000000 // (period_us << 32)))  # fmt: skip
    width, gap = _square_samples(wave, period_us)
    if not width:
        return "a phase of %d us is shorter than half a sample, %d us" % (waveform.phase_us(wave), period_us // 2)
    if wave["gap_us"] and not gap:
        return "gap_us is %d; this board's shortest is %d" % (wave["gap_us"], period_us)
    cycle_ms = 1000000 // wave["frequency_mhz"]
    if wave["polarity"] == waveform.ALTERNATE and wave["alternate_ms"] < cycle_ms:
        return "alternate_ms is %d; one cycle lasts %d" % (wave["alternate_ms"], cycle_ms)
    return None


def played(wave, period_us):
    """(phase_us, gap_us, alternate_ms) as they are played: whole samples, whole cycles. 0 where they do not apply."""
    phase_us = gap_us = alternate_ms = 0
    if wave["shape"] == waveform.SQUARE:
        width, gap = _square_samples(wave, period_us)
        phase_us, gap_us = width * period_us, gap * period_us
    if wave["polarity"] == waveform.ALTERNATE:
        alternate_ms = units.rounded_div(_alternate_cycles(wave) * 1000000, wave["frequency_mhz"])
    return phase_us, gap_us, alternate_ms


def plan(wave, period_us, full_scale_ua, known_table=None, table_bits=shapes.TABLE_BITS, longest_permille=500):
    """The Plan for a waveform and the period that choose() has found for it. Allocates; main loop only.

    known_table: shapes.table() of the same shape and polarity, or an uploaded one, with 2**table_bits points.
    longest_permille: share of a cycle that its longest phase may take.
    """
    made = Plan()
    made.period_us = period_us
    made.use_table = 0 if wave["shape"] == waveform.SQUARE else 1
    made.table_bits = table_bits
    made.longest_permille = longest_permille
    made.table = known_table or shapes.table(wave["shape"], wave["polarity"] != waveform.BIPHASIC)
    _plan_time(made, wave)
    move(made, wave, full_scale_ua)
    return made


def move(made, wave, full_scale_ua):
    """Make a plan anew for a waveform that differs in amplitude and frequency only. Keeps nothing in memory but the
    plan's own numbers, so a sweep may do it while a session runs.
    """
    _plan_cycle(made, wave)
    _plan_level(made, wave, full_scale_ua)
    if made.use_table:
        made.phase_samples = made.cycle_samples * made.longest_permille // 1000 + 1
        _plan_sum(made, wave)


def _plan_cycle(made, wave):
    cycle_mhz_us = wave["frequency_mhz"] * made.period_us
    made.cycle_samples, remainder = divmod(1000000000, cycle_mhz_us)
    made.cycle_fraction = (remainder << 30) // cycle_mhz_us
    made.phase_step = _phase_step(wave["frequency_mhz"], made.period_us)
    width, gap = _square_samples(wave, made.period_us)
    made.width = width
    made.gap_end = width + gap if gap else made.cycle_samples // 2
    rise = units.rounded_div(wave["rise_us"], made.period_us)
    made.slope = -(-shapes.UNIT // (rise + 1)) if rise else 0
    made.balanced = 1 if wave["polarity"] == waveform.BIPHASIC else 0
    made.phase_samples = width
    made.alternate_cycles = _alternate_cycles(wave) if wave["polarity"] == waveform.ALTERNATE else 0
    _plan_bursts(made, wave)
    if wave["phase_deg"] > 0:
        made.phase_begin = (wave["phase_deg"] << 32) // 360
        made.sample_begin = made.cycle_samples * wave["phase_deg"] // 360


def _plan_bursts(made, wave):
    if wave["burst_ms"]:
        made.burst_cycles = max(1, units.rounded_div(wave["burst_ms"] * wave["frequency_mhz"], 1000000))
        made.rest_samples = max(1, wave["rest_ms"] * 1000 // made.period_us)
        made.rest_span = min(0xFFFF, wave["rest_random_ms"] * 1000 // made.period_us)


def _plan_sum(made, wave):
    """A sum of two frequencies keeps its sign for less than a cycle of the slower one."""
    if wave["second_mhz"]:
        made.second_step = _phase_step(wave["second_mhz"], made.period_us)
        slowest_mhz = min(wave["second_mhz"], wave["frequency_mhz"])
        made.phase_samples = 1000000000 // (slowest_mhz * made.period_us) + 1


def _phase_step(frequency_mhz, period_us):
    return units.rounded_div(frequency_mhz * period_us << 32, 1000000000)


def _square_samples(wave, period_us):
    """(samples of one phase, samples of the gap), to the nearest whole one; the gap has precedence."""
    half = 1000000000 // (wave["frequency_mhz"] * period_us) // 2
    gap = units.rounded_div(wave["gap_us"], period_us)
    if wave["width_us"]:
        width = units.rounded_div(wave["width_us"], period_us)
    else:
        width = units.rounded_div(half * wave["duty_permille"], 1000)
    return max(0, min(width, half - gap)), gap


def _alternate_cycles(wave):
    return max(1, units.rounded_div(wave["alternate_ms"] * wave["frequency_mhz"], 1000000))


def _plan_level(made, wave, full_scale_ua):
    steps = (units.DAC_STEPS // 2) << GAIN_SHIFT
    gain = units.rounded_div(wave["amplitude_ua"] * steps, full_scale_ua)
    made.gain = -gain if wave["polarity"] == waveform.NEGATIVE else gain


def _plan_time(made, wave):
    made.total_samples = wave["duration_ms"] * 1000 // made.period_us
    made.ramp_samples = max(1, wave["ramp_ms"] * 1000 // made.period_us)
    made.ramp_step = max(1, -(-ENVELOPE_ONE // made.ramp_samples))
