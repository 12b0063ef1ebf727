"""What is known of a treatment at this moment, for a screen to draw; nothing here knows how it is drawn."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware.shared import programme as schema
from firmware.shared import protocol

from ..programme import Programme, Step
from ..treatment_runner import TreatmentRunner

MINUTE_MS = 60_000
_NOTES = 200
_SAMPLES = 4000  # of a channel: a minute at the highest telemetry rate there is
_FLASH_S = 1.0  # ours: how long "next movement" stands

# How it goes, the first that is true.
ENDED, FAULT, LOST, STOPPING, PAUSED, BETWEEN, STARTING, NO_CONTACT, SEEKING, RAMP_UP, RAMP_DOWN, FLOWING = (
    "ended", "fault", "link lost", "stopping", "paused", "move", "starting", "contact lost", "looking for contact",
    "ramping up", "ramping down", "current flows",
)  # fmt: skip

Row = dict[str, int]


@dataclass
class Seen:
    """Takes what a runner tells (View protocol) and what it knows (follow). now: seconds, of any clock.

    index: of the step that runs or comes next, from 0 on; -1 before the first one. stops: how often somebody asked
    for the end.
    """

    programme: Programme
    now: Callable[[], float]
    index: int = -1
    terms: dict = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)  # the newest one of each channel, of this step
    samples: list[deque[tuple[int, int]]] = field(default_factory=lambda: [deque(maxlen=_SAMPLES) for _ in range(2)])
    notes: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_NOTES))
    told: int = 0  # notes so far
    stops: int = 0
    held: bool = False  # paused between two steps
    between: bool = False
    flowed: bool = False  # in this step: contact was good once
    state: str = ""
    lost: bool = False
    ended: str = ""
    end_text: str = ""
    fault: str = ""
    stopped_by: str = ""
    link_losses: int = 0
    felt: int = 0
    outcomes: dict[int, str] = field(default_factory=dict)  # of the steps that began: how they ended, "" while they run
    _lift_offs: dict[int, int] = field(default_factory=dict)  # by session number
    _move_until_s: float = 0.0
    _hold_done_s: float = -_FLASH_S
    _began_s: float = -1.0

    # View protocol --------------------------------------------------------------------------------------------------

    def row(self, row: Row, second: Row | None) -> None:
        """A telemetry row."""
        self.rows = [row] + ([second] if second else [])
        for samples, each in zip(self.samples, self.rows, strict=False):
            samples.append((each["time_ms"], each["delivered_ua"]))
        self.flowed = self.flowed or not any(each["sensing"] for each in self.rows)
        self._lift_offs[row["session"]] = sum(each["lift_offs"] for each in self.rows)

    def note(self, text: str) -> None:
        """Something that happened."""
        self.told += 1
        self.notes.append((self.elapsed_s, text))

    def step(self, index: int, terms: dict) -> None:
        """A step begins."""
        self.index, self.terms, self.rows = index, terms, []
        self.between = self.flowed = False

    def cue(self, name: str, index: int) -> None:
        """What the buzzer says."""
        if name == "relocate":
            self.index, self.rows, self.between = index, [], True
            move_ms = self.programme.steps[index].device.get("move_ms", _default_move_ms())
            self._move_until_s = self.now() + move_ms / 1000
        elif name == "hold":
            self._hold_done_s = self.now()

    def link(self, up: bool) -> None:
        """The link is lost, or back."""
        self.lost = not up

    # ----------------------------------------------------------------------------------------------------------------

    def follow(self, runner: TreatmentRunner) -> None:
        """Take over what the runner knows beside what it tells."""
        course = runner.course
        self.state, self.held, self.lost = runner.state, runner.held, runner.lost
        self.ended, self.end_text, self.fault = course.ended, course.text, course.fault
        self.stopped_by, self.link_losses = course.stopped_by, course.link_losses
        self.felt = sum(step.felt for step in course.steps)
        self.outcomes = {step.index: step.ended for step in course.steps}
        if self._began_s < 0:
            self._began_s = self.now()

    @property
    def how(self) -> str:
        """One of the words above."""
        if self.ended:
            return ENDED
        if self.fault:
            return FAULT
        if self.lost:
            return LOST
        if self.stops:
            return STOPPING
        if self.paused:
            return PAUSED
        return BETWEEN if self.between else self._how_it_flows()

    def _how_it_flows(self) -> str:
        if not self.rows:
            return STARTING
        if any(row["sensing"] for row in self.rows):
            return NO_CONTACT if self.flowed else SEEKING
        state = self.rows[0]["state"]
        return {protocol.RAMP_UP: RAMP_UP, protocol.RAMP_DOWN: RAMP_DOWN}.get(state, FLOWING)

    @property
    def paused(self) -> bool:
        """True while the treatment waits for a key."""
        return self.held or self.state == protocol.STATE_NAMES[protocol.PAUSED]

    @property
    def flowing_rows(self) -> list[Row]:
        """The newest row of each channel; none while none comes: no current flows, or the link is lost."""
        return [] if self.paused or self.ended or self.lost else self.rows

    @property
    def current(self) -> Step:
        """The step that runs, or comes next."""
        return self.programme.steps[max(self.index, 0)]

    @property
    def elapsed_s(self) -> float:
        """Since the first look, seconds."""
        return self.now() - self._began_s if self._began_s >= 0 else 0.0

    @property
    def lift_offs(self) -> int:
        """In all steps."""
        return sum(self._lift_offs.values())

    @property
    def step_left_ms(self) -> int:
        """Treatment time that is left of this step; stands still without contact."""
        return self.rows[0]["remaining_ms"] if self.rows else self.current.duration_ms

    @property
    def all_left_ms(self) -> int:
        """Treatment time that is left of this step and all after it."""
        if self.ended == "finished":
            return 0
        return self.step_left_ms + sum(step.duration_ms for step in self.programme.steps[max(self.index, 0) + 1 :])

    @property
    def move_left_ms(self) -> int:
        """Time that is left to move the electrodes."""
        return max(0, round((self._move_until_s - self.now()) * 1000))

    @property
    def hold_ms(self) -> int:
        """How long a movement of this step lasts; 0: it has no such time."""
        return self.current.device.get("hold_ms", 0)

    @property
    def hold_left_ms(self) -> int:
        """Treatment time until the next movement, or until the step's end when that is sooner."""
        elapsed_ms = self.rows[0]["elapsed_ms"] if self.rows else 0
        left_ms = self.hold_ms - elapsed_ms % self.hold_ms
        return min(left_ms, self.step_left_ms)

    @property
    def hold_is_done(self) -> bool:
        """True for a moment after the board has said so."""
        return self.now() - self._hold_done_s < _FLASH_S

    def amplitude_ua(self, channel: int) -> int:
        """What the board granted this step. channel: 0 or 1."""
        terms = self.terms if channel == 0 else self.terms.get("terms2", {})
        return terms.get("amplitude_ua", 0)


def _default_move_ms() -> int:
    return next(default for name, _low, _high, default in schema.STEP_FIELDS if name == "move_ms")
