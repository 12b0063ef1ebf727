"""The last events that the device told its host, for support.

Their memory is taken once, at boot. An event that is kept as it comes, for minutes, stands in the middle of the memory
that everything else comes from and goes back to: after some sessions no larger piece of that was left.
"""


class EventLog:
    """Fixed memory: [milliseconds since boot, event, what it came to (text or None)] of the last `capacity` events."""

    def __init__(self, capacity):
        self._rows = [[0, "", None] for _ in range(capacity)]
        self._next = 0
        self._count = 0

    def put(self, time_ms, name, detail):
        """Keep an event, over the oldest one. Texts are kept as they are: pass constants."""
        row = self._rows[self._next]
        row[0], row[1], row[2] = time_ms, name, detail
        self._next = (self._next + 1) % len(self._rows)
        self._count = min(self._count + 1, len(self._rows))

    def last(self, count):
        """Copies of up to `count` events, the oldest of them first. Allocates."""
        count = min(count, self._count)
        return [list(self._rows[(self._next - left) % len(self._rows)]) for left in range(count, 0, -1)]
