"""What was measured, as JSON beside this file: {section: {"firmware": hash, "figures": ...}}.

Emulated figures depend on the firmware and the bench alone, so a run with the same ones must find the same numbers.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from microcurrent.build import build_firmware

FILE = Path(__file__).with_name("results.json")


@cache
def firmware() -> str:
    """The short hash of the firmware that is measured."""
    return build_firmware("rp2040_pico").hash


def read(section: str) -> Any:
    """The figures of a section as they were kept last; None where it was never measured."""
    return everything().get(section, {}).get("figures")


def everything() -> dict[str, Any]:
    """All sections."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def keep(section: str, figures: Any, repeats: bool = True) -> str:
    """Write the figures of a section; a sentence on what they were before. repeats: they must be the same."""
    known = everything()
    before = known.get(section, {})
    figures = json.loads(json.dumps(figures))
    known[section] = {"firmware": firmware(), "figures": figures}
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True, allow_nan=False) + "\n")
    if not repeats:
        return f"{section}: of this machine, not comparable"
    if before.get("firmware") != firmware():
        return f"{section}: the first run of firmware {firmware()}"
    found = differences(before["figures"], figures)
    if not found:
        return f"{section}: identical to the run before of firmware {firmware()}"
    return f"{section}: DIFFERS from the run before of the same firmware {firmware()}: " + "; ".join(found)


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Every number that changed, as "where: before -> now"."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(before.keys() | now.keys())
        return [line for key in names for line in differences(before.get(key), now.get(key), f"{name}/{key}")]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [line for index, (a, b) in pairs for line in differences(a, b, f"{name}/{index}")]
    return [] if before == now else [f"{name}: {before} -> {now}"]
