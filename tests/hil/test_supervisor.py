"""How often the supervisor looks while current flows, seen from outside: each look feeds the interrupt's dead-man."""

from itertools import pairwise

from firmware.shared import protocol
from tests.campaign.ram import Words

from .conftest import CONTACT_MS, Bench

MS = 1_000_000
LOOKS_PER_S_MIN = 50  # the requirement
GAP_MAX_MS = 38  # one pass of the garbage collector, now and then: 29 ms and two looks


def looks_ns(bench: Bench, duration_ms: int) -> list[int]:
    """Instants of the supervisor's looks, to 0.5 ms, while a host reads and telemetry is at its fastest."""
    words, found, before = Words(bench.pico), [], 1 << 30
    for _ in range(2 * duration_ms):
        bench.pico.run_until(bench.pico.now_ns + MS / 2)
        bench.pico.serial_read()
        left = words["_DEADMAN"]
        if left > before:
            found.append(bench.pico.now_ns)
        before = left
    return found


def test_the_supervisor_looks_fifty_times_in_every_second(bench: Bench) -> None:
    bench.request("config", {"set": {"lease_ms": 10_000}})
    bench.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(CONTACT_MS + 200)
    looks = looks_ns(bench, 3000)
    gaps_ms = [(later - earlier) / MS for earlier, later in pairwise(looks)]
    assert max(gaps_ms) <= GAP_MAX_MS
    for first, look in enumerate(looks):
        within = [other for other in looks[first:] if other < look + 1000 * MS]
        assert len(within) > LOOKS_PER_S_MIN or looks[-1] - look < 1000 * MS
    # The board's own account agrees.
    assert max(gaps_ms) - 1 <= bench.request("counters")["worst_look_ms"] <= 2 * GAP_MAX_MS  # of the whole session
    assert bench.pico.gate == 1
