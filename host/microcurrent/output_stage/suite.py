"""The SPICE suite: each section calculates its figures and keeps them in results.json."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..bench.skin import Load, load_of
from . import dynamics, monte, results, strikes
from .parts import Fault, all_faults, parts_of
from .self_test import run_self_tests
from .single_faults import CODES, LIMIT_UA, LOADS, Found, every_single, run_faults

ENDS = (CODES[0], CODES[-1])
SHORT = LOADS[:1]
UNITS = 500
OTHERS = ("iso21", "battery9")  # variants beside the default, iso12
TEST_LOADS = ("500R", "2k", "10k")
SKIN = ("good", "typical", "dry")
AREA_MM2 = 1000
SAMPLE_US = 62  # shortest sample period of a session, board.PERIODS_US
# What drives the most current as far as the limiter lets it, what takes the limiter away, and what puts a rail on the
# one path behind it: the second faults.
SECOND = (
    ("D1", "short"), ("D2", "short"), ("U1", "out to vp"), ("U1", "out to vn"), ("U2B", "s to vp"), ("U2B", "s to vn"),
)  # fmt: skip

# A pump without division: R2 and R4 of 100 k, R5 and R6 of 1650 ohm.
USUAL = {"R2": 5.0, "R4": 5.0, "R5": 1650 / 336, "R6": 1650 / 336}


def name_of(faults: tuple[Fault, ...]) -> str:
    """As tables show it."""
    return " and ".join(f"{ref} {wrong}" for ref, wrong in faults) or "none"


def worst_of(found: list[Found]) -> list[dict[str, Any]]:
    """Per set of faults: the largest of each figure, and where the largest steady current was."""
    rows: dict[tuple[Fault, ...], dict[str, Any]] = {}
    for one in found:
        row = rows.setdefault(
            one.fault, {"fault": list(one.fault), "steady": -1.0, "peak": 0.0, "nc": 0.0, "us": 0.0, "at": ""}
        )
        if one.steady_ua > row["steady"]:
            row["steady"], row["at"] = round(one.steady_ua, 1), f"code {one.code}, {one.load}"
        row["peak"] = max(row["peak"], round(one.peak_ua, 1))
        row["nc"] = max(row["nc"], round(one.excess_nc, 3))
        row["us"] = max(row["us"], round(one.excess_us, 2))
    return list(rows.values())


def faults() -> dict[str, Any]:
    """Single faults of every variant; the variants beside the default at the code's ends and two loads."""
    figures = {"iso12": worst_of(run_faults(every_single()))}
    for variant in OTHERS:
        figures[variant] = worst_of(run_faults(every_single(variant), variant, ENDS, LOADS[:2]))
    return figures


def self_tests() -> list[dict[str, Any]]:
    """Which check of the firmware finds each single fault."""
    return _found_by("iso12")


def _found_by(variant: str) -> list[dict[str, Any]]:
    singles = [(fault,) for fault in all_faults(parts_of(variant))]
    return [{"fault": list(fault[0]), "found": found} for fault, found in run_self_tests(singles, variant)]


def second_faults() -> dict[str, Any]:
    """What no check finds, with a second fault; and a bridged limiter diode with every other fault."""
    pairs = _pairs(results.figures("self_tests"))
    singles = all_faults(parts_of("iso12"))
    bridged = [(("D1", "short"), fault) for fault in singles if fault[0] != "D1"]
    return {
        "hidden": worst_of(run_faults(pairs, codes=ENDS, loads=SHORT, name="hidden")),
        "bridged": worst_of(run_faults(bridged, codes=ENDS, loads=SHORT, name="bridged")),
    }


def _pairs(tested: list[dict[str, Any]]) -> list[tuple[Fault, ...]]:
    """Each fault that no check found, with each second one of another part."""
    hidden = [tuple(row["fault"]) for row in tested if not row["found"]]
    return [(first, second) for first in hidden for second in SECOND if first[0] != second[0]]


def other_variants() -> dict[str, Any]:
    """Self-tests and second faults of the variants beside the default."""
    figures = {}
    for variant in OTHERS:
        tested = _found_by(variant)
        hidden = run_faults(_pairs(tested), variant, codes=ENDS, loads=SHORT, name=f"hidden-{variant}-")
        figures[variant] = {"self_tests": tested, "hidden": worst_of(hidden)}
    return figures


def accuracy(count: int = UNITS) -> dict[str, Any]:
    """Monte Carlo."""
    every = monte.units(count)
    errors = {name: np.round(values, 2) for name, values in monte.errors(every).items()}
    return {
        "count": count,
        "worst": {name: float(np.abs(values).max()) for name, values in errors.items()},
        "share": {
            name: float(np.mean(np.abs(values) <= 2 + 0.01 * np.abs(np.array(monte.POINTS_UA, float))))
            for name, values in errors.items()
        },
        "at 600 into 10k": {name: values[:, 2, -1].tolist() for name, values in errors.items()},
        "at 600 into 500": {name: values[:, 0, -1].tolist() for name, values in errors.items()},
        "trip_ua": [round(value, 1) for one in every for value in one.trip_ua],
        "limit_ua": [round(value, 1) for one in every for value in one.limit_ua],
    }


def dynamic() -> dict[str, Any]:
    """Bandwidth, settling, trip time, compliance, DC block."""
    settle = {}
    for variant in ("iso12", "iso21"):
        for ohm in (500.0, 10e3):
            plot = dynamics.step(Load("r", ohm), 10, 600, 400, variant)
            settle[f"{variant} {ohm:.0f}"] = [
                round(dynamics.settled_us(plot), 1), round(dynamics.settled_us(plot, "v(sense)"), 1),
                round(dynamics.settled_us(plot, share=0.001), 1),
            ]  # fmt: skip
    plot = dynamics.step(Load("r", 10e3), 10, 600, 250)
    return {
        "bandwidth_hz": {
            f"{ohm:.0f}": [round(dynamics.bandwidth_hz(ohm, name)) for name in ("i(vel)", "v(sense)", "v(volt)")]
            for ohm in (500.0, 10e3)
        },
        "settle_us": settle,
        "step": [
            [round(float(value), 2) for value in plot["time"][::4] * 1e6],
            [round(float(value), 2) for value in plot["i(vel)"][::4] * 1e6],
            [round(float((value - 1.65) / 1.5e-3), 2) for value in plot["v(sense)"][::4]],
        ],
        "trip_us": round(dynamics.trip_us(), 2),
        "compliance": {
            variant: {
                key: [round(value, 1) for value in values] for key, values in dynamics.compliance(variant).items()
            }
            for variant in ("iso12", "iso21", "battery9")
        },
        "stuck": {str(block): dynamics.stuck(block) for block in (False, True)},
    }


def bench_steps() -> list[tuple[Load, int, int, float]]:
    """(load, from, to, end in us): steps that the bench's model and SPICE are compared at."""
    resistors = [load_of(name, AREA_MM2) for name in TEST_LOADS]
    skins = [load_of(name, AREA_MM2) for name in SKIN]
    steps = [(load, 0, to, 400.0) for load in resistors for to in (100, 600, -600, 999)]
    return [*steps, *((load, 0, to, 60e3) for load in skins for to in (50, 600, -600))]


def bench(steps: list[tuple[Load, int, int, float]] | None = None) -> list[dict[str, Any]]:
    """The bench's model against SPICE: largest difference from one sample after the step on, and that at the end."""
    rows = []
    for load, start, to, end_us in steps or bench_steps():
        plot = dynamics.step(load, start, to, end_us)
        first = dynamics.STEP_AT_US + SAMPLE_US
        times = [first + share * (end_us - first) for share in (0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1)]
        spice = np.interp(times, plot["time"] * 1e6, plot["i(vel)"] * 1e6)
        ours = np.array(dynamics.bench_current_ua(load, start, to, times))
        difference = (ours / spice - 1) * 100
        rows.append({
            "load": load.name, "to": to, "spice": round(float(spice[-1]), 2), "bench": round(float(ours[-1]), 2),
            "worst": round(float(np.abs(difference).max()), 2), "end": round(float(difference[-1]), 2),
        })  # fmt: skip
    return rows


def struck() -> list[dict[str, Any]]:
    """Bridges that strike while current flows."""
    return worst_of(strikes.run_strikes())


def topology(count: int = 100) -> dict[str, Any]:
    """Our pump, and the same with 1650 ohm in series with the load and a gain of one."""
    found = {}
    for name, factors in (("ours", {}), ("usual", USUAL)):
        into = dynamics.compliance("iso12", factors)["600"]
        errors = monte.errors(monte.units(count, factors=factors))["output calibrated"]
        found[name] = {
            "into": [round(value, 1) for value in into],
            "worst": round(float(np.abs(errors).max()), 2),
        }
    return found


SECTIONS: dict[str, Callable[[], Any]] = {
    "dynamic": dynamic,
    "bench": bench,
    "topology": topology,
    "struck": struck,
    "accuracy": accuracy,
    "self_tests": self_tests,
    "faults": faults,
    "second_faults": second_faults,
    "other_variants": other_variants,
}


def above_limit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sets of faults whose steady current exceeds 1 mA."""
    return [row for row in rows if row["steady"] > LIMIT_UA]
