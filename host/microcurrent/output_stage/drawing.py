"""The drawing: sheets.py says where, circuit.py says what; SVG and PNG of each sheet, readable on A4 across."""

import re
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import schemdraw
from schemdraw import elements, segments

from boards.output_stage import circuit

from .connections import Placed, check, groups_of, on_wire
from .parts import Part
from .sheets import SHAPE_OF, SHEETS, Point, Sheet


def _closed() -> elements.Element:
    return elements.Switch(nc=True)


TWO_ENDS = {
    "resistor": elements.ResistorIEC,
    "capacitor": elements.Capacitor,
    "regulator_diode": elements.Diode,
    "diode": elements.Diode,
    "suppressor": elements.DiodeTVS,
    "coil": elements.RBox,
    "contact": _closed,
    "electrodes": elements.RBox,
}
GROUND = "0"
RAILS = ("vp", "vn", "v33", "v5")
OUTSIDE = (*circuit.PINS.values(), "vdac", "estop")  # nets that leave the stage
SHOWN = {"vp": "V+", "vn": "V-", "v33": "3V3", "v5": "5V"}
FONT = 11
TAG = 0.35  # length of a pin's stub with a label


def value_text(part: Part) -> str:
    """A part's value as a person writes it: 2.2k, 4.7n, 820u."""
    if part.kind in ("electrodes", "pole"):
        return {"electrodes": "electrodes"}.get(part.kind, "")
    if not isinstance(part.value, int | float):
        return part.value
    if part.kind == "suppressor":
        return f"{part.value:g} V"
    unit = {"capacitor": "F", "regulator_diode": "A"}.get(part.kind, "")
    value = float(part.value)
    for limit, factor, prefix in ((1e6, 1e6, "M"), (1e3, 1e3, "k"), (1, 1, ""), (1e-6, 1e-6, "u"), (1e-9, 1e-9, "n")):
        if value >= limit * 0.9999:
            return f"{value / factor:g} {prefix}{unit}".strip()
    return f"{value / 1e-12:g} p{unit}"


def draw(folder: Path, parts: dict[str, Part]) -> list[Path]:
    """Write every sheet as SVG and PNG; the files. Raises DrawingError when it is not what circuit.py says."""
    check(parts)
    return [file for sheet in SHEETS for file in _sheet(folder, sheet, parts)]


def _sheet(folder: Path, sheet: Sheet, parts: dict[str, Part]) -> list[Path]:
    picture = schemdraw.Drawing(show=False)
    picture.config(unit=2, fontsize=FONT, lw=1.4, bgcolor="white")
    for ref, place in sheet.places.items():
        _part(picture, parts[ref], place, ref in sheet.mirrored)
    for wire in sheet.wires:
        for start, end in pairwise(wire):
            picture.add(elements.Line().at(start).to(end))
    for group in groups_of(sheet, parts):
        _label(picture, sheet, group, parts)
    for at in _joints(sheet, parts):
        picture.add(elements.Dot(radius=0.08).at(at))
    top = max(y for place in sheet.places.values() for _x, y in place)
    left = min(x for place in sheet.places.values() for x, _y in place)
    picture.add(elements.Label().at((left, top + 3)).label(sheet.title, fontsize=FONT + 4, halign="left", loc="right"))
    name = re.sub(r"[^a-z0-9]+", "-", sheet.title.lower()).strip("-")
    files = [folder / f"sheet-{name}.{kind}" for kind in ("svg", "png")]
    for file in files:
        with matplotlib.rc_context({"svg.hashsalt": name}):  # the same drawing is the same file
            picture.save(str(file), transparent=False, dpi=110)
    files[0].write_text(re.sub(r" *<dc:date>.*</dc:date>\n", "", files[0].read_text()))
    return files


def _part(picture: schemdraw.Drawing, part: Part, place: tuple[Point, ...], mirrored: bool) -> None:
    text = f"{part.ref} {value_text(part)}"
    if len(place) == 2:
        start, end = place
        upright = abs(end[1] - start[1]) > abs(end[0] - start[0])
        shape = TWO_ENDS[part.kind]()
        shape = shape.label(text, loc="bottom" if upright else "top", fontsize=FONT)
        picture.add(shape.at(start).to(end))
        return
    x, y = place[0]
    for line in OUTLINES[SHAPE_OF.get(part.kind, part.kind)](part, mirrored):
        shape = elements.Element()
        shape.segments.append(line)
        picture.add(shape.at((x, y)).theta(0))
    dx, dy = TEXT_AT[SHAPE_OF.get(part.kind, part.kind)]
    picture.add(elements.Label().at((x + dx, y + dy)).label(f"{part.ref}\n{value_text(part)}", fontsize=FONT - 1))


def _lines(*paths: list[Point]) -> list[segments.Segment]:
    return [segments.Segment(list(path)) for path in paths]


def _amplifier(part: Part, mirrored: bool) -> list[segments.Segment]:
    plus = 1 if mirrored or part.kind == "comparator" else -1
    return [
        *_lines([(0, 1), (0.4, 1)], [(0, -1), (0.4, -1)], [(2.7, 0), (3, 0)], [(1.5, 1.2), (1.5, 0.85)]),
        *_lines([(0.4, 1.6), (0.4, -1.6), (2.7, 0), (0.4, 1.6)]),
        *([] if part.kind == "comparator" else _lines([(1.5, -1.2), (1.5, -0.85)])),
        *_lines([(0.55, plus), (0.85, plus)], [(0.7, plus + 0.15), (0.7, plus - 0.15)], [(0.55, -plus), (0.85, -plus)]),
    ]


def _nand(part: Part, mirrored: bool) -> list[segments.Segment]:
    arc = [(1.6, 1.2), (2.1, 1.1), (2.45, 0.7), (2.6, 0.0), (2.45, -0.7), (2.1, -1.1), (1.6, -1.2)]
    bubble = [
        (2.6, 0),
        (2.65, 0.12),
        (2.78, 0.17),
        (2.9, 0.1),
        (2.95, 0),
        (2.9, -0.1),
        (2.78, -0.17),
        (2.65, -0.12),
        (2.6, 0),
    ]
    return _lines(
        [(0, 0.75), (0.4, 0.75)], [(0, -0.75), (0.4, -0.75)], [(2.95, 0), (3, 0)], [(1.2, 1.4), (1.2, 1.2)],
        [(1.6, 1.2), (0.4, 1.2), (0.4, -1.2), (1.6, -1.2)], arc, bubble,
    )  # fmt: skip


def _switch(part: Part, mirrored: bool) -> list[segments.Segment]:
    lever = [(1.0, 0), (2.0, 0.12)] if part.kind == "switch_off" else [(1.0, 0), (1.9, 0.5)]
    return _lines(
        [(0.3, 0.9), (2.7, 0.9), (2.7, -0.9), (0.3, -0.9), (0.3, 0.9)], [(0, 0), (1.0, 0)], [(2.0, 0), (3, 0)], lever,
        [(1.5, -1.2), (1.5, -0.9)], [(1, 1.2), (1, 0.9)], [(2.2, 1.2), (2.2, 0.9)],
    )  # fmt: skip


def _pole(part: Part, mirrored: bool) -> list[segments.Segment]:
    return _lines(
        [(0, 0), (0.6, 0)], [(0.6, 0), (1.8, 0.65)], [(1.8, 0.75), (2.5, 0.75)], [(1.8, -0.75), (2.5, -0.75)],
        [(0.3, -1.2), (2.2, -1.2), (2.2, 1.2), (0.3, 1.2), (0.3, -1.2)],
        [(0.6, -1.6), (0.6, -1.2)], [(1.9, -1.6), (1.9, -1.2)],
    )  # fmt: skip


def _clamp(part: Part, mirrored: bool) -> list[segments.Segment]:
    up: list[list[Point]] = []
    for y in (0.7, -1.3):
        up += [[(-0.3, y), (0.3, y), (0, y + 0.6), (-0.3, y)], [(-0.3, y + 0.6), (0.3, y + 0.6)]]
    return _lines([(0, -2), (0, -1.3)], [(0, -0.7), (0, 0.7)], [(0, 1.3), (0, 2)], *up)


def _transistor(part: Part, mirrored: bool) -> list[segments.Segment]:
    return _lines(
        [(0, 0), (0.4, 0)], [(0.4, 0.6), (0.4, -0.6)],
        [(0.4, 0.25), (1, 0.75), (1, 1)], [(0.4, -0.25), (1, -0.75), (1, -1)],
        [(0.72, -0.72), (1, -0.75), (0.9, -0.48)],
    )  # fmt: skip


OUTLINES = {
    "amplifier": _amplifier, "comparator": _amplifier, "nand": _nand, "switch": _switch, "pole": _pole, "clamp": _clamp,
    "transistor": _transistor,
}  # fmt: skip
TEXT_AT: dict[str, Point] = {
    "amplifier": (3.0, 1.2), "comparator": (3.0, 1.2), "nand": (1.3, -0.3), "switch": (3.4, -1.5), "pole": (1.25, 1.35),
    "clamp": (1.1, 0.9), "transistor": (2.0, -0.3),
}  # fmt: skip


def _label(picture: schemdraw.Drawing, sheet: Sheet, group: list[Placed], parts: dict[str, Part]) -> None:
    """Name a group of pins, unless its wires show the whole net."""
    ref, name = group[0].pin
    net = parts[ref].pins[name]
    whole = sum(list(part.pins.values()).count(net) for part in parts.values())
    if len(group) == whole and net not in (GROUND, *RAILS, *OUTSIDE):
        return
    pin = group[-1]
    wires = [wire for wire in sheet.wires if any(on_wire(pin.at, wire) for pin in group)]
    corner = min((at for wire in wires for at in wire), key=lambda at: (-at[1], at[0]), default=pin.at)
    if wires and net in RAILS:
        pin = Placed(pin.pin, corner, "up")
    elif wires and net != GROUND:
        x, y = corner
        level = any(on_wire((x + 0.5, y), wire) for wire in wires)
        at = (x - 0.3, y + 0.22) if level else (x + 0.1, y - 0.5)  # above a level wire, beside an upright one
        picture.add(
            elements.Label().at(at).label(net, color="navy", fontsize=FONT - 1, halign="left", loc="right", ofst=0)
        )
        return
    x, y = pin.at
    dx, dy = {"left": (-TAG, 0), "right": (TAG, 0), "up": (0, TAG), "down": (0, -TAG)}[pin.side]
    if net == GROUND:
        _ground(picture, pin)
        return
    picture.add(elements.Line().at((x, y)).to((x + dx, y + dy)))
    color = "firebrick" if net in RAILS else "navy"
    text = SHOWN.get(net, net)
    gap = 0.12 + 0.1 * len(text) if dx else 0.22
    place = (x + dx + (gap if dx > 0 else -gap if dx else 0), y + dy + (gap if dy > 0 else -gap if dy else 0) - 0.12)
    picture.add(elements.Label().at(place).label(text, color=color, fontsize=FONT - 1))


def _ground(picture: schemdraw.Drawing, pin: Placed) -> None:
    x, y = pin.at
    if pin.side in ("left", "right"):
        x += TAG if pin.side == "right" else -TAG
        picture.add(elements.Line().at(pin.at).to((x, y)))
    picture.add(elements.Ground().at((x, y)).theta(0))


def _joints(sheet: Sheet, parts: dict[str, Part]) -> list[Point]:
    """Where three or more ends meet."""
    ends: dict[Point, int] = {}
    for wire in sheet.wires:
        for at in (wire[0], wire[-1]):
            ends[at] = ends.get(at, 0) + 1
    for group in groups_of(sheet, parts):
        for pin in group:
            ends[pin.at] = ends.get(pin.at, 0) + 1
    return [at for at, count in ends.items() if count + sum(2 for wire in sheet.wires if _passes(at, wire)) > 2]


def _passes(at: Point, wire: tuple[Point, ...]) -> bool:
    """Whether a wire goes through a point without ending there."""
    return at not in (wire[0], wire[-1]) and on_wire(at, wire)
