"""The view of a treatment for pipes, logs and small terminals: one line for each thing that happens, one per second."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .programme import Programme
from .treatment_runner import STOP, STOP_NOW, TreatmentRunner
from .treatment_texts import CUES, contact_text, remaining_text, step_text

if TYPE_CHECKING:
    from .interrupts import Interrupts

TICK_S = 0.1
_EVERY_MS = 1000


class PlainView:
    """say: prints a line."""

    def __init__(self, programme: Programme, say: Callable[[str], None]) -> None:
        self._programme = programme
        self._say = say
        self._shown_ms = -_EVERY_MS

    def run(self, runner: TreatmentRunner, interrupts: "Interrupts") -> None:
        """Tick until the treatment is over; Ctrl-C ramps down, a second one switches off at once."""
        obeyed = 0
        while runner.tick(TICK_S):
            wanted = min(interrupts.count, 2)
            if wanted > obeyed:
                obeyed = wanted
                runner.ask(STOP if wanted == 1 else STOP_NOW, interrupts.name)
                self._say("ramping down; Ctrl-C again switches the output off at once" if wanted == 1 else "output off")

    def row(self, row: dict[str, int], second: dict[str, int] | None) -> None:
        """A telemetry row: shown once per second."""
        if abs(row["time_ms"] - self._shown_ms) < _EVERY_MS:
            return
        self._shown_ms = row["time_ms"]
        self._say("  " + _line(row) + (f" | channel 2: {_current(second)}" if second else ""))

    def note(self, text: str) -> None:
        """Something that happened."""
        self._say(text)

    def step(self, index: int, terms: dict) -> None:
        """A step begins."""
        step = self._programme.steps[index]
        self._say(step_text(self._programme, index, terms))
        if step.move:
            self._say(f"  move: {step.move}")
        if step.cue and (index == 0 or self._programme.steps[index - 1].cue != step.cue):
            self._say(f"  {step.cue}")

    def cue(self, name: str, index: int) -> None:
        """What the buzzer says."""
        self._say(f"  [{CUES.get(name, name)}]")

    def link(self, up: bool) -> None:
        """A note tells it in words."""


def _line(row: dict[str, int]) -> str:
    return (
        f"{remaining_text(row['remaining_ms'])} left  {_current(row)}  {row['electrode_mv'] / 1000:5.2f} V  "
        f"contact {contact_text(row)}"
    )


def _current(row: dict[str, int]) -> str:
    return f"{row['delivered_ua']:4d} of {row['commanded_ua']:4d} uA"
