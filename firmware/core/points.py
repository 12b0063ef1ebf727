"""An uploaded table: one period of a waveform as points, put together from parts. Main loop only.

The host scales the points so that the largest is UNIT, and makes their net zero; both are checked here, and the whole
by its CRC-32, so that a session plays the very table that was meant.
"""

import binascii
from array import array

from ..shared import shapes, waveform


class Points:
    """table: array('H') as shapes.table() makes them, None until one is whole. crc: its CRC-32, 0 for none."""

    def __init__(self):
        self._parts = array("H")
        self._count = 0
        self.table, self.crc, self.bits, self.longest_permille = None, 0, shapes.TABLE_BITS, 1000

    def begin(self, count):
        """Start an upload; what was there before is gone. None, or why not."""
        if count not in [1 << bits for bits in shapes.BITS]:
            return "a table has 256 or 1024 points, not %d" % count
        self.__init__()
        self._count = count
        return None

    def add(self, at, values):
        """Take the points from index `at` on, in order: whole numbers -UNIT..UNIT. None, or why not."""
        if at != len(self._parts) or at + len(values) > self._count:
            return "points %d..%d do not follow %d of %d" % (
                at, at + len(values) - 1, len(self._parts), self._count)  # fmt: skip
        for value in values:
            if not -shapes.UNIT <= value <= shapes.UNIT:
                return "a point is %d; it must be within -%d..%d" % (value, shapes.UNIT, shapes.UNIT)
        for value in values:
            self._parts.append(shapes.OFFSET + value)
        return self._finish() if len(self._parts) == self._count else None

    def for_polarity(self, polarity):
        """The table as that polarity plays it: without its negative half in all but biphasic."""
        table = self.table or array("H")
        if polarity == waveform.BIPHASIC:
            return table
        return array("H", (max(shapes.OFFSET, value) for value in table))

    def _finish(self):
        """Take the whole table up, or say why not."""
        parts, self._parts = self._parts, array("H")
        net = sum(parts) - shapes.OFFSET * self._count
        if net:
            return "the table's points add up to %d; they must to 0" % net
        peak = max(max(parts) - shapes.OFFSET, shapes.OFFSET - min(parts))
        if peak != shapes.UNIT:
            return "the table's largest point is %d; it must be %d" % (peak, shapes.UNIT)
        self.crc = binascii.crc32(parts) & 0xFFFFFFFF
        self.longest_permille = _longest(parts) * 1000 // self._count + 1
        parts.append(parts[0])
        self.bits = 10 if self._count == 1024 else 8
        self.table = parts
        return None


def _longest(parts):
    """The largest number of points in a row, the period's end included, that do not change their sign."""
    longest = run = 0
    sign = 0
    for _round in range(2):
        for value in parts:
            now = (value > shapes.OFFSET) - (value < shapes.OFFSET)
            if now and now != sign:
                run, sign = 0, now
            run += 1
            longest = max(longest, run)
    return min(longest, len(parts))
