"""Waiting for another process: each message or line is looked at once, and only silence ends the wait."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

PATIENCE_S = 20.0  # without progress: only a hang takes as long


def awaited(came: threading.Condition, found: Callable[[], Any], progress: Callable[[], int] = lambda: 0) -> Any:
    """The answer of `found` once it is true; the false one after PATIENCE_S in which `progress` stayed the same.

    Both are called, with `came` held, each time that something comes, so neither may go through all that has come:
    whoever appends waits for them. `progress` must have an end, else a wait for what never comes has none.
    """
    reached, end_s = progress(), time.monotonic() + PATIENCE_S
    while not (answer := found()):
        if progress() != reached:
            reached, end_s = progress(), time.monotonic() + PATIENCE_S
        if not came.wait(end_s - time.monotonic()):
            return found()
    return answer


class Occurrences:
    """How many lines of a growing list contain a text; a call reads the lines that came since the last call."""

    def __init__(self, lines: Sequence[str], text: str, since: int = 0) -> None:
        self._lines = lines
        self._text = text
        self._read = since
        self._count = 0

    def __call__(self) -> int:
        """The count so far."""
        new = self._lines[self._read :]
        self._read += len(new)
        self._count += sum(self._text in line for line in new)
        return self._count
