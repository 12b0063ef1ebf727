"""Texts of any length and any letters, made to fit; and the colours, which never say anything alone."""

from rich.cells import cell_len, chop_cells, set_cell_size
from textual.content import Content

TEXT, FAINT, ACCENT, QUIET = "#e4e7ea", "#93a0aa", "#63c5ea", "#4a90b0"
GOOD, AMBER, RED = "#7fd08f", "#f0b64a", "#ff7b72"


def printable(text: str) -> str:
    """The text without what could move a cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def fitted(text: str, width: int, rows: int) -> list[str]:
    """At most `rows` lines of at most `width` cells; a text that goes on ends with an ellipsis."""
    if width < 1 or rows < 1:
        return []
    lines: list[str] = []
    for word in printable(text).split():
        for part in chop_cells(word, width) if cell_len(word) > width else [word]:
            if lines and cell_len(lines[-1]) + 1 + cell_len(part) <= width:
                lines[-1] += f" {part}"
            else:
                lines.append(part)
    if len(lines) > rows:
        lines = lines[:rows]
        lines[-1] = f"{set_cell_size(lines[-1], min(cell_len(lines[-1]), width - 1)).rstrip()}…"
    return lines


def spread(left: Content, right: Content, width: int) -> Content:
    """One line with something at both ends; where it is too narrow, the left end is cut."""
    room = width - right.cell_length - 1
    if room < 1:
        return left.truncate(width, ellipsis=True)
    left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * (width - left.cell_length - right.cell_length), right)


def joined(lines: list[Content]) -> Content:
    """Lines below each other."""
    return Content("\n").join(lines)


def styled(lines: list[str], style: str) -> Content:
    """Lines below each other, all alike."""
    return joined([Content.styled(line, style) for line in lines])
