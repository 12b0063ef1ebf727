"""What a session is asked to play and what binds it: a request, checked against everything that can be known before.

Whether current may flow now is not decided here but in core/gate.py.
"""

from ..shared import limits, protocol, waveform
from . import waveplan

_AREA_UNKNOWN_MM2 = 100  # ours: 1 cm2, only for the words good, dry and open


class Refused(Exception):
    """A request that is not carried out. args: (protocol.ERR_* code, sentence with number and limit)."""


class Nothing:
    """Stands for the terms while no request has been armed."""

    wave = {}
    plan = None
    amplitude_ua = duration_ms = limit_ua = lease_ms = 0
    area_mm2 = _AREA_UNKNOWN_MM2


class Terms:
    """A checked request. amplitude_ua, duration_ms; limit_ua: the permitted peak; plan: what the engine plays."""

    def __init__(self, request, lease_ms, settings, board):
        """request: dict as it came in; settings: the board's. Raises Refused for what cannot be played."""
        wave, problem = waveform.check(request)
        if wave is None:
            raise Refused(protocol.ERR_VALUE, problem)
        problem = waveplan.problem(wave, board.SAMPLE_HZ)
        if problem:
            raise Refused(protocol.ERR_VALUE, problem)
        self.wave = wave
        self.amplitude_ua, self.duration_ms = wave["amplitude_ua"], wave["duration_ms"]
        self.problem = limits.refusal(wave, settings, board.HARD_CAP_UA)  # None, or why no limit permits it
        self.limit_ua, self.binding, _source = limits.permitted(wave, settings, board.HARD_CAP_UA)
        self.area_mm2 = wave["area_mm2"] or settings["area_mm2"] or _AREA_UNKNOWN_MM2
        self.lease_ms = lease_ms
        self.plan = None

    def plan_for(self, board):
        """Make the plan: only for what the gate permits, for it allocates."""
        self.plan = waveplan.plan(self.wave, board.SAMPLE_HZ, board.FULL_SCALE_UA)

    def told(self, number, board):
        """The terms as the host reads them (dict), with what the sample rate makes of the request."""
        phase_us, gap_us, alternate_ms = waveplan.played(self.wave, board.SAMPLE_HZ)
        return {
            "session": number,
            "amplitude_ua": self.amplitude_ua,
            "limit_ua": self.limit_ua,
            "binding": self.binding,
            "lease_ms": self.lease_ms,
            "duration_ms": self.duration_ms,
            "phase_us": phase_us,
            "gap_us": gap_us,
            "alternate_ms": alternate_ms,
            "arm_ms": protocol.ARM_MS,
        }
