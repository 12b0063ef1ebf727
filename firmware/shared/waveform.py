"""What a waveform request may hold: fields, units, ranges. Both sides check with it; the device has the last word.

All fields are integers. Frequencies are in millihertz so that 8.3 Hz and 0.1 Hz are exact.
"""

SQUARE = "square"  # rectangular phases: positive, interphase gap, negative
SINE = "sine"
SAWTOOTH = "sawtooth"
RAMPED = "ramped"  # square with linear edges of 1/8 phase: the "ramped square wave" of frequency-specific devices
SHAPES = (SQUARE, SINE, SAWTOOTH, RAMPED)

BIPHASIC = "biphasic"
POSITIVE = "positive"
NEGATIVE = "negative"
ALTERNATE = "alternate"  # unipolar, sign reversed every alternate_ms
POLARITIES = (BIPHASIC, POSITIVE, NEGATIVE, ALTERNATE)

# name: (smallest, largest, default). None: must be given.
FIELDS = (
    ("amplitude_ua", 1, 1000, None),  # upper end: the boards' hard cap (boards/*/board.py HARD_CAP_UA)
    ("frequency_mhz", 100, 1000000, None),  # 0.1 Hz .. 1 kHz
    ("duration_ms", 100, 3600000, None),  # one hour: ours, longer than any practice in the field asks for
    ("ramp_ms", 100, 30000, 2000),  # ours: at least 100 ms so that nobody feels a step; 30 s is patience's limit
    ("duty_permille", 10, 1000, 1000),  # share of each half period that carries current (square only)
    ("gap_us", 0, 1000000, 0),  # interphase gap (square only)
    ("alternate_ms", 1000, 600000, 10000),  # time per polarity in "alternate"
    ("area_mm2", 10, 20000, 1000),  # electrode area, for current density and impedance per area
)


def is_int(value):
    """True for an int that is not a bool: JSON's true must not pass as 1."""
    return isinstance(value, int) and not isinstance(value, bool)


def check(request):
    """Return (waveform, None) with defaults filled in, or (None, sentence saying what is wrong).

    `request`: dict with "shape", "polarity" and the fields above. Unknown keys are refused: a misspelt
    limit must not be ignored.
    """
    wave = {}
    for name, choices in (("shape", SHAPES), ("polarity", POLARITIES)):
        value = request.get(name, choices[0])
        if value not in choices:
            return None, "%s is %s; it must be one of: %s" % (name, shown(value), ", ".join(choices))
        wave[name] = value
    for name, low, high, default in FIELDS:
        value = request.get(name, default)
        if not is_int(value):
            return None, "%s is %s; it must be a whole number %d..%d" % (name, shown(value), low, high)
        if not low <= value <= high:
            return None, "%s is %d; it must be within %d..%d" % (name, value, low, high)
        wave[name] = value
    for name in request:
        if name not in wave:
            return None, "%s is not a waveform field" % shown(name)
    return _check_together(wave)


def _check_together(wave):
    half_us = 500000000 // wave["frequency_mhz"]
    if wave["gap_us"] and wave["shape"] != SQUARE:
        return None, "gap_us is %d; only a square has an interphase gap" % wave["gap_us"]
    if wave["duty_permille"] != 1000 and wave["shape"] != SQUARE:
        return None, "duty_permille is %d; only a square has a duty" % wave["duty_permille"]
    needed_us = half_us * wave["duty_permille"] // 1000 + wave["gap_us"]
    if needed_us > half_us:
        return None, "phase and gap need %d us; half a period has %d us" % (needed_us, half_us)
    if 2 * wave["ramp_ms"] > wave["duration_ms"]:
        return None, "ramp_ms is %d; two ramps must fit into duration_ms %d" % (wave["ramp_ms"], wave["duration_ms"])
    return wave, None


def shown(value):
    """A value from a request as it may stand in an error text: at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
