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
WAVE2 = {"amplitude_ua": 100, "frequency_mhz": 40_000, "shape": "sine"}
INSTANTS = 20  # of a period at which the over-current begins


def session(stand: Stand, period_us: int, wave2: dict | None = None) -> dict:
    """A session with all its supervision, the link quiet but for the lease. wave2: of a second channel; then the worse
    of both counts.
    """
    stand.play(wave2, sample_us=period_us)
    outputs = stand.pico.outputs[: 2 if wave2 else 1]
    costs = interrupt_cycles(stand.pico, INTERRUPTS)
    from_cycles, from_ns = stand.pico.mcu.core.cycles, stand.pico.now_ns
    stand.pico.run_for_ms(RUN_MS)
    busy = (stand.pico.mcu.core.cycles - from_cycles) * CYCLE_NS / (stand.pico.now_ns - from_ns)
    found = [spread(updates(output.trace, from_ns)[0], period_us) for output in outputs]
    row = stand.telemetry()
    offs_us = over_currents(stand, period_us, len(outputs))
    return {
        "period_us": period_us,
        "ks_per_s": round(1000 / period_us, 2),
        "how": how(stand),
        "missed": row["missed"] + sum(each.lost for each in found),
        "late": row["late"],
        "std_us": round(max(each.std_us for each in found), 3),
        "worst_us": round(max(each.worst_us for each in found), 3),
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


def over_currents(stand: Stand, period_us: int, channels: int) -> list[float]:
    """From a pump at its rail, the last channel's, to all gates open, us, at instants all over a sample period; each in
    a copy.
    """
    begin_ns = stand.pico.now_ns + 2 * MS
    instants = [begin_ns + period_us * 1000 * k // INSTANTS for k in range(INSTANTS)]
    return [forked(partial(over_current, stand, at_ns, channels)) for at_ns in instants]


def over_current(stand: Stand, at_ns: int, channels: int) -> float:
    """One of them. Raises StopIteration when a gate stays closed for 10 ms."""
    outputs = stand.pico.outputs[:channels]
    stand.pico.at(at_ns, lambda: outputs[-1].stage.fail(at_ns, pump_rail="up"))
    stand.pico.run_until(at_ns + 10 * MS)
    opened = [
        next(t_ns for t_ns, level in output.trace.pin_edges(output.wiring.GATE_PIN) if t_ns >= at_ns and not level)
        for output in outputs
    ]
    return (max(opened) - at_ns) / 1000


def jobs(stand: Stand, wire: Stand, dual: Stand) -> list[tuple[str, Callable[[], dict]]]:
    """(section, what measures one row of it). wire: a board whose bus is used up to its last bit. dual: with two
    outputs.
    """
    return [
        *(("ours", partial(session, stand, period_us)) for period_us in PERIODS_US),
        *(("ours, wire", partial(session, wire, period_us)) for period_us in (STOP_PERIOD_US, WIRE_PERIOD_US)),
        *(("ours, two channels", partial(session, dual, period_us, WAVE2)) for period_us in (250, 100)),
    ]
