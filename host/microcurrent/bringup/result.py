"""One line of a bring-up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What was looked at and where, what was found, what should be, and for a wrong reading the likely mistake.

    good: None where nobody was asked, or an earlier step has to be mended first.
    """

    step: str
    where: str
    good: bool | None
    reading: str
    expected: str
    mistake: str = ""
