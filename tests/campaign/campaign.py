"""The list of all cases, and how they are run: each state is reached once, and every case forks from there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from . import reach, variants
from .case import IDLE, RUNNING, Case, Key
from .fork import forked, spread
from .judge import verdict
from .plant import Plant, firmware_files
from .scenarios import SCENARIOS
from .waves import PHASES, WAVES

Firmware = Mapping[str, Callable[[], dict[str, bytes]]]
FIRMWARE: Firmware = {"real": firmware_files, "raising": variants.raising}
_BOOTING = ("OFF", "SELF_TEST", "READY")  # reached along one boot
Group = tuple[str, int, Any, str, str]  # firmware, lease, length of the session, state or "boot", waveform


def keys() -> list[Key]:
    """Every case: at rest the three instants take turns with the waveform of the attempt that follows."""
    found = []
    for name, scenario in SCENARIOS.items():
        for state in IDLE:
            turns = zip(WAVES, PHASES, strict=True)
            found += [Key(name, scenario.variants[0], state, wave, phase) for wave, phase in turns]
        for state in RUNNING:
            forms = scenario.variants if state == "ACTIVE" else scenario.variants[:1]
            found += [Key(name, form, state, wave, phase) for form in forms for wave in WAVES for phase in PHASES]
    return found


def quick_keys(seed: int) -> list[Key]:
    """Every fault once in ACTIVE, and a few in other states."""
    random = Random(seed)
    active = [key for key in keys() if key.state == "ACTIVE"]
    others = [key for key in keys() if key.state not in ("ACTIVE", *_BOOTING)]
    once = [random.choice([key for key in active if key.scenario == name]) for name in SCENARIOS]
    return once + random.sample(others, 6)


def group_of(key: Key) -> Group:
    """What cases must have in common to be forked from one board."""
    scenario = SCENARIOS[key.scenario]
    if key.state in _BOOTING:
        return scenario.plant, 0, None, "boot", ""
    return scenario.plant, scenario.lease_ms, scenario.duration_ms, key.state, key.wave if key.state in RUNNING else ""


def _nothing(_case: Case) -> None:
    """Nothing else is broken."""


class Campaign:
    """Runs cases on boards that it boots once, as they are needed. The same seed gives the same results."""

    def __init__(self, seed: int = 1, firmware: Firmware = FIRMWARE) -> None:
        self.seed = seed
        self._firmware = firmware
        self._plants: dict[str, Plant] = {}

    def run(
        self, wanted: Sequence[Key], workers: int = 2, before: Callable[[Case], None] = _nothing
    ) -> Iterator[dict[str, Any]]:
        """The verdicts of these cases as they come. before(case): what else is broken by then."""
        groups: dict[Group, list[Key]] = {}
        for key in wanted:
            groups.setdefault(group_of(key), []).append(key)
        for group in groups:
            self.booted(group[0])
        longest_first = sorted(groups.items(), key=lambda item: -len(item[1]))
        jobs = [partial(self._run_group, group, members, before) for group, members in longest_first]
        yield from spread(jobs, workers)

    def booted(self, name: str) -> Plant:
        """A board with an ordinary past, one session in its journal, that was powered on and serves its link."""
        if name in self._plants:
            return self._plants[name]
        plant = self._plants[name] = Plant(self._firmware[name]())
        plant.boot()
        plant.host.arm(WAVES["square"].request)
        plant.host.start()
        plant.host.data("stop", now=True)
        plant.host.run_for_ms(200)
        return plant

    def _run_group(self, group: Group, members: list[Key], before: Callable[[Case], None]) -> Iterator[dict[str, Any]]:
        name, lease_ms, duration_ms, state, wave = group
        plant = self._plants[name]
        if state == "boot":
            plant = Plant(flash=plant.pico.flash_bytes())
            stops = reach.boot(plant, *forked(partial(reach.boot_times, plant)))
        else:
            shape = WAVES[wave or "square"]
            phases = reach.reach(plant, state, shape, lease_ms, duration_ms(shape))
            stops = ((state, phase) for phase in phases)
        try:
            for stop in stops:
                for key in members:
                    if (key.state, key.phase) == stop:
                        yield self._run_case(key, plant, before)
        except AssertionError as error:  # the board does not get there, so none of these cases can be run
            yield {"key": str(members[0]), "problems": [f"{len(members)} cases cannot be reached: {error}"]}

    def _run_case(self, key: Key, plant: Plant, before: Callable[[Case], None]) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            plant.began_ns = plant.pico.now_ns
            case = Case(key, plant, SCENARIOS[key.scenario], self.seed)
            before(case)
            case.run()
            return verdict(case)

        result = forked(work)
        return {"key": str(key), "problems": [result["crash"]]} if "crash" in result else result
