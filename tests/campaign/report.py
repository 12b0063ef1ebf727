"""The table that people read: the worst case of every fault, as text and as the Markdown that the README shows."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from firmware.shared import faults

from .scenarios import SCENARIOS

FOLDER = Path(__file__).parent
COLUMNS = ("fault", "cases", "latched", "off after", "at most", "peak uA", "above 1 mA", "charge", "seen as")
Row = tuple[str, ...]


def rows(results: Sequence[dict[str, Any]]) -> list[Row]:
    """One row per fault, in the table's order: its worst case in every column."""
    found = []
    for _code, name, _meaning, _hint, _kind, _off, scenario in faults.TABLE:
        mine = [result for result in results if scenario_of(result) == scenario]
        if mine:
            found.append(_row(name, mine))
    return found


def scenario_of(result: dict[str, Any]) -> str:
    """The scenario that a result's key names."""
    return result["key"].partition(":")[0].partition("/")[0]


def _row(name: str, results: list[dict[str, Any]]) -> Row:
    whole = [result for result in results if "outcome" in result]
    latched = [result for result in whole if result["outcome"] == "latched"]
    own = [result for result in latched if result["latched"] == name]
    judged = [result for result in own or latched if result["off_us"] is not None]
    worst = max(judged, key=lambda result: result["off_us"], default=None)
    return (
        name,
        str(len(results)),
        str(len(latched)),
        time_text(worst["off_us"]) if worst else "-",
        time_text(worst["limit_us"]) if worst else "-",
        f"{max((result['peak_ua'] for result in whole), default=0):.0f}",
        time_text(max((result["above_us"] for result in whole), default=0)),
        charge_text(max((result["charge_nc"] or 0 for result in whole), default=0)),
        _codes(whole),
    )


def _codes(results: Iterable[dict[str, Any]]) -> str:
    counts = Counter(result["latched"] for result in results)
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def time_text(us: float) -> str:
    """A time of us, ms or s with three digits at most."""
    if us < 1000:
        return f"{us:.0f} us" if us >= 10 or not us else f"{us:.1f} us"
    return f"{us / 1e3:.1f} ms" if us < 1e5 else f"{us / 1e6:.2f} s" if us >= 1e6 else f"{us / 1e3:.0f} ms"


def charge_text(nc: float) -> str:
    """A charge in nC or uC."""
    return f"{nc:.0f} nC" if nc < 1000 else f"{nc / 1000:.1f} uC"


def failures(results: Iterable[dict[str, Any]], seed: int) -> list[str]:
    """One line per case that failed, with what repeats it."""
    return [
        f"{result['key']}: {'; '.join(result['problems'])}\n"
        f'    repeat: python -m tests.campaign --seed {seed} --only "{result["key"]}"'
        for result in results
        if result["problems"]
    ]


def show(console: Console, title: str, columns: Sequence[str], lines: Iterable[Row]) -> None:
    """Print a table."""
    table = Table(*columns, title=title)
    for line in lines:
        table.add_row(*line)
    console.print(table)


def markdown(columns: Sequence[str], lines: Iterable[Row]) -> str:
    """The same as Markdown."""
    parts = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(parts + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def unseen() -> list[str]:
    """Why some cases need not latch anything, for readers of the table."""
    found = []
    for name, scenario in SCENARIOS.items():
        by_reason: dict[str, list[str]] = {}
        for state, reason in scenario.unseen.items():
            by_reason.setdefault(reason, []).append(state)
        found += [f"- {name}, {', '.join(states)}: {reason}." for reason, states in by_reason.items()]
        if scenario.harmless:
            found.append(f"- {name}: {scenario.harmless}.")
    return found


def write(name: str, text: str, results: Sequence[dict[str, Any]]) -> None:
    """name.md beside this file, and every case as a line of build/campaign/name.jsonl."""
    (FOLDER / f"{name}.md").write_text(text)
    cases = FOLDER.parents[1] / "build" / "campaign" / f"{name}.jsonl"
    cases.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(results, key=lambda result: result["key"])
    cases.write_text("".join(json.dumps(result) + "\n" for result in ordered))


def numbered(results: Iterable[dict[str, Any]], what: str, seed: int) -> list[str]:
    """One line per numbered case that failed, with what repeats it."""
    return [
        f"{what} {result['number']}: {'; '.join(result['problems'])}\n"
        f"    repeat: python -m tests.campaign {what} --seed {seed} --only {result['number']}"
        for result in sorted(results, key=lambda result: result["number"])
        if result["problems"]
    ]


def page(results: Sequence[dict[str, Any]], seed: int) -> str:
    """results.md: the table, and why some cases need not latch anything."""
    passed = sum(not result["problems"] for result in results)
    head = f"{len(results)} cases, {passed} passed, seed {seed}. Every number is the worst case.\n\n"
    return head + markdown(COLUMNS, rows(results)) + "\nNothing need be latched:\n\n" + "\n".join(unseen()) + "\n"
