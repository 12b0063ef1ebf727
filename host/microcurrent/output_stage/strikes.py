"""Faults that strike while current flows: every bridge that parts.py knows, in the middle of a transient.

What opens or drifts in use moves no charge that was not on its way already; bridges can, where a capacity is charged.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..bench.skin import Load
from ..debian_program import BUILD
from .netlist import Case, code_of, dac_v, netlist
from .ngspice import SpiceError, run
from .parts import FAULTS, Part, parts_of
from .single_faults import WORKERS, WORST_DIODES, Found, complete, measured

AT_US, END_US = 1000, 2000
BRIDGE_OHM = 0.1
CHARGED = Load("200+10k", 200.0, 10e3, 100.0)  # settled after a millisecond, at some volts
TERMINALS = {"out": "y"}
SUPPLIES = {"vp": ("vdd", "vcc"), "vn": ("vss",)}


def bridges(parts: dict[str, Part]) -> Iterator[tuple[tuple[str, str], str, str]]:
    """(fault, net, net) of every fault that joins two nets."""
    for ref, part in parts.items():
        for wrong in FAULTS[part.kind]:
            nets = list(part.pins.values())
            if wrong == "short" and len(nets) == 2:
                yield (ref, wrong), nets[0], nets[1]
            elif " to v" in wrong:
                terminal, supply = wrong.split(" to ")
                rail = next((part.pins[name] for name in SUPPLIES[supply] if name in part.pins), "0")
                yield (ref, wrong), part.pins[TERMINALS.get(terminal, terminal)], rail
            elif wrong.endswith("to ground"):
                yield (ref, wrong), part.pins["2" if wrong.startswith("minus") else "1"], "0"
            elif wrong in ("short low", "short high"):
                yield (ref, wrong), part.pins["mid"], part.pins[wrong.removeprefix("short ")]


def run_strikes(variant: str = "iso12", amplitude_ua: float = 600.0) -> list[Found]:
    """Each bridge at AT_US, with the DAC at +-amplitude and the DC block bypassed and in the path."""

    def one(numbered: tuple[int, tuple[tuple[str, str], str, str]]) -> list[Found]:
        index, (fault, first, second) = numbered
        return _strike(variant, fault, (first, second), amplitude_ua, BUILD / "spice" / f"strike{index}")

    with ThreadPoolExecutor(WORKERS) as pool:
        return [found for some in pool.map(one, enumerate(bridges(parts_of(variant)))) for found in some]


def _strike(variant: str, fault: tuple[str, str], nets: tuple[str, str], ua: float, folder: Path) -> list[Found]:
    strike = f"Bstrike {nets[0]} {nets[1]} I=V({nets[0]},{nets[1]})*{0.5 / BRIDGE_OHM}*(1+tanh((time-{AT_US}u)*2e7))"
    commands = []
    for sign in (1, -1):
        commands += [
            f"alter vcode dc={dac_v(code_of(sign * ua)):.9g}",
            f"tran 4u {END_US}u 0 10u",
            "set appendwrite",
            "write result.raw i(vel)",
        ]
    found = []
    for block in (False, True):
        case = Case(variant, (), CHARGED, changed=WORST_DIODES, dc_block=block, extra=(strike,))
        plots = run(netlist(case, commands), folder)
        if not complete(plots, 2):
            raise SpiceError(f"ngspice gave up while {fault} strikes; nothing was counted; look into {folder}")
        for plot, sign in zip(plots, (1, -1), strict=True):
            load = f"{CHARGED.name}{', DC block' if block else ''}"
            found.append(measured((fault,), round(code_of(sign * ua)), load, plot))
    return found
