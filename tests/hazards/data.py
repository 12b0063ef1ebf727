"""Reads hazards.toml. A field that is missing, unknown or of the wrong form is an error that names it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
KINDS = ("inherently safe design", "protective measure", "information for safety")

Risk = tuple[int, int]  # severity, probability: 1 to 5 on the scales of the file


@dataclass(frozen=True)
class Control:
    """One risk control measure. code: path::symbol or path::words; tests: path::function."""

    kind: str
    text: str
    requirements: tuple[str, ...]
    code: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Hazard:
    """One row. before, after: the risk without and with the measures; faults: names of the fault table."""

    id: str
    hazard: str
    events: str
    situation: str
    harm: str
    faults: tuple[str, ...]
    before: Risk
    after: Risk
    residual: str
    remarks: str
    controls: tuple[Control, ...]

    @property
    def tests(self) -> list[str]:
        """The tests of all its measures, each once."""
        return list(dict.fromkeys(test for control in self.controls for test in control.tests))


@dataclass(frozen=True)
class Trace:
    """The whole file."""

    severity: tuple[str, ...]
    probability: tuple[str, ...]
    acceptable: int
    reducible: int
    requirements: dict[str, str]
    hazards: tuple[Hazard, ...]

    def verdict(self, risk: Risk) -> str:
        """ "acceptable", "reducible" or "not acceptable", by severity times probability."""
        index = risk[0] * risk[1]
        return (
            "acceptable" if index <= self.acceptable else "reducible" if index <= self.reducible else "not acceptable"
        )


def load(path: Path = FOLDER / "hazards.toml") -> Trace:
    """The trace as it stands. Raises TypeError for a field that is missing or unknown."""
    raw = tomllib.loads(path.read_text())
    return Trace(
        **{name: _frozen(value) for name, value in raw["scales"].items()},
        requirements=raw["requirements"],
        hazards=tuple(_hazard(row) for row in raw["hazard"]),
    )


def _hazard(row: dict[str, Any]) -> Hazard:
    controls = tuple(Control(**{name: _frozen(value) for name, value in each.items()}) for each in row["controls"])
    return Hazard(**{name: _frozen(value) for name, value in row.items() if name != "controls"}, controls=controls)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
