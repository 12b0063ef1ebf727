"""A sample of the campaign for every `make test`: another one with every commit, the same for the same commit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from .campaign import keys
from .case import Key
from .scenarios import SCENARIOS

OTHER_STATES = ("SENSING", "RAMP_UP", "RAMP_DOWN", "ARMED", "PAUSED", "FAULT")


def quick_keys(seed: int) -> list[Key]:
    """Every fault once in ACTIVE and one case in each other state, even over signs, outputs, waveforms and phases."""
    random = Random(seed)
    every = keys()
    pools = [[key for key in every if key.scenario == name and key.state == "ACTIVE"] for name in SCENARIOS]
    pools += [[key for key in every if key.state == state] for state in OTHER_STATES]
    random.shuffle(pools)
    pools.sort(key=_choice)
    return even(random, pools)


def _choice(pool: Iterable[Key]) -> int:
    """How many signs and outputs there are to choose from: who has little choice chooses first."""
    return len({(key.sign, key.output) for key in pool})


def even(random: Random, pools: Sequence[Sequence[Key]]) -> list[Key]:
    """One key of each pool: the one whose sign and output, waveform and phase have been chosen least."""
    chosen: list[Key] = []
    counts: Counter[object] = Counter()
    for pool in pools:
        shuffled = random.sample(pool, len(pool))
        chosen.append(min(shuffled, key=lambda key: [counts[trait] for trait in _traits(key)]))
        counts.update(_traits(chosen[-1]))
    return chosen


def _traits(key: Key) -> tuple[object, ...]:
    """What the sample is to be even over, the most important first."""
    return (key.sign, key.output), (key.phase, key.output), (key.wave, key.output)
