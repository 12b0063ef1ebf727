"""Keeps the last telemetry tuples on the device, so that a host can ask for what it missed on the wire."""

from array import array

from ..shared import protocol

_LARGEST = 0x7FFFFFFF  # ours: half the memory of 64 bits, and half the time to collect garbage around it
WIDTH = len(protocol.TELEMETRY_FIELDS)


class TelemetryRing:
    """Fixed memory: `capacity` times the tuples of 32-bit integers (larger ones saturate) of one channel or two, with
    their sequence number. Every tuple is a block of its own: a board's free memory is in small pieces after boot.
    """

    def __init__(self, capacity, channels=1):
        self._capacity = capacity
        self._rows = [[array("i", [0] * WIDTH) for _ in range(capacity)] for _ in range(channels)]
        self._second = bytearray(capacity)  # 1 where a second channel ran
        self._sequence = array("i", [-1] * capacity)
        self._next = 0

    def put(self, sequence, row, row2=None):
        """Store one tuple of TELEMETRY_FIELDS, or two, under a sequence number, over the oldest ones."""
        _store(self._rows[0][self._next], row)
        self._second[self._next] = row2 is not None
        if row2 is not None:
            _store(self._rows[1][self._next], row2)
        self._sequence[self._next] = sequence
        self._next = (self._next + 1) % self._capacity

    def get(self, from_sequence, count):
        """Up to `count` rows [sequence, values, second channel's or None] from a sequence number on, oldest first."""
        rows = []
        for offset in range(self._capacity):
            slot = (self._next + offset) % self._capacity
            if self._sequence[slot] >= from_sequence and len(rows) < count:
                row2 = list(self._rows[1][slot]) if self._second[slot] else None
                rows.append([self._sequence[slot], list(self._rows[0][slot]), row2])
        return rows

    def bounds(self):
        """(oldest, newest) sequence number held, (-1, -1) when empty."""
        held = [number for number in self._sequence if number >= 0]
        return (min(held), max(held)) if held else (-1, -1)


def _store(kept, row):
    for index, value in enumerate(row):
        kept[index] = min(max(value, -_LARGEST - 1), _LARGEST)
