"""The treated zones on a face or a body, by the charge that went through them."""

from dataclasses import dataclass

from . import texts
from .figure_shapes import BODY, FACE, LINES, Curve, figure_of, zone_curves
from .parts import Part

_FAINTEST, _FULLEST = 0.16, 0.88  # ours: what was treated is seen, and lines are seen through it
_SPOKEN = {FACE: "Face", BODY: "Body"}


@dataclass(frozen=True)
class Zone:
    """One site and side. strength: 0..1 of full colour; label: its steps."""

    name: str
    curves: list[Curve]
    strength: float
    label: str
    charge: str


@dataclass(frozen=True)
class FigureMap:
    """A drawing with its zones, seen from the front. most: the charge of full colour."""

    name: str
    lines: tuple[Curve, ...]
    zones: list[Zone]
    most: str


def maps_of(parts: list[Part]) -> list[FigureMap]:
    """A face, a body, both or none, as the steps that began need them."""
    charge_nc: dict[tuple[str, str], int] = {}
    steps: dict[tuple[str, str], list[int]] = {}
    for part in parts:
        if part.index is None or not part.figures or figure_of(part.site) is None:
            continue
        place = (part.site, part.side)
        charge_nc[place] = charge_nc.get(place, 0) + (part.figure("total_charge_nc") or 0)
        if part.channel == 1:
            steps.setdefault(place, []).append(part.index)
    most_nc = max(charge_nc.values(), default=0)
    found = []
    for figure in (FACE, BODY):
        zones = [
            _zone(place, moved_nc, most_nc, steps.get(place, []))
            for place, moved_nc in charge_nc.items()
            if figure_of(place[0]) == figure
        ]
        if zones:
            found.append(FigureMap(_SPOKEN[figure], LINES[figure], zones, texts.charge(most_nc)))
    return found


def _zone(place: tuple[str, str], moved_nc: int, most_nc: int, steps: list[int]) -> Zone:
    share = moved_nc / most_nc if most_nc else 0.0
    return Zone(
        name=f"{texts.words(place[0])}, {texts.words(place[1])}",
        curves=zone_curves(*place),
        strength=_FAINTEST + (_FULLEST - _FAINTEST) * share,
        label=", ".join(map(str, steps[:2])) + ("…" if len(steps) > 2 else ""),
        charge=texts.charge(moved_nc),
    )
