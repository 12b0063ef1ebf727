"""The circuit's parts with a supply variant's values, and their faults."""

from dataclasses import dataclass, replace
from typing import Any

from boards.output_stage import circuit


@dataclass(frozen=True)
class Part:
    """One part, or one unit of a chip. `value` in ohm, farad, ampere or volt where it is a number; `tol` in percent."""

    ref: str
    kind: str
    pins: dict[str, str]
    value: float | str
    tol: float
    mpn: str
    alt: str
    seen: str
    does: str
    package: str

    @property
    def number(self) -> float:
        """The value of a part that has a number."""
        if not isinstance(self.value, int | float):
            raise TypeError(f"{self.ref} has no number but {self.value!r}")
        return float(self.value)


def parts_of(variant: str) -> dict[str, Part]:
    """{reference: part} of a supply variant."""
    changes: dict[str, dict[str, Any]] = circuit.VARIANTS[variant]["changes"]
    found = {}
    for ref, data in circuit.PARTS.items():
        fields = {"package": ref, **data}
        found[ref] = replace(Part(ref=ref, **fields), **changes.get(ref, {}))
    return found


# What can be wrong with a part of each kind: our choice of what such parts do when they fail. A resistor that drifts is
# taken at half and twice its value; chips with an output at either supply, none at all, or an input joined to a supply.
FAULTS = {
    "resistor": ("open", "short", "half", "double"),
    "capacitor": ("open", "short", "half", "double"),
    "regulator_diode": ("open", "short"),
    "diode": ("open", "short"),
    "suppressor": ("open", "short"),
    "clamp": ("open", "short low", "short high"),
    "amplifier_high": ("out to vp", "out to vn", "out open", "p to vp", "p to vn", "n to vp", "n to vn"),
    "amplifier_low": ("out to vp", "out to vn", "out open", "p to vp", "p to vn", "n to vp", "n to vn"),
    "switch_on": ("stuck on", "stuck off", "s to vp", "s to vn", "d to vp", "d to vn", "in to vp", "in to vn"),
    "switch_off": ("stuck on", "stuck off", "s to vp", "s to vn", "d to vp", "d to vn", "in to vp", "in to vn"),
    "nand": ("out high", "out low", "out open"),
    "comparator": ("out low", "out open", "p to vp", "n to vp", "p to vn", "n to vn"),
    "pole": ("stuck nc", "stuck no", "open", "bridged"),
    "coil": ("open", "short"),
    "transistor": ("open", "short"),
    "contact": ("open", "short"),
    "electrodes": ("short", "minus to ground", "plus to ground"),
}
# Supplies and what the MCU drives: faults that belong to no part of the list.
SOURCES = {
    "V+": ("missing", "open", "quarter more"),
    "V-": ("missing", "open", "quarter more"),
    "3V3": ("missing", "open", "3.6 V", "2.7 V"),
    "5V": ("missing",),
    "GATE_PIN": ("stuck low", "stuck high", "floating"),
    "DUMMY_PIN": ("stuck low", "stuck high", "floating"),
    "TRIP_TEST_PIN": ("stuck low", "stuck high", "floating"),
}
Fault = tuple[str, str]  # (reference or source, what is wrong)


def all_faults(parts: dict[str, Part]) -> list[Fault]:
    """Every single fault of every part and source."""
    found = [(ref, wrong) for ref, part in parts.items() for wrong in FAULTS[part.kind]]
    return found + [(name, wrong) for name, every in SOURCES.items() for wrong in every]
