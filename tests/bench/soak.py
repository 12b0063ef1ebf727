"""A minute at the wire's limit: `make soak`. Real sessions, full supervision, telemetry at its default rate.

Held open every 45 us and START to STOP every 73 us, with SCL at exactly 400 kHz. Takes some three minutes.

Every interrupt waits for a fixed microsecond before it sends, so that what delays it does not show; held open at the
bus's own rate, it is the bus that places the updates.
"""

import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from tests.campaign.fork import spread as on_cores

from . import results
from .stand import STOP_PERIOD_US, WIRE_BIT_NS, WIRE_PERIOD_US, Stand, filling_wire, product_files
from .timing import spread, updates

SOAK_MS = 60_000
TELEMETRY_HZ = 10  # the host's default
SPREAD_US = 0.1  # ours: what the update instants may differ
COUNTED = ("missed", "late", "worst_late_us", "lift_offs", "fault")


def soak(stand: Stand, period_us: int, ms: float, rate_hz: int = TELEMETRY_HZ) -> dict[str, float]:
    """A session of samples every period_us, as figures: where its updates fell, and what the board counted itself."""
    stand.play(sample_us=period_us)
    stand.request("telemetry", {"rate_hz": rate_hz})
    from_ns = stand.hold(ms)
    times, _codes = updates(stand.pico.trace, from_ns)
    stand.raise_if_faulty()
    row = stand.telemetry()
    counted = {name: row[name] for name in COUNTED}
    return {"period_us": period_us, "telemetry_hz": rate_hz} | spread(times, period_us).figures() | counted


def wire_stand() -> Stand:
    """A board whose bus is used up to its last bit."""
    return Stand(filling_wire(product_files()), WIRE_BIT_NS)


def main(ms: float = SOAK_MS) -> int:
    """Run both, print and keep what they show; 1 when a sample was missed."""
    stand = wire_stand()

    def job(period_us: int) -> Callable[[], Iterator[dict]]:
        def work() -> Iterator[dict]:
            yield soak(stand, period_us, ms)

        return work

    rows = sorted(on_cores([job(WIRE_PERIOD_US), job(STOP_PERIOD_US)], 2), key=lambda row: row["period_us"])
    table = Table("figure", *(f"{row['period_us']} us" for row in rows), title=f"{ms / 1000:g} s of a session")
    for name in rows[0]:
        table.add_row(name, *(f"{row[name]:g}" for row in rows))
    console = Console()
    console.print(table)
    console.print(results.keep("soak", {str(row["period_us"]): row for row in rows}))
    return int(any(row["missed"] or row["lost"] for row in rows))


if __name__ == "__main__":
    sys.exit(main(*(float(word) for word in sys.argv[1:])))
