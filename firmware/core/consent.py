"""A change that raises a cap waits here until somebody holds the button on the device: a host alone cannot do it.

The button must have been seen released after the request, so that one that sticks, or lies under something, consents to
nothing. Main loop only; time comes in as `now_ms`.
"""

from ..shared import protocol

NOTHING = 0
GIVEN = 1
EXPIRED = 2


class Consent:
    """At most one change waits; a newer one takes its place."""

    def __init__(self):
        self._changes = None
        self._raised = ()
        self._until_ms = self._held_ms = 0
        self._released = False

    def ask(self, changes, raised, now_ms):
        """Wait for the button. changes: dict of settings; raised: names of those that raise a cap."""
        self._changes, self._raised = changes, raised
        self._until_ms = now_ms + protocol.CONFIRM_MS
        self._held_ms = now_ms
        self._released = False

    def look(self, held, now_ms):
        """NOTHING, GIVEN once the button was held for HOLD_MS, or EXPIRED. held: True while it is pressed."""
        if self._changes is None:
            return NOTHING
        if now_ms > self._until_ms:
            return EXPIRED
        if not held:
            self._released = True
            self._held_ms = now_ms
            return NOTHING
        return GIVEN if self._released and now_ms - self._held_ms >= protocol.HOLD_MS else NOTHING

    def take(self):
        """(changes, raised) of what waited; nothing waits any more."""
        changes, raised = self._changes, self._raised
        self._changes, self._raised = None, ()
        return changes, raised
