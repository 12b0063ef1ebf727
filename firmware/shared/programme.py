"""The schema of a programme: its name and its steps. Host and board check with it; the board has the last word.

A programme is an info object and a list of steps. A step is {"site", "side", "wave": {...}, "wave2": {...} for a second
channel, and the fields below}; its waves are those of shared/waveform.py without zone, which the site decides. An
amplitude is given in uA, or as `share` of what all limits permit: then the wave has none. All numbers are integers.
"""

from . import rules, sites, waveform

MAX_STEPS = 48  # ours: two sides of twelve sites, twice
MOVE_MS_MAX = 60000  # ours: longer than a hand needs; who needs longer pauses
HOLD_MS_MIN = 1000  # ours: a cue every second is the fastest that a hand can follow
_NAME_LENGTH = 32
_HASH_LENGTH = 16

# name: (smallest, largest, default)
STEP_FIELDS = (
    (
        "share_permille",
        0,
        1000,
        0,
    ),  # of what the limits permit, instead of an amplitude; 0: the wave's amplitude counts
    ("share2_permille", 0, 1000, 0),  # the same of the second channel
    ("hold_ms", 0, 600000, 0),  # a cue after each of these times; 0: none
    ("move_ms", 0, MOVE_MS_MAX, 3000),  # time to move the electrodes before this step; the first one has none
)
_PLACES = (("site", sites.SITES), ("side", sites.SIDES))
COMMON = ("duration_ms", "ramp_ms")  # of both channels: the first one's
_DECIDED = ("zone", "sample_us", "table_crc")
_WAVES = (("wave", "share_permille"), ("wave2", "share2_permille"))
# Fields of a programme's own: "name" and "hash" are texts.
INFO_FIELDS = (
    ("steps", 1, MAX_STEPS, None),
    ("profile", 0, len(rules.PROFILES) - 1, 0),  # the least that the board must be set to
    ("duration_ms", 100, 3600000, None),  # of all steps
    ("unipolar_ms", 0, 3600000, 0),  # of those whose current does not reverse
)


def check_info(info):
    """(info with defaults, None), or (None, a sentence saying what is wrong)."""
    if not isinstance(info, dict):
        return None, "info must be an object"
    found = {}
    for name, longest in (("name", _NAME_LENGTH), ("hash", _HASH_LENGTH)):
        text = info.get(name)
        if not isinstance(text, str) or not 0 < len(text) <= longest or not _is_plain(text):
            return None, "%s is %s; it must be a text of 1..%d plain characters" % (name, waveform.shown(text), longest)
        found[name] = text
    problem = _numbers(info, INFO_FIELDS, found) or _unknown(info, found)
    return (None, problem) if problem else (found, None)


def _is_plain(text):
    """True for printable ASCII: what replies show stays short."""
    return all(32 <= ord(letter) < 127 for letter in text)


def check_step(step):
    """(step with defaults and whole waves, None), or (None, a sentence saying what is wrong).

    A wave whose amplitude is a share has amplitude_ua 1 until granted() replaces it.
    """
    if not isinstance(step, dict):
        return None, "a step must be an object"
    found = {}
    problem = _places(step, found) or _numbers(step, STEP_FIELDS, found)
    for name, share in _WAVES:
        if problem is None and (name == "wave" or name in step):
            problem = _wave(step, name, found, share)
    problem = problem or _unknown(step, found) or _second(found)
    return (None, problem) if problem else (found, None)


def granted(wave, share_permille, scale_permille, permitted_ua):
    """The amplitude that a step asks for, uA: its share of what is permitted, or its own; both times the scale.

    scale_permille: below 1000 after somebody has felt the current. At least 1; the session asks whether it may be.
    """
    asked_ua = permitted_ua * share_permille // 1000 if share_permille else wave["amplitude_ua"]
    return max(1, asked_ua * scale_permille // 1000)


def _places(step, found):
    for name, known in _PLACES:
        value = step.get(name)
        if value not in known:
            return "%s is %s; it must be one of: %s" % (name, waveform.shown(value), ", ".join(known))
        found[name] = value
    return None


def _numbers(given, fields, found):
    for name, low, high, default in fields:
        value = given.get(name, default)
        if not waveform.is_int(value):
            return "%s is %s; it must be a whole number %d..%d" % (name, waveform.shown(value), low, high)
        if not low <= value <= high:
            return "%s is %d; it must be within %d..%d" % (name, value, low, high)
        found[name] = value
    if 0 < found.get("hold_ms", 0) < HOLD_MS_MIN:
        return "hold_ms is %d; it must be at least %d" % (found["hold_ms"], HOLD_MS_MIN)
    return None


def _unknown(given, found):
    for name in given:
        if name not in found:
            return "%s is not a field of it" % waveform.shown(name)
    return None


def _wave(step, name, found, share):
    """Check one wave of a step and keep it, zone filled in."""
    wave = step.get(name)
    if not isinstance(wave, dict):
        return "%s must be an object with a waveform's fields" % name
    problem = _given_twice(wave, name, found, share)
    if problem:
        return problem
    request = dict(wave)
    if found[share]:
        request["amplitude_ua"] = 1
    request["zone"] = sites.zone_of(found["site"])
    if name == "wave2":
        for common in COMMON:
            request[common] = found["wave"][common]
    checked, problem = waveform.check(request)
    if checked is None:
        return "%s: %s" % (name, problem)
    if checked["shape"] == waveform.TABLE:
        return "%s is a table; a programme has none" % name
    found[name] = checked
    return None


def _given_twice(wave, name, found, share):
    """What a wave must not say because the step, the board or the first channel does."""
    for decided in _DECIDED:
        if decided in wave:
            return "%s has %s; the site and the board decide it" % (name, decided)
    for amplitude in ("amplitude_ua", "amplitude_end_ua"):
        if found[share] and amplitude in wave:
            return "%s has %s and %s too; give one of them" % (name, amplitude, share)
    for common in COMMON:
        if name == "wave2" and common in wave:
            return "%s is the same for both channels; wave2 has none" % common
    return None


def _second(found):
    """What a step with one channel must not have."""
    if "wave2" not in found:
        if found["share2_permille"]:
            return "share2_permille is %d; without wave2 there is no second channel" % found["share2_permille"]
        if found["wave"]["phase_deg"] != -1:
            return "phase_deg is %d; only a second channel has it" % found["wave"]["phase_deg"]
    return None
