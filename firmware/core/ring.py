"""Keeps the last telemetry tuples on the device, so that a host can ask for what it missed on the wire."""

from array import array

from ..shared import protocol

_LARGEST = 0x7FFFFFFF  # ours: half the memory of 64 bits, and half the time to collect garbage around it
WIDTH = len(protocol.TELEMETRY_FIELDS)


class TelemetryRing:
    """Fixed memory: `capacity` tuples of 32-bit integers (larger ones saturate), with their sequence numbers."""

    def __init__(self, capacity):
        self._capacity = capacity
        self._values = array("i", (0 for _ in range(capacity * WIDTH)))
        self._sequence = array("i", (-1 for _ in range(capacity)))
        self._next = 0

    def put(self, sequence, row):
        """Store one tuple of TELEMETRY_FIELDS under its sequence number, over the oldest one."""
        base = self._next * WIDTH
        if max(row) > _LARGEST or min(row) < -_LARGEST - 1:
            row = [min(max(value, -_LARGEST - 1), _LARGEST) for value in row]
        self._values[base : base + WIDTH] = array("i", row)
        self._sequence[self._next] = sequence
        self._next = (self._next + 1) % self._capacity

    def get(self, from_sequence, count):
        """Up to `count` rows [sequence, [values]] with sequence >= from_sequence, oldest first."""
        rows = []
        for offset in range(self._capacity):
            slot = (self._next + offset) % self._capacity
            if self._sequence[slot] >= from_sequence and len(rows) < count:
                rows.append([self._sequence[slot], list(self._values[slot * WIDTH : (slot + 1) * WIDTH])])
        return rows

    def bounds(self):
        """(oldest, newest) sequence number held, (-1, -1) when empty."""
        held = [number for number in self._sequence if number >= 0]
        return (min(held), max(held)) if held else (-1, -1)
