"""A virtual Pico for the time of one command (`--port sim`), or the one that another command runs already.

Its flash and its DACs' EEPROMs live in the data directory, so settings and commissioning stay from command to command.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths
from .bench.options import BOOT_MS, DEFAULT_BOARD, ServerOptions
from .bench.places import is_served, place_of
from .bench.process import ask, start_sim
from .connect import Wishes
from .errors import BadValueError, ImageError, RecordError
from .image.cache import Image, as_text

NAME = "cli"  # of the virtual Pico that commands share
DEFAULT_LOAD = "typical"
NS_PER_S = 1_000_000_000
Say = Callable[[str], None]


@dataclass
class Sim:
    """A running virtual Pico: its port, its control socket, what it drives, the image it booted ({} when unknown).

    load2: what its second output drives, None for a board with one.
    """

    port: str
    control: str
    load: str
    image: dict[str, str]
    board: str = DEFAULT_BOARD
    load2: str | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request to the control socket. Raises PortError."""
        return ask(self.control, **request)

    def now_ns(self) -> int:
        """Emulated time since its power-on."""
        return int(self.ask(do="time")["now_ns"])

    def put_load(self, name: str | None, area_mm2: int | None, channel: int = 1) -> None:
        """Change what is between a channel's electrodes, their area, or both.

        Raises PortError for an unknown load, and for channel 2 of a board with one output.
        """
        kept = self.load if channel == 1 else self.load2
        answer = self.ask(do="load", name=name or kept, area_mm2=area_mm2, channel=channel)
        if channel == 1:
            self.load = str(answer["name"])
        else:
            self.load2 = str(answer["name"])


@contextmanager
def borrowed(
    wishes: Wishes, *, data_dir: str | None, say: Say, board: str | None = None, load2: str | None = None
) -> Iterator[Sim]:
    """A virtual Pico with our firmware, commissioned or not as it was left. It ends with the context if begun here.

    board: one that has an emulator, None for the one it was last, or that runs. load2: what a second output is to
    drive, None for the same as the first; the area that is wished is of both. Raises BadValueError for a board that
    has no emulator, one that runs as another, and load2 where there is one output.
    """
    for path in (wishes.vcd, wishes.csv):
        require_writable(path)
    link, control = place_of(NAME)
    if is_served(control):
        sim = _running(str(link), str(control), board)
        if wishes.load or wishes.area_mm2:
            sim.put_load(wishes.load, wishes.area_mm2)
        if load2 or (wishes.area_mm2 and sim.load2):
            sim.put_load(load2, wishes.area_mm2, 2)
        yield sim
        return
    from .bench.boards import emulated_board
    from .image.resolver import resolve_image

    state = paths.make_data_dir(data_dir) / "sim"
    image = resolve_image(wishes.image, say)
    board = board or board_of(image) or board_in(state)
    two = emulated_board(board).SECOND is not None
    install(image, state, board=board)
    options = ServerOptions(
        str(image.path),
        load=wishes.load or DEFAULT_LOAD,
        area_mm2=wishes.area_mm2 or 1000,
        state=str(state),
        name=NAME,
        boot_ms=BOOT_MS,
        board=board,
        load2=load2,
    )
    with start_sim(options) as process:
        second = (load2 or options.load) if two else None
        yield Sim(process.port, process.control, options.load, as_text(image), board, second)


def _running(port: str, control: str, board: str | None) -> Sim:
    """The one that another command runs. Raises BadValueError when it is not the board asked for."""
    status = ask(control, do="status")
    if board not in (None, status["board"]):
        raise BadValueError(
            f"the virtual Pico that another command runs is {status['board']}, not {board}; nothing was changed; "
            f"use that one, or wait for the end of the other command"
        )
    second = ask(control, do="status", channel=2)["load"] if status["channels"] == 2 else None
    return Sim(port, control, status["load"], {}, status["board"], second)


def board_in(state: Path) -> str:
    """The board whose firmware a stopped virtual Pico's state directory holds; the usual one without any."""
    from .bench.boards import emulated_boards
    from .bench.files import read_files
    from .build import MANIFEST

    try:
        named = json.loads(read_files((state / "flash.bin").read_bytes())[MANIFEST])["board"]
    except (OSError, ImageError, ValueError, KeyError, TypeError):
        return DEFAULT_BOARD
    return named if named in emulated_boards() else DEFAULT_BOARD


def board_of(image: Image) -> str | None:
    """The board that a production image is for; None for plain MicroPython. Raises ImageError."""
    from .image.seal import described_if_ours

    sealed = described_if_ours(image.path)
    return sealed.board if sealed else None


def install(image: Image, state: Path, dac_code: int = 0, board: str = DEFAULT_BOARD) -> None:
    """Put the present firmware into a stopped virtual Pico whose flash holds another.

    dac_code: what the DACs of a new state directory power on with; 0 V is the worst case of this stage. A production
    image has its firmware inside, and is left as it is.
    Raises ImageError, PortError, BadValueError for a board without an emulator, or with another's production image.
    """
    from .bench.boards import emulated_board
    from .bench.pico import VirtualPico
    from .bench.state import StateDirectory
    from .build import build_firmware
    from .signing import signed

    wiring = emulated_board(board)
    frozen_for = board_of(image)
    if frozen_for not in (None, board):
        raise BadValueError(
            f"{image.path} is a production image for {frozen_for}, the virtual Pico is wired as {board}; nothing was "
            f"started; leave --board away, or name another image"
        )
    wanted = {} if frozen_for else signed(build_firmware(board)).files
    kept = StateDirectory(state)
    try:
        first, second = [kept.dac_eeprom((dac_code, 0), channel) for channel in (1, 2)]
        pico = VirtualPico(image.path, dac_eeprom=first, dac_eeprom2=second, board=wiring)
        kept.restore_files(pico)
    finally:
        kept.close()
    held = pico.read_files()
    if wanted and all(held.get(name) == data for name, data in wanted.items()):
        return
    pico.install_files(wanted)
    changed = StateDirectory(state)
    try:
        changed.save(pico)
    finally:
        changed.close()


def written(target: str, asked_ns: int, kept_ns: int) -> str:
    """What to say of a trace file: where it is, and how much is missing at its begin. Times since power-on."""
    if kept_ns <= asked_ns:
        return f"trace written to {target}"
    return (
        f"trace written to {target}; it begins {(kept_ns - asked_ns) / NS_PER_S:.1f} s late: what was before is not "
        f"kept by a virtual Pico in a process of its own (about the last three minutes of output are; of two "
        f"outputs half of that)"
    )


def require_writable(path: str | None) -> None:
    """Raise RecordError when a file to be written after the session could not be: before current flows."""
    if path is None:
        return
    folder = Path(path).absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise RecordError(
            f"{path} cannot be written: {folder} is no directory that we may write to; nothing was started; choose "
            f"another place"
        )
