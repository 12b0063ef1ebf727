"""Units built of parts within their tolerances: accuracy before and after a calibration at two points."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..bench.skin import Load
from ..debian_program import BUILD
from .netlist import Case, code_of, dac_v, netlist
from .ngspice import SpiceError, run
from .parts import Part, parts_of
from .single_faults import WORKERS

SEED = 20240607
POINTS_UA = (-600, -400, -200, 0, 200, 400, 600)
LOADS_OHM = (500.0, 4700.0, 10000.0)  # the middle one is the dummy, where calibration happens
CALIBRATED_AT_UA = (-400, 400)
# Gate closed for good, without the latch: a bistable circuit has no operating point of its own.
CLOSED = (("U5A", "out low"),)
# Offsets, both ways: OPA192 25 uV, LM393 5 mV (both unverified), MCP6021/6022 0.5 mV (data sheet).
OFFSET_V = {"amplifier_high": 25e-6, "amplifier_low": 0.5e-3, "comparator": 5e-3}
REFERENCE = 0.02  # 3.3 V of a Pico, both ways; ours
KNEE_V = (0.8, 1.6)  # pinch-off of the limiter's diodes; ours, see devices.py


@dataclass(frozen=True)
class Unit:
    """Delivered and shown current (uA) of one unit: by load, then by POINTS_UA; and where its comparators trip."""

    delivered: list[list[float]]
    shown: list[list[float]]
    trip_ua: tuple[float, float]  # positive, negative
    limit_ua: tuple[float, float]


def tolerances(parts: dict[str, Part], random: np.random.Generator) -> dict[str, float]:
    """What differs in one unit: every tolerance evenly distributed over its whole range."""
    changed: dict[str, float] = {"3V3": 1 + random.uniform(-REFERENCE, REFERENCE)}
    for ref, part in parts.items():
        if part.kind in ("resistor", "regulator_diode"):
            changed[ref] = 1 + random.uniform(-part.tol, part.tol) / 100
        if part.kind == "regulator_diode":
            changed[f"{ref}.knee"] = random.uniform(*KNEE_V)
        if part.kind in OFFSET_V:
            changed[f"{ref}.offset"] = random.uniform(-1, 1) * OFFSET_V[part.kind]
    return changed


def unit(variant: str, changed: dict[str, float], folder: Path) -> Unit:
    """Measure one unit."""
    reference = changed.get("3V3", 1.0)
    step = dac_v(code_of(POINTS_UA[1])) - dac_v(code_of(POINTS_UA[0]))
    first, last = dac_v(code_of(POINTS_UA[0])), dac_v(code_of(POINTS_UA[-1]))
    commands = []
    for ohm in LOADS_OHM:
        commands += [
            f"alter rload = {ohm}",
            f"dc vcode {first:.9g} {last + step / 2:.9g} {step:.9g}",
            "set appendwrite",
            "write result.raw i(vel) v(sense)",
        ]
    commands += [
        "alter rload = 2000",
        f"dc vcode {dac_v(0)} {dac_v(4095)} {dac_v(4095)}",
        "write result.raw i(vel) v(sense)",
    ]
    text = netlist(Case(variant, CLOSED, Load("r", LOADS_OHM[0]), gate="3.3", changed=changed, tight=True), commands)
    *plots, full = run(text, folder)
    if len(plots) != len(LOADS_OHM) or any(len(plot["i(vel)"]) != len(POINTS_UA) for plot in plots):
        raise SpiceError(f"ngspice left out points of a unit; nothing was counted; look into {folder}")
    # The ADC measures in shares of the same 3.3 V, which the firmware takes for 3.3 V exactly.
    shown = [((plot["v(sense)"] / reference - 1.65) / 1.5e-3).tolist() for plot in plots]
    delivered = [(plot["i(vel)"] * 1e6).tolist() for plot in plots]
    up_ua, down_ua = (abs(float(full["i(vel)"][end])) * 1e6 for end in (-1, 0))
    return Unit(delivered, shown, trip_points(variant, changed, folder), (up_ua, down_ua))


def trip_points(variant: str, changed: dict[str, float], folder: Path) -> tuple[float, float]:
    """Magnitude of the current at which each comparator trips, with the limiter bridged; positive, negative."""
    found = []
    faults = (*CLOSED, ("D1", "short"), ("D2", "short"))
    for sign in (1, -1):
        codes = [dac_v(code_of(sign * ua)) for ua in (880, 1090)]
        commands = (
            f"dc vcode {codes[0]:.9g} {codes[1]:.9g} {(codes[1] - codes[0]) / 140:.9g}",
            "write result.raw i(vel) v(tripn) v(v33)",
        )
        (plot,) = run(
            netlist(Case(variant, faults, Load("r", 2e3), gate="3.3", changed=changed, tight=True), commands), folder
        )
        low = plot["v(tripn)"] < plot["v(v33)"] / 2
        found.append(abs(float(plot["i(vel)"][int(np.argmax(low))])) * 1e6 if low.any() else float("inf"))
    return found[0], found[1]


def units(count: int, variant: str = "iso12", factors: Mapping[str, float] | None = None) -> list[Unit]:
    """`count` units, always the same ones. factors: on parts' values, for another design than ours."""
    parts = parts_of(variant)
    random = np.random.default_rng(SEED)
    every = [tolerances(parts, random) for _ in range(count)]
    for changed in every:
        changed.update({ref: changed[ref] * factor for ref, factor in (factors or {}).items()})

    def one(numbered: tuple[int, dict[str, float]]) -> Unit:
        return unit(variant, numbered[1], BUILD / "spice" / f"unit{numbered[0]}")

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, enumerate(every)))


def errors(every: Sequence[Unit]) -> dict[str, np.ndarray]:
    """Errors in uA, shape (unit, load, point): of the output and of the sense, raw and after calibration.

    Calibration: offset and gain from the two points CALIBRATED_AT_UA into the dummy load, against an ideal meter.
    """
    points = np.array(POINTS_UA, float)
    low, high = (POINTS_UA.index(point) for point in CALIBRATED_AT_UA)
    delivered = np.array([one.delivered for one in every])
    shown = np.array([one.shown for one in every])
    at_dummy = delivered[:, 1]
    gain = (at_dummy[:, high] - at_dummy[:, low]) / (points[high] - points[low])
    offset = at_dummy[:, low] - gain * points[low]
    expected = gain[:, None, None] * points + offset[:, None, None]
    # what is asked for after calibration is (wanted - offset) / gain: the error that is left, in ampere of the output
    after = (delivered - expected) / gain[:, None, None]
    seen = shown[:, 1]
    sense_gain = (seen[:, high] - seen[:, low]) / (at_dummy[:, high] - at_dummy[:, low])
    sense_offset = seen[:, low] - sense_gain * at_dummy[:, low]
    read = (shown - sense_offset[:, None, None]) / sense_gain[:, None, None]
    return {
        "output raw": delivered - points,
        "output calibrated": after,
        "sense raw": shown - delivered,
        "sense calibrated": read - delivered,
    }
