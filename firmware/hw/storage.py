"""Settings and calibration, each in two files on the board's flash: a damaged slot falls back to the previous one.

A slot is written under another name and renamed when it is whole, which littlefs does at once or not at all: where
power fails in between, no slot is damaged. Writes are refused while the gate conducts: a flash erase stops all
interrupts for 45 ms and more.
"""

import os

from ..shared import settings

PATHS = ("/settings_a", "/settings_b")
CALIBRATION_PATHS = ("/calibration_a", "/calibration_b")
_UNFINISHED = ".new"
_SLOT_BYTES = 1024  # ours: settings take below 350, a calibration of two outputs below 600


class Slots:
    """Two slots. paths: of their files; encode(serial, values) gives bytes; decode(bytes) gives (serial, values) or
    raises SlotError. gate_closed: function that says whether the output gate conducts. Main loop only.
    """

    def __init__(self, gate_closed, paths, encode, decode):
        self._gate_closed = gate_closed
        self._paths = paths
        self._encode, self._decode = encode, decode
        self._serial = 0
        self._target = 0  # index of the slot the next write goes to: the older or damaged one

    def load(self):
        """(values, problem). values: None without a sound slot; problem: None, or why an older slot or none is used."""
        slots = [self._read(path) for path in self._paths]
        problems = [slot for slot in slots if isinstance(slot, str)]
        values = None
        for index, slot in enumerate(slots):
            if isinstance(slot, tuple) and (values is None or slot[0] > self._serial):
                self._serial, values = slot
                self._target = 1 - index
        return values, problems[0] if problems else None

    def save(self, values):
        """Write the older slot. Raises RuntimeError while the gate conducts, OSError when the flash is full."""
        self._require_open()
        path = self._paths[self._target]
        with open(path + _UNFINISHED, "wb") as file:
            file.write(self._encode(self._serial + 1, values))
        os.rename(path + _UNFINISHED, path)
        os.sync()
        self._serial += 1
        self._target = 1 - self._target

    def erase(self):
        """Remove both slots, the older one first: in between the newer one holds. Raises as save()."""
        self._require_open()
        for path in (self._paths[self._target], self._paths[1 - self._target]):
            try:
                os.remove(path)
            except OSError:
                pass  # it was not there
        os.sync()

    def _require_open(self):
        if self._gate_closed():
            raise RuntimeError("no flash write while the gate conducts")

    def _read(self, path):
        """(serial, values) of a slot, None when it does not exist, or a sentence when it is damaged."""
        try:
            with open(path, "rb") as file:
                return self._decode(file.read(_SLOT_BYTES))
        except OSError:
            return None
        except settings.SlotError as error:
            return "%s: %s" % (path, error.args[0])


class Storage(Slots):
    """The settings."""

    def __init__(self, gate_closed):
        super().__init__(gate_closed, PATHS, settings.encode_slot, settings.decode_slot)

    def load(self):
        """(settings, problem). problem is None, or says why defaults or an older slot are in use."""
        values, problem = super().load()
        return settings.defaults() if values is None else values, problem


def calibration_slots(gate_closed, channels):
    """Those of the calibration of a board with so many outputs."""

    def encode(serial, found):
        from ..shared import calibration_slot  # only for boards that have one: it takes 3 kB

        return calibration_slot.encode_slot(serial, found)

    def decode(data):
        from ..shared import calibration_slot

        return calibration_slot.decode_slot(data, channels)

    return Slots(gate_closed, CALIBRATION_PATHS, encode, decode)
