"""Which of the boards' messages have arrived: counted when each arrives, whatever came before."""

from dataclasses import dataclass, field


@dataclass
class Boot:
    """Sequence numbers that arrived of one boot of one board."""

    numbers: set[int] = field(default_factory=set)
    first_missing: int = 0  # all below have arrived

    def add(self, number: int) -> None:
        """One more, in any order, also twice."""
        self.numbers.add(number)
        while self.first_missing in self.numbers:
            self.first_missing += 1


class Arrived:
    """Sequence numbers by board and boot. `outstanding` costs as much after the last message as after the first."""

    def __init__(self) -> None:
        self._boots: dict[str, dict[int, Boot]] = {}

    def add(self, body: dict) -> None:
        """Count one message, if it has a number."""
        if body.get("seq") is not None:
            self._boots.setdefault(body["uid"], {}).setdefault(body["boot"], Boot()).add(body["seq"])

    def boots(self, uid: str) -> list[Boot]:
        """Those of a board, in their order."""
        return [boot for _began, boot in sorted(self._boots.get(uid, {}).items())]

    def outstanding(self, report: dict) -> int:
        """How far each boot is from complete, from its first missing number on, in all; 0: everything has arrived.

        A boot that no board began counts as one, which never comes.
        """
        return sum(self._outstanding(uid, board["sent"]) for uid, board in report["boards"].items())

    def _outstanding(self, uid: str, sent: list[int]) -> int:
        boots = self.boots(uid)
        firsts = [boot.first_missing for boot in boots] + [0] * len(sent)
        return sum(max(count - first, 0) for count, first in zip(sent, firsts, strict=False)) + (len(boots) > len(sent))

    def missing(self, report: dict) -> dict[str, list[list[int]]]:
        """What the boards of a report sent and has not arrived, by board and boot; empty when nothing was lost."""
        lost = {}
        for uid, board in report["boards"].items():
            if self._outstanding(uid, board["sent"]):
                boots = self.boots(uid) + [Boot()] * len(board["sent"])
                lost[uid] = [
                    sorted(set(range(count)) - boot.numbers) for count, boot in zip(board["sent"], boots, strict=False)
                ]
        return lost
