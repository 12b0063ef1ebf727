"""The zone map: of a face a picture with its places on it, of a body the list of steps."""

import functools

from textual.content import Content

from firmware.shared import sites

from ..treatment_texts import place_text, remaining_text
from . import seen
from .face_map import FaceMap
from .fitting import ACCENT, AMBER, FAINT, GOOD, TEXT, joined, spread
from .layout import MAP_WIDTH_LARGE
from .seen import Seen

DONE, NOW, NEXT, SKIPPED, CUT_SHORT = "✓", "●", "○", "»", "!"
_COLOURS = {DONE: GOOD, NOW: ACCENT, NEXT: TEXT, SKIPPED: FAINT, CUT_SHORT: AMBER}
_PASSED = (DONE, SKIPPED, CUT_SHORT)


def zone_map(now: Seen, width: int, rows: int) -> Content:
    """The zone map: of a face a picture, of a body a list."""
    if rows < 1 or width < 1:
        return Content("")
    if not sites.is_face(now.current.site):
        return joined(_steps(now, width, rows))
    below = rows - 26 if rows >= 34 else 0
    picture = _picture(now, width, rows - 2 - below)
    return joined([*picture, *_key(now, width), *(_steps(now, width, below) if below > 0 else [])])


def _picture(now: Seen, width: int, rows: int) -> list[Content]:
    canvas = _canvas(width, max(rows, 1))
    cells = [[(letter, FAINT) for letter in line] for line in canvas.lines()]
    here = now.current
    full = now.how in (seen.FLOWING, seen.RAMP_UP)
    for (column, row), dots in canvas.patch(here.site, here.side, full=full).items():
        cells[row][column] = (dots, f"bold {ACCENT}")
    for (site, side), mark in _marks(now).items():
        column, row = canvas.cell(site, side)
        cells[row][column] = (mark, f"bold {_COLOURS[mark]}{' reverse' if mark == NOW else ''}")
    return [Content.assemble(*line) for line in cells]


@functools.lru_cache(maxsize=4)
def _canvas(width: int, rows: int) -> FaceMap:
    """Thousands of points, so not for every look."""
    return FaceMap(width, rows)


def _marks(now: Seen) -> dict[tuple[str, str], str]:
    """How far each place of the face is: what is still to come counts more than what was done there."""
    marks: dict[tuple[str, str], str] = {}
    for index, step in enumerate(now.programme.steps):
        if sites.is_face(step.site):
            mark = _mark(now, index)
            key = (step.site, step.side)
            before = marks.get(key)
            marks[key] = before if before == NOW or (before and mark in _PASSED) else mark
    return marks


def _mark(now: Seen, index: int) -> str:
    if index == now.index and not now.ended:
        return NOW
    ended = now.outcomes.get(index, "")
    if not ended:
        return SKIPPED if index < now.index else NEXT
    if ended in ("duration", "finished"):
        return DONE
    return CUT_SHORT if now.ended and ended != "skipped" else SKIPPED


def _key(now: Seen, width: int) -> list[Content]:
    right, left = "person's right", "person's left"
    gap = width - len(right) - len(left)
    names = f"{right}{' ' * gap}{left}" if gap > 0 else "R" + " " * (width - 2) + "L"
    found = _marks(now).values()
    words = [(DONE, "done"), (CUT_SHORT, "cut short") if CUT_SHORT in found else (NOW, "now"), (NEXT, "next")]
    words += [(SKIPPED, "skipped")] if SKIPPED in found else []
    space = " " if width >= MAP_WIDTH_LARGE or len(words) < 4 else ""
    signs = Content("  " if width >= MAP_WIDTH_LARGE or len(words) < 4 else " ").join(
        [Content.assemble((sign, f"bold {_COLOURS[sign]}"), (f"{space}{word}", FAINT)) for sign, word in words]
    )
    return [Content.styled(names, FAINT), Content.assemble(" " * max(0, (width - signs.cell_length) // 2), signs)]


def _steps(now: Seen, width: int, rows: int) -> list[Content]:
    """The steps as a list, the present one in view."""
    steps = now.programme.steps
    first = max(0, min(max(now.index, 0) - (rows - 1) // 2, len(steps) - rows))
    lines = []
    for index in range(first, min(first + rows, len(steps))):
        mark = _mark(now, index)
        name = Content.assemble(
            (f" {mark} ", f"bold {_COLOURS[mark]}"),
            (f"{index + 1:2d} {place_text(steps[index])}", f"bold {ACCENT}" if mark == NOW else _COLOURS[mark]),
        )
        word = "now" if mark == NOW else _ended_text(now, index) or remaining_text(steps[index].duration_ms)
        lines.append(spread(name, Content.styled(word, FAINT), width))
    return lines


def _ended_text(now: Seen, index: int) -> str:
    """How a step ended that did not run its time; empty for others."""
    mark = _mark(now, index)
    return {SKIPPED: "skipped", CUT_SHORT: now.outcomes.get(index, "")}.get(mark, "")
