"""What a session is asked to play and what binds it: a request, checked against everything that can be known before.

Whether current may flow now is not decided here but in core/gate.py.
"""

from array import array

from ..shared import limits, protocol, waveform
from . import sweep, waveplan

_AREA_UNKNOWN_MM2 = 100  # ours: 1 cm2, only for the words good, dry and open


class Refused(Exception):
    """A request that is not carried out. args: (protocol.ERR_* code, sentence with number and limit)."""


class Nothing:
    """Stands for the terms while no request has been armed."""

    wave = {}
    plan = waveplan.Plan()
    amplitude_ua = duration_ms = limit_ua = lease_ms = 0
    sample_us = 1
    area_mm2 = _AREA_UNKNOWN_MM2

    def move(self, _elapsed_ms, _board):
        """The amplitude in uA: none."""
        return 0

    def lower(self, _permille):
        """Nothing to lower."""

    def settle(self):
        """Nothing to move."""

    def told(self, _number):
        """Nothing to tell."""
        return {}


class Terms:
    """A checked request. amplitude_ua: its largest; duration_ms; limit_ua: the permitted peak; plan: what is played.

    sample_us: the time between two samples.
    """

    def __init__(self, request, lease_ms, settings, board, periods_us, uploaded):
        """request: dict as it came in; settings: the board's; periods_us: what its engine keeps, longest first;
        uploaded: points.Points. Raises Refused for what cannot be played.
        """
        wave, problem = waveform.check(request)
        if wave is None:
            raise Refused(protocol.ERR_VALUE, problem)
        if wave["shape"] == waveform.TABLE and (not uploaded.crc or wave["table_crc"] != uploaded.crc):
            text = "table_crc is %d; the uploaded table's is %d; upload it again" % (wave["table_crc"], uploaded.crc)
            raise Refused(protocol.ERR_VALUE, text)
        self.wave = wave
        self._now = dict(wave)  # with what moves as it is at present
        self._uploaded = uploaded if wave["shape"] == waveform.TABLE else None
        free = len(periods_us) > 1  # a session that runs keeps its sample period
        if free and board.PULSE_US and waveplan.is_pulse(wave) and periods_us[-1] == board.PERIODS_US[-1]:
            periods_us = periods_us + (board.PULSE_US,)
        self.sample_us = _sample_us(wave, periods_us)
        self.amplitude_ua, self.duration_ms = wave["amplitude_ua"], wave["duration_ms"]
        self.problem = None  # or why no limit permits it
        self.limit_ua = limits.NO_CAP
        for extreme in sweep.extremes(wave):
            self._limit(extreme, settings, board.HARD_CAP_UA)
        self.area_mm2 = wave["area_mm2"] or settings["area_mm2"] or _AREA_UNKNOWN_MM2
        self.lease_ms = lease_ms
        self.plan = waveplan.Plan()

    def _limit(self, wave, settings, hard_cap_ua):
        """Take the lowest limit of all that the session moves through, and the largest amplitude."""
        limit_ua, binding, _source = limits.permitted(wave, settings, hard_cap_ua)
        if self.limit_ua == limits.NO_CAP or limit_ua < self.limit_ua:
            self.limit_ua, self.binding = limit_ua, binding
        self.problem = self.problem or limits.refusal(wave, settings, hard_cap_ua)
        self.amplitude_ua = max(self.amplitude_ua, wave["amplitude_ua"])

    def plan_for(self, board, before=None):
        """Make the plan: only for what the gate permits, for it allocates.

        before: terms with a plan, of which a table of the same shape and polarity is taken over.
        """
        known_table = None
        if before and all(before.wave[name] == self.wave[name] for name in ("shape", "polarity")):
            known_table = before.plan.table
        self.plan = self._plan(self.wave, board, known_table)

    def settle(self):
        """Copy what is largest of it to the lowest free memory. Allocates. Before the session starts only: from then on
        the interrupt reads the table where it is.

        An uploaded table stays: it is there for longer than a session.
        """
        self.wave = dict(self.wave)
        self._now = dict(self.wave)
        if not self._uploaded:
            self.plan.table = array("H", self.plan.table)

    def lower(self, permille):
        """Make all amplitudes smaller, of at least 1 uA; the plan follows with move()."""
        for name in ("amplitude_ua", "amplitude_end_ua"):
            if self.wave[name]:
                self.wave[name] = max(1, self.wave[name] * permille // 1000)

    def _plan(self, wave, board, known_table):
        points = self._uploaded
        if not points:
            return waveplan.plan(wave, self.sample_us, board.FULL_SCALE_UA, known_table)
        known_table = known_table or points.for_polarity(wave["polarity"])
        return waveplan.plan(
            wave, self.sample_us, board.FULL_SCALE_UA, known_table, points.bits, points.longest_permille
        )

    def move(self, elapsed_ms, board):
        """Make the plan that of a time of the session; returns the amplitude in uA. Nothing of it stays in memory."""
        now = self._now
        now["amplitude_ua"] = self.wave["amplitude_ua"]
        if self.wave["sweep_ms"]:
            sweep.move(self.wave, elapsed_ms, now)
        waveplan.move(self.plan, now, board.FULL_SCALE_UA)
        return now["amplitude_ua"]

    def told(self, number):
        """The terms as the host reads them (dict), with what the sample rate makes of the request."""
        phase_us, gap_us, alternate_ms = waveplan.played(self.wave, self.sample_us)
        return {
            "session": number,
            "amplitude_ua": self.amplitude_ua,
            "limit_ua": self.limit_ua,
            "binding": self.binding,
            "lease_ms": self.lease_ms,
            "duration_ms": self.duration_ms,
            "sample_us": self.sample_us,
            "phase_us": phase_us,
            "gap_us": gap_us,
            "alternate_ms": alternate_ms,
            "arm_ms": protocol.ARM_MS,
        }


def _sample_us(wave, periods_us):
    """The sample period that suits all that a session moves through. Raises Refused when there is none."""
    extremes = sweep.extremes(wave)
    period_us = min(_chosen(extreme, periods_us) for extreme in extremes)
    for extreme in extremes:
        _chosen(extreme, (period_us,))
    return period_us


def _chosen(wave, periods_us):
    period_us, problem = waveplan.choose(wave, periods_us)
    if problem:
        raise Refused(protocol.ERR_VALUE, problem)
    return period_us
