"""What a sheet connects, found from its geometry, and whether that is what the circuit says."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ..errors import MicrocurrentError
from .parts import Part
from .sheets import SHAPE_OF, SHAPES, SHEETS, Point, Sheet

Pin = tuple[str, str]  # (reference, terminal)


@dataclass(frozen=True)
class Placed:
    """A pin on a sheet: where it is, and to which side its label goes."""

    pin: Pin
    at: Point
    side: str


class DrawingError(MicrocurrentError):
    """The drawing shows something else than the circuit."""


def pins_of(part: Part, place: tuple[Point, ...], mirrored: bool) -> list[Placed]:
    """Where the pins of a part are."""
    if len(place) == len(part.pins) == 2:
        (x1, y1), (x2, y2) = place
        sides = ("left", "right") if abs(x2 - x1) > abs(y2 - y1) else ("up", "down")
        if (x2, -y2) < (x1, -y1):
            sides = sides[::-1]
        return [Placed((part.ref, name), at, side) for name, at, side in zip(part.pins, place, sides, strict=True)]
    shape = SHAPES[SHAPE_OF.get(part.kind, part.kind)]
    ((x, y),) = place
    found = []
    for name in part.pins:
        (dx, dy), side = shape[name]
        if mirrored and name in ("p", "n"):
            dy = -dy
        found.append(Placed((part.ref, name), (x + dx, y + dy), side))
    return found


def on_wire(at: Point, wire: tuple[Point, ...]) -> bool:
    """Whether a point lies on a wire."""
    for (x1, y1), (x2, y2) in pairwise(wire):
        within = min(x1, x2) - 1e-6 <= at[0] <= max(x1, x2) + 1e-6 and min(y1, y2) - 1e-6 <= at[1] <= max(y1, y2) + 1e-6
        if within and abs((x2 - x1) * (at[1] - y1) - (y2 - y1) * (at[0] - x1)) < 1e-6:
            return True
    return False


def groups_of(sheet: Sheet, parts: dict[str, Part]) -> list[list[Placed]]:
    """Pins of a sheet that its wires join, each in one group."""
    placed = [pin for ref, place in sheet.places.items() for pin in pins_of(parts[ref], place, ref in sheet.mirrored)]
    nodes: list[tuple[Point, ...]] = [(pin.at,) for pin in placed] + list(sheet.wires)
    parent = list(range(len(nodes)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    for one, first in enumerate(nodes):
        for other in range(one + 1, len(nodes)):
            if _touch(first, nodes[other]):
                parent[root(other)] = root(one)
    groups: dict[int, list[Placed]] = {}
    for index, pin in enumerate(placed):
        groups.setdefault(root(index), []).append(pin)
    return list(groups.values())


def _touch(one: tuple[Point, ...], other: tuple[Point, ...]) -> bool:
    """Whether an end of one lies on the other: wires that merely cross are not connected."""
    if len(one) == 1 and len(other) == 1:
        return one == other
    ends_one = one if len(one) == 1 else (one[0], one[-1])
    ends_other = other if len(other) == 1 else (other[0], other[-1])
    return any(len(other) > 1 and on_wire(end, other) for end in ends_one) or any(
        len(one) > 1 and on_wire(end, one) for end in ends_other
    )


def check(parts: dict[str, Part], sheets: Iterable[Sheet] = SHEETS) -> None:
    """Raises DrawingError unless every part is drawn once, and every wire joins pins of one net only."""
    drawn = [ref for sheet in sheets for ref in sheet.places]
    wrong = {ref for ref in drawn if drawn.count(ref) > 1 or ref not in parts} | (set(parts) - set(drawn))
    if wrong:
        raise DrawingError(f"not drawn exactly once: {', '.join(sorted(wrong))}; nothing was drawn; mend sheets.py")
    for sheet in sheets:
        loose = _loose_ends(sheet, parts)
        if loose:
            raise DrawingError(
                f"sheet {sheet.title!r} has wires that end nowhere at {loose}; nothing was drawn; mend sheets.py"
            )
        for group in groups_of(sheet, parts):
            nets = {parts[ref].pins[name] for ref, name in (pin.pin for pin in group)}
            if len(nets) > 1:
                pins = ", ".join(f"{ref}.{name}" for ref, name in (pin.pin for pin in group))
                raise DrawingError(
                    f"sheet {sheet.title!r} joins the nets {', '.join(sorted(nets))} at {pins}; nothing was drawn; "
                    f"mend sheets.py"
                )


def _loose_ends(sheet: Sheet, parts: dict[str, Part]) -> list[Point]:
    pins = {pin.at for group in groups_of(sheet, parts) for pin in group}
    ends = [(end, wire) for wire in sheet.wires for end in (wire[0], wire[-1])]
    return [
        end
        for end, wire in ends
        if end not in pins and not any(on_wire(end, other) for other in sheet.wires if other is not wire)
    ]
