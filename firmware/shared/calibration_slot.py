"""A calibration as it is stored and sent: its constants with their bounds, its id, and the bytes of a slot.

A calibration is a dict: "day", "temperature_c", "reference", "channels": one dict of FIELDS per output, and "id". The
board imports this file only when it has to do with one, and forgets it again.
"""

import binascii

from . import framing, waveform
from .settings import SlotError

SCHEMA_VERSION = 1  # raised when a constant changes meaning; a slot from a newer version is not read
VALID_DAYS = 365  # ours: the usual interval of bench meters; resistors of 1 % drift by less than 0.5 % in it
REFERENCE_LENGTH = 40  # ours: "typed current", or what a SCPI meter answers to *IDN?, cut

# name: (smallest, largest, meaning), the names of calibration.NOMINAL. Beyond the bounds no honest unit can be: worst
# cases of all parts added up, each from boards/CALIBRATION.md. They refuse what a wrong reading or a broken part would
# make of the constants.
FIELDS = (
    ("offset_na", -20000, 20000, "current at the middle code, nA"),
    ("gain_ppm", -60000, 60000, "output beyond the design's, ppm"),
    ("sense_zero", -10240, 10240, "sense without current, from mid supply, 1/256 ADC counts"),
    ("sense_gain_ppm", -50000, 50000, "sense beyond the design's, ppm"),
    ("step", 0, 3072, "what each wide code of the ADC hides (RP2040-E11), 1/256 ADC counts"),
)
_HEAD = (("day", 1, 65535), ("temperature_c", -20, 80))  # days since 1970-01-01 UTC; ours: where people work


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
