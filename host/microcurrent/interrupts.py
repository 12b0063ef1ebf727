"""Ctrl-C (and a closed terminal, and SIGTERM) counted instead of raised, so that a session can be ramped down first."""

import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While entered, signals only raise `count`: 1 asks for a ramp down, 2 for the gate off at once."""

    def __init__(self) -> None:
        self.count = 0
        self.name = ""  # of the last one
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> "Interrupts":
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self.count += 1
