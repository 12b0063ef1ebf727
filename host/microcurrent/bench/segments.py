"""Closed forms of current and electrode voltage between two events of the output stage.

Units inside: uA, kohm, mV, pF, ns (kohm * pF = ns, mV / kohm = uA). With x = exp(-s / tau_d) for the DAC's settling and
y = exp(-s / tau) for the load, s counted from the segment's start, everything is c0 + c1 * x + c2 * y.
"""

from dataclasses import dataclass
from math import exp

from .mcp4725 import SETTLING_TAU_NS
from .skin import Load

OPEN, PUMP, LIMIT_UP, LIMIT_DOWN, RAIL_UP, RAIL_DOWN = range(6)  # which part of the stage sets the current
TAU_D = SETTLING_TAU_NS

Terms = tuple[float, float, float]  # c0 + c1 * x + c2 * y


@dataclass(frozen=True, slots=True)
class Circuit:
    """Numbers of stage and load, in the units above."""

    rs: float  # load: series
    rp: float  # load: parallel
    cp: float  # load: capacity; 0 for a resistor
    r_drive: float  # resistance of the stage at its rail, plus rs
    v_max: float  # what the stage drives at its rail across all of that
    i_min: float  # passive limiter: most negative current; -inf with its diode shorted
    i_max: float  # most positive current
    bleeder: float  # across the load while nothing drives it


def circuit_of(
    load: Load, stage_ohm: float, compliance_mv: float, limits_ua: tuple[float, float], bleeder_ohm: float
) -> Circuit:
    """Circuit of a load behind the stage; limits_ua: (most negative, most positive) current.

    compliance_mv: of the stage without current, stage_ohm: what is in series with it inside the stage.
    """
    rs = load.series_ohm / 1e3
    return Circuit(
        rs,
        load.parallel_ohm / 1e3,
        load.capacity_nf * 1e3,
        stage_ohm / 1e3 + rs,
        compliance_mv,
        *limits_ua,
        bleeder_ohm / 1e3,
    )


class Segment:
    """One regime from `start_ns` on: capacitor voltage `v0` then, pump current `target` + `delta` * x."""

    __slots__ = ("circuit", "current", "delta", "mode", "start_ns", "target", "tau", "v0", "voltage")

    def __init__(self, start_ns: float, mode: int, circuit: Circuit, v0: float, target: float, delta: float) -> None:
        self.start_ns = start_ns
        self.mode = mode
        self.circuit = circuit
        self.v0 = v0
        self.target = target
        self.delta = delta
        self.tau, self.voltage, self.current = _solve(mode, circuit, v0, target, delta)

    def at(self, terms: Terms, t_ns: float) -> float:
        """Value of `voltage`, `current` or `electrode` at an instant not before the start."""
        c0, c1, c2 = terms
        s = self.start_ns - t_ns
        if c1:
            c0 += c1 * exp(s / TAU_D)
        return c0 + c2 * exp(s / self.tau) if c2 else c0

    def charge_until(self, t_ns: float) -> float:
        """Integral of the current from the start to `t_ns`, in nC."""
        s = t_ns - self.start_ns
        c0, c1, c2 = self.current
        total = c0 * s + c1 * TAU_D * (1 - exp(-s / TAU_D)) + c2 * self.tau * (1 - exp(-s / self.tau))
        return total * 1e-6  # uA * ns

    @property
    def electrode(self) -> Terms:
        """Voltage across the whole load."""
        circuit, v, i = self.circuit, self.voltage, self.current
        if self.mode == OPEN:
            share = circuit.bleeder / (circuit.bleeder + circuit.rs)
            return (v[0] * share, v[1] * share, v[2] * share)
        rs = circuit.rs
        return (v[0] + i[0] * rs, v[1] + i[1] * rs, v[2] + i[2] * rs)


def _solve(mode: int, circuit: Circuit, v0: float, target: float, delta: float) -> tuple[float, Terms, Terms]:
    """(tau, capacitor voltage, current) of a regime."""
    rp, cp = circuit.rp, circuit.cp
    if mode == OPEN:
        r = rp * (circuit.bleeder + circuit.rs) / (rp + circuit.bleeder + circuit.rs)
        return r * cp or 1.0, (0.0, 0.0, v0), (0.0, 0.0, 0.0)
    if mode >= RAIL_UP:
        rail = circuit.v_max if mode == RAIL_UP else -circuit.v_max
        drive = circuit.r_drive
        end = rail * rp / (rp + drive)
        tau = cp * rp * drive / (rp + drive) or 1.0
        return tau, (end, 0.0, v0 - end), ((rail - end) / drive, 0.0, (end - v0) / drive)
    if mode != PUMP:
        target, delta = (circuit.i_max if mode == LIMIT_UP else circuit.i_min), 0.0
    if not cp:
        return 1.0, (0.0, 0.0, 0.0), (target, delta, 0.0)
    tau = rp * cp
    if tau == TAU_D:
        tau *= 1 + 1e-9  # the closed form divides by the difference
    end = target * rp
    fast = delta * rp * TAU_D / (TAU_D - tau)
    return tau, (end, fast, v0 - end - fast), (target, delta, 0.0)
