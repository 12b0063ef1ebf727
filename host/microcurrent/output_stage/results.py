"""Results of the suite, kept as JSON beside the circuit, with a digest: figures of another circuit or model show."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from boards.output_stage import circuit

from . import devices, netlist, parts, self_test

FOLDER = Path(circuit.__file__).parent
FILE = FOLDER / "results.json"
# Sections that depend on the self-test, and on the limits of which variants.
FROM_SELF_TEST = {"self_tests": ("iso12",), "second_faults": ("iso12",), "other_variants": ("iso21", "battery9")}


def digest(section: str) -> str:
    """SHA-256 of what a section's results depend on: netlists, tolerances, faults; not texts and order numbers.

    What finds a fault depends on the self-test as well.
    """
    data = [[_netlists(variant), _tolerances(variant)] for variant in circuit.VARIANTS]
    limits = [asdict(self_test.limits_of(variant)) for variant in FROM_SELF_TEST.get(section, ())]
    test = [self_test.STEPS, *limits] if limits else []
    return hashlib.sha256(json.dumps([data, test], sort_keys=True).encode()).hexdigest()


def _netlists(variant: str) -> list[Any]:
    """The sound stage as ngspice reads it, and each part's lines with each fault."""
    every = parts.parts_of(variant)
    faulty = [devices.emitted(part, wrong, {}) for part in every.values() for wrong in parts.FAULTS[part.kind]]
    return [netlist.netlist(netlist.Case(variant), ()), netlist.TIGHT, faulty, parts.SOURCES]


def _tolerances(variant: str) -> dict[str, float]:
    return {ref: part.tol for ref, part in parts.parts_of(variant).items()}


def load() -> dict[str, Any]:
    """Every section's results."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def save(section: str, figures: Any) -> None:
    """Keep one section's results, as of the present circuit."""
    every = load()
    every[section] = {"circuit": digest(section), "figures": figures}
    text = json.dumps(every, indent=None, separators=(",", ":"), sort_keys=True)
    FILE.write_text(text.replace('},"', '},\n"').replace("],[", "],\n[") + "\n")


def figures(section: str) -> Any:
    """Results of one section. Raises KeyError for one that was never calculated."""
    return load()[section]["figures"]


def stale() -> list[str]:
    """Sections that were calculated with another circuit, other models or another self-test than the present ones."""
    return [name for name, section in load().items() if section["circuit"] != digest(name)]
