"""The journal's two files on the board's littlefs.

littlefs writes a file's new end into free sectors and points to it last, so a power cut leaves the file as it was or
as it shall be (docs/DESIGN.md of littlefs, "copy-on-write"); core/journal.py does not rely on it. An append erases a
sector and more, which stops every interrupt for 45 ms and longer: it is refused while the gate conducts.
"""

import os

from micropython import const

_ENOENT = const(2)


class Files:
    """gate_closed: function that says whether the output gate conducts. Main loop only."""

    def __init__(self, gate_closed):
        self._gate_closed = gate_closed

    def read(self, name, at, count):
        """At most `count` bytes from position `at` on; none at the end and where no file is. May raise OSError."""
        try:
            with open(name, "rb") as file:
                file.seek(at)
                return file.read(count)
        except OSError as error:
            if error.args[0] == _ENOENT:
                return b""
            raise

    def append(self, name, data):
        """Put bytes at the end of a file, made if there is none; stored for good on return. Raises as replace()."""
        self._write(name, "ab", data)

    def replace(self, name, data):
        """Make a file of these bytes. Raises RuntimeError while the gate conducts, OSError when the flash is full."""
        self._write(name, "wb", data)

    def _write(self, name, mode, data):
        if self._gate_closed():
            raise RuntimeError("no flash write while the gate conducts")
        with open(name, mode) as file:
            file.write(data)
        os.sync()
