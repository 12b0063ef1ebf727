"""One line of doctor."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be, and what it is or what to do.

    note: it is no problem, but limits what the board can do.
    """

    subject: str
    good: bool
    text: str
    note: bool = False
