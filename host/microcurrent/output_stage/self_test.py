"""What the firmware's self-test would measure on a stage with a fault, and which of its checks finds it.

The steps are those of firmware/hw/checks.py and output_checks.py, with the thresholds read from those files; each is
held for SLOT_US, which is longer than the stage needs to settle (the firmware waits a millisecond and more).
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import firmware
from boards.output_stage import circuit
from boards.rp2040_pico import board as pico_board

from ..bench.skin import Load
from ..debian_program import BUILD
from .netlist import Case, code_of, dac_v, netlist
from .ngspice import Plot, SpiceError, run
from .parts import Fault
from .single_faults import WORKERS

HW = Path(next(iter(firmware.__path__))) / "hw"
SLOT_US = 150
EDGE_US = 0.2
MID_V = 1.65
LONGEST_US = (20, 7, 2)  # time steps: where an analysis does not converge or passes over a corner, finer ones
TRIPPED_V = 1.65  # above it the MCU reads high
READ = ("v(sense)", "v(volt)", "v(sup)", "v(tripped_pin)", "i(vel)")

# name -> (gate, dummy, trip test, current asked for)
STEPS: dict[str, tuple[int, int, int, float]] = {
    "rest": (0, 0, 0, 0),
    "zero": (0, 1, 0, 0),
    "contact": (1, 1, 0, 8),
    "gentle": (1, 1, 0, 50),
    "opened at 50": (0, 1, 0, 0),
    "closed": (1, 1, 0, 100),
    "gate opened": (0, 1, 0, 100),
    "follow -400": (1, 1, 0, -400),
    "follow -100": (1, 1, 0, -100),
    "follow 100": (1, 1, 0, 100),
    "follow 400": (1, 1, 0, 400),
    "parked": (0, 1, 0, 0),
    "limit up": (1, 1, 0, 999.5),
    "between limits": (0, 1, 0, 0),
    "limit down": (1, 1, 0, -1000),
    "parked again": (0, 1, 0, 0),
    "half below": (1, 1, 1, 356),
    "half above": (1, 1, 1, 594),
    "cleared": (0, 1, 1, 594),
    "turned": (0, 1, 1, -356),
    "half below, negative": (1, 1, 1, -356),
    "half above, negative": (1, 1, 1, -594),
    "cleared, negative": (0, 1, 1, -594),
    "end": (0, 0, 0, 0),
    "use up": (1, 0, 0, 600),
    "use down": (1, 0, 0, -600),
    "use low": (1, 0, 0, 50),
    "use off": (0, 0, 0, 0),
}
IN_USE = "in use"


def _constant(file: str, name: str) -> int:
    found = re.search(rf"^{name} = const\((\d+)\)", (HW / file).read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"firmware/hw/{file} has no {name} any more: follow its change here")
    return int(found.group(1))


@dataclass(frozen=True)
class Limits:
    """Thresholds of the firmware's checks, and a variant's board constants."""

    zero_v: float
    open_ua: int
    follow_ua: int
    limit_min_ua: int
    limit_max_ua: int
    use_ua: int
    dummy_ohm: int
    divider: float
    supply_divider: float
    supply_mv: tuple[int, int]


def limits_of(variant: str) -> Limits:
    """From firmware/hw/*.py, board.py and the variant's changes to it."""
    board = {name: getattr(pico_board, name) for name in dir(pico_board) if name.isupper()}
    board |= circuit.VARIANTS[variant]["board"]
    counts = _constant("checks.py", "_ZERO_TOLERANCE_COUNTS")
    return Limits(
        counts * board["ADC_REFERENCE_MV"] / 4096 / 1000,
        _constant("output_checks.py", "_OPEN_TOLERANCE_UA"),
        _constant("output_checks.py", "_FOLLOW_TOLERANCE_UA"),
        _constant("output_checks.py", "_LIMIT_MIN_UA"),
        board["LIMITER_MAX_UA"],
        board["FOLLOW_UA"],
        board["DUMMY_OHM"],
        board["VOLTAGE_DIVIDER"],
        board["SUPPLY_DIVIDER"],
        (board["SUPPLY_MIN_MV"], board["SUPPLY_MAX_MV"]),
    )


def waves() -> dict[str, str]:
    """Sources that play STEPS: names of netlist.Case -> ngspice text."""
    return {
        "gate": _wave([step[0] * 3.3 for step in STEPS.values()]),
        "dummy": _wave([step[1] * 3.3 for step in STEPS.values()]),
        "trip": _wave([step[2] * 3.3 for step in STEPS.values()]),
        # the DAC is set before the gate closes, and parked after it opened
        "dac": _wave([dac_v(code_of(step[3])) for step in STEPS.values()]),
    }


def _wave(levels: list[float]) -> str:
    points = [f"0 {levels[0]:.9g}"]
    for index, (before, after) in enumerate(pairwise(levels), 1):
        start = index * SLOT_US
        points += [f"{start}u {before:.9g}", f"{start + EDGE_US}u {after:.9g}"]
    return f"PWL({' '.join(points)})"


Readings = dict[str, tuple[float, ...]]  # step -> values of READ at its end


def readings(variant: str, faults: tuple[Fault, ...], folder: Path) -> Readings:
    """What is read at the end of every step, with 2 kohm between the electrodes; steps not reached are left out."""
    played = waves()
    case = Case(
        variant,
        faults,
        Load("2k", 2000.0),
        dac=played["dac"],
        gate=played["gate"],
        dummy=played["dummy"],
        trip=played["trip"],
    )
    end = len(STEPS) * SLOT_US
    read: Readings = {}
    for longest in LONGEST_US:
        commands = (f"tran 4u {end}u 0 {longest}u", f"write result.raw {' '.join(READ)}")
        (plot,) = run(netlist(case, commands, f"self-test {faults}"), folder)
        until_us = reached_us(plot)
        ends = {name: (index + 1) * SLOT_US - 2 for index, name in enumerate(STEPS)}
        found = {name: _at(plot, us) for name, us in ends.items() if us <= until_us}
        read = max(read, found, key=len)
        if len(read) == len(STEPS):
            break
    return read


def reached_us(plot: Plot) -> float:
    """Until when a run is good: its end, or where ngspice 39 passed over a corner of the sources, as it can."""
    time_us = plot["time"] * 1e6
    for index in range(1, len(STEPS)):
        corner_us = index * SLOT_US
        if np.abs(time_us - corner_us).min() > EDGE_US / 10:
            return min(corner_us, time_us[-1]) - EDGE_US - max(LONGEST_US)
    return float(time_us[-1])


def _at(plot: Plot, time_us: float) -> tuple[float, ...]:
    return tuple(float(np.interp(time_us * 1e-6, plot["time"], plot[name])) for name in READ)


def found_by(read: Readings, limits: Limits) -> list[str]:
    """Names of the checks that fail, in the firmware's order; IN_USE last, if only use shows it.

    Of a run that ngspice gave up: those that fail at rest, where the firmware stops. Raises SpiceError if none does.
    """
    at_rest = _found_at_rest(read["rest"], limits)
    if len(read) < len(STEPS):
        if at_rest:
            return at_rest
        raise SpiceError(
            f"ngspice gave up after {len(read)} of {len(STEPS)} steps of a self-test, and none of them shows a fault; "
            "nothing was written; run self_test.readings with that fault by hand and look into its folder"
        )
    zero = read["zero"][0]

    def ua(step: str) -> float:
        return (read[step][0] - zero) * 1e6 / pico_board.SENSE_UV_PER_UA

    def tripped(step: str) -> bool:
        return read[step][3] > TRIPPED_V

    gentle_mv = (read["gentle"][1] - MID_V) * limits.divider * 1000
    ohm = gentle_mv * 1000 / max(1.0, ua("gentle"))
    limits_ua = [abs(ua(step)) for step in ("limit up", "limit down")]
    follow = [abs(ua(f"follow {wanted}") - wanted) for wanted in (-400, -100, 100, 400)]

    def trips(sign: str) -> bool:
        below, above, cleared = f"half below{sign}", f"half above{sign}", f"cleared{sign}"
        return not tripped(below) and tripped(above) and abs(ua(above)) <= limits.open_ua and not tripped(cleared)

    checks = {
        "dummy-load": abs(ua("contact") - 8) <= limits.open_ua and abs(ohm - limits.dummy_ohm) <= limits.dummy_ohm / 5,
        "gate-opens": abs(ua("gate opened")) <= limits.open_ua and ua("closed") >= 50,
        "sense-follows": max(follow) <= limits.follow_ua,
        "limiter-holds": not tripped("limit up")
        and not tripped("limit down")
        and all(limits.limit_min_ua <= value <= limits.limit_max_ua for value in limits_ua),
        "comparator-trips": trips("") and trips(", negative"),
    }
    failed = [*at_rest, *(name for name, passed in checks.items() if not passed)]
    rest = read["rest"][0]
    for step, wanted in (("use up", 600), ("use down", -600), ("use low", 50), ("use off", 0)):
        shown_ua = (read[step][0] - rest) * 1e6 / pico_board.SENSE_UV_PER_UA
        if abs(shown_ua - wanted) > limits.use_ua or tripped(step):
            return [*failed, IN_USE]
    return failed


def _found_at_rest(rest: tuple[float, ...], limits: Limits) -> list[str]:
    supply_mv = rest[2] * limits.supply_divider * 1000
    checks = {
        "sense-zero": abs(rest[0] - MID_V) <= limits.zero_v,
        "supply": limits.supply_mv[0] <= supply_mv <= limits.supply_mv[1],
    }
    return [name for name, passed in checks.items() if not passed]


def run_self_tests(
    every: Iterable[tuple[Fault, ...]], variant: str = "iso12"
) -> list[tuple[tuple[Fault, ...], list[str]]]:
    """(faults, checks that fail) of each set of faults."""
    limits = limits_of(variant)

    def one(numbered: tuple[int, tuple[Fault, ...]]) -> tuple[tuple[Fault, ...], list[str]]:
        index, faults = numbered
        return faults, found_by(readings(variant, faults, BUILD / "spice" / f"test{index}"), limits)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, enumerate(every)))
