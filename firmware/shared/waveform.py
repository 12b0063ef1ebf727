"""What a waveform request may hold: fields, units, ranges. Both sides check with it; the device has the last word.

All fields are integers. Frequencies are in millihertz so that 8.3 Hz and 0.1 Hz are exact.
"""

SQUARE = "square"  # rectangular phases: positive, interphase gap, negative
SINE = "sine"
SAWTOOTH = "sawtooth"
RAMPED = "ramped"  # square with linear edges of 1/8 phase: the "ramped square wave" of frequency-specific devices
TABLE = "table"  # points that were uploaded before
SHAPES = (SQUARE, SINE, SAWTOOTH, RAMPED, TABLE)

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
    ("width_us", 0, 1000000, 0),  # length of a phase instead of a duty: a pulse train (square only); 0: the duty counts
    ("rise_us", 0, 500000, 0),  # time from zero to the amplitude and back, within the phase (square only)
    ("gap_us", 0, 1000000, 0),  # interphase gap (square only)
    ("second_mhz", 0, 1000000, 0),  # a second frequency, added at the same amplitude (not square); 0: none
    ("table_crc", 0, 0xFFFFFFFF, 0),  # CRC-32 of the uploaded table that is meant (table only)
    ("burst_ms", 0, 60000, 0),  # time of output between two rests, in whole cycles; 0: no rests
    ("rest_ms", 0, 10000, 0),  # rest between bursts, at least
    ("rest_random_ms", 0, 4000, 0),  # added to each rest: up to so much, by chance
    ("amplitude_end_ua", 0, 100000, 0),  # the amplitude moves there and back, sweep_ms each way; 0: it stays
    ("frequency_end_mhz", 0, 1000000, 0),  # the same of the frequency
    ("sweep_ms", 0, 3600000, 0),
    ("hold_ms", 0, 600000, 0),  # time for which a sweep stays at either end: with an amplitude's, an envelope
    ("alternate_ms", 1000, 600000, 10000),  # time per polarity in "alternate"
    ("sample_us", 0, 100000, 0),  # time between two samples; 0: the board chooses; the ESP32 needs tens of ms
    # Of a second channel: where its cycle stands when the first one's begins. -1: both run freely.
    ("phase_deg", -1, 359, -1),
    ("area_mm2", 0, 20000, 0),  # area of one electrode; 0: the request names none, the setting counts
    ("threshold_ua", 0, 1000, 0),  # sensory threshold measured at this place; 0: the request names none
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


_SQUARE_ONLY = ("duty_permille", "width_us", "rise_us", "gap_us")


def _check_together(wave):
    problem = _table_problem(wave) or _square_problem(wave) or _burst_problem(wave) or _sweep_problem(wave)
    if problem:
        return None, problem
    if 2 * wave["ramp_ms"] > wave["duration_ms"]:
        return None, "ramp_ms is %d; two ramps must fit into duration_ms %d" % (wave["ramp_ms"], wave["duration_ms"])
    return wave, None


def phase_us(wave):
    """Length of one phase of a checked square in us, rounded down; half a period for every other shape."""
    if wave["width_us"]:
        return wave["width_us"]
    return 500000000 // wave["frequency_mhz"] * wave["duty_permille"] // 1000


def _square_problem(wave):
    if wave["shape"] != SQUARE:
        for name, _low, _high, default in FIELDS:
            if name in _SQUARE_ONLY and wave[name] != default:
                return "%s is %d; only a square has it" % (name, wave[name])
        return None
    if wave["width_us"] and wave["duty_permille"] != 1000:
        return "width_us is %d and duty_permille %d; give one of them" % (wave["width_us"], wave["duty_permille"])
    half_us, lasts_us = 500000000 // wave["frequency_mhz"], phase_us(wave)
    if lasts_us + wave["gap_us"] > half_us:
        return "phase and gap need %d us; half a period has %d us" % (lasts_us + wave["gap_us"], half_us)
    if 2 * wave["rise_us"] > lasts_us:
        return "rise_us is %d; rise and fall must fit into a phase of %d us" % (wave["rise_us"], lasts_us)
    return None


SUM_MIN_MHZ = 20000  # ours: the net of a sum of two frequencies is judged over a second


def _table_problem(wave):
    if wave["table_crc"] and wave["shape"] != TABLE:
        return "table_crc is %d; only a table has it" % wave["table_crc"]
    second_mhz = wave["second_mhz"]
    if not second_mhz:
        return None
    if wave["shape"] == SQUARE:
        return "second_mhz is %d; a square has no second frequency" % second_mhz
    if min(second_mhz, wave["frequency_mhz"]) < SUM_MIN_MHZ:
        return "frequency_mhz is %d, second_mhz %d; the lowest for a sum is %d Hz" % (
            wave["frequency_mhz"], second_mhz, SUM_MIN_MHZ // 1000)  # fmt: skip
    return None


def _burst_problem(wave):
    rests = wave["rest_ms"] or wave["rest_random_ms"]
    if wave["burst_ms"] and not rests:
        return "burst_ms is %d and no rest is given; give rest_ms or rest_random_ms" % wave["burst_ms"]
    if rests and not wave["burst_ms"]:
        return "rest_ms is %d, rest_random_ms %d; rests need burst_ms" % (wave["rest_ms"], wave["rest_random_ms"])
    return None


_SWEEP_MIN_MS = 200  # ours: four steps of core/sweep.py
_FREQUENCY_MIN_MHZ = 100


def _sweep_problem(wave):
    ends = wave["amplitude_end_ua"] or wave["frequency_end_mhz"]
    if wave["hold_ms"] and not wave["sweep_ms"]:
        return "hold_ms is %d; only a sweep has it" % wave["hold_ms"]
    if bool(ends) != bool(wave["sweep_ms"]):
        return "sweep_ms is %d, amplitude_end_ua %d, frequency_end_mhz %d; a sweep needs a time and an end" % (
            wave["sweep_ms"], wave["amplitude_end_ua"], wave["frequency_end_mhz"])  # fmt: skip
    if ends and wave["sweep_ms"] < _SWEEP_MIN_MS:
        return "sweep_ms is %d; it must be at least %d" % (wave["sweep_ms"], _SWEEP_MIN_MS)
    if 0 < wave["frequency_end_mhz"] < _FREQUENCY_MIN_MHZ:
        return "frequency_end_mhz is %d; it must be at least %d" % (wave["frequency_end_mhz"], _FREQUENCY_MIN_MHZ)
    return None


def shown(value):
    """A value from a request as it may stand in an error text: at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
