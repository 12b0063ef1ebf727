"""Results of the suite, kept as JSON beside the circuit, with the circuit's digest: figures of another circuit show."""

import hashlib
import json
from pathlib import Path
from typing import Any

from boards.output_stage import circuit

from . import parts

FOLDER = Path(circuit.__file__).parent
FILE = FOLDER / "results.json"


def digest() -> str:
    """SHA-256 of what results depend on: values, nets, supplies and faults; not texts and order numbers."""
    electrical = {
        variant: [[part.ref, part.kind, part.pins, part.value, part.tol] for part in parts.parts_of(variant).values()]
        for variant in circuit.VARIANTS
    }
    rails = {variant: data["rails_v"] for variant, data in circuit.VARIANTS.items()}
    data = json.dumps([electrical, rails, parts.FAULTS, parts.SOURCES], sort_keys=True)
    return hashlib.sha256(data.encode()).hexdigest()


def load() -> dict[str, Any]:
    """Every section's results."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def save(section: str, figures: Any) -> None:
    """Keep one section's results, as of the present circuit."""
    every = load()
    every[section] = {"circuit": digest(), "figures": figures}
    text = json.dumps(every, indent=None, separators=(",", ":"), sort_keys=True)
    FILE.write_text(text.replace('},"', '},\n"').replace("],[", "],\n[") + "\n")


def figures(section: str) -> Any:
    """Results of one section. Raises KeyError for one that was never calculated."""
    return load()[section]["figures"]


def stale() -> list[str]:
    """Sections that were calculated with another circuit than the present one."""
    return [name for name, section in load().items() if section["circuit"] != digest()]
