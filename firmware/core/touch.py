"""The button while a session is on its way: a press says "I feel it", holding it ends the session.

The press counts at once, once it has lasted for two looks; the end follows when it is held on. A button that was
already held when the session began says nothing until it was released. Main loop only; time comes in as `now_ms`.
"""

NOTHING = 0
FELT = 1
STOP = 2
STOP_MS = 2000  # ours: longer than a press, shorter than patience


class Touch:
    """One button."""

    def __init__(self):
        self._looks = 0  # in a row that found it held; -1: since before it counted
        self._since_ms = 0

    def idle(self, held):
        """No session: what is held now does not count for the next one."""
        self._looks = -1 if held else 0

    def look(self, held, now_ms):
        """NOTHING, FELT once per press, or STOP once per press that lasts. held: True while it is pressed."""
        if not held:
            self._looks = 0
            return NOTHING
        if self._looks < 0:
            return NOTHING
        self._looks += 1
        if self._looks == 1:
            self._since_ms = now_ms
        if self._looks == 2:
            return FELT
        if now_ms - self._since_ms >= STOP_MS:
            self._looks = -1
            return STOP
        return NOTHING
