"""The list of all cases, and how they are run: each state is reached once, and every case forks from there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from types import ModuleType
from typing import Any, Self

from boards.rp2040_pico import board as pico_board
from boards.rp2040_pico_dual import board as dual_board

from . import reach, variants
from .case import IDLE, MINUS, PLUS, RUNNING, SIGNS, Case, Key
from .fork import forked, spread
from .judge import verdict
from .plant import Plant, firmware_files
from .scenarios import SCENARIOS
from .waves import PHASES, WAVES

Firmware = Mapping[str, Callable[[str], dict[str, bytes]]]  # by name: the files for a board
FIRMWARE: Firmware = {"real": firmware_files, "raising": variants.raising}
BOOTING = ("OFF", "SELF_TEST", "READY")  # reached along one boot
Board = tuple[str, ModuleType]  # name of its firmware, its module
# firmware and board, lease, length of the session, state or "boot", waveform, sign of the phase
Group = tuple[str, ModuleType, int, Any, str, str, int]
# Where a board with two outputs is struck: its sample period is 100 us at least, which leaves out "slow".
TWO_OUTPUTS = (
    ("SENSING", "square", "early"), ("RAMP_UP", "sine", "mid"), ("ACTIVE", "square", "mid"), ("ACTIVE", "sine", "late"),
)  # fmt: skip


def keys() -> list[Key]:
    """Every case."""
    return [key for name in SCENARIOS for key in (*_at_rest(name), *_while_it_flows(name), *_at_each_output(name))]


def _at_rest(name: str) -> Iterator[Key]:
    """The three instants take turns with the waveform of the attempt that follows."""
    scenario = SCENARIOS[name]
    for sign in SIGNS if scenario.mirrored else (PLUS,):
        for state in IDLE:
            for wave, phase in zip(WAVES, PHASES, strict=True):
                yield Key(name, scenario.variants[0], state, wave, phase, sign)


def _while_it_flows(name: str) -> Iterator[Key]:
    """Mirror images in every phase in ACTIVE, in the middle of one in the other states."""
    scenario = SCENARIOS[name]
    for sign in SIGNS if scenario.signed else (PLUS,):
        for state in RUNNING:
            phases = PHASES if sign == PLUS or state == "ACTIVE" else ("mid",)
            for form in scenario.variants if state == "ACTIVE" else scenario.variants[:1]:
                for wave in WAVES:
                    yield from (Key(name, form, state, wave, phase, sign) for phase in phases)


def _at_each_output(name: str) -> Iterator[Key]:
    """On the board with two outputs."""
    scenario = SCENARIOS[name]
    for output in scenario.outputs:
        for sign in SIGNS if scenario.signed else (PLUS,):
            for state, wave, phase in TWO_OUTPUTS:
                for form in scenario.variants if state == "ACTIVE" else scenario.variants[:1]:
                    yield Key(name, form, state, wave, phase, sign, output)


def group_of(key: Key) -> Group:
    """What cases must have in common to be forked from one board."""
    scenario = SCENARIOS[key.scenario]
    board = dual_board if key.output else pico_board
    if key.state in BOOTING:
        return scenario.plant, board, 0, None, "boot", "", 1
    wave, side = (key.wave, -1 if key.sign == MINUS else 1) if key.state in RUNNING else ("", 1)
    return scenario.plant, board, scenario.lease_ms, scenario.duration_ms, key.state, wave, side


def _nothing(_case: Case) -> None:
    """Nothing else is broken."""


class Campaign:
    """Runs cases on boards that it boots once, as they are needed. The same seed gives the same results."""

    def __init__(self, seed: int = 1, firmware: Firmware = FIRMWARE) -> None:
        self.seed = seed
        self._firmware = firmware
        self._plants: dict[Board, Plant] = {}

    def seeded(self, seed: int) -> Self:
        """The same boards, with another seed."""
        other = copy(self)
        other.seed = seed
        return other

    def run(
        self, wanted: Sequence[Key], workers: int = 2, before: Callable[[Case], None] = _nothing
    ) -> Iterator[dict[str, Any]]:
        """The verdicts of these cases as they come. before(case): what else is broken by then."""
        groups: dict[Group, list[Key]] = {}
        for key in wanted:
            groups.setdefault(group_of(key), []).append(key)
        for group in groups:
            self.booted(*group[:2])
        longest_first = sorted(groups.items(), key=lambda item: -len(item[1]))
        jobs = [partial(self._run_group, group, members, before) for group, members in longest_first]
        yield from spread(jobs, workers)

    def booted(self, name: str, board: ModuleType = pico_board) -> Plant:
        """A board with an ordinary past, one session in its journal, that was powered on and serves its link."""
        if (name, board) in self._plants:
            return self._plants[name, board]
        plant = self._plants[name, board] = Plant(self._firmware[name](board.BOARD), board=board)
        plant.boot()
        plant.host.arm(WAVES["square"].request)
        plant.host.start()
        plant.host.data("stop", now=True)
        plant.host.run_for_ms(200)
        return plant

    def _run_group(self, group: Group, members: list[Key], before: Callable[[Case], None]) -> Iterator[dict[str, Any]]:
        name, board, lease_ms, duration_ms, state, wave, side = group
        plant = self._plants[name, board]
        if state == "boot":
            plant = Plant(board=board, flash=plant.pico.flash_bytes())
            stops = reach.boot(plant, *forked(partial(reach.boot_times, plant)))
        else:
            shape = WAVES[wave or "square"]
            phases = reach.reach(plant, state, shape, lease_ms, duration_ms(shape), side)
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
