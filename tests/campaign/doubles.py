"""Double faults: a shorted diode of the passive limiter, unnoticed since the last self-test, and each other fault.

They are reported, not judged: no bar is set for two faults at once. With the comparator dead as well it is three.
"""

from collections.abc import Iterator
from typing import Any

from firmware.shared import faults

from .campaign import Campaign
from .case import Case, Key
from .report import Row, charge_text, markdown, scenario_of, time_text
from .scenarios import SCENARIOS

COLUMNS = ("limiter shorted and", "comparator", "latched", "gate open after", "peak uA", "above 1 mA", "charge")
WORDS = {False: "alive", True: "dead"}


def keys() -> list[Key]:
    """Every fault in ACTIVE, in the middle of the square's phase."""
    return [Key(name, scenario.variants[0], "ACTIVE", "square", "mid") for name, scenario in SCENARIOS.items()]


def run(campaign: Campaign, workers: int) -> Iterator[dict[str, Any]]:
    """Results of all pairs, then of those whose current the comparator bounded, without it."""
    first = list(campaign.run(keys(), workers, before=_shorted))
    yield from (result | {"comparator_dead": False} for result in first)
    bounded = {result["key"] for result in first if result.get("above_us") or result.get("latched") == "comparator"}
    second = campaign.run([key for key in keys() if str(key) in bounded], workers, before=_shorted_and_dead)
    yield from (result | {"comparator_dead": True} for result in second)


def _shorted(case: Case) -> None:
    case.pico.fail(limiter_shorted="both")


def _shorted_and_dead(case: Case) -> None:
    case.pico.fail(limiter_shorted="both", comparator_dead=True)


def rows(results: list[dict[str, Any]]) -> list[Row]:
    """One row per pair, in the fault table's order."""
    order = list(SCENARIOS)
    results = [result for result in results if "latched" in result]
    results.sort(key=lambda result: (result["comparator_dead"], order.index(scenario_of(result))))
    return [_row(result) for result in results]


def _row(result: dict[str, Any]) -> Row:
    return (
        result["fault"],
        WORDS[result["comparator_dead"]],
        result["latched"] if result["latched"] != faults.name_of(faults.NONE) else result["outcome"],
        "-" if result["off_us"] is None else time_text(result["off_us"]),
        f"{result['peak_ua']:.0f}",
        time_text(result["above_us"]),
        "-" if result["charge_nc"] is None else charge_text(result["charge_nc"]),
    )


def page(results: list[dict[str, Any]]) -> str:
    """doubles.md."""
    return markdown(COLUMNS, rows(results))
