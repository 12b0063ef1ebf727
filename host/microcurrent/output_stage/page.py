"""boards/output_stage/README.md and the files beside it, from circuit.py and results.json."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from boards.output_stage import circuit
from boards.rp2040_pico import board as pico_board

from . import bom, drawing, plots, results
from .dynamics import COMPLIANCE_OHM, block_from_hz
from .markers import replaced
from .netlist import Case, netlist
from .parts import parts_of
from .self_test import IN_USE
from .single_faults import LIMIT_UA
from .suite import name_of

README = results.FOLDER / "README.md"
LIMITED_UA = 910  # a limiter at +10 % and what leaks around it
SWING_V = 1.0  # across the DC block: a tenth of the compliance; ours
AMPLITUDES_UA = (50, 100, 200, 400, 600)
COMMANDS = ("tran 4u 2m", "print i(vel)[length(i(vel))-1]")
# What faults that no check finds take away; the others of that list change nothing that protects anybody.
PIN = "what bounds the current between that pin of the MCU and the stage, needed only with a second fault there"
FOLDED = "nothing in a model whose supply is strong; a real one folds back, which `supply` or `limiter-holds` finds"
TAKEN_AWAY = {
    "R31 open": "both comparators: the window is the whole supply, but half of it (R33) still looks right",
    "R31 double": "the comparators trip above 1 mA instead of at 950 µA; half of it still looks right",
    "U2C stuck off": "the pump's load while the gate is open: a spike of some pC at closing",
    "U2C d to vp": "the same: the pump sees a rail while the gate is open",
    "U2C d to vn": "the same with the other rail",
    "R44 open": "the pump's load while the gate is open, as with U2C",
    "R19 open": "the bleeder: electrodes stay charged after the gate opened",
    "R45 open": "the bleeder, as with R19",
    "U2B stuck off": "the bleeder, as with R19",
    "R34 open": "the pull-up of the comparators, which still pull down: leakage takes its place as played here; if it "
    "goes the other way the latch sets and dummy-load finds it",
    "R35 open": "the second pull-down of the gate, for when 3.3 V is missing",
    "R36 open": "the gate's pull-down: shows only while the MCU resets",
    "R40 open": "the pull-down of TRIP_TEST_PIN",
    "R42 open": "the pull-down of DUMMY_PIN; the gate is open at reset whatever it does",
    "S2 short": "the emergency stop's contact in the lead; ESTOP_PIN still stops. Try it with a meter once a month",
    "D3 open": "protection against static charge",
    "D4 open": "the clamp of SENSE_PIN; U3 cannot drive beyond 3.3 V anyway",
    "D5 open": "the clamp of VOLTAGE_PIN; U3 cannot drive beyond 3.3 V anyway",
    "D6 open": "the clamp of SUPPLY_PIN: needed only if R24 is bridged",
    "D7 open": "the clamp of TRIP_TEST_PIN: needed only if U2 fails",
    "D9 open": "the clamp of ESTOP_PIN",
    "D9 short low": "ESTOP_PIN: reads as not pressed; the second contact still breaks the lead. Try it once a month",
    "D9 short high": "nothing: ESTOP_PIN reads pressed, the firmware refuses (not played here)",
    "R43 open": "nothing, as with D9 short high",
    "K1A bridged": "one of the two contacts that take the electrodes off during the self-test; K1B is the other",
    "K1B bridged": "the other one of these two",
    "R7 short": "part of what bounds a capacity's discharge; R10 and the limiter stay",
    "C2 short": "the DC block, where it is in the path",
    "R8 short": "the DC block, as with C2",
    "R8 open": "the DC block's discharge",
    "R8 double": "half of the DC block's discharge",
    "R19 short": "half of what bounds a fault of U2B, whose path leads around the limiter: 24 µA instead of 12",
    "R45 short": "the other half of it",
    "U2B stuck on": "nothing: a megohm beside the electrodes, always",
    "U2B d to vp": FOLDED,
    "U2B d to vn": FOLDED,
    "R22 short": PIN,
    "R23 short": PIN,
    "R26 short": PIN,
    "R37 short": PIN,
    "R38 short": PIN,
    "R39 short": PIN,
    "R41 short": PIN,
    "R43 short": PIN,
    "D8 open": "Q1's protection from the coil; when it fails the relay does not switch, or always, as with Q1",
    "V- quarter more": "the margin to what U1 and U2 stand: nothing measures the negative rail",
    "S1 short": "nothing while the block is bypassed; it cannot be put into the path",
    "S1 open": "the bypass: the DC block is in the path. Balanced modes show nothing; others saturate within a second",
    "Q1 short": "the electrodes: the dummy load is always selected, nothing flows through a person",
    "DUMMY_PIN stuck high": "the electrodes, as with Q1",
    "J1 short": "the electrodes are bridged: nothing flows through a person; the contact check sees 0 Ω",
    "D3 short": "the electrodes are bridged, as with J1",
}


def write_all() -> list[Path]:
    """Write the page and everything it shows; the files."""
    folder = results.FOLDER
    files = drawing.draw(folder, parts_of("iso12")) + plots.write(folder)
    for variant in circuit.VARIANTS:
        files += [folder / f"bom-{variant}.csv", folder / f"stage-{variant}.cir"]
        files[-2].write_text(bom.as_csv(variant))
        files[-1].write_text(example(variant))
    README.write_text(rendered(README.read_text()))
    return [*files, README]


def example(variant: str) -> str:
    """A netlist to play with: `ngspice -b` prints the current after 2 ms at 600 uA into 10 kohm."""
    return netlist(Case(variant, dac="2.64"), COMMANDS, f"output stage {variant}, written by make spice")


def rendered(text: str) -> str:
    """The page with its blocks as they should be. Raises ValueError when a marker is missing."""
    for name, block in BLOCKS.items():
        text = replaced(text, name, block())
    return text


def _sheets() -> str:
    pictures = sorted(file.name for file in results.FOLDER.glob("sheet-*.svg"))
    return "\n\n".join(f"![{name[6:-4].replace('-', ' ')}]({name})" for name in pictures)


def _boms() -> str:
    whole = bom.as_markdown("iso12")
    first = {row["references"]: row for row in bom.rows("iso12")}
    lines = ["What differs in the other variants:", "", "| variant | references | value | number | alternatives |"]
    lines.append("|---|---|---|---|---|")
    for variant in ("iso21", "battery9"):
        for row in bom.rows(variant):
            if first.get(row["references"]) != row:
                shown = (row["references"], row["value"], row["manufacturer number"], row["alternatives"])
                lines.append(f"| {variant} | {' | '.join(shown)} |")
    return "\n".join([whole, "", *lines])


def _variants() -> str:
    lines = ["| variant | supply | rails, permitted | 600 µA up to | 600 µA asked for, into 30 kΩ | in `board.py` |"]
    lines.append("|---|---|---|---|---|---|")
    compliance = results.figures("dynamic")["compliance"]
    for variant, data in circuit.VARIANTS.items():
        into = dict(zip(COMPLIANCE_OHM, compliance[variant]["600"], strict=True))
        most = max(ohm for ohm, value in into.items() if value >= 594)
        constants = ", ".join(f"`{name} = {value}`" for name, value in data["board"].items()) or "nothing to change"
        low, high = data["span_v"]
        lines.append(
            f"| {variant} | {data['title']} | ±{low:g} to ±{high:g} V | {most / 1000:g} kΩ | {into[30000]:.0f} µA | "
            f"{constants} |"
        )
    return "\n".join(lines)


def _faults() -> str:
    figures = results.figures("faults")
    lines = []
    for variant in circuit.VARIANTS:
        rows = figures[variant]
        steady = max(row["steady"] for row in rows)
        above = [row for row in rows if row["nc"] > 0]
        worst = max(above, key=lambda row: row["nc"], default=None)
        lines.append(
            f"- **{variant}**: {len(rows) - 1} single faults; steady current at most {steady:.0f} µA. "
            + (
                f"Above 1 mA for a moment in {len(above)} of them: at most {worst['nc']:.3f} nC beyond it, "
                f"{max(row['us'] for row in above):.2f} µs, peak {max(row['peak'] for row in above):.0f} µA "
                f"(worst: {name_of(_tuples(worst))})."
                if worst
                else "Never above 1 mA, not even for a moment."
            )
        )
    lines += ["", "Worst fault of each part (iso12):", ""]
    lines += ["| part | worst fault | steady, µA | at | peak, µA | beyond 1 mA, nC |", "|---|---|---|---|---|---|"]
    worst_of: dict[str, dict[str, Any]] = {}
    for row in figures["iso12"]:
        ref = row["fault"][0][0] if row["fault"] else "none"
        kept = worst_of.get(ref)
        if kept is None or (row["steady"], row["peak"]) > (kept["steady"], kept["peak"]):
            worst_of[ref] = row
    for ref, row in worst_of.items():
        wrong = row["fault"][0][1] if row["fault"] else "nothing"
        lines.append(f"| {ref} | {wrong} | {row['steady']:.0f} | {row['at']} | {row['peak']:.0f} | {row['nc']:.3f} |")
    return "\n".join(lines)


def _struck() -> str:
    rows = results.figures("struck")
    above = [row for row in rows if row["peak"] > 1000]
    lines = [
        f"{len(rows)} bridges strike in the middle of ±600 µA into 200 Ω + 10 kΩ, with and without the DC block: "
        f"steady current at most {max(row['steady'] for row in rows):.0f} µA afterwards; {len(above)} have a peak "
        "above 1 mA:",
        "",
        "| bridge | peak, µA | for, µs | beyond 1 mA, nC |",
        "|---|---|---|---|",
    ]
    for row in sorted(above, key=lambda row: -row["nc"]):
        lines.append(f"| {name_of(_tuples(row))} | {row['peak']:.0f} | {row['us']:.2f} | {row['nc']:.3f} |")
    return "\n".join(lines)


def _topology() -> str:
    figures = results.figures("topology")
    lines = ["| pump | 600 µA asked for, into 15 kΩ | into 20 kΩ | worst error after calibration, 100 units |"]
    lines.append("|---|---|---|---|")
    names = {"ours": "336 Ω and a fifth of the signal", "usual": "1650 Ω, no division"}
    for name, title in names.items():
        into = dict(zip(COMPLIANCE_OHM, figures[name]["into"], strict=True))
        lines.append(f"| {title} | {into[15000]:.0f} µA | {into[20000]:.0f} µA | {figures[name]['worst']:.1f} µA |")
    return "\n".join(lines)


def _tuples(row: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((ref, wrong) for ref, wrong in row["fault"])


def _found() -> str:
    rows = results.figures("self_tests")
    checks: dict[str, list[str]] = {}
    for row in rows:
        first = row["found"][0] if row["found"] else "no check"
        checks.setdefault(first, []).append(" ".join(row["fault"]))
    hidden = checks.pop("no check", [])
    lines = [f"Of {len(rows)} single faults the self-test or use finds {len(rows) - len(hidden)}:", ""]
    lines += ["| first check that fails | faults | which |", "|---|---|---|"]
    order = [name for name in checks if name != IN_USE] + [name for name in checks if name == IN_USE]
    for name in order:
        shown = f"{name} (current differs from the command)" if name == IN_USE else name
        lines.append(f"| {shown} | {len(checks[name])} | {'; '.join(checks[name])} |")
    second = results.figures("second_faults")
    worst: dict[str, dict[str, Any]] = {}
    for row in second["hidden"]:
        name = " ".join(row["fault"][0])
        if name not in worst or row["steady"] > worst[name]["steady"]:
            worst[name] = row
    above = {name for name, row in worst.items() if row["steady"] > 1000}
    others = [name for name in hidden if name not in TAKEN_AWAY]
    figures = [worst[name]["steady"] for name in hidden]
    beyond = "; ".join(_second_of(row) for row in worst.values() if row["steady"] > LIMITED_UA) or "none"
    lines += [
        "",
        f"**{len(hidden)} faults are found by no check.** With each of {', '.join(_seconds(second['hidden']))} as a "
        f"second fault the steady current is {max(figures):.0f} µA at most; it exceeds 1 mA for {len(above)} of them. "
        f"Above what the limiter alone lets pass ({LIMITED_UA} µA) are: {beyond}.",
        "",
        "| found by no check | what is gone | with the worst second fault, µA |",
        "|---|---|---|",
        *(f"| {name} | {TAKEN_AWAY[name]} | {worst[name]['steady']:.0f} |" for name in hidden if name in TAKEN_AWAY),
        f"| {'; '.join(others)} | nothing that protects: filters, stability, and resistors of another value | "
        f"{max(worst[name]['steady'] for name in others):.0f} |",
    ]
    bridged = [row for row in second["bridged"] if row["steady"] > 1000]
    lines += [
        "",
        f"A bridged diode of the limiter (D1; found by limiter-holds at the next boot) with each of "
        f"{len(second['bridged'])} other faults in the same session: {len(bridged)} exceed 1 mA"
        + (":" if bridged else "."),
        "",
    ]
    if bridged:
        lines += ["| D1 short and | steady, µA | at |", "|---|---|---|"]
        lines += [f"| {' '.join(row['fault'][1])} | {row['steady']:.0f} | {row['at']} |" for row in bridged]
    return "\n".join([*lines, "", *_other_variants(hidden)])


def _other_variants(hidden: list[str]) -> list[str]:
    """The variants beside the default against the faults that no check finds there."""
    lines = ["The other variants, tested in the same way:", ""]
    lines += [
        "| variant | found of | by no check, beside those above | found here alone | with the worst second fault |"
    ]
    lines.append("|---|---|---|---|---|")
    for variant, figures in results.figures("other_variants").items():
        rows = figures["self_tests"]
        unfound = [" ".join(row["fault"]) for row in rows if not row["found"]]
        more = "; ".join(name for name in unfound if name not in hidden) or "none"
        less = "; ".join(name for name in hidden if name not in unfound) or "none"
        worst = max(figures["hidden"], key=lambda row: row["steady"])
        above = sum(row["steady"] > LIMIT_UA for row in figures["hidden"])
        lines.append(
            f"| {variant} | {len(rows) - len(unfound)} of {len(rows)} | {more} | {less} | "
            f"{_second_of(worst)}; above 1 mA: {above or 'none'} |"
        )
    return lines


def _second_of(row: dict[str, Any]) -> str:
    first, second = _tuples(row)
    return f"{' '.join(first)} with {' '.join(second)} ({row['steady']:.0f} µA)"


def _seconds(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(" ".join(row["fault"][1]) for row in rows))


def _accuracy() -> str:
    figures = results.figures("accuracy")
    lines = [f"{figures['count']} units, -600 to 600 µA into 500 Ω, 4.7 kΩ and 10 kΩ:", ""]
    lines += ["| | worst error, µA | within ±2 µA ±1 % |", "|---|---|---|"]
    for name, worst in figures["worst"].items():
        lines.append(f"| {name} | {worst:.1f} | {figures['share'][name] * 100:.1f} % |")
    trip, limit = figures["trip_ua"], figures["limit_ua"]
    lines += [
        "",
        f"The limiter holds {min(limit):.0f} to {max(limit):.0f} µA, the comparators trip at {min(trip):.0f} to "
        f"{max(trip):.0f} µA.",
    ]
    return "\n".join(lines)


def _dynamics() -> str:
    figures = results.figures("dynamic")
    lines = ["| variant, load | settled to 1 % | to 0.1 % | sense settled to 1 % |", "|---|---|---|---|"]
    for name, (one, sense, tenth) in figures["settle_us"].items():
        lines.append(f"| {name} Ω | {one:.0f} µs | {tenth:.0f} µs | {sense:.0f} µs |")
    lines += ["", "| load | current, -3 dB | sense | voltage |", "|---|---|---|---|"]
    for ohm, values in figures["bandwidth_hz"].items():
        lines.append(f"| {ohm} Ω | {' | '.join(f'{value / 1000:.1f} kHz' for value in values)} |")
    lines += [
        "",
        f"With a bridged limiter diode the comparators have the gate open {figures['trip_us']:.1f} µs after the "
        f"current passed {pico_board.COMPARATOR_UA} µA.",
    ]
    return "\n".join(lines)


def _block() -> str:
    stuck = results.figures("dynamic")["stuck"]
    farad = parts_of("iso12")["C2"].number
    lines = ["| amplitude | DC block permitted from |", "|---|---|"]
    lines += [f"| {ua} µA | {block_from_hz(ua, farad, SWING_V):.1f} Hz |" for ua in AMPLITUDES_UA]
    lines += [
        "",
        f"The DAC stuck at full scale into 2 kΩ for a second: {stuck['False']['charge_uc']:.0f} µC without the block, "
        f"{stuck['True']['charge_uc']:.0f} µC with it, and then {stuck['True']['end_ua']:.0f} µA through its bleeder "
        f"instead of {stuck['False']['end_ua']:.0f} µA.",
    ]
    return "\n".join(lines)


def _bench() -> str:
    lines = ["| load | step to | SPICE | bench | largest difference from a sample on | at the end |"]
    lines.append("|---|---|---|---|---|---|")
    for row in results.figures("bench"):
        lines.append(
            f"| {row['load']} | {row['to']} µA | {row['spice']:.1f} µA | {row['bench']:.1f} µA | "
            f"{row['worst']:.2f} % | {row['end']:+.2f} % |"
        )
    return "\n".join(lines)


BLOCKS: dict[str, Callable[[], str]] = {
    "variants": _variants,
    "sheets": _sheets,
    "parts": _boms,
    "connections": bom.connections,
    "topology": _topology,
    "faults": _faults,
    "struck": _struck,
    "found": _found,
    "accuracy": _accuracy,
    "dynamics": _dynamics,
    "block": _block,
    "bench": _bench,
}
