"""The tables of README.md that come from data: `python -m tests.readme` writes them, a test compares.

Between <!-- name --> and <!-- /name --> stands what this file makes of the fault table, and of the results of campaign
and bench.
"""

import re
import sys
from pathlib import Path

from firmware.shared import faults
from tests.bench import production, results, writers

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "campaign" / "results.md"
FOUND_BY = {faults.TRIP: "interrupt", faults.SUPERVISED: "supervisor", faults.BOOT: "check, gate open"}


def fault_table() -> str:
    """Every fault: code, name, what finds it, its longest time to an open gate, meaning."""
    rows = ["| code | fault | found by | off within | it means |", "|---|---|---|---|---|"]  # at the longest period
    for code, name, meaning, _hint, kind, off_us, _scenario in faults.TABLE:
        rows.append(f"| {code} | {name} | {FOUND_BY[kind]} | {shown(off_us)} | {meaning} |")
    return "\n".join(rows)


def shown(off_us: int) -> str:
    """A time with a unit that suits it; nothing flowed for 0."""
    if off_us == 0:
        return "never on"
    if off_us < 1000:
        return f"{off_us} µs"
    return f"{off_us / 1000:g} ms" if off_us < 1_000_000 else f"{off_us / 1_000_000:g} s"


def campaign_table() -> str:
    """What `make campaign` wrote: its head line and the worst case of every fault."""
    lines = RESULTS.read_text().splitlines()
    return "\n".join([lines[0], "", *(line for line in lines if line.startswith("|"))])


def bench_table() -> str:
    """What `make bench` measured of ours and of what a user would write instead."""
    return writers.markdown(results.everything())


def quality_table() -> str:
    """What it measured of sines."""
    return writers.quality_markdown(results.everything())


def frozen_table() -> str:
    """What it measured of a production image."""
    return production.markdown(results.everything())


TABLES = {
    "faults": fault_table,
    "campaign": campaign_table,
    "bench": bench_table,
    "quality": quality_table,
    "frozen": frozen_table,
}


def rendered(text: str) -> str:
    """The README with its tables as they should be. Raises ValueError when a marker is missing."""
    for name, table in TABLES.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        made = table()
        text, count = pattern.subn(lambda match, made=made: match.group(1) + made + match.group(2), text)
        if count != 1:
            raise ValueError(f"README.md has {count} places for the table {name!r}, not one")
    return text


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
    sys.stdout.write("README.md: tables written\n")
