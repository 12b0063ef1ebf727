"""Calibration: what one board's outputs and senses differ in from the design, and the bytes of a stored slot.

A calibration is a dict: "day", "temperature_c", "reference", "channels": one dict of FIELDS per output, and "id". It
makes what flows and what is told right; it never makes a safety threshold wider (Scale.counts_of_ua).
"""

import binascii

from . import framing, units, waveform
from .settings import SlotError

SCHEMA_VERSION = 1  # raised when a constant changes meaning; a slot from a newer version is not read
VALID_DAYS = 365  # ours: the usual interval of bench meters; resistors of 1 % drift by less than 0.5 % in it
HALF_CODES = units.DAC_STEPS // 2
REFERENCE_LENGTH = 40  # ours: "meter", or what a SCPI meter answers to *IDN?, cut

# name: (smallest, largest, meaning). Beyond the bounds no honest unit can be: worst cases of all parts added up, each
# from boards/CALIBRATION.md. They refuse what a wrong reading or a broken part would make of the constants.
FIELDS = (
    ("offset_na", -20000, 20000, "current at the middle code, nA"),
    ("gain_ppm", -60000, 60000, "output beyond the design's, ppm"),
    ("sense_zero", -10240, 10240, "sense without current, from mid supply, 1/256 ADC counts"),
    ("sense_gain_ppm", -50000, 50000, "sense beyond the design's, ppm"),
    ("step", 0, 3072, "what each wide code of the ADC hides (RP2040-E11), 1/256 ADC counts"),
)
NOMINAL = {row[0]: 0 for row in FIELDS}
_HEAD = (("day", 1, 65535), ("temperature_c", -20, 80))  # days since 1970-01-01 UTC; ours: where people work


class Scale:
    """One output's conversions. board: constants; constants: a dict of FIELDS, None: the design's. Main loop only.

    calibrated: whether they are measured. shift: codes that are added to every code that is sent, so that the middle
    code carries no current. sense_uv_per_ua: of this unit. step: ADC counts that each wide code hides.
    """

    def __init__(self, board, constants=None):
        found = NOMINAL if constants is None else constants
        self.calibrated = constants is not None
        self._reference_mv = board.ADC_REFERENCE_MV
        self._nominal_uv = board.SENSE_UV_PER_UA
        self._full_ua = board.FULL_SCALE_UA
        self._zero_code = board.ZERO_CODE
        self._million = 1000000 + found["gain_ppm"]
        self.sense_uv_per_ua = units.rounded_div(self._nominal_uv * (1000000 + found["sense_gain_ppm"]), 1000000)
        self.shift = -units.rounded_div(found["offset_na"] * HALF_CODES * 1000, self._full_ua * self._million)
        self.step = units.rounded_div(found["step"], 256)
        self.zero = units.rounded_div(found["sense_zero"], 256) if self.calibrated else None

    def gain(self, nominal):
        """A plan's gain or any other number of codes from the middle, for this unit."""
        return units.rounded_div(nominal * 1000000, self._million)

    def code_of_ua(self, current_ua):
        """DAC code for a signed current, clamped to 0..4095."""
        from_middle = units.rounded_div(current_ua * HALF_CODES * 1000000, self._full_ua * self._million)
        return min(max(self._zero_code + self.shift + from_middle, 0), units.DAC_STEPS - 1)

    def ua_of_counts(self, counts):
        """Signed current of an ADC difference from the sense amplifier's zero, in uA."""
        return units.ua_of_counts(counts, self._reference_mv, self.sense_uv_per_ua)

    def at_most_ua(self, current_ua):
        """A measured current as this unit or as the design's reads it, whichever is more: for upper limits."""
        return max(current_ua, units.rounded_div(current_ua * self.sense_uv_per_ua, self._nominal_uv))

    def counts_of_ua(self, current_ua):
        """ADC difference of a threshold, for a current that is not negative: this unit's or the design's, the smaller.

        So constants may only make a threshold stricter, whatever they are.
        """
        return min(
            units.counts_of_ua(current_ua, self._reference_mv, self.sense_uv_per_ua),
            units.counts_of_ua(current_ua, self._reference_mv, self._nominal_uv),
        )

    def linear(self, code):
        """An ADC code without the steps at 512, 1536, 2560 and 3584; the middle stays where it is."""
        return code + (((code + 511) >> 10) - 2) * self.step

    @property
    def sense_of_code(self):
        """ADC counts that one DAC code of this unit makes, times 4096; as strict as counts_of_ua()."""
        return units.rounded_div((self.counts_of_ua(self._full_ua) << 12) * self._million, HALF_CODES * 1000000)

    @property
    def full_share(self):
        """(a, b): a phase is full when its counts * a >= its codes * b, nine tenths of what this unit makes of them.

        a is at most eleven: five seconds of full scale times eleven stay below 2**31.
        """
        true_counts = units.counts_of_ua(self._full_ua, self._reference_mv, self.sense_uv_per_ua)
        wanted = 9 * true_counts * self._million // (10 * HALF_CODES)  # b / a, times a million
        best = (0, 0, 1000000)
        for a in range(6, 12):
            b = units.rounded_div(a * wanted, 1000000)
            error = abs(b * 1000000 - a * wanted) // a
            if error <= best[2]:
                best = (a, b, error)
        return best[:2]


def scales(board, found, channels):
    """One Scale per output. found: a checked calibration, or None."""
    return [Scale(board, found["channels"][index] if found else None) for index in range(channels)]


def id_of(found):
    """The short hash that names a calibration in status, records and reports: of all of its numbers."""
    parts = [str(found[name]) for name, _low, _high in _HEAD] + [found["reference"]]
    for channel in found["channels"]:
        parts += [str(channel[row[0]]) for row in FIELDS]
    return "%08x" % (binascii.crc32(" ".join(parts).encode()) & 0xFFFFFFFF)


def check(found, channels):
    """None when a calibration may be used on a board with so many outputs, else a sentence with number and limit."""
    if not isinstance(found, dict):
        return "a calibration must be an object"
    problem = _problem(found, _HEAD)
    reference = found.get("reference")
    if not problem and (not isinstance(reference, str) or len(reference) > REFERENCE_LENGTH):
        problem = "reference must be a text of at most %d characters" % REFERENCE_LENGTH
    each = found.get("channels")
    if not isinstance(each, list) or len(each) != channels:
        problem = problem or "channels must be a list of %d, one per output" % channels
        each = []
    if problem:
        return problem
    for index, constants in enumerate(each):
        problem = "it is no object"
        if isinstance(constants, dict):
            problem = _problem(constants, [row[:3] for row in FIELDS])
        if problem:
            return "channel %d: %s" % (index + 1, problem)
    if found.get("id") != id_of(found):
        return "id is %s; that of these numbers is %s" % (waveform.shown(found.get("id")), id_of(found))
    return None


def _problem(found, rows):
    for name, low, high in rows:
        value = found.get(name)
        if not waveform.is_int(value):
            return "%s must be a whole number %d..%d" % (name, low, high)
        if not low <= value <= high:
            return "%s is %d; an honest unit has %d..%d" % (name, value, low, high)
    return None


def encode_slot(serial, found):
    """The bytes of one slot."""
    return framing.encode({"schema": SCHEMA_VERSION, "serial": serial, "values": found}).encode()


def decode_slot(data, channels):
    """(serial, calibration) of a slot. Raises SlotError, never anything else."""
    try:
        slot = framing.decode(data)
    except framing.FrameError as error:
        raise SlotError("calibration damaged: %s" % error.args[0]) from None
    if slot.get("schema") != SCHEMA_VERSION:
        raise SlotError("calibration schema %s is not the %d of this firmware" % (slot.get("schema"), SCHEMA_VERSION))
    serial, found = slot.get("serial", -1), slot.get("values")
    problem = check(found, channels)
    if not problem and (not waveform.is_int(serial) or serial < 0):
        problem = "serial %s" % serial
    if problem:
        raise SlotError("calibration invalid: %s" % problem)
    return serial, found
