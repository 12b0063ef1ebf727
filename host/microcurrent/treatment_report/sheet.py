"""A sheet of paper to draw on: inches from its top left corner, text that is measured before it is set."""

import warnings
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from .colours import LIGHT
from .figure_shapes import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

WIDTH_IN, HEIGHT_IN = 1240 / 150, 1754 / 150  # A4 in whole pixels
DPI = 150
POINTS_PER_IN = 72
LINE = 1.32  # ours: height of a line of text, in its size
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # come with matplotlib: the same everywhere


class Sheet:
    """One page as wide as A4 and `height_in` high."""

    def __init__(self, height_in: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.height_in = height_in
        self.figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor=LIGHT["paper"])
        self._canvas = FigureCanvasAgg(self.figure)

    def text(
        self,
        x_in: float,
        y_in: float,
        text: str,
        size: float,
        colour: str = "ink",
        *,
        bold: bool = False,
        align: str = "left",
        family: str = SANS,
    ) -> None:
        """One line whose top is at y_in. Dollar signs are dollar signs."""
        self.figure.text(
            x_in / WIDTH_IN,
            1 - y_in / self.height_in,
            text,
            fontsize=size,
            color=LIGHT[colour],
            weight="bold" if bold else "normal",
            ha=align,
            va="top",
            family=family,
            parse_math=False,
        )

    def width_in(self, text: str, size: float, *, bold: bool = False, family: str = SANS) -> float:
        """How wide a text is."""
        from matplotlib.font_manager import FontProperties

        font = FontProperties(family=family, size=size, weight="bold" if bold else "normal")
        with quiet():
            wide, _high, _below = self._canvas.get_renderer().get_text_width_height_descent(text or " ", font, False)
        return wide / DPI

    def lines(self, text: str, size: float, room_in: float, *, family: str = SANS) -> list[str]:
        """The text in lines that fit; a word that is too long is cut."""
        found = [""]
        for word in text.split(" "):
            for piece in self._pieces(word, size, room_in, family):
                longer = f"{found[-1]} {piece}" if found[-1] else piece
                if self.width_in(longer, size, family=family) <= room_in:
                    found[-1] = longer
                else:
                    found.append(piece)
        return [line for line in found if line] or [""]

    def _pieces(self, word: str, size: float, room_in: float, family: str) -> list[str]:
        wide_in = self.width_in(word, size, family=family)
        if wide_in <= room_in or len(word) < 2:
            return [word]
        middle = max(1, min(len(word) - 1, int(len(word) * room_in / wide_in)))
        return [word[:middle], *self._pieces(word[middle:], size, room_in, family)]

    def shortened(self, text: str, size: float, room_in: float, *, bold: bool = False) -> str:
        """The text, its end cut away until it fits."""
        if self.width_in(text, size, bold=bold) <= room_in:
            return text
        kept = bisect(range(len(text)), room_in, key=lambda n: self.width_in(f"{text[:n]}…", size, bold=bold)) - 1
        return f"{text[: max(kept, 0)].rstrip()}…"

    def axes(self, x_in: float, y_in: float, wide_in: float, high_in: float) -> "Axes":
        """Axes whose top left corner is at (x_in, y_in)."""
        left, bottom = x_in / WIDTH_IN, 1 - (y_in + high_in) / self.height_in
        return self.figure.add_axes((left, bottom, wide_in / WIDTH_IN, high_in / self.height_in))

    def box(self, x_in: float, y_in: float, wide_in: float, high_in: float, fill: str, edge: str | None = None) -> None:
        """A rectangle, with round corners where it has an edge."""
        from matplotlib.patches import FancyBboxPatch

        axes = self.axes(x_in, y_in, wide_in, high_in)
        axes.set(xlim=(0, wide_in), ylim=(0, high_in))
        axes.axis("off")
        axes.add_patch(
            FancyBboxPatch(
                (0, 0),
                wide_in,
                high_in,
                boxstyle=f"round,pad=-0.005,rounding_size={0.05 if edge else 0.001}",
                facecolor=LIGHT[fill],
                edgecolor=LIGHT[edge] if edge else "none",
                linewidth=0.6,
                clip_on=False,
            )
        )

    def rule(self, x_in: float, y_in: float, wide_in: float, colour: str = "rule", width: float = 0.5) -> None:
        """A horizontal line."""
        from matplotlib.lines import Line2D

        y = 1 - y_in / self.height_in
        ends = (x_in / WIDTH_IN, (x_in + wide_in) / WIDTH_IN)
        self.figure.add_artist(Line2D(ends, (y, y), color=LIGHT[colour], linewidth=width))

    def png(self) -> bytes:
        """The picture. Raises nothing for characters that no font has: they are boxes."""
        out = BytesIO()
        with quiet():
            self.figure.savefig(out, format="png", dpi=DPI, metadata={"Software": "microcurrent"})
        return out.getvalue()


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of characters that the font lacks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        yield


def line_in(size: float) -> float:
    """The height of a line of text of that size in points."""
    return size * LINE / POINTS_PER_IN


def outline(curve: Curve) -> "Path":
    """A drawing's curve for matplotlib."""
    from matplotlib.path import Path

    points, codes = [curve.start], [Path.MOVETO]
    for piece in curve.pieces:
        points += piece
        codes += [Path.CURVE4] * 3
    if curve.closed:
        points.append(curve.start)
        codes.append(Path.CLOSEPOLY)
    return Path(points, codes)
