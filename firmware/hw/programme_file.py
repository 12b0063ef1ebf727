"""The programme that was downloaded, in one file on the board's flash: a line for its info, a line for each step.

Every line carries its own checksum (shared/framing.py). The file is renamed into place when it is whole, so a power cut
leaves the programme that was there. Written only while the gate is open: an erase stops all interrupts.
"""

import os

from ..shared import framing

PATH = "/programme"
_UNFINISHED = "/programme.new"


class ProgrammeFile:
    """gate_closed: function that says whether the output gate conducts. Main loop only."""

    def __init__(self, gate_closed):
        self._gate_closed = gate_closed

    def save(self, lines):
        """Store a programme: lines as framing.encode() makes them. Raises RuntimeError while the gate conducts, OSError
        when the flash is full.
        """
        if self._gate_closed():
            raise RuntimeError("no flash write while the gate conducts")
        with open(_UNFINISHED, "wb") as file:
            for line in lines:
                file.write(line.encode())
        os.rename(_UNFINISHED, PATH)
        os.sync()

    def line(self, number):
        """Line `number` as a dict: 0 is the info, 1 the first step. Raises framing.FrameError for a damaged or missing
        one, OSError where no file is.
        """
        with open(PATH, "rb") as file:
            for _ in range(number):
                file.readline()
            return framing.decode(file.readline())
