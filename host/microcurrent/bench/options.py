"""What a virtual Pico in a process of its own is to be. Light to import: the emulator is loaded only to run."""

import json
from dataclasses import asdict, dataclass

DEFAULT_BOARD = "rp2040_pico"
BOOT_MS = 2300  # our firmware has proved its files and itself, and says its first line, after 2.2 s (make bench)


@dataclass(frozen=True)
class ServerOptions:
    """What to run. `name` makes the port's and the socket's path in the runtime directory; default: the process id.

    board: of boards/, as which it is wired. load2: what its second output drives, None for the same as the first.
    state: directory that keeps flash and DAC EEPROMs, None for a new board. free_running: as fast as it can.
    watch_stdin: stop when stdin closes, so that nothing outlives the program that started it. boot_ms: emulated time
    after power-on before the port is announced; BOOT_MS lets our firmware come up first, however slow the machine is.
    """

    image: str
    load: str = "typical"
    area_mm2: float = 1000
    state: str | None = None
    name: str | None = None
    free_running: bool = False
    watch_stdin: bool = False
    boot_ms: int = 0
    dac_code: int = 0  # what a DAC without history powers on with; 0 V is the worst case of this stage
    board: str = DEFAULT_BOARD
    load2: str | None = None


def as_argument(options: ServerOptions) -> str:
    """The one argument of `main`."""
    return json.dumps(asdict(options))
