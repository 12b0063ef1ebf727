"""What a virtual Pico in a process of its own is to be. Light to import: the emulator is loaded only to run."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ServerOptions:
    """What to run. `name` makes the port's and the socket's path in the runtime directory; default: the process id.

    state: directory that keeps flash and DAC EEPROM, None for a new board. free_running: as fast as it can.
    watch_stdin: stop when stdin closes, so that nothing outlives the program that started it.
    """

    image: str
    load: str = "typical"
    area_mm2: float = 1000
    state: str | None = None
    name: str | None = None
    free_running: bool = False
    watch_stdin: bool = False
    dac_code: int = 0  # what a DAC without history powers on with; 0 V is the worst case of this stage


def as_argument(options: ServerOptions) -> str:
    """The one argument of `main`."""
    return json.dumps(asdict(options))
