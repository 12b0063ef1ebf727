"""Which boards a virtual Pico can be."""

from types import ModuleType

from ..build import board_constants, known_boards
from ..errors import BadValueError

PORT = "rp2"  # of the boards whose chip is emulated


def emulated_boards() -> list[str]:
    """Their names, sorted."""
    return [name for name in known_boards() if board_constants(name).PORT == PORT]


def emulated_board(name: str) -> ModuleType:
    """The constants of one. Raises BadValueError for a board that is none of them."""
    if name in emulated_boards():
        return board_constants(name)
    what = f"{name} has no emulator" if name in known_boards() else f"there is no board {name!r}"
    raise BadValueError(f"{what}; nothing was started; a virtual Pico can be one of: {', '.join(emulated_boards())}")
