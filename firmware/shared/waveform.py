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

# Where the electrodes are, from the least to the most strict: of two zones that are named, the later one counts.
BODY = "body"
FACE = "face"  # head and face, both electrodes on the same side of the skull
EYES = "eyes"  # around the eyes, outside the orbital rim
CHEST = "chest"  # across the chest
HEAD = "head"  # through the head
ZONES = (BODY, FACE, EYES, CHEST, HEAD)
NO_ZONE = ""  # the request names none: the setting counts

_CHOICES = (("shape", SHAPES, SQUARE), ("polarity", POLARITIES, BIPHASIC), ("zone", ZONES, NO_ZONE))

# name: (smallest, largest, default). None: must be given.
FIELDS = (
    # Upper end: ours, beyond TENS, so that shared/limits.py can answer such a request with its reason.
    ("amplitude_ua", 1, 100000, None),
    ("frequency_mhz", 100, 1000000, None),  # 0.1 Hz .. 1 kHz
    ("duration_ms", 100, 3600000, None),  # one hour: ours, longer than any practice in the field asks for
    ("ramp_ms", 100, 30000, 2000),  # ours: at least 100 ms so that nobody feels a step; 30 s is patience's limit
    ("duty_permille", 10, 1000, 1000),  # share of each half period that carries current (square only)
    ("gap_us", 0, 1000000, 0),  # interphase gap (square only)
    ("alternate_ms", 1000, 600000, 10000),  # time per polarity in "alternate"
    ("area_mm2", 0, 20000, 0),  # area of one electrode; 0: the request names none, the setting counts
)


def is_int(value):
    """True for an int that is not a bool: JSON's true must not pass as 1."""
    return isinstance(value, int) and not isinstance(value, bool)


def check(request):
    """Return (waveform, None) with defaults filled in, or (None, sentence saying what is wrong).

    `request`: dict with "shape", "polarity", "zone" and the fields above. Unknown keys are refused: a misspelt
    limit must not be ignored.
    """
    wave = {}
    for name, choices, default in _CHOICES:
        value = request.get(name, default)
        if value != default and value not in choices:
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
