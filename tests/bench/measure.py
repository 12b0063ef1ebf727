"""`make bench`: every figure of the engine in emulated time, which repeats exactly, and ratios against a peer.

Each row is measured in a process of its own, forked from a booted board, two at a time; what depends on this machine
(commands, speed of the bench) comes after that, alone. Results: results.json beside this file, host/bench.png.
"""

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.campaign.fork import forked
from tests.campaign.fork import spread as on_cores

from . import bridge, disturb, footprint, latency, ours, peers, picture, production, quality, results, speed, writers
from .soak import wire_stand
from .stand import OPEN_PERIOD_US, Stand, dual_stand

CORES = 2
WIDTH = 190  # columns of the widest table, wherever it is printed
NOT_MODELLED = """Not modelled by the emulator, so silicon is worse there: entry and exit of an interrupt (28 cycles);
flash cache misses: they make a sample up to 4 us late under load at 10 kS/s (model of 64 cycles a miss), and up to
71 us once after each write to the flash, when the cache is cold, which no session does. A plain Python driver in a
timer has four times as much flash to fetch (295 us). SCL is nearer 376 than 400 kHz: `make soak` fills a bus of 400."""

Job = tuple[str, Callable[[], dict]]


def main() -> int:
    """Measure everything, print it, keep it; 1 when emulated figures differ from a run before or from themselves."""
    console = Console(width=WIDTH)
    began = time.perf_counter()
    stand, wire, dual = Stand(), wire_stand(), dual_stand()
    with console.status("Emulated figures"):
        found = measured(jobs(stand, wire, dual))
        repeated = again(stand)
    said = [results.keep(section, rows) for section, rows in found.items()]
    with console.status("Commands and speed of the bench, alone on this machine"):
        found["commands against mpremote"] = [{"command": name} | row for name, row in latency.measured().items()]
        found["speed of the bench"] = speed.measured(stand, wire)
        found["bridge"] = [bridge.measure()]
    for section in ("commands against mpremote", "speed of the bench", "bridge"):
        said.append(results.keep(section, found[section], repeats=False))
    for section, rows in found.items():
        console.print(table(section, rows))
    console.print(compared(results.everything()))
    picture.draw(results.everything())
    console.print(NOT_MODELLED)
    console.print(production.NOT_MODELLED)
    console.print("\n".join([*said, repeated]))
    console.print(f"{time.perf_counter() - began:.0f} s; written: {results.FILE.name}, {picture.TARGET.name}")
    return int(any("DIFFERS" in line for line in [*said, repeated]))


def jobs(stand: Stand, wire: Stand, dual: Stand) -> list[Job]:
    """Everything that repeats exactly."""
    return [
        *peers.jobs(),
        *ours.jobs(stand, wire, dual),
        *footprint.jobs(),
        *production.jobs(),
        *disturbances(),
        *quality.jobs(stand),
    ]


def disturbances() -> list[Job]:
    """Each of disturb.ALL at 10 kS/s and at the fastest."""
    periods = (100, OPEN_PERIOD_US)
    return [("disturbances", partial(disturbed, name, period)) for name in disturb.ALL for period in periods]


def disturbed(name: str, period_us: int) -> dict:
    """One of them as a row."""
    return {"what": name, "period_us": period_us} | disturb.ALL[name](period_us)


def measured(todo: list[Job]) -> dict[str, list[dict]]:
    """{section: its rows, in the order of the jobs}. Raises RuntimeError when one has crashed."""

    def numbered(index: int) -> Callable[[], Iterator[Any]]:
        def work() -> Iterator[Any]:
            yield [index, todo[index][1]()]

        return work

    rows: dict[int, dict] = {}
    for answer in on_cores([numbered(index) for index in range(len(todo))], CORES):
        if not isinstance(answer, list):
            raise RuntimeError(f"a measurement has failed: {answer}")
        rows[answer[0]] = answer[1]
    found: dict[str, list[dict]] = {}
    for index, (section, _work) in enumerate(todo):
        found.setdefault(section, []).append(rows[index])
    return found


def again(stand: Stand) -> str:
    """Three measurements twice in this run, told apart by nothing but the wall clock."""
    for work in (partial(ours.session, stand, 100), partial(disturbed, "imports", 100), start_of_peer):
        first, second = forked(work), forked(work)
        if results.differences(first, second) or "crash" in first:
            return f"a repeated measurement DIFFERS from itself: {first}, {second}"
    return "three measurements taken twice in this run: identical"


def start_of_peer() -> dict:
    """The shortest of the peers' measurements."""
    return {"cycles": peers.interrupt(peers.board(), peers.METHODS[-1])}


def compared(found: dict[str, Any]) -> Table:
    """What a user would write beside ours, as in the README."""
    made = Table(*writers.COLUMNS)
    for row in writers.rows(found):
        made.add_row(*row)
    return made


def table(section: str, rows: list[dict]) -> Table:
    """A section as a table: the names of its figures are the columns."""
    flat = [flattened(row) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    made = Table(*columns, title=section)
    for row in flat:
        made.add_row(*(shown(row.get(name)) for name in columns))
    return made


def flattened(row: dict) -> dict:
    """{"ours": {"sinad_db": 1}} as {"ours sinad_db": 1}."""
    flat = {}
    for name, value in row.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat |= {f"{name} {key}": each for key, each in inner} or {name: value}
    return flat


def shown(value: object) -> str:
    """A figure as text; "-" where there is none."""
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
