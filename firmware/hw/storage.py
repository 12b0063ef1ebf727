"""Settings in two files on the board's flash: a damaged slot falls back to the previous one.

A slot is written under another name and renamed when it is whole, which littlefs does at once or not at all: where
power fails in between, no slot is damaged. Writes are refused while the gate conducts: a flash erase stops all
interrupts for 45 ms and more.
"""

import os

from ..shared import settings

PATHS = ("/settings_a", "/settings_b")
_UNFINISHED = ".new"


class Storage:
    """gate_closed: function that says whether the output gate conducts. Main loop only."""

    def __init__(self, gate_closed):
        self._gate_closed = gate_closed
        self._serial = 0
        self._target = 0  # index of the slot the next write goes to: the older or damaged one

    def load(self):
        """(settings, problem). problem is None, or says why defaults or an older slot are in use."""
        slots = [_read(path) for path in PATHS]
        problems = [slot for slot in slots if isinstance(slot, str)]
        problem = problems[0] if problems else None
        values = None
        for index, slot in enumerate(slots):
            if isinstance(slot, tuple) and (values is None or slot[0] > self._serial):
                self._serial, values = slot
                self._target = 1 - index
        return settings.defaults() if values is None else values, problem

    def save(self, values):
        """Write the older slot. Raises RuntimeError while the gate conducts, OSError when the flash is full."""
        if self._gate_closed():
            raise RuntimeError("no flash write while the gate conducts")
        path = PATHS[self._target]
        with open(path + _UNFINISHED, "wb") as file:
            file.write(settings.encode_slot(self._serial + 1, values))
        os.rename(path + _UNFINISHED, path)
        os.sync()
        self._serial += 1
        self._target = 1 - self._target


def _read(path):
    """(serial, values) of a slot, None when it does not exist, or a sentence when it is damaged."""
    try:
        with open(path, "rb") as file:
            return settings.decode_slot(file.read(2048))
    except OSError:
        return None
    except settings.SlotError as error:
        return "%s: %s" % (path, error.args[0])
