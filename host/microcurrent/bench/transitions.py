"""When the output stage changes from one regime to another by itself: pump, passive limiter, compliance rail."""

from collections.abc import Callable
from math import exp, inf, log

from .segments import LIMIT_DOWN, LIMIT_UP, OPEN, PUMP, RAIL_DOWN, RAIL_UP, TAU_D, Circuit, Segment, Terms

ROOT_NS = 1e-3  # transitions are found to a picosecond
_TIE_MV = 1e-6  # closer to a transition than this, the slope decides on which side we are


def mode_at(circuit: Circuit, v: float, pump: float) -> int:
    """The regime at an instant: pump current clamped by rail and limiter, whichever is lower."""
    if pump > 0:
        rail, i_max = (circuit.v_max - v) / circuit.r_drive, circuit.i_max
        if pump <= rail and pump <= i_max:
            return PUMP
        return RAIL_UP if rail < i_max else LIMIT_UP
    rail, i_min = (-circuit.v_max - v) / circuit.r_drive, circuit.i_min
    if pump >= rail and pump >= i_min:
        return PUMP
    return RAIL_DOWN if rail > i_min else LIMIT_DOWN


def next_transition(segment: Segment) -> tuple[float, int]:
    """(instant, regime after it) of the first change of regime; (inf, regime) when none comes by itself."""
    if segment.mode == OPEN or _calm(segment):
        return inf, segment.mode
    first, mode = inf, segment.mode
    for margin, successor in _margins(segment):
        s = _first_root(margin, segment.tau)
        if s < first:
            first, mode = s, successor
    return segment.start_ns + first, mode


def _calm(segment: Segment) -> bool:
    """Far from rail and limiter for good, without looking at the margins one by one."""
    circuit = segment.circuit
    highest = max(abs(segment.target), abs(segment.target + segment.delta))
    if segment.mode != PUMP or highest >= circuit.i_max or -highest <= circuit.i_min:
        return False
    return highest * circuit.r_drive + max(abs(segment.v0), highest * circuit.rp) < circuit.v_max


def _margins(segment: Segment) -> list[tuple[Terms, int]]:
    """(margin, regime once the margin is used up) of every way out of this regime."""
    circuit, v = segment.circuit, segment.voltage
    pump = (segment.target, segment.delta, 0.0)
    rail, r = circuit.v_max, circuit.r_drive
    if segment.mode == LIMIT_UP:
        return [(_above(circuit.i_max, pump), PUMP), (_below(rail - circuit.i_max * r, v), RAIL_UP)]
    if segment.mode == LIMIT_DOWN:
        return [(_below(circuit.i_min, pump), PUMP), (_above(-rail - circuit.i_min * r, v), RAIL_DOWN)]
    needed = (v[0] + pump[0] * r, v[1] + pump[1] * r, v[2])
    if segment.mode == RAIL_UP:
        return [(_above(rail, needed), PUMP), (_above(rail - circuit.i_max * r, v), LIMIT_UP)]
    if segment.mode == RAIL_DOWN:
        return [(_below(-rail, needed), PUMP), (_below(-rail - circuit.i_min * r, v), LIMIT_DOWN)]
    return [
        (_below(rail, needed), RAIL_UP),
        (_above(-rail, needed), RAIL_DOWN),
        (_below(circuit.i_max, pump), LIMIT_UP),
        (_above(circuit.i_min, pump), LIMIT_DOWN),
    ]


def _below(limit: float, terms: Terms) -> Terms:
    return (limit - terms[0], -terms[1], -terms[2])


def _above(limit: float, terms: Terms) -> Terms:
    return (terms[0] - limit, terms[1], terms[2])


def _first_root(g: Terms, tau: float) -> float:
    """First s >= 0 at which g0 + g1 * x + g2 * y falls below zero; inf when it never does."""
    g0, g1, g2 = g
    if g0 > abs(g1) + abs(g2):
        return inf

    def value(s: float) -> float:
        return g0 + g1 * exp(-s / TAU_D) + g2 * exp(-s / tau)

    start, slope = g0 + g1 + g2, -g1 / TAU_D - g2 / tau
    if start < -_TIE_MV or (start < _TIE_MV and slope < 0):
        return 0.0
    turn = _turning_point(g1, g2, tau)
    if turn > 0 and value(turn) < 0:
        return _bisect(value, 0.0, turn)
    if g0 >= 0:
        return inf
    end = turn + max(tau, TAU_D)
    while value(end) >= 0:
        end += end - turn
    return _bisect(value, turn, end)


def _turning_point(g1: float, g2: float, tau: float) -> float:
    """Where the slope of g changes its sign: at most once, 0 when it does not."""
    if not g1 or not g2 or g1 * g2 > 0:
        return 0.0
    return max(0.0, log(-g2 * TAU_D / (g1 * tau)) / (1 / tau - 1 / TAU_D))


def _bisect(value: Callable[[float], float], low: float, high: float) -> float:
    """An s with value(s) < 0 and the sign change less than ROOT_NS before it."""
    while high - low > ROOT_NS:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if value(middle) < 0:
            high = middle
        else:
            low = middle
    return high
