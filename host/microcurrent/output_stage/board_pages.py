"""Wiring tables and pin diagrams of boards/*/README.md: `python -m microcurrent.output_stage.board_pages` writes them.

Numbers come from board.py, the file the firmware runs with; places from pins.py; texts from boards/wiring.py.
"""

import sys
import types
from html import escape
from importlib import import_module
from pathlib import Path

import boards
from boards import wiring

from ..errors import MicrocurrentError
from .markers import replaced

ROOT = Path(next(iter(boards.__path__)))
BOARDS = ("rp2040_pico", "rp2040_pico_dual", "esp32_devkit")
PICTURE = "pins.svg"
ROW, HEAD, SIDE, BODY = 26, 56, 330, 190  # of the picture, in its units
COLORS = {"analog": "#dbeafe", "output": "#fee2e2", "bus": "#dcfce7", "other": "#fef9c3"}
KIND = {
    "SENSE_PIN": "analog", "VOLTAGE_PIN": "analog", "SUPPLY_PIN": "analog", "SDA_PIN": "bus", "SCL_PIN": "bus",
    "GATE_PIN": "output", "DUMMY_PIN": "output", "TRIP_TEST_PIN": "output", "TRIPPED_PIN": "output",
    "ESTOP_PIN": "output",
}  # fmt: skip


class WiringError(MicrocurrentError):
    """A board's pins cannot be where its files say."""


def constants(name: str) -> dict[str, int]:
    """{constant: GPIO number} of a board, those of a second output and each select line included."""
    board = import_module(f"boards.{name}.board")
    second: object = board.SECOND
    found = {key: value for key, value in vars(board).items() if key.endswith("_PIN")}
    found |= {f"MUX_PINS[{index}]": pin for index, pin in enumerate(board.MUX_PINS)}
    if second is not None:
        found |= {f"SECOND.{key}": value for key, value in vars(second).items() if key.endswith("_PIN")}
    return found


def pins_of(name: str) -> types.ModuleType:
    """The board's pins.py."""
    return import_module(f"boards.{name}.pins")


def texts(name: str, constant: str) -> tuple[str, str]:
    """(goes to, note) of a constant on a board. Raises WiringError for one that nobody described."""
    plain = constant.removeprefix("SECOND.").partition("[")[0]
    if plain not in wiring.PINS:
        raise WiringError(
            f"{constant} of boards/{name}/board.py goes nowhere; nothing was written; add it to boards/wiring.py"
        )
    goes_to, _net, note = wiring.PINS[plain]
    own_to, own_note = pins_of(name).DIFFERENT.get(constant, ("", ""))
    return own_to or goes_to, own_note or note


def place_of(name: str, number: int) -> str:
    """ "GP4 (pin 6)" of a GPIO number. Raises WiringError for one that the board does not have."""
    pins = pins_of(name)
    label = f"{pins.PREFIX}{number}"
    for labels, numbers in ((pins.LEFT, pins.LEFT_NUMBERS), (pins.RIGHT, pins.RIGHT_NUMBERS)):
        if label in labels:
            return f"{label} ({numbers[labels.index(label)]})"
    if label in pins.INSIDE:
        return f"{label} (on board)"
    raise WiringError(f"{pins.NAME} has no pin {label}; nothing was written; change boards/{name}/board.py")


def table(name: str) -> str:
    """The wiring table of a board."""
    rows = ["| constant | pin | goes to | note |", "|---|---|---|---|"]
    for constant, number in constants(name).items():
        goes_to, note = texts(name, constant)
        rows.append(f"| `{constant}` | {place_of(name, number)} | {goes_to} | {note} |")
    return "\n".join(rows)


def picture(name: str) -> str:
    """The pin diagram of a board as SVG: every pin, those in use with their constant."""
    pins = pins_of(name)
    used: dict[str, list[str]] = {}
    for constant, number in constants(name).items():
        used.setdefault(f"{pins.PREFIX}{number}", []).append(constant)
    rows = max(len(pins.LEFT), len(pins.RIGHT))
    inside = [f"{label}: {', '.join(used[label])}" for label in pins.INSIDE if label in used]
    width, height = 2 * SIDE + BODY, HEAD + rows * ROW + 40 + 20 * len(inside)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<rect x="{SIDE}" y="10" width="{BODY}" height="{HEAD + rows * ROW}" rx="8" fill="#f3f4f6" stroke="#374151"/>',
        _text(SIDE + BODY / 2, 30, pins.NAME, "middle", "bold"),
        _text(SIDE + BODY / 2, 46, f"{pins.TOP} above, seen from the parts", "middle", size=10),
    ]
    for side, labels, numbers in ((-1, pins.LEFT, pins.LEFT_NUMBERS), (1, pins.RIGHT, pins.RIGHT_NUMBERS)):
        for index, (label, number) in enumerate(zip(labels, numbers, strict=True)):
            parts += _pin(side, HEAD + index * ROW + 16, label, number.rpartition(" ")[2], used.get(label, []))
    for index, line in enumerate(inside):
        parts.append(_text(SIDE + BODY / 2, HEAD + rows * ROW + 32 + 18 * index, f"on board: {line}", "middle"))
    return "\n".join([*parts, "</svg>", ""])


def _pin(side: int, y: float, label: str, number: str, names: list[str]) -> list[str]:
    edge = SIDE if side < 0 else SIDE + BODY
    anchor, inner = ("end", "start") if side < 0 else ("start", "end")
    parts = [
        f'<circle cx="{edge}" cy="{y}" r="7" fill="#fbbf24" stroke="#374151"/>',
        _text(edge, y + 3.5, number, "middle", size=8),
        _text(edge - side * 12, y + 4, label, inner),
    ]
    if not names:
        return parts
    kind = KIND.get(names[0].removeprefix("SECOND."), "other")
    text = ", ".join(names)
    length = 8.6 * len(text) + 18
    start = edge + side * 14 if side > 0 else edge - 14 - length
    parts.append(f'<rect x="{start:.0f}" y="{y - 11}" width="{length:.0f}" height="22" rx="4" fill="{COLORS[kind]}"/>')
    parts.append(_text(edge + side * 22, y + 4, text, anchor))
    return parts


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal", size: int = 13) -> str:
    bold = ' font-weight="bold"' if weight == "bold" else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}"{bold}>{escape(text)}</text>'


def page(name: str) -> str:
    """A board's README with its table as it should be. Raises WiringError, or ValueError without its markers."""
    text = (ROOT / name / "README.md").read_text()
    block = f"{table(name)}\n\n![Pins of the board]({PICTURE})"
    return replaced(text, "wiring", block)


def main() -> int:
    """Write every board's table and picture."""
    for name in BOARDS:
        (ROOT / name / "README.md").write_text(page(name))
        (ROOT / name / PICTURE).write_text(picture(name))
        sys.stdout.write(f"boards/{name}: wiring table and pin diagram written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
