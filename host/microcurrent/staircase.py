"""An ascending-descending staircase for the sensory threshold: it is told what was felt, and says what comes next.

Up in steps until somebody feels it; down to four fifths, which the board does by itself, until nothing is felt; up
again in smaller steps. After enough turns the threshold is the mean of the levels at which something was felt on the
way up, never above the lowest level but one that was felt: in doubt it is lower.
"""

from dataclasses import dataclass, field

START_UA = 10  # ours: hardly above the 8 uA that look for contact
TURNS = 6  # ours: three ascents; later ones agree within what perception varies by
_COARSE, _FINE = 5, 10  # ours: steps are a fifth of the level on the first ascent, a tenth after it
_STEP_MIN_UA = 5
FLOOR_UA = 10  # below it the board ends a session in which somebody feels something


@dataclass
class Staircase:
    """level_ua: to be played now. most_ua: the largest level that limits permit. done: True when there is a result."""

    most_ua: int
    level_ua: int = START_UA
    rising: bool = True
    done: bool = False
    turns: list[tuple[int, str]] = field(default_factory=list)  # (level, "felt" or "not felt")
    trials: list[tuple[int, bool]] = field(default_factory=list)  # every level, and whether it was felt

    def felt(self, lower_ua: int) -> None:
        """The present level was felt; the board plays lower_ua now (0: it has ended)."""
        self.trials.append((self.level_ua, True))
        if self.rising:
            self.turns.append((self.level_ua, "felt"))
        self.rising = False
        self.level_ua = lower_ua
        self.done = len(self.turns) >= TURNS or lower_ua <= FLOOR_UA

    def not_felt(self) -> None:
        """The present level was played long enough, and nobody felt it."""
        self.trials.append((self.level_ua, False))
        if not self.rising:
            self.turns.append((self.level_ua, "not felt"))
        self.rising = True
        if len(self.turns) >= TURNS or self.level_ua >= self.most_ua:
            self.done = True
            return
        step_ua = self.level_ua // (_FINE if self.turns else _COARSE)
        self.level_ua = min(self.most_ua, self.level_ua + max(_STEP_MIN_UA, step_ua))

    @property
    def threshold_ua(self) -> int:
        """The result in uA. Where nothing was felt up to the most, that is all that is known: most_ua."""
        risen = [level for level, how in self.turns if how == "felt"]
        if not risen:
            return self.most_ua if not self.ever_felt else FLOOR_UA
        felt = sorted(level for level, was in self.trials if was)
        twice = felt[1] if len(felt) > 1 else felt[0]
        return max(1, min(sum(risen) // len(risen), twice))

    @property
    def ever_felt(self) -> bool:
        """True when some level was felt."""
        return any(was for _level, was in self.trials)

    def as_detail(self) -> dict:
        """What is kept with the result."""
        return {"trials": [[level, was] for level, was in self.trials], "turns": [list(turn) for turn in self.turns],
                "most_ua": self.most_ua, "felt": self.ever_felt}  # fmt: skip
