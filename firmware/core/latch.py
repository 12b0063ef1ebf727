"""The latched fault: the first one stays, with the readings around it, until it is cleared.

Telling and writing down are core/session.py's; here is only what there is to tell.
"""

from ..shared import faults

_NONE = (faults.NONE, 0, 0, 0, 0, 1)


class Latch:
    """fault: (code, reading, limit, time_ms, session, channel 1 or 2); samples: the last 64 around it as hex, ""
    without a session.
    """

    def __init__(self):
        self.forget()

    @property
    def code(self):
        """faults.NONE, or the code of what is latched."""
        return self.fault[0]

    def take(self, code, reading, limit, now_ms, number, state_name, history, index=0):
        """Latch a fault unless one is latched already (later ones are its consequences); True when it was the first.

        number: session it struck, 0 = none; history(index): the samples of that channel, called for a session's fault
        only. index: the channel, 0 or 1.
        """
        if self.fault[0] != faults.NONE:
            return False
        self.fault = (code, reading, limit, now_ms, number, index + 1)
        self.samples = history(index) if number else ""
        self._unwritten = {
            "code": code, "reading": reading, "limit": limit, "session": number, "state": state_name,
            "channel": index + 1, "samples": self.samples,
        }  # fmt: skip
        return True

    def restore(self, code, reading, limit, number, samples, number_of_channel):
        """What was latched before power was lost, from the journal: written down already."""
        self.fault = (code, reading, limit, 0, number, number_of_channel)
        self.samples = samples

    def forget(self):
        """Nothing is latched."""
        self.fault = _NONE
        self.samples = ""
        self._unwritten = None

    def take_unwritten(self):
        """What the journal has to take once the gate is open: a dict, once; None when there is nothing."""
        detail, self._unwritten = self._unwritten, None
        return detail
