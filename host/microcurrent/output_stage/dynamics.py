"""Bandwidth, settling, trip time, compliance and the DC block, and the same step on the bench's model."""

from collections.abc import Mapping
from itertools import pairwise
from math import inf
from pathlib import Path

import numpy as np

from boards.rp2040_pico import board as pico_board

from ..bench.mcp4725 import SETTLING_TAU_NS
from ..bench.parameters import StageParameters
from ..bench.skin import Load
from ..bench.stage import Stage
from ..debian_program import BUILD
from .monte import CLOSED
from .netlist import Case, code_of, dac_v, netlist
from .ngspice import Plot, run

FOLDER = BUILD / "spice" / "dynamics"
STEP_AT_US = 100.0
COMPLIANCE_OHM = (500, 2000, 5000, 10000, 15000, 20000, 25000, 30000, 50000, 100000)


def step_wave(from_ua: float, to_ua: float) -> str:
    """The DAC's output, settling as the bench's MCP4725 does, at STEP_AT_US."""
    low, high = dac_v(code_of(from_ua)), dac_v(code_of(to_ua))
    return f"EXP({low:.9g} {high:.9g} {STEP_AT_US}u {SETTLING_TAU_NS}n 1 1)"


def step(
    load: Load, from_ua: float, to_ua: float, end_us: float, variant: str = "iso12", folder: Path = FOLDER
) -> Plot:
    """A step of the code with the gate closed since 20 us."""
    gate = "PULSE(0 3.3 20u 100n 100n 1 2)"
    case = Case(variant, (), load, dac=step_wave(from_ua, to_ua), gate=gate, tight=True)
    finest = max(end_us / 2000, 0.2)
    text = netlist(case, (f"tran {finest}u {end_us}u 0 {finest * 2}u", "write result.raw i(vel) v(sense) v(volt)"))
    return run(text, folder)[0]


def settled_us(plot: Plot, name: str = "i(vel)", share: float = 0.01) -> float:
    """Time from the step until `name` stays within a share of the step's height around its end."""
    time, value = plot["time"] * 1e6, plot[name]
    after = time >= STEP_AT_US
    end, start = value[-1], float(np.interp(STEP_AT_US, time, value))
    outside = np.nonzero(after & (np.abs(value - end) > share * abs(end - start)))[0]
    return float(time[outside[-1]] - STEP_AT_US) if len(outside) else 0.0


def bandwidth_hz(ohm: float, name: str = "i(vel)", variant: str = "iso12") -> float:
    """-3 dB of a signal against the DAC's voltage."""
    case = Case(variant, CLOSED, Load("r", ohm), dac=f"DC {dac_v(code_of(100))} AC 1", gate="3.3", tight=True)
    (plot,) = run(netlist(case, ("ac dec 40 100 10meg", f"write result.raw {name}")), FOLDER)
    level = np.abs(plot[name])
    frequency = np.abs(plot["frequency"])
    below = np.nonzero(level < level[0] / np.sqrt(2))[0]
    return float(frequency[below[0]]) if len(below) else inf


def trip_us() -> float:
    """From the current passing the comparators' threshold to less than 10 uA, with a limiter's diode shorted."""
    wave = step_wave(600, 999)
    case = Case("iso12", (("D1", "short"),), Load("r", 2e3), dac=wave, gate="PULSE(0 3.3 20u 100n 100n 1 2)")
    (plot,) = run(netlist(case, ("tran 0.1u 200u 0 0.1u", "write result.raw i(vel)")), FOLDER)
    time, current = plot["time"] * 1e6, np.abs(plot["i(vel)"]) * 1e6
    over = time[np.nonzero(current > pico_board.COMPARATOR_UA)[0][0]]
    off = time[np.nonzero((time > over) & (current < 10))[0][0]]
    return float(off - over)


def compliance(variant: str, factors: Mapping[str, float] | None = None) -> dict[str, list[float]]:
    """Current (uA) into COMPLIANCE_OHM when 600 uA and when full scale is asked for. factors: see monte.units."""
    commands = []
    for ohm in COMPLIANCE_OHM:
        first, last = dac_v(code_of(600)), dac_v(4095)
        commands += [
            f"alter rload = {ohm}",
            f"dc vcode {first:.9g} {last:.9g} {(last - first) * 0.99999:.9g}",
            "set appendwrite",
            "write result.raw i(vel)",
        ]
    case = Case(variant, CLOSED, Load("r", 500.0), gate="3.3", tight=True, changed=factors or {})
    plots = run(netlist(case, commands), FOLDER)
    return {
        "600": [float(plot["i(vel)"][0]) * 1e6 for plot in plots],
        "full": [float(plot["i(vel)"][-1]) * 1e6 for plot in plots],
    }


def stuck(dc_block: bool) -> dict[str, float]:
    """The DAC stuck at full scale into 2 kohm for a second: charge (uC), and the current at the end (uA)."""
    case = Case("iso12", (), Load("2k", 2e3), dac=f"{dac_v(4095)}", dc_block=dc_block)
    (plot,) = run(netlist(case, ("tran 2m 1 0 5m", "write result.raw i(vel)")), FOLDER)
    charge = float(np.trapezoid(plot["i(vel)"], plot["time"])) * 1e6
    return {"charge_uc": charge, "end_ua": float(plot["i(vel)"][-1]) * 1e6}


def block_from_hz(amplitude_ua: float, farad: float, swing_v: float) -> float:
    """Frequency of a balanced square wave from which the DC block's voltage stays within +-swing_v."""
    return amplitude_ua * 1e-6 / (4 * farad * swing_v)


def bench_current_ua(load: Load, from_ua: float, to_ua: float, times_us: list[float]) -> list[float]:
    """What the bench's model says of the same step, with a pump without errors."""
    stage = Stage(StageParameters(gain=1.0, offset_ua=0.0), load, round(code_of(from_ua)), 0)
    stage.gate(20_000, True)
    stage.dac(STEP_AT_US * 1e3, round(code_of(to_ua)), 0)
    assert all(before <= after for before, after in pairwise(times_us))
    return [stage.current_ua(time_us * 1e3) for time_us in times_us]
