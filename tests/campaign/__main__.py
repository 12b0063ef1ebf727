"""Runs the fault campaign, the double faults, the random campaign or the plug pulls, and shows the worst of them.

usage: python -m tests.campaign [faults|doubles|random|pulls] [--seed N] [--only CASE] ...
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from microcurrent.image.production import production_image
from microcurrent.image.resolver import IMAGE_ENV

from . import doubles, pulls, report, twins, wander
from .campaign import Campaign, keys
from .quick import quick_keys

WIDTH = 170  # of tables where no terminal says otherwise


class Run:
    """Gathers results: tables on stdout, progress and failures on stderr."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.campaign = Campaign(options.seed)
        self.console = Console(width=None if sys.stdout.isatty() else WIDTH)
        self.notes = Console(stderr=True)
        self._began_s = time.monotonic()

    def gather(self, what: str, total: int, results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """All results, with progress while they come."""
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.notes) as progress:
            task = progress.add_task(what, total=total)
            found = []
            for result in results:
                found.append(result)
                progress.advance(task)
                if not self.notes.is_terminal and len(found) % 100 == 0:
                    self.notes.print(f"{what}: {len(found)} of {total} after {time.monotonic() - self._began_s:.0f} s")
                if result.get("problems"):
                    name = result.get("key", result.get("number"))
                    progress.console.print(f"{name}: {'; '.join(result['problems'])}", markup=False, highlight=False)
        return found

    def end(self, problems: list[str]) -> int:
        """Tell what failed, with what repeats it; the exit status."""
        for line in problems:
            self.notes.print(line, markup=False, highlight=False, soft_wrap=True)
        self.notes.print(f"{len(problems)} failed; {time.monotonic() - self._began_s:.0f} s")
        return 1 if problems else 0


def faults(run: Run) -> int:
    """Every fault in every state; the whole of it writes results.md, which the README shows."""
    wanted = quick_keys(run.options.seed) if run.options.quick else keys()
    if run.options.only:
        wanted = [key for key in keys() if str(key) == run.options.only]
        if not wanted:
            return run.end([f"there is no case {run.options.only}; they are written as dac-stuck:ACTIVE:sine:late"])
    results = run.gather("faults", len(wanted), run.campaign.run(wanted, run.options.workers))
    twins.add_problems(results, wanted)
    report.show(run.console, "Worst case of every fault", report.COLUMNS, report.rows(results))
    if run.options.only:
        run.console.print_json(data=results)
    elif not run.options.quick:
        report.write("results", report.page(results, run.options.seed), results)
    return run.end(report.failures(results, run.options.seed))


def double_faults(run: Run) -> int:
    """A shorted limiter and every other fault; nothing is demanded of two faults at once."""
    results = run.gather("double faults", len(doubles.keys()), doubles.run(run.campaign, run.options.workers))
    report.show(run.console, "Limiter shorted and another fault", doubles.COLUMNS, doubles.rows(results))
    report.write("doubles", doubles.page(results), results)
    return run.end([f"{result['key']}: crashed" for result in results if "latched" not in result])


def random_walks(run: Run) -> int:
    """Random inputs, timings and command sequences on sound hardware."""
    options = run.options
    numbers = range(int(options.only), int(options.only) + 1) if options.only else range(options.cases)
    results = run.gather("random", len(numbers), wander.run(run.campaign, numbers, options.workers))
    report.show(run.console, "Random campaign", wander.COLUMNS, wander.rows(results))
    if options.only:
        run.console.print_json(data=results)
    return run.end(report.numbered(results, "random", options.seed))


def plug_pulls(run: Run) -> int:
    """Power cuts at random instants of a board's life."""
    options = run.options
    only = int(options.only) if options.only else None
    results = run.gather(
        "pulls", 1 if options.only else options.count, pulls.run(run.campaign, options.count, options.workers, only)
    )
    report.show(run.console, "Plug pulls", pulls.COLUMNS, pulls.rows(results))
    return run.end(report.numbered(results, f"pulls --count {options.count}", options.seed))


RUNS = {"faults": faults, "doubles": double_faults, "random": random_walks, "pulls": plug_pulls}


def main() -> int:
    """Parse, run, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("what", nargs="?", choices=RUNS, default="faults")
    parser.add_argument("--seed", type=int, default=1, help="of the instants within a sample period, and of chance")
    parser.add_argument("--only", help="one case: its key, or its number in random and pulls")
    parser.add_argument("--quick", action="store_true", help="faults: the sample of --seed, as make test takes it")
    parser.add_argument("--cases", type=int, default=10_000, help="random: how many")
    parser.add_argument("--count", type=int, default=500, help="pulls: how many")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--frozen", action="store_true", help="boards with production images; needs --quick or --only")
    options = parser.parse_args()
    if options.frozen:
        if not (options.quick or options.only):
            parser.error("results.md is of uploaded firmware: give --quick or --only with --frozen")
        os.environ[IMAGE_ENV] = str(production_image("rp2040_pico", Console(stderr=True).print)[0])
    return RUNS[options.what](Run(options))


if __name__ == "__main__":
    sys.exit(main())
