"""Settings: names, ranges, defaults, and the bytes of one stored slot.

A slot is 8 hex digits of CRC-32, a space, JSON. Two slots exist; each carries a serial number, the higher valid one
holds. Storage itself is firmware/hw/storage.py; this file only turns settings into bytes and back.
"""

from . import framing, rules, waveform

SCHEMA_VERSION = 2  # raised when a setting changes meaning; a slot from a newer version is not read

# name: (smallest, largest, default, meaning). What permits more needs the device's button: limits.raises().
FIELDS = (
    ("profile", 0, len(rules.PROFILES) - 1, 0, "who uses the device: caps the current"),
    # Chest and head cannot be set: current is refused there.
    ("zone", 0, waveform.ZONES.index(waveform.EYES), waveform.ZONES.index(waveform.FACE), "where the electrodes are"),
    ("area_mm2", 0, 20000, 0, "area of the smaller electrode (0, none: a 3 mm tip counts)"),
    ("threshold_ua", 0, 1000, 0, "measured sensory threshold: 80 % of it is permitted (0: none stored)"),
    ("session_max_ms", 1000, 3600000, 1200000, "longest session, ms (20 min: usual timer of the field)"),
    ("lease_ms", 500, 10000, 2000, "silence of the host that ends a session, ms"),
    ("telemetry_hz", 0, 50, 10, "telemetry rate, Hz (0: none)"),
    ("usb_isolated", 0, 1, 0, "1, yes: the USB supply is isolated from the mains"),
    ("host_may_leave", 0, 1, 0, "1, yes: a programme may go on by itself when its host leaves"),
    ("buzzer", 0, 1, 1, "1, yes: cues sound; 0: they are only lit"),
)

_OLD_CEILING_UA = 600  # default of schema 1's amplitude_max_ua


class SlotError(ValueError):
    """Bytes that are not a valid settings slot. `args[0]` says why."""


def defaults():
    """A fresh dict of all settings at their defaults."""
    return {name: default for name, _low, _high, default, _meaning in FIELDS}


def check(changes):
    """None when every entry of the dict `changes` may be set, else a sentence saying what is wrong."""
    if not isinstance(changes, dict):
        return "settings must be an object of names and numbers"
    for name, value in changes.items():
        field = _field(name)
        if field is None:
            return "%s is not a setting; there are: %s" % (name, ", ".join(row[0] for row in FIELDS))
        if not waveform.is_int(value):
            return "%s must be a whole number %d..%d" % (name, field[1], field[2])
        if not field[1] <= value <= field[2]:
            return "%s is %d; it must be within %d..%d" % (name, value, field[1], field[2])
    return None


def encode_slot(serial, values):
    """The bytes of one slot."""
    return framing.encode({"schema": SCHEMA_VERSION, "serial": serial, "values": values}).encode()


def decode_slot(data):
    """(serial, settings dict) of a slot; missing settings get defaults. Raises SlotError, never anything else."""
    try:
        slot = framing.decode(data)
    except framing.FrameError as error:
        raise SlotError("settings slot damaged: %s" % error.args[0]) from None
    schema = slot.get("schema", -1)
    if not waveform.is_int(schema) or not 1 <= schema <= SCHEMA_VERSION:
        raise SlotError("settings schema %s is not the %d of this firmware" % (schema, SCHEMA_VERSION))
    serial, stored = slot.get("serial", -1), upgraded(schema, slot.get("values", {}))
    problem = check(stored)
    if problem or not waveform.is_int(serial) or serial < 0:
        raise SlotError("settings slot invalid: %s" % (problem or "serial %s" % serial))
    values = defaults()
    values.update(stored)
    return serial, values


def upgraded(schema, stored):
    """Settings read from a slot or file of an older schema, in the names of this one; still to be checked.

    Nothing becomes more permissive by it: schema 1 wrote an area that nobody had confirmed on the device, so it is
    dropped (a 3 mm tip counts then); an amplitude_max_ua that somebody had chosen goes on as threshold_ua, of which
    80 % are permitted. At its default it is dropped: the default profile and zone permit less.
    """
    if schema != 1 or not isinstance(stored, dict):
        return stored
    values = {name: value for name, value in stored.items() if name not in ("amplitude_max_ua", "area_mm2")}
    ceiling_ua = stored.get("amplitude_max_ua", _OLD_CEILING_UA)
    if ceiling_ua != _OLD_CEILING_UA:
        values["threshold_ua"] = ceiling_ua
    return values


def _field(name):
    for row in FIELDS:
        if row[0] == name:
            return row
    return None
