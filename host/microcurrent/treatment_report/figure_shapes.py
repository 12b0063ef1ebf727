"""A face and a body as line drawings, and where the programme's sites lie on them.

Seen from the front: the person's left is on the right. Everything is a smooth curve through a few points, in a box of
WIDTH by HEIGHT with y downwards, so that the page and the picture draw the same lines.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 200, 250
FACE, BODY = "face", "body"
LEFT, RIGHT, MIDDLE = "left", "right", "middle"
Pair = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """A smooth curve: its first point, then cubic pieces of (control, control, end)."""

    start: Pair
    pieces: tuple[tuple[Pair, Pair, Pair], ...]
    closed: bool

    @property
    def svg(self) -> str:
        """As an SVG path."""
        parts = ["C" + " ".join(_pair(point) for point in piece) for piece in self.pieces]
        return f"M{_pair(self.start)}{''.join(parts)}{'Z' if self.closed else ''}"

    @property
    def centre(self) -> Pair:
        """The mean of its points: where a label goes."""
        ends = [piece[2] for piece in self.pieces]
        return sum(x for x, _y in ends) / len(ends), sum(y for _x, y in ends) / len(ends)


def _pair(point: Pair) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def smooth(points: Sequence[Pair], closed: bool) -> Curve:
    """A curve through the points (Catmull-Rom)."""
    count = len(points)
    last = count if closed else count - 1

    def at(index: int) -> Pair:
        return points[index % count] if closed else points[min(max(index, 0), count - 1)]

    pieces = [(_off(at(i), at(i - 1), at(i + 1)), _off(at(i + 1), at(i + 2), at(i)), at(i + 1)) for i in range(last)]
    return Curve(points[0], tuple(pieces), closed)


def _off(point: Pair, before: Pair, behind: Pair) -> Pair:
    """The control point next to `point`, in the direction from `before` to `behind`."""
    return point[0] + (behind[0] - before[0]) / 6, point[1] + (behind[1] - before[1]) / 6


def _mirrored(points: Sequence[Pair]) -> list[Pair]:
    return [(WIDTH - x, y) for x, y in points]


def _whole(half: Sequence[Pair]) -> list[Pair]:
    """A symmetric loop from its right half, which begins and ends in the middle."""
    return [*half, *reversed(_mirrored(half[1:-1]))]


def _oval(x: float, y: float, wide: float, high: float) -> list[Pair]:
    turns = [math.pi * number / 4 for number in range(8)]
    return [(x + wide * math.cos(turn), y + high * math.sin(turn)) for turn in turns]


def _both(points: Sequence[Pair], closed: bool) -> list[Curve]:
    return [smooth(points, closed), smooth(_mirrored(points), closed)]


_HEAD = [(100, 16), (138, 24), (163, 54), (169, 96), (165, 138), (154, 176), (133, 208), (114, 225), (100, 229)]
_EAR = [(169, 103), (177, 99), (181, 110), (178, 126), (171, 138), (166, 134)]
_NECK = [(134, 210), (136, 228), (150, 241), (176, 248)]
_HAIR = [(32, 92), (38, 62), (58, 42), (84, 36), (104, 44), (128, 42), (150, 54), (162, 72), (168, 92)]
_EYE = [(112, 104), (119, 99), (128, 97), (137, 99.5), (144, 104), (136, 108), (127, 109), (118, 107.5)]
_EYEBROW = [(108, 89), (118, 83.5), (132, 81.5), (149, 88)]
_NOSE = [(108, 116), (109, 134), (114, 147), (111, 155), (105, 154), (100, 158), (95, 154), (89, 155), (86, 147)]
_UPPER_LIP = [(78, 184), (90, 178.5), (96, 177), (100, 178.5), (104, 177), (110, 178.5), (122, 184)]
_LIP_LINE = [(78, 184), (90, 184), (100, 185.5), (110, 184), (122, 184)]
_LOWER_LIP = [(78, 184), (88, 191), (100, 194), (112, 191), (122, 184)]
_FACE_LINES = (
    smooth(_whole(_HEAD), True),
    *_both(_EAR, False),
    *_both(_NECK, False),
    smooth(_HAIR, False),
    *_both(_EYE, True),
    *_both(_oval(128, 103, 4.2, 4.6), True),
    *_both(_EYEBROW, False),
    smooth(_NOSE, False),
    smooth(_UPPER_LIP, False),
    smooth(_LIP_LINE, False),
    smooth(_LOWER_LIP, False),
)
_BODY_HALF = [
    (100, 40), (107, 41), (108, 47), (121, 51), (131, 56), (135, 70), (139, 92), (145, 116), (149, 134), (145, 139),
    (140, 131), (137, 116), (130, 95), (124, 76), (120, 92), (119, 106), (124, 126), (124, 152), (119, 182),
    (117, 206), (112, 230), (119, 240), (113, 243), (104, 241), (105, 226), (105, 206), (104, 182), (102, 160),
    (100, 142),
]  # fmt: skip
_BODY_LINES = (smooth(_oval(100, 25, 12, 16), True), smooth(_whole(_BODY_HALF), True))
LINES = {FACE: _FACE_LINES, BODY: _BODY_LINES}

# By site: the loop on the person's left.
_ON_FACE: dict[str, list[Pair]] = {
    "forehead": [(105, 50), (128, 49), (147, 62), (153, 77), (131, 73), (105, 79)],
    "cheek": [(123, 128), (141, 122), (156, 132), (151, 154), (136, 166), (124, 150)],
    "nasolabial": [(116, 147), (122, 151), (128, 165), (131, 180), (126, 181), (118, 165)],
    "mouth": [(102, 170), (115, 171), (128, 184), (115, 198), (102, 201)],
    "jaw": [(157, 158), (160, 164), (149, 190), (130, 211), (122, 208), (139, 188), (150, 166)],
    "chin": [(102, 205), (115, 205), (122, 212), (112, 224), (102, 227)],
    "ear": [(158, 104), (167, 107), (166, 130), (159, 146), (154, 126)],
    "brow": [(106, 86), (118, 78), (134, 76), (152, 85), (149, 92), (132, 86), (110, 93)],
    "eye_outer": [(147, 94), (158, 95), (162, 105), (157, 114), (148, 111), (151, 103)],
    "eye_under": [(111, 111), (127, 113.5), (144, 110), (143, 117), (128, 122), (112, 118)],
}
_ON_BODY: dict[str, list[Pair]] = {
    "shoulder": _oval(126, 57, 8, 7),
    "arm": _oval(131.5, 76, 5.5, 10),
    "elbow": _oval(135, 94, 6, 6),
    "wrist": _oval(142, 119, 5.5, 5),
    "hand": _oval(145, 133, 5.5, 7),
    "lower_back": _oval(108.5, 112, 7.5, 9),
    "hip": _oval(118, 129, 8, 8),
    "thigh": _oval(113, 155, 8.5, 13),
    "knee": _oval(111.5, 182, 8, 7),
    "calf": _oval(111, 206, 6.5, 11),
    "ankle": _oval(108.5, 229, 5.5, 5),
    "foot": _oval(112, 240, 8, 4.5),
}
_IN_THE_MIDDLE: dict[str, list[Pair]] = {
    "forehead": _whole([(100, 46), (116, 50), (119, 66), (100, 74)]),
    "mouth": _whole([(100, 170), (116, 171), (129, 184), (116, 198), (100, 201)]),
    "chin": _whole([(100, 204), (114, 207), (117, 217), (100, 227)]),
    "lower_back": _oval(100, 112, 15, 9),
}


def figure_of(site: str) -> str | None:
    """FACE or BODY; None for a site that neither shows."""
    return FACE if site in _ON_FACE else BODY if site in _ON_BODY else None


def zone_curves(site: str, side: str) -> list[Curve]:
    """The loops of a site on one side; in the middle both sides, where there is no middle of its own."""
    points = _ON_FACE.get(site) or _ON_BODY.get(site)
    if points is None:
        return []
    if side == LEFT:
        return [smooth(points, True)]
    if side == RIGHT:
        return [smooth(_mirrored(points), True)]
    return [smooth(_IN_THE_MIDDLE[site], True)] if site in _IN_THE_MIDDLE else _both(points, True)
