"""The output stage's differential equation in small steps: what the closed forms are held against."""

from math import exp, inf

from microcurrent.bench.segments import TAU_D
from microcurrent.bench.stage import Stage


def integrated(
    stage: Stage, limits_ua: tuple[float, float], changes: dict[int, int], end_ns: int, step_ns: float
) -> tuple[float, float]:
    """(delivered uA, electrode mV) at the end, by midpoint steps; the switch is closed from 0 on, and stays so.

    limits_ua: the passive limiter's most negative and most positive current. changes: {t_ns: DAC code}.
    """
    load, p = stage.load, stage.parameters
    rs, rp, c_pf = load.series_ohm / 1e3, load.parallel_ohm / 1e3, load.capacity_nf * 1e3
    most_mv = p.compliance_mv + p.spare_mv
    drive = (p.series_ohm + (p.bare_ohm if inf in limits_ua or -inf in limits_ua else p.rail_ohm)) / 1e3 + rs
    pump = target = p.gain * p.commanded_ua(2048) + p.offset_ua
    v = t = 0.0

    def current(v: float, pump: float) -> float:
        low = max(limits_ua[0], (-most_mv - v) / drive)
        high = min(limits_ua[1], (most_mv - v) / drive)
        return min(max(pump, low), high)

    while t < end_ns - step_ns / 2:
        if int(t) in changes:
            target = p.gain * p.commanded_ua(changes[int(t)]) + p.offset_ua
        middle_pump = target + (pump - target) * exp(-step_ns / 2 / TAU_D)
        middle_v = v + (current(v, pump) - v / rp) / c_pf * step_ns / 2
        v += (current(middle_v, middle_pump) - middle_v / rp) / c_pf * step_ns
        pump = target + (pump - target) * exp(-step_ns / TAU_D)
        t += step_ns
    delivered = current(v, pump)
    return delivered, v + delivered * rs
