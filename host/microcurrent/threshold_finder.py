"""Finds the level from which somebody feels the current at one place: a staircase on a session that is steered."""

from collections.abc import Callable

from firmware.shared import protocol

from .errors import FaultError, MicrocurrentError, RefusedError
from .live import LiveSession
from .staircase import START_UA, Staircase

DWELL_S = 2.0  # ours: long enough to notice a current, and to press
TICK_S = 0.05
_ACTIVE = protocol.ACTIVE


class ThresholdFinder:
    """live: a session that is to be begun; now: its clock in s; tell(text): what happens; dwell_s: time per level."""

    def __init__(
        self, live: LiveSession, now: Callable[[], float], tell: Callable[[str], None], dwell_s: float = DWELL_S
    ) -> None:
        self._dwell_s = dwell_s
        self._live = live
        self._now = now
        self._tell = tell
        self._steady_since_s: float | None = None
        self._asked_ua = START_UA
        self.stairs = Staircase(START_UA)

    def begin(self, wave: dict) -> None:
        """Start at START_UA. wave: the waveform's fields without an amplitude."""
        self._live.begin(wave=wave | {"amplitude_ua": START_UA})
        self.stairs = Staircase(most_ua=self._live.terms["limit_ua"])
        self._tell(f"begins at {START_UA} uA, ends at {self.stairs.most_ua} uA at most; press when you feel anything")

    def press(self) -> None:
        """Somebody feels it, by a key; the board's button says so by itself."""
        try:
            self._live.felt()
        except RefusedError as error:
            self._tell(f"nothing flows at the moment ({str(error).split(';')[0]})")

    def tick(self) -> bool:
        """Go on; False when there is a result. Raises FaultError, RefusedError when the session ended, PortError."""
        for event in self._live.tick(TICK_S):
            if event["ev"] == "felt":
                self._felt(event)
            elif event["ev"] == "telemetry":
                self._look(self._live.rows[-1])
        if self.stairs.done:
            self._end()
            return False
        if self._live.ended:
            if self._live.fault:
                raise FaultError(self._live.fault)
            raise RefusedError(
                f"the session ended by {self._live.ended} before there was a result; nothing was stored; begin again"
            )
        return True

    def _felt(self, event: dict) -> None:
        lower_ua = event["to_ua"][0]
        self._tell(f"felt at {event['from_ua'][0]} uA")
        self.stairs.level_ua = event["from_ua"][0]
        self.stairs.felt(lower_ua)
        self._asked_ua = lower_ua
        self._steady_since_s = None

    def _look(self, row: dict[str, int]) -> None:
        """A level counts from when it is played in full, with contact."""
        steady = row["state"] == _ACTIVE and row["commanded_ua"] == self.stairs.level_ua and not row["sensing"]
        if not steady:
            self._steady_since_s = None
            return
        if self._steady_since_s is None:
            self._steady_since_s = self._now()
        if self._now() - self._steady_since_s < self._dwell_s:
            return
        self._steady_since_s = None
        self.stairs.not_felt()
        if not self.stairs.done and self.stairs.level_ua != self._asked_ua:
            self._asked_ua = self.stairs.level_ua
            self._live.change(self._asked_ua)
            self._tell(f"{self._asked_ua} uA")

    def _end(self) -> None:
        if self._live.ended:
            return
        self._live.stop()
        while not self._live.ended:
            try:
                self._live.tick(TICK_S)
            except MicrocurrentError:
                return
