"""One output's part in a session: what it plays, what it delivered, what watches it, how its contact is."""

from ..shared import protocol
from . import meter, supervisor
from .terms import Nothing


class Channel:
    """index: 0 or 1, the output. terms: of the last request that was armed, Nothing() without one.

    amplitude_ua: at present. lift_offs: of the session; those before a pause are in `lift_offs_before`.
    """

    def __init__(self, board, index):
        self.index = index
        self.meter = meter.Meter(board)
        self.supervisor = supervisor.Supervisor(board)
        self.terms = Nothing()
        self.amplitude_ua = 0
        self.lift_offs = self.lift_offs_before = 0
        self.contact = protocol.CONTACT_UNKNOWN

    @property
    def number(self):
        """1 or 2, as the link and people count."""
        return self.index + 1

    @property
    def latest(self):
        """The newest snapshot, see meter.SNAPSHOT_FIELDS."""
        return self.meter.latest

    def take(self, terms):
        """Terms or Nothing: what this channel is to play."""
        self.terms = terms

    def begin(self):
        """A session starts: everything is counted anew."""
        self.meter.begin(self.terms.sample_us)
        self.lift_offs = self.lift_offs_before = 0
        self.contact = protocol.CONTACT_UNKNOWN

    def go_on(self, amplitude_ua):
        """A session starts, or goes on after a pause: the engine's counters begin at zero."""
        self.meter.go_on()
        self.amplitude_ua = amplitude_ua
        self.lift_offs_before = self.lift_offs

    def set_amplitude(self, amplitude_ua):
        """The amplitude changes while the session runs."""
        self.amplitude_ua = amplitude_ua
        self.supervisor.amplitude_ua = amplitude_ua
