"""Figures that can be read from two metres, made of block characters: three rows high, or five where there is room."""

SMALL_ROWS, LARGE_ROWS = 3, 5
_HEIGHT = 5  # points
# By row, three points wide; a colon and a point take one.
_GLYPHS = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", " ##", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", " # ", " # "),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    "-": ("   ", "   ", "###", "   ", "   "),
    ":": (" ", "#", " ", "#", " "),
    ".": (" ", " ", " ", " ", "#"),
    " ": (" ", " ", " ", " ", " "),
}
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def big(text: str, *, large: bool) -> list[str]:
    """The rows of a text of digits, colons, points and minus signs; anything else is left out."""
    glyphs = [_GLYPHS[letter] for letter in text if letter in _GLYPHS]
    points = [" ".join(glyph[row] for glyph in glyphs) for row in range(_HEIGHT)]
    if large:
        return ["".join("██" if point == "#" else "  " for point in row) for row in points]
    points.insert(0, " " * len(points[0]))  # stands on the lowest row, as a unit beside it does
    return [
        "".join(_HALVES[upper == "#", lower == "#"] for upper, lower in zip(*points[row : row + 2], strict=True))
        for row in range(0, len(points), 2)
    ]


def bars(values: list[float | None], top: float, rows: int) -> list[str]:
    """A bar for each value, `rows` high for `top`; None is a gap, and anything above zero is seen."""
    eighths = "▁▂▃▄▅▆▇█"
    found = []
    for row in range(rows - 1, -1, -1):
        line = ""
        for value in values:
            filled = 0 if value is None or top <= 0 else min(8 * rows, max(round(8 * rows * value / top), value > 0))
            line += " " if filled <= 8 * row else eighths[min(8, filled - 8 * row) - 1]
        found.append(line)
    return found
