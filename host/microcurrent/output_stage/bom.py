"""Parts lists and the list of connections."""

import csv
import io

from boards.output_stage import circuit

from .drawing import value_text
from .parts import Part, parts_of

FIELDS = ("references", "count", "value", "tolerance", "manufacturer number", "alternatives", "checked", "does")
UNVERIFIED = "unverified"
NAMES = {
    "resistor": "resistor", "capacitor": "capacitor", "regulator_diode": "current-regulator diode",
    "clamp": "dual Schottky diode", "pole": "signal relay, two change-over contacts, 5 V", "contact": "switch",
    "suppressor": "suppressor, both directions", "electrodes": "electrode sockets",
}  # fmt: skip


def rows(variant: str) -> list[dict[str, str]]:
    """One row per kind of thing to order."""
    packages: dict[str, Part] = {}
    does: dict[str, list[str]] = {}
    for part in parts_of(variant).values():
        packages.setdefault(part.package, part)
        does.setdefault(part.package, []).append(part.does)
    groups: dict[tuple[str, str], list[str]] = {}
    for ref, part in packages.items():
        groups.setdefault((part.mpn, value_text(part)), []).append(ref)
    found = []
    for (mpn, text), refs in groups.items():
        part = packages[refs[0]]
        texts = [text for ref in refs for text in does[ref]]
        value = f"{NAMES.get(part.kind, '')} {text}".strip()
        found.append({
            "references": " ".join(refs), "count": str(len(refs)), "value": value,
            "tolerance": f"{part.tol:g} %" if part.tol else "", "manufacturer number": mpn, "alternatives": part.alt,
            "checked": part.seen or UNVERIFIED, "does": "; ".join(dict.fromkeys(texts)),
        })  # fmt: skip
    for ref, what, mpn, alternatives in circuit.VARIANTS[variant]["supply"]:
        found.append({
            "references": ref, "count": "1", "value": what, "tolerance": "", "manufacturer number": mpn,
            "alternatives": alternatives, "checked": circuit.SUPPLY_SEEN.get(mpn, UNVERIFIED), "does": "supply",
        })  # fmt: skip
    return found


def as_csv(variant: str) -> str:
    """The parts list as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([row[name] for name in FIELDS] for row in rows(variant))
    return text.getvalue()


def as_markdown(variant: str) -> str:
    """The parts list as a table, without what each part does: that stands in the CSV."""
    shown = ("references", "count", "value", "tolerance", "manufacturer number", "alternatives", "checked")
    lines = [f"| {' | '.join(shown)} |", "|" + "---|" * len(shown)]
    return "\n".join([*lines, *(f"| {' | '.join(row[name] for name in shown)} |" for row in rows(variant))])


def connections() -> str:
    """Every net with the pins on it, for wiring by hand: a table."""
    nets: dict[str, list[str]] = {}
    for part in parts_of("iso12").values():
        for name, net in part.pins.items():
            pin = f"{part.ref}.{circuit.LEGS.get((part.ref, name), name)}"
            nets.setdefault(net, []).append(pin)
    for constant, net in circuit.PINS.items():
        nets[net].append(constant)
    lines = ["| net | pins |", "|---|---|"]
    return "\n".join([*lines, *(f"| {NET_NAMES.get(net, net)} | {', '.join(pins)} |" for net, pins in nets.items())])


NET_NAMES = {
    "0": "GND", "vp": "V+", "vn": "V-", "v33": "3V3", "v5": "5V", "vdac": "vdac (MCP4725 OUT)", "ea": "ea (J1, plus)",
    "em": "em (J1, minus)", "estop": "estop (first contact of the emergency stop; its other end to GND)",
}  # fmt: skip
