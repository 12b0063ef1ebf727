"""Keeps the last telemetry tuples on the device, so that a host can ask for what it missed on the wire."""

from array import array

from ..shared import protocol

_BLOCK_ROWS = 10
_LARGEST = 0x7FFFFFFF  # ours: half the memory of 64 bits, and half the time to collect garbage around it
WIDTH = len(protocol.TELEMETRY_FIELDS)


class TelemetryRing:
    """Fixed memory: `capacity` times the tuples of 32-bit integers (larger ones saturate) of one channel or two, with
    their sequence number, in blocks of ten: a board's free memory is in pieces after boot, and every block costs time
    whenever garbage is collected.
    """

    def __init__(self, capacity, channels=1):
        self._capacity = capacity
        blocks = -(-capacity // _BLOCK_ROWS)
        self._blocks = [[array("i", [0] * (_BLOCK_ROWS * WIDTH)) for _ in range(blocks)] for _ in range(channels)]
        self._second = bytearray(capacity)  # 1 where a second channel ran
        self._sequence = array("i", [-1] * capacity)
        self._next = 0

    def put(self, sequence, row, row2=None):
        """Store one tuple of TELEMETRY_FIELDS, or two, under a sequence number, over the oldest ones."""
        self._store(0, row)
        self._second[self._next] = row2 is not None
        if row2 is not None:
            self._store(1, row2)
        self._sequence[self._next] = sequence
        self._next = (self._next + 1) % self._capacity

    def get(self, from_sequence, count):
        """Up to `count` rows [sequence, values, second channel's or None] from a sequence number on, oldest first."""
        rows = []
        for offset in range(self._capacity):
            slot = (self._next + offset) % self._capacity
            if self._sequence[slot] >= from_sequence and len(rows) < count:
                row2 = self._kept(1, slot) if self._second[slot] else None
                rows.append([self._sequence[slot], self._kept(0, slot), row2])
        return rows

    def _store(self, channel, row):
        block, at = divmod(self._next, _BLOCK_ROWS)
        if max(row) > _LARGEST or min(row) < -_LARGEST - 1:
            row = [min(max(value, -_LARGEST - 1), _LARGEST) for value in row]
        self._blocks[channel][block][at * WIDTH : (at + 1) * WIDTH] = array("i", row)

    def _kept(self, channel, slot):
        block, at = divmod(slot, _BLOCK_ROWS)
        return list(self._blocks[channel][block][at * WIDTH : (at + 1) * WIDTH])

    def bounds(self):
        """(oldest, newest) sequence number held, (-1, -1) when empty."""
        held = [number for number in self._sequence if number >= 0]
        return (min(held), max(held)) if held else (-1, -1)
