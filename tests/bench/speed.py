"""How fast the bench runs on this machine: emulated seconds per second of wall time, one session on one core."""

import time

from tests.campaign.fork import forked

from .stand import WIRE_PERIOD_US, Stand

PERIODS_US = (1000, 250, 100)
RUN_MS = 2000


def ratio(stand: Stand, period_us: int) -> dict:
    """Of a session of ours at full amplitude; above 1 is faster than real time."""
    stand.play(sample_us=period_us)
    began = time.perf_counter()
    stand.pico.run_for_ms(RUN_MS)
    took_s = time.perf_counter() - began
    return {"ks_per_s": round(1000 / period_us, 1), "times_real_time": round(RUN_MS / 1000 / took_s, 2)}


def measured(stand: Stand, wire: Stand) -> list[dict]:
    """At 1, 4, 10 and 22 kS/s."""
    jobs = [(stand, period_us) for period_us in PERIODS_US] + [(wire, WIRE_PERIOD_US)]
    return [forked(lambda job=job: ratio(*job)) for job in jobs]
