"""The random campaign: sound hardware, a host and a user that do anything at any time, and what must never be seen.

Each case forks from a board that stands in some state and does a few random things within about a tenth of a second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from firmware.shared import faults, protocol

from . import moves, reach
from .campaign import Campaign
from .fork import forked, spread
from .judge import stray_ua
from .measure import peak_ua
from .plant import Plant
from .report import Row
from .waves import MS, WAVES

BASES = (
    ("READY", "square", "early"), ("ARMED", "sine", "early"), ("SENSING", "square", "mid"), ("RAMP_UP", "slow", "mid"),
    ("ACTIVE", "square", "late"), ("ACTIVE", "sine", "mid"), ("ACTIVE", "slow", "early"), ("RAMP_DOWN", "sine", "mid"),
    ("PAUSED", "square", "early"), ("FAULT", "square", "early"),
)  # fmt: skip
CASES_PER_JOB = 200
MOVES = (3, 8)  # how many in a case
GAPS_MS = (0.0, 0.2, 1.0, 5.0, 20.0, 40.0)
# What a host and a user can provoke on sound hardware. Every other fault is a defect.
EXPECTED = (
    faults.NONE, faults.ESTOP, faults.LEASE_LOST, faults.MAINS_USB, faults.WATCHDOG_RESET, faults.OPEN_ELECTRODE,
    faults.SHORT, faults.COMPLIANCE_LOST,
)  # fmt: skip
ERROR_SHARE, ERROR_UA = 1.01, 2.0  # of the virtual stage: gain 1.003, offset 0.5 uA, half a step of DAC


@dataclass(frozen=True)
class Walk:
    """One random case, which its number and the seed repeat."""

    number: int
    seed: int

    def random(self) -> Random:
        """Its own source of chance."""
        return Random(f"wander:{self.seed}:{self.number}")

    @property
    def base(self) -> tuple[str, str, str]:
        """Where it begins."""
        return self.random().choice(BASES)


def run(campaign: Campaign, numbers: range, workers: int) -> Iterator[dict[str, Any]]:
    """The results of these cases as they come."""
    plant = campaign.booted("real")
    jobs = []
    for base in BASES:
        walks = [walk for walk in (Walk(number, campaign.seed) for number in numbers) if walk.base == base]
        chunks = [walks[at : at + CASES_PER_JOB] for at in range(0, len(walks), CASES_PER_JOB)]
        jobs += [partial(walk_from, plant, base, chunk) for chunk in chunks]
    yield from spread(jobs, workers)


def walk_from(plant: Plant, base: tuple[str, str, str], walks: list[Walk]) -> Iterator[dict[str, Any]]:
    """The results of walks that begin at `base`, which a booted board is brought to."""
    state, wave, wanted = base
    for phase in reach.reach(plant, state, WAVES[wave], 2000, 60_000):
        if phase == wanted:
            break
    for walk in walks:
        result = forked(partial(_walk, plant, walk))
        yield {"number": walk.number, "problems": [result["crash"]]} if "crash" in result else result


def _walk(plant: Plant, walk: Walk) -> dict[str, Any]:
    random = walk.random()
    plant.began_ns = plant.pico.now_ns
    heard = len(plant.host.events)
    done = []
    for _ in range(random.randint(*MOVES)):
        done.append(moves.random_move(plant, random))
        plant.host.run_for_ms(random.choice(GAPS_MS) * random.random())
    plant.host.run_for_ms(20)
    events = plant.host.events[heard:]
    return {
        "number": walk.number,
        "base": "/".join(walk.base),
        "moves": done,
        "ms": round((plant.pico.now_ns - plant.began_ns) / MS, 1),
        "peak_ua": round(peak_ua(plant.pico.stage, plant.began_ns, plant.pico.now_ns), 1),
        "problems": _problems(plant, events),
    }


def _problems(plant: Plant, events: list[dict[str, Any]]) -> list[str]:
    problems = [f"{ua:.1f} uA in state {name}" for name, ua in stray_ua(plant, 0.0)]
    seen_ua = peak_ua(plant.pico.stage, plant.began_ns, plant.pico.now_ns)
    most_ua = max(plant.host.amplitudes_ua, default=0) * ERROR_SHARE + ERROR_UA
    if seen_ua > most_ua:
        problems.append(f"{seen_ua:.1f} uA at most {most_ua:.1f} uA asked for")
    codes = [event["code"] for event in events if event["ev"] == "fault"]
    problems += [f"fault {faults.name_of(code)}" for code in codes if code not in EXPECTED]
    problems += [f"{event['ev']}: {event.get('text')}" for event in events if event["ev"] in ("internal", "journal")]
    if plant.state >= len(protocol.STATE_NAMES):
        problems.append(f"state {plant.state}")
    return problems


COLUMNS = ("begun in", "cases", "emulated s", "peak uA", "failed")


def rows(results: list[dict[str, Any]]) -> list[Row]:
    """One row per base."""
    whole = [result for result in results if "base" in result]
    found = []
    for base in sorted({result["base"] for result in whole}):
        mine = [result for result in whole if result["base"] == base]
        failed = sum(bool(result["problems"]) for result in mine)
        seconds = sum(result["ms"] for result in mine) / 1000
        found.append(
            (base, str(len(mine)), f"{seconds:.0f}", f"{max(result['peak_ua'] for result in mine):.0f}", str(failed))
        )
    return found
