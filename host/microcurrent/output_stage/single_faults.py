"""Every single fault of every part x DAC extremes x loads: what flows through the electrodes."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..bench.skin import Load
from ..debian_program import BUILD
from .netlist import Case, dac_v, netlist
from .ngspice import Plot, SpiceError, run
from .parts import Fault, all_faults, parts_of

CODES = (0, 2048, 4095)
LOADS = (
    Load("short", 0.0),
    Load("200+10k", 200.0, 10e3, 100.0),
    Load("2k+100k", 2e3, 100e3, 20.0),
    Load("open", 1.5e3, 50e6, 0.1),
)
LIMIT_UA = 1000.0
WORST_DIODES = {"D1": 1.1, "D2": 1.1}  # the limiter at the upper end of its tolerance
STEP, END, END_S = "4u", "2m", 2e-3
WORKERS = os.cpu_count() or 1  # each runs one ngspice, which takes one core


@dataclass(frozen=True)
class Found:
    """What flowed in one case. Charge and time: of what exceeded 1 mA."""

    fault: tuple[Fault, ...]
    code: int
    load: str
    steady_ua: float  # largest magnitude in the last tenth
    peak_ua: float
    excess_nc: float
    excess_us: float


def run_faults(
    faults: Iterable[tuple[Fault, ...]],
    variant: str = "iso12",
    codes: Sequence[int] = CODES,
    loads: Sequence[Load] = LOADS,
    name: str = "faults",
) -> list[Found]:
    """Each set of faults at every code and load, present from the start; the gate closes after 50 us."""

    def one(numbered: tuple[int, tuple[Fault, ...]]) -> list[Found]:
        return _cases(numbered[1], variant, codes, loads, BUILD / "spice" / f"{name}{numbered[0]}")

    with ThreadPoolExecutor(WORKERS) as pool:
        return [found for some in pool.map(one, enumerate(faults)) for found in some]


def every_single(variant: str = "iso12") -> list[tuple[Fault, ...]]:
    """No fault, and every single one."""
    return [(), *((fault,) for fault in all_faults(parts_of(variant)))]


def _cases(
    faults: tuple[Fault, ...], variant: str, codes: Sequence[int], loads: Sequence[Load], folder: Path
) -> list[Found]:
    commands = []
    for code in codes:
        commands += [
            f"alter vcode dc={dac_v(code):.9g}",
            f"tran {STEP} {END}",
            "set appendwrite",
            "write result.raw i(vel)",
        ]
    found = []
    for load in loads:
        case = Case(variant, faults, load, changed=WORST_DIODES)
        plots = run(netlist(case, commands, f"{faults} {load.name}"), folder)
        if not complete(plots, len(codes)):
            plots = _harder(case, codes, folder)
        found += [measured(faults, code, load.name, plot) for code, plot in zip(codes, plots, strict=True)]
    return found


def _harder(case: Case, codes: Sequence[int], folder: Path) -> list[Plot]:
    """One by one with smaller steps, where an analysis did not converge. Raises SpiceError where these do not."""
    plots = []
    for code in codes:
        text = netlist(
            replace(case, dac=f"{dac_v(code):.9g}"), (f"tran 0.2u {END} 0 0.5u uic", "write result.raw i(vel)")
        )
        plots += run(text, folder)
    if not complete(plots, len(codes)):
        raise SpiceError(
            f"ngspice gave up before {END_S * 1e3:g} ms with {case.faults} into {case.load.name}; nothing was counted; "
            f"look into {folder}"
        )
    return plots


def complete(plots: Sequence[Plot], count: int) -> bool:
    """Whether all analyses are there, and none was given up before its end."""
    return len(plots) == count and all(plot["time"][-1] > 0.999 * END_S for plot in plots)


def measured(fault: tuple[Fault, ...], code: int, load: str, plot: Plot) -> Found:
    """The figures of one transient."""
    time, current = plot["time"], np.abs(plot["i(vel)"]) * 1e6
    excess = np.maximum(current - LIMIT_UA, 0.0)
    return Found(
        fault,
        code,
        load,
        float(current[time >= 0.9 * time[-1]].max()),
        float(current.max()),
        float(np.trapezoid(excess, time) * 1e3),
        float(np.trapezoid((current > LIMIT_UA).astype(float), time) * 1e6),
    )
