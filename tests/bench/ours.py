"""Sessions of ours on the bench: what each sample rate costs, and how fast an over-current is off."""

import statistics
from collections.abc import Callable
from functools import partial

from microcurrent.bench.trace import STOP
from tests.campaign.fork import forked

from .interrupts import CYCLE_NS, interrupt_cycles
from .stand import MS, OPEN_PERIOD_US, STOP_PERIOD_US, WIRE_PERIOD_US, Stand
from .timing import spread, updates

PERIODS_US = (1000, 500, 250, 100, OPEN_PERIOD_US)
RUN_MS = 1000
INTERRUPTS = 60
INSTANTS = 20  # of a period at which the over-current begins


def session(stand: Stand, period_us: int) -> dict:
    """A session with all its supervision, the link quiet but for the lease."""
    stand.play(sample_us=period_us)
    costs = interrupt_cycles(stand.pico, INTERRUPTS)
    from_cycles, from_ns = stand.pico.mcu.core.cycles, stand.pico.now_ns
    stand.pico.run_for_ms(RUN_MS)
    busy = (stand.pico.mcu.core.cycles - from_cycles) * CYCLE_NS / (stand.pico.now_ns - from_ns)
    found = spread(updates(stand.pico.trace, from_ns)[0], period_us)
    row = stand.telemetry()
    offs_us = over_currents(stand, period_us)
    return {
        "period_us": period_us,
        "ks_per_s": round(1000 / period_us, 2),
        "how": how(stand),
        "missed": row["missed"],
        "late": row["late"],
        "std_us": round(found.std_us, 3),
        "worst_us": round(found.worst_us, 3),
        "cpu_percent": round(100 * busy, 1),
        "interrupt_cpu_percent": round(statistics.mean(costs) * CYCLE_NS / period_us / 10, 1),
        "interrupt_cycles": statistics.median(costs),
        "interrupt_cycles_worst": max(costs),
        "off_us_median": round(statistics.median(offs_us), 1),
        "off_us_worst": round(max(offs_us), 1),
    }


def how(stand: Stand) -> str:
    """How the samples of the last 10 ms went over the bus."""
    bus = stand.pico.trace.bus.between(stand.pico.now_ns - 10 * MS, stand.pico.now_ns)
    return "START to STOP" if any(kind == STOP for _t, _bit, kind, _byte, _ack in bus) else "held open"


def over_currents(stand: Stand, period_us: int) -> list[float]:
    """From a pump at its rail to the open gate, us, at instants all over a sample period; each in a copy."""
    begin_ns = stand.pico.now_ns + 2 * MS
    instants = [begin_ns + period_us * 1000 * k // INSTANTS for k in range(INSTANTS)]
    return [forked(partial(over_current, stand, at_ns)) for at_ns in instants]


def over_current(stand: Stand, at_ns: int) -> float:
    """One of them. Raises StopIteration when the gate stays closed for 10 ms."""
    stand.pico.at(at_ns, lambda: stand.pico.stage.fail(at_ns, pump_rail="up"))
    stand.pico.run_until(at_ns + 10 * MS)
    edges = stand.pico.trace.pin_edges(stand.pico.board.GATE_PIN)
    return (next(t_ns for t_ns, level in edges if t_ns >= at_ns and not level) - at_ns) / 1000


def jobs(stand: Stand, wire: Stand) -> list[tuple[str, Callable[[], dict]]]:
    """(section, what measures one row of it). wire: a board whose bus is used up to its last bit."""
    return [
        *(("ours", partial(session, stand, period_us)) for period_us in PERIODS_US),
        *(("ours, wire", partial(session, wire, period_us)) for period_us in (STOP_PERIOD_US, WIRE_PERIOD_US)),
    ]
