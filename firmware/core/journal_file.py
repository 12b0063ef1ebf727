"""One file of the journal, read piece by piece: the heap has room for a whole one, but seldom in one block."""

from ..shared import chain, framing

FILE_BYTES = 8188  # ours: two flash sectors of 4096, less the pointer that littlefs keeps in a file's second block
_PIECE_BYTES = 512  # ours: two pages of the flash


class Scan:
    """Reads a file once, from position `at`, where a line begins. files: see core/journal.py.

    begins: position of the line that lines() gave last. When it is through: size: the file's bytes, or more than
    FILE_BYTES when it is longer; torn: those at its end that are no whole record; lead: the newline that its last
    record lacks.
    """

    def __init__(self, files, name, at=0):
        self._files = files
        self._name = name
        self.size = self.begins = at
        self.torn = 0
        self.lead = b""

    def lines(self):
        """Iterate over the lines, without their newlines. Raises OSError when the file cannot be read.

        Bytes behind the last newline count only as a whole record; else they are what a power cut left of one.
        """
        rest = b""
        at = self.begins
        piece = self._piece()
        while piece:
            self.size += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self.begins = at
                yield line
                at += len(line) + 1
            if len(rest) > framing.MAX_RECORD_BYTES:  # no record is as long, nor what is left of one
                self.begins = at
                yield rest
                at += len(rest)
                rest = b""
            piece = self._piece()
        self.begins = at
        if chain.number_of(rest):
            self.lead = b"\n"
            yield rest
        else:
            self.torn = len(rest)

    def _piece(self):
        if self.size > FILE_BYTES:
            return b""
        # Up to the next whole piece: damage then falls into the same lines wherever reading began.
        return self._files.read(self._name, self.size, _PIECE_BYTES - self.size % _PIECE_BYTES)
