"""Stands for the programme until one is loaded: what runs it takes memory that other sessions can do without."""

from ..shared import protocol, waveform
from . import cues
from .terms import Refused


class NoProgramme:
    """device: what app.Device offers; cue(name): sounds and light. Main loop only."""

    active = False
    info = {}

    def __init__(self, device, cue):
        self._device = device
        self._cue = cue

    def told(self):
        """What status says of it (dict), None before the first one."""
        return self.info or None

    def look(self, _now_ms):
        """Nothing runs."""

    def renew(self, name_hash, now_ms):
        """The host of this programme is there. Raises Refused when another one runs, or none."""
        if not self.active or name_hash != self.info["hash"]:
            raise Refused(protocol.ERR_STATE, "programme %s does not run" % waveform.shown(name_hash))

    def skip(self, now_ms):
        """Go on with the next step. Raises Refused when no programme runs."""
        if not self.active:
            raise Refused(protocol.ERR_STATE, "no programme runs")

    def pause(self, now_ms):
        """Between two steps: wait there. False where the session is to be paused instead."""
        return self.active

    def resume(self, now_ms):
        """Go on after pause(). False where the session is to go on instead."""
        return self.active

    def felt(self, by, now_ms):
        """Somebody feels the current: lower now. Raises Refused where nothing flows."""
        self._device.session.felt(by, now_ms)
        self._cue(cues.FELT)

    def stop(self, now_ms):
        """End it. The session is stopped by its caller."""
