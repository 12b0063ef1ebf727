"""The plug is pulled at random instants of a board's life; it boots again, must be whole and tell what it was doing.

The life runs once per worker. At each instant a forked process loses its power there and goes on by itself. Half of the
instants are chance, the other half are drawn from the times at which the flash is busy.
"""

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

from firmware.shared import faults, protocol, settings

from .campaign import Campaign
from .fork import forked, serve, split, spread
from .judge import stray_ua
from .plant import SETTINGS, Plant
from .records import records
from .report import Row
from .torn import FlashWatch
from .waves import MS, WAVES

OTHER_LEASE_MS = 3000


class Pulled(BaseException):
    """The power failed in this process: leave whatever the life was doing."""

    def __init__(self, number: int, pipe: int) -> None:
        self.number = number
        self.pipe = pipe


def life(plant: Plant) -> None:
    """Sessions that end, pause, are stopped and are cut by a fault, and settings that change in between."""
    host, pico = plant.host, plant.pico
    request = WAVES["square"].request | {"ramp_ms": 100, "duration_ms": 700}
    host.arm(request)
    host.start()
    host.run_for_ms(1600, lambda: plant.state == protocol.READY)
    host.ask("config", set={"lease_ms": OTHER_LEASE_MS})
    host.arm(request | {"duration_ms": 60_000})
    host.start()
    host.run_for_ms(700)
    host.ask("pause")
    host.run_for_ms(300)
    host.ask("resume")
    host.run_for_ms(600)
    pico.drive_pin(pico.board.ESTOP_PIN, 1)
    host.run_for_ms(400)
    pico.drive_pin(pico.board.ESTOP_PIN, 0)
    host.ask("clear")
    host.ask("config", set={"lease_ms": SETTINGS["lease_ms"]})
    host.arm(WAVES["sine"].request)
    host.start()
    host.run_for_ms(500)
    host.ask("stop", now=True)
    host.run_for_ms(200)


def instants(campaign: Campaign, count: int) -> list[int]:
    """`count` instants of the life, in order."""
    plant = campaign.booted("real")
    begin_ns, end_ns, busy = forked(partial(_survey, plant))
    random = Random(f"pulls:{campaign.seed}")
    chosen = [random.randrange(begin_ns, end_ns) for _ in range(count - count // 2)]
    for _ in range(count // 2):
        start_ns, takes_ns = random.choice(busy)
        chosen.append(int(start_ns + random.random() * takes_ns))
    return sorted(chosen)


def _survey(plant: Plant) -> tuple[int, int, list[tuple[float, float]]]:
    """When the life begins and ends, and (start, duration) of every flash operation in it."""
    watch = FlashWatch(plant.pico)
    begin_ns = plant.pico.now_ns
    life(plant)
    return begin_ns, plant.pico.now_ns, [(done.start_ns, done.takes_ns) for done in watch.operations]


def run(campaign: Campaign, count: int, workers: int, only: int | None = None) -> Iterator[dict[str, Any]]:
    """The results of all pulls as they come, or that of one of them."""
    chosen = list(enumerate(instants(campaign, count)))
    if only is not None:
        chosen = chosen[only : only + 1]
    plant = campaign.booted("real")
    yield from spread([partial(_live, plant, chosen[part::workers]) for part in range(workers)], workers)


def _live(plant: Plant, chosen: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """Run the life; at each instant a forked process leaves it and loses its power."""
    results: list[dict[str, Any]] = []
    watch = FlashWatch(plant.pico)
    pulled = False

    def pull(number: int) -> None:
        nonlocal pulled
        if pulled:  # in the forked process the later instants are still to come
            return
        side = split()
        if isinstance(side, int):
            pulled = True
            raise Pulled(number, side)
        result = side.last()
        results.append({"number": number, "problems": [result["crash"]]} if "crash" in result else result)

    for number, t_ns in chosen:
        plant.pico.at(t_ns, partial(pull, number))
    try:
        life(plant)
    except Pulled as cut:
        serve(partial(_after, plant, watch, cut.number), cut.pipe)
    yield from results


def _after(plant: Plant, watch: FlashWatch, number: int) -> Iterator[dict[str, Any]]:
    """Power fails now, in the middle of whatever runs, and comes back."""
    pulled_ns, state = plant.pico.now_ns, plant.state
    torn = watch.tear(pulled_ns, Random(number))
    before, problem_before = records(plant.pico)
    plant.began_ns = pulled_ns
    plant.lose_power()
    plant.host.forget()
    problems = [] if problem_before is None else [f"journal in flash: {problem_before}"]
    plant.wait(lambda: plant.state in (protocol.READY, protocol.FAULT), 4000)
    plant.host.run_for_ms(200)
    problems += _problems(plant, before, state)
    yield {
        "number": number,
        "ms": round(pulled_ns / MS, 3),
        "state": protocol.STATE_NAMES[state],
        "torn": torn,
        "latched": faults.name_of(_latched(plant)),
        "problems": problems,
    }


def _latched(plant: Plant) -> int:
    return plant.host.data("faults")["code"]


def _problems(plant: Plant, before: list[dict[str, Any]], state: int) -> list[str]:
    problems = [f"{ua:.1f} uA in state {name}" for name, ua in stray_ua(plant, 0.0)]
    values = plant.host.data("config")["set"]
    if values not in (SETTINGS, SETTINGS | {"lease_ms": OTHER_LEASE_MS}):
        problems.append(f"settings are {values}" + (", the defaults" if values == settings.defaults() else ""))
    told, broken = records(plant.pico)
    if broken:
        problems.append(f"the journal is broken: {broken}")
    code, kept = _latched(plant), _kept(before)
    if code != kept and not (code == faults.ESTOP and plant.pico.pin(plant.pico.board.ESTOP_PIN)):
        problems.append(f"{faults.name_of(code)} is latched, the journal had {faults.name_of(kept)}")
    if _open(before) and not any(record["kind"] == "interrupted" for record in told[len(before) :]):
        problems.append("an interrupted session is not told")
    if state in (protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN, protocol.PAUSED) and not _open(before):
        problems.append("the journal knew of no session")
    return problems


def _kept(before: list[dict[str, Any]]) -> int:
    """The latched fault that the journal tells of."""
    code = faults.NONE
    for record in before:
        if record["kind"] == "fault":
            code = record["code"]
        elif record["kind"] == "clear":
            code = faults.NONE
    return code


def _open(before: list[dict[str, Any]]) -> bool:
    """Whether the journal's last session has not ended."""
    kinds = [record["kind"] for record in before if record["kind"] in ("session", "end", "interrupted")]
    return bool(kinds) and kinds[-1] == "session"


COLUMNS = ("state when pulled", "pulls", "flash was busy", "failed")


def rows(results: list[dict[str, Any]]) -> list[Row]:
    """One row per state."""
    whole = [result for result in results if "state" in result]
    found = []
    for state in protocol.STATE_NAMES:
        mine = [result for result in whole if result["state"] == state]
        if mine:
            torn, failed = (sum(bool(result[what]) for result in mine) for what in ("torn", "problems"))
            found.append((state, str(len(mine)), str(torn), str(failed)))
    return found
