"""A virtual Pico for the time of one command (`--port sim`), or the one that another command runs already.

Its flash and its DAC's EEPROM live in the data directory, so settings and commissioning stay from command to command.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths
from .bench.options import BOOT_MS, ServerOptions
from .bench.places import is_served, place_of
from .bench.process import ask, start_sim
from .connect import Wishes
from .errors import RecordError
from .image.cache import Image, as_text

NAME = "cli"  # of the virtual Pico that commands share
DEFAULT_LOAD = "typical"
NS_PER_S = 1_000_000_000
Say = Callable[[str], None]


@dataclass
class Sim:
    """A running virtual Pico: its port, its control socket, what it drives, the image it booted ({} when unknown)."""

    port: str
    control: str
    load: str
    image: dict[str, str]
    load2: str | None = None  # of a board with two outputs

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request to the control socket. Raises PortError."""
        return ask(self.control, **request)

    def now_ns(self) -> int:
        """Emulated time since its power-on."""
        return int(self.ask(do="time")["now_ns"])

    def put_load(self, name: str | None, area_mm2: int | None, channel: int = 1) -> None:
        """Change what is between a channel's electrodes, their area, or both. Raises PortError for an unknown load."""
        present = self.load if channel == 1 else self.load2 or self.load
        answer = self.ask(do="load", name=name or present, area_mm2=area_mm2, channel=channel)
        if channel == 1:
            self.load = str(answer["name"])
        else:
            self.load2 = str(answer["name"])


@contextmanager
def borrowed(wishes: Wishes, *, data_dir: str | None, say: Say) -> Iterator[Sim]:
    """A virtual Pico with our firmware, commissioned or not as it was left. It ends with the context if begun here."""
    for path in (wishes.vcd, wishes.csv):
        require_writable(path)
    link, control = place_of(NAME)
    if is_served(control):
        sim = Sim(str(link), str(control), ask(str(control), do="status")["load"], {})
        if wishes.load or wishes.area_mm2:
            sim.put_load(wishes.load, wishes.area_mm2)
        yield sim
        return
    from .image.resolver import resolve_image

    image = resolve_image(wishes.image, say)
    state = paths.make_data_dir(data_dir) / "sim"
    install(image, state)
    options = ServerOptions(
        str(image.path),
        load=wishes.load or DEFAULT_LOAD,
        area_mm2=wishes.area_mm2 or 1000,
        state=str(state),
        name=NAME,
        boot_ms=BOOT_MS,
    )
    with start_sim(options) as process:
        yield Sim(process.port, process.control, options.load, as_text(image))


def install(image: Image, state: Path, dac_code: int = 0) -> None:
    """Put the present firmware into a stopped virtual Pico whose flash holds another. Raises ImageError, PortError.

    dac_code: what the DAC of a new state directory powers on with; 0 V is the worst case of this stage.
    """
    from .bench.pico import VirtualPico
    from .bench.state import StateDirectory
    from .build import build_firmware

    wanted = build_firmware("rp2040_pico").files
    kept = StateDirectory(state)
    try:
        pico = VirtualPico(image.path, dac_eeprom=kept.dac_eeprom((dac_code, 0)))
        kept.restore_files(pico)
    finally:
        kept.close()
    held = pico.read_files()
    if all(held.get(name) == data for name, data in wanted.items()):
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
        f"kept by a virtual Pico in a process of its own (about the last three minutes of output are)"
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
