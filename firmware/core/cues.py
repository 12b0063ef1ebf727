"""What the board says without a screen: sounds and light, as times in ms that are on and off in turn.

They differ by rhythm alone, so that a buzzer with one tone will do.
"""

RELOCATE = "relocate"  # move the electrodes to the next place
HOLD = "hold"  # this hold is over: begin the next movement
CONTACT_LOST = "contact-lost"
FINISHED = "finished"
FELT = "felt"  # understood: the current was lowered

PATTERNS = {
    RELOCATE: (150, 100, 150),
    HOLD: (60,),
    CONTACT_LOST: (60, 60, 60, 60, 60),
    FINISHED: (600,),
    FELT: (250,),
}


class Player:
    """Plays one cue at a time; a newer one takes its place. put(level): drives light and sound. Main loop only."""

    def __init__(self, put):
        self._put = put
        self._times = ()
        self._at = 0
        self._until_ms = 0

    def play(self, name, now_ms):
        """Begin a cue of PATTERNS."""
        self._times = PATTERNS[name]
        self._at = -1
        self._until_ms = now_ms
        self.look(now_ms)

    def look(self, now_ms):
        """Every pass of the main loop: on or off, when it is time."""
        if not self._times or now_ms < self._until_ms:
            return
        self._at += 1
        if self._at >= len(self._times):
            self._times = ()
            self._put(0)
            return
        self._until_ms = now_ms + self._times[self._at]
        self._put(1 - self._at % 2)
