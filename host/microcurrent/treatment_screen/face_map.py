"""A face as the practitioner sees it, in braille dots, with the sites of a programme on it.

The person's left is on the right of the picture. Places are given as (x, y): x from -1 (the person's right cheekbone)
to 1, y from 0 (top of the head) to 1 (chin).
"""

import math

SITES = {
    "forehead": (0.40, 0.17),
    "brow": (0.42, 0.30),
    "eye_outer": (0.70, 0.46),
    "eye_under": (0.40, 0.525),
    "ear": (0.86, 0.54),
    "cheek": (0.62, 0.62),
    "nasolabial": (0.31, 0.69),
    "mouth": (0.34, 0.80),
    "jaw": (0.62, 0.81),
    "chin": (0.16, 0.91),
}
_SIDES = {"left": 1, "middle": 0, "right": -1}
_ASPECT = 0.72  # half of the face's width, seen as 1, over half of its height
_MARGIN = 1.16  # the ears stand out so far
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character, by row and column
_BRAILLE = 0x2800  # the character without dots
_STEPS = 200  # points of a curve: closer than dots

Point = tuple[float, float]


class FaceMap:
    """A face in `columns` x `rows` cells."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        height = 4 * rows - 1
        self._half = min((2 * columns - 1) / 2 / _MARGIN, height / 2 * _ASPECT)  # of the face's width, in dots
        self._height = self._half * 2 / _ASPECT
        self._middle = (2 * columns - 1) / 2
        self._top = (height - self._height) / 2
        self._dots = [[0] * columns for _ in range(rows)]
        for curve in _curves():
            for point in curve:
                self._set(point)

    def lines(self) -> list[str]:
        """The empty face."""
        return ["".join(chr(_BRAILLE + bits) if bits else " " for bits in row) for row in self._dots]

    def cell(self, site: str, side: str) -> tuple[int, int]:
        """(column, row) of a place."""
        x, y = SITES[site]
        across, down = self._dot((x * _SIDES[side], y))
        return min(self.columns - 1, max(0, int(across) // 2)), min(self.rows - 1, max(0, int(down) // 4))

    def patch(self, site: str, side: str, *, full: bool) -> dict[tuple[int, int], str]:
        """{(column, row): dots} of a round patch of skin around a place; every other dot where it is not full."""
        column, row = self.cell(site, side)
        middle, radius = (2 * column + 0.5, 4 * row + 1.5), max(3.5, self._half / 5)
        reach = int(radius) + 1
        bits: dict[tuple[int, int], int] = {}
        for across in range(max(0, 2 * column - reach), min(2 * self.columns, 2 * column + reach + 2)):
            for down in range(max(0, 4 * row - reach), min(4 * self.rows, 4 * row + reach + 4)):
                inside = math.hypot(across - middle[0], down - middle[1]) <= radius
                if inside and (full or (across + down) % 2):
                    cell = across // 2, down // 4
                    bits[cell] = bits.get(cell, 0) | _BITS[down % 4][across % 2]
        return {cell: chr(_BRAILLE + found) for cell, found in bits.items()}

    def _dot(self, point: Point) -> Point:
        return self._middle + point[0] * self._half, self._top + point[1] * self._height

    def _set(self, point: Point) -> None:
        across, down = (round(value) for value in self._dot(point))
        column, row = across // 2, down // 4
        if 0 <= column < self.columns and 0 <= row < self.rows:
            self._dots[row][column] |= _BITS[down % 4][across % 2]


def _curves() -> list[list[Point]]:
    """The face: outline, ears, hairline, brows, eyes, nose, mouth."""
    found = [_outline(1), _outline(-1), _arc((0.0, 0.26), (0.80, 0.20), 200, 340), _mouth(), _lip(), _nose()]
    for side in (1, -1):
        found.append(_arc((side * 0.97, 0.50), (0.13, 0.085), -100 if side > 0 else 80, 100 if side > 0 else 280))
        found.append(_arc((side * 0.41, 0.40), (0.30, 0.070), 205, 335))  # brow
        found.append(_arc((side * 0.40, 0.455), (0.20, 0.038), 180, 360))  # upper lid
        found.append(_arc((side * 0.40, 0.445), (0.20, 0.026), 20, 160))  # lower lid
        found.append(_arc((side * 0.40, 0.446), (0.055, 0.016), 0, 360))
    return found


def _outline(side: int) -> list[Point]:
    """Half of the head's outline: round above, narrower to the chin."""
    points = []
    for step in range(2 * _STEPS + 1):
        y = step / (2 * _STEPS)
        if y <= 0.45:
            x = math.sqrt(max(0.0, 1 - ((0.45 - y) / 0.45) ** 2.2))
        else:
            x = max(0.0, 1 - ((y - 0.45) / 0.55) ** 2.7) ** 0.62
        points.append((side * x * 0.98, y))
    return points


def _arc(centre: Point, radius: Point, from_deg: float, to_deg: float) -> list[Point]:
    """Part of an ellipse; 0 degrees is to the right, 90 below."""
    angles = [math.radians(from_deg + (to_deg - from_deg) * step / _STEPS) for step in range(_STEPS + 1)]
    return [(centre[0] + radius[0] * math.cos(angle), centre[1] + radius[1] * math.sin(angle)) for angle in angles]


def _nose() -> list[Point]:
    bridge = [(0.07 + 0.05 * step / _STEPS, 0.46 + 0.15 * step / _STEPS) for step in range(_STEPS + 1)]
    return bridge + _arc((0.0, 0.625), (0.16, 0.035), 0, 180)


def _mouth() -> list[Point]:
    return _arc((0.0, 0.765), (0.27, 0.018), 180, 360) + _arc((0.0, 0.77), (0.27, 0.012), 0, 180)


def _lip() -> list[Point]:
    return _arc((0.0, 0.785), (0.18, 0.032), 20, 160)
