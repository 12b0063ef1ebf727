"""A netlist that plain ngspice runs: parts, sources, load and analyses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from boards.output_stage import circuit

from ..bench.skin import Load
from .devices import MODELS, OPEN, emitted
from .parts import Fault, parts_of

STEPS = 4096
SUPPLY_V = 3.3  # of DAC, reference, logic and ADC
SOURCE_OHM = 0.1  # of a supply
COMMON = ".options itl1=500 itl4=60 method=gear gmin=1e-13"
FAST = f"{COMMON} abstol=1e-10 vntol=1e-6 reltol=1e-3 chgtol=1e-14"  # 0.1 % of a current: four times as fast
TIGHT = f"{COMMON} abstol=1e-12 vntol=1e-7 reltol=1e-4 chgtol=1e-16"


@dataclass(frozen=True)
class Case:
    """What one netlist contains besides the parts. Waveforms are ngspice's source texts; volts otherwise."""

    variant: str = "iso12"
    faults: tuple[Fault, ...] = ()
    load: Load = field(default_factory=lambda: Load("10k", 10e3))
    dac: str = "1.65"
    gate: str = "PULSE(0 3.3 50u 100n 100n 1 2)"
    dummy: str = "0"
    trip: str = "0"
    rails_v: float = 0.0  # 0: nominal
    dc_block: bool = False  # in the path
    tight: bool = False  # for figures of accuracy
    extra: tuple[str, ...] = ()  # more lines: what strikes in the middle
    changed: Mapping[str, float] = field(default_factory=dict)  # see devices.emitted


def dac_v(code: float) -> float:
    """Output of the DAC at a code."""
    return code * SUPPLY_V / STEPS


def code_of(current_ua: float) -> float:
    """The code that asks for a current, not rounded."""
    return STEPS / 2 + current_ua * STEPS / 2000


def netlist(case: Case, commands: Iterable[str], title: str = "output stage") -> str:
    """The whole text; `commands` is what its .control block does."""
    faults = dict(case.faults)
    changed = dict(case.changed)
    lines = [f"* {title}", MODELS, TIGHT if case.tight else FAST]
    for ref, part in parts_of(case.variant).items():
        wrong = faults.get(ref, "")
        if ref == "S1" and case.dc_block and not wrong:
            wrong = "open"
        if part.kind == "pole" and faults.get("K1C") == "open" and not wrong:
            wrong = "stuck nc"  # the models of the contacts look at the coil's voltage
        lines += emitted(part, wrong, changed)
    lines += [*_sources(case, faults), *_load(case.load), *case.extra]
    return "\n".join([*lines, ".control", "set filetype=binary", *commands, ".endc", ".end", ""])


def _sources(case: Case, faults: dict[str, str]) -> list[str]:
    rails = case.rails_v or circuit.VARIANTS[case.variant]["rails_v"]
    lines = []
    for name, net, sign in (("V+", "vp", 1), ("V-", "vn", -1)):
        wrong = faults.get(name, "")
        volts = sign * rails * {"missing": 0.0, "quarter more": 1.25}.get(wrong, 1.0)
        ohm = OPEN if wrong == "open" else SOURCE_OHM
        # converters hold a minimum load, which also discharges their capacitors
        lines += [f"V{net} s{net} 0 {volts:.6g}", f"R{net} s{net} {net} {ohm}", f"R{net}0 {net} 0 10k"]
    wrong = faults.get("3V3", "")
    volts = {"missing": 0.0, "3.6 V": 3.6, "2.7 V": 2.7}.get(wrong, SUPPLY_V * case.changed.get("3V3", 1.0))
    ohm = OPEN if wrong == "open" else SOURCE_OHM
    lines += [f"V33 sv33 0 {volts}", f"Rv33 sv33 v33 {ohm}", "Rv330 v33 0 1k"]  # the MCU draws far more
    lines += [f"V5 sv5 0 {0 if faults.get('5V') else 5}", f"Rv5 sv5 v5 {SOURCE_OHM}"]
    # The DAC's output is a share of 3.3 V, as its data sheet says.
    lines += [f"Vcode code 0 {case.dac}", f"Bdac dacs 0 V=V(code)*V(v33)/{SUPPLY_V}", "Rdac dacs vdac 1"]
    for pin, net, wave in (
        ("GATE_PIN", "gate_pin", case.gate),
        ("DUMMY_PIN", "dummy_pin", case.dummy),
        ("TRIP_TEST_PIN", "trip_pin", case.trip),
    ):
        wrong = faults.get(pin, "")
        wave = {"stuck low": "0", "stuck high": str(SUPPLY_V)}.get(wrong, wave)
        ohm = OPEN if wrong == "floating" else 50  # an RP2040 pad at 4 mA, unverified
        lines += [f"V{net} s{net} 0 {wave}", f"R{net}s s{net} {net} {ohm}"]
    # What the MCU's inputs load.
    return [*lines, "Rtripped tripped_pin 0 1e7", "Restop estop 0 0.1", "Restoppin estop_pin v33 56k"]


def _load(load: Load) -> list[str]:
    """Load between the electrodes; V(el) is the ammeter in it."""
    lines = ["Vel lm em 0"]
    series = max(load.series_ohm, 1e-2)
    if not load.parallel_ohm:
        return [*lines, f"Rload ea lm {series:.6g}"]
    lines += [f"Rload ea lp {series:.6g}", f"Rloadp lp lm {load.parallel_ohm:.6g}"]
    if load.capacity_nf:
        lines.append(f"Cload lp lm {load.capacity_nf * 1e-9:.6g}")
    return lines
