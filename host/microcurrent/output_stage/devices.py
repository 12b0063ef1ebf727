"""What each kind of part is in ngspice, sound or with a fault. Each maker returns the lines of one part.

The models are ours and behavioural: gain-bandwidth, slew, output stage and supplies of an op-amp, on and off resistance
of a switch with its supplies, thresholds and delays of logic. Numbers come from the data sheets named in circuit.py
where they were read, else from memory ("unverified").
"""

from collections.abc import Callable

from .parts import Part

SHORT = 1e-2  # ohm
OPEN = 1e12  # ohm
BRIDGE = 10.0  # ohm: an input joined to a supply inside a chip
MODELS = """
.model signal D(IS=2.5n N=1.75 RS=0.6 CJO=4p)
.model schottky D(IS=200n N=1.05 RS=2 CJO=10p)
.model ideal D(IS=1e-12 N=0.05 RS=1)
.model inner D(IS=1e-15 N=1 RS=50)
.model npn NPN(IS=6.7f BF=200 VAF=74 RB=10 RC=1 CJE=4.5p CJC=3.6p TF=300p)
"""


# Unity-gain frequency, slew rate (V/s), distance of the output from the supplies at 1 mA, output resistance. OPA192 and
# ADA4522: frequency and slew from the data sheets' first pages, the rest unverified; MCP6021/6022: unverified.
AMPLIFIERS = {
    "OPA192": (10e6, 20e6, 0.06, 60.0),
    "ADA4522-1": (2.7e6, 1.4e6, 0.06, 60.0),
    "MCP6021": (10e6, 7e6, 0.01, 40.0),
    "MCP6022": (10e6, 7e6, 0.01, 40.0),
}


def emitted(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    """Lines of a part with a fault ("": none). changed: tolerances, offsets and the like, see monte.py."""
    return MAKERS[part.kind](part, wrong, changed)


def _two(part: Part) -> tuple[str, str]:
    one, other = part.pins.values()
    return one, other


def _resistor(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    ohm = part.number * changed.get(part.ref, 1.0)
    ohm = {"open": OPEN, "short": SHORT, "half": ohm / 2, "double": ohm * 2}.get(wrong, ohm)
    return [f"R{part.ref} {' '.join(_two(part))} {ohm:.9g}"]


def _capacitor(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    if wrong == "short":
        return [f"R{part.ref} {' '.join(_two(part))} {SHORT}"]
    farad = part.number * {"open": 1e-6, "half": 0.5, "double": 2.0}.get(wrong, 1.0)
    return [f"C{part.ref} {' '.join(_two(part))} {farad:.6g}"]


def _regulator_diode(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    """A JFET with gate and source joined. Pinch-off 1.05 V: ours, 0.5 V at 80 % (the data sheet permits 1.25 V)."""
    if wrong:
        return [f"R{part.ref} {' '.join(_two(part))} {SHORT if wrong == 'short' else OPEN}"]
    ampere = part.number * changed.get(part.ref, 1.0)
    pinch_off_v = changed.get(f"{part.ref}.knee", 1.05)
    slope_per_v = 1 / (2.5e6 * part.number)  # 2.5 Mohm: ours; the series' least is of the order of 1 Mohm, unverified
    beta = ampere / pinch_off_v**2 / (1 + 25 * slope_per_v)  # the data sheet's current is that at 25 V
    model = f".model m{part.ref} NJF(VTO={-pinch_off_v} BETA={beta:.6g} LAMBDA={slope_per_v:.5g}"
    return [f"J{part.ref} {part.pins['a']} {part.pins['k']} {part.pins['k']} m{part.ref}", f"{model} IS=1e-14 CGD=4p)"]


def _diode(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    if wrong:
        return [f"R{part.ref} {' '.join(_two(part))} {SHORT if wrong == 'short' else OPEN}"]
    return [f"D{part.ref} {part.pins['a']} {part.pins['k']} signal"]


def _suppressor(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    if wrong:
        return [f"R{part.ref} {' '.join(_two(part))} {SHORT if wrong == 'short' else OPEN}"]
    one, other = _two(part)
    volts = part.number * 1.11 + 1.0  # breakdown is 11 % above the stand-off voltage in this family; 20 pF, unverified
    return [
        f".model m{part.ref} D(IS=1e-14 BV={volts:.4g} IBV=1m CJO=40p)",
        f"D{part.ref}a mid{part.ref} {one} m{part.ref}",
        f"D{part.ref}b mid{part.ref} {other} m{part.ref}",
        f"R{part.ref}x mid{part.ref} {one} 1e11",
    ]


def _clamp(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    low, high, mid = part.pins["low"], part.pins["high"], part.pins["mid"]
    if wrong == "open":
        return [f"R{part.ref} {mid} {low} {OPEN}"]
    lines = [f"D{part.ref}a {low} {mid} schottky", f"D{part.ref}b {mid} {high} schottky"]
    if wrong:
        lines.append(f"R{part.ref} {mid} {low if wrong == 'short low' else high} {SHORT}")
    return lines


def _amplifier(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    hertz, slew, room, ohm = AMPLIFIERS[str(part.value)]
    p, n, y, vdd, vss = (part.pins[name] for name in ("p", "n", "y", "vdd", "vss"))
    r, offset = part.ref, changed.get(f"{part.ref}.offset", 0.0)
    transfer, farad = 6.283 * hertz * 1e-9, 1e-9
    most = slew * farad
    lines = [
        f"B{r}g 0 x{r} I={most:.6g}*tanh({transfer:.6g}*(V({p})-V({n})+{offset:.6g})/{most:.6g})",
        f"R{r}x x{r} 0 {1e6 / transfer:.6g}",
        f"C{r}x x{r} 0 {farad}",
        f"B{r}h h{r} 0 V=V({vdd})-{room + 0.03}",
        f"B{r}l l{r} 0 V=V({vss})+{room + 0.03}",
        f"D{r}h x{r} h{r} ideal",
        f"D{r}l l{r} x{r} ideal",
        f"E{r}o o{r} 0 x{r} 0 1",
        f"R{r}o o{r} {y} {OPEN if wrong.startswith('out') else ohm}",
        f"C{r}p {p} 0 3p",
        f"C{r}n {n} 0 3p",
        # protection of the inputs towards the supplies, which every such chip has
        f"D{r}p {p} {vdd} inner",
        f"D{r}q {vss} {p} inner",
        f"D{r}n {n} {vdd} inner",
        f"D{r}m {vss} {n} inner",
    ]
    return lines + _joined(part, wrong, {"vp": vdd, "vn": vss}, {"out": y, "p": p, "n": n})


def _joined(part: Part, wrong: str, supplies: dict[str, str], terminals: dict[str, str]) -> list[str]:
    """A bridge from a terminal to a supply, for faults named "<terminal> to <supply>"."""
    if " to " not in wrong:
        return []
    terminal, supply = wrong.split(" to ")
    return [f"R{part.ref}j {terminals[terminal]} {supplies[supply]} {BRIDGE}"]


def _switch(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    r = part.ref
    control, s, d, vdd, vss = (part.pins[name] for name in ("in", "s", "d", "vdd", "vss"))
    level = f"0.5*(1+tanh({'' if part.kind == 'switch_on' else '-'}12*(V({control})-1.4)))"
    # below 8 V between its supplies nothing conducts: data sheet, lowest supply
    powered = f"0.5*(1+tanh(6*(V({vdd},{vss})-7.5)))"
    on = {"stuck on": "1", "stuck off": "0"}.get(wrong, f"{level}*{powered}")
    lines = [
        f"B{r}c k{r}i 0 V={on}",
        f"R{r}c k{r}i k{r} 1k",
        f"C{r}c k{r} 0 150p",  # 0.15 us: of the order of its switching time, unverified
        f"B{r} {s} {d} I=V({s},{d})*(1e-11+0.1*V(k{r})^3)",  # 10 ohm
        f"C{r}s {s} 0 12p",
        f"C{r}d {d} 0 12p",
    ]
    return lines + _joined(part, wrong, {"vp": vdd, "vn": vss}, {"s": s, "d": d, "in": control})


def _nand(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    r = part.ref
    a, b, y, vcc = (part.pins[name] for name in ("a", "b", "y", "vcc"))
    both = "*".join(f"0.5*(1+tanh(8*(V({pin})-0.5*V({vcc}))))" for pin in (a, b))
    logic = {"out high": f"V({vcc})", "out low": "0"}.get(wrong, f"V({vcc})*(1-{both})")
    ohm = OPEN if wrong == "out open" else 60.0
    return [
        f"B{r} o{r} 0 V={logic}",
        f"R{r}o o{r} d{r} 100",
        f"C{r}o d{r} 0 150p",  # 15 ns per gate: 74HC at 3.3 V, unverified
        f"E{r} e{r} 0 d{r} 0 1",
        f"R{r} e{r} {y} {ohm}",
        f"C{r} {y} 0 10p",
        # an input that nothing drives goes where its leakage takes it: up, which is the bad way
        *(f"R{r}{pin}l {net} {vcc} 1e10" for pin, net in (("a", a), ("b", b))),
        *(f"C{r}{pin}l {net} 0 5p" for pin, net in (("a", a), ("b", b))),
    ]


def _comparator(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    r = part.ref
    p, n, y, vcc = (part.pins[name] for name in ("p", "n", "y", "vcc"))
    offset = changed.get(f"{r}.offset", 0.0)
    low = {"out low": "1", "out open": "0"}.get(
        wrong, f"0.5*(1+tanh(2000*(V({n})-V({p})+{offset:.6g})))*0.5*(1+tanh(6*(V({vcc})-2)))"
    )
    lines = [
        f"B{r} o{r} 0 V={low}",
        f"R{r} o{r} d{r} 1k",
        f"C{r} d{r} 0 1.3n",  # crosses its half after 0.9 us: LM393 at 5 mV overdrive 1.3 us, unverified
        f"B{r}y {y} 0 I=V({y})*(1e-11+0.02*V(d{r})^4)",
    ]
    return lines + _joined(part, wrong, {"vp": vcc, "vn": "0"}, {"p": p, "n": n})


def _pole(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    r, pins = part.ref, part.pins
    on = f"0.5*(1+tanh(4*(V({pins['c1']},{pins['c2']})-3)))"
    nc, no = {"stuck nc": ("1", "0"), "stuck no": ("0", "1"), "open": ("0", "0"), "bridged": ("1", "1")}.get(
        wrong, (f"(1-{on})", on)
    )
    lines = []
    leak = 1e-9 if wrong == "open" else 1e-13  # 1 Gohm of insulation, else nothing would hold what floats
    for name, level in (("nc", nc), ("no", no)):
        lines += [
            f"B{r}{name}c k{r}{name}i 0 V={level}",
            f"R{r}{name}c k{r}{name}i k{r}{name} 1k",
            f"C{r}{name}c k{r}{name} 0 10n",  # 10 us, not the relay's 3 ms: nothing here depends on it
            f"B{r}{name} {pins['com']} {pins[name]} I=V({pins['com']},{pins[name]})*({leak}+10*V(k{r}{name})^5)",
        ]
    return lines


def _two_states(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    """A coil or a contact."""
    ohm = part.number if part.kind == "coil" else 0.1
    if part.kind == "contact" and part.value == "open":
        ohm = OPEN
    ohm = {"open": OPEN, "short": SHORT}.get(wrong, ohm)
    return [f"R{part.ref} {' '.join(_two(part))} {ohm}"]


def _transistor(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    c, b, e = (part.pins[name] for name in ("c", "b", "e"))
    if wrong == "open":
        return [f"R{part.ref} {c} {e} {OPEN}", f"R{part.ref}b {b} {e} {OPEN}"]
    lines = [f"Q{part.ref} {c} {b} {e} npn"]
    return lines + ([f"R{part.ref} {c} {e} 1"] if wrong else [])


def _electrodes(part: Part, wrong: str, changed: dict[str, float]) -> list[str]:
    plus, minus = _two(part)
    ends = {"short": (plus, minus), "minus to ground": (minus, "0"), "plus to ground": (plus, "0")}
    if wrong not in ends:
        return []
    return [f"R{part.ref} {' '.join(ends[wrong])} {SHORT}"]


MAKERS: dict[str, Callable[[Part, str, dict[str, float]], list[str]]] = {
    "resistor": _resistor,
    "capacitor": _capacitor,
    "regulator_diode": _regulator_diode,
    "diode": _diode,
    "suppressor": _suppressor,
    "clamp": _clamp,
    "amplifier_high": _amplifier,
    "amplifier_low": _amplifier,
    "switch_on": _switch,
    "switch_off": _switch,
    "nand": _nand,
    "comparator": _comparator,
    "pole": _pole,
    "coil": _two_states,
    "contact": _two_states,
    "transistor": _transistor,
    "electrodes": _electrodes,
}
