"""Which board a command talks to: --port, the environment, or the only board there is."""

import os
from dataclasses import dataclass

from .errors import NoBoardError

PORT_ENV = "MICROCURRENT_PORT"
SIM = "sim"  # the port name that means: start a virtual Pico for this command

# USB vendor ids (from the USB id database) of boards we know and of the UART bridges on ESP32 boards.
VENDORS = {
    0x2E8A: "Raspberry Pi Pico",
    0x303A: "Espressif ESP32",
    0x10C4: "ESP32 with CP210x bridge",
    0x1A86: "ESP32 with CH340 bridge",
}


@dataclass(frozen=True)
class Board:
    """One board found: the port to open, what it seems to be, its serial number (empty when unknown)."""

    port: str
    kind: str
    serial: str


def find_boards() -> list[Board]:
    """Boards on USB and virtual boards that run now, sorted by port."""
    from serial.tools import list_ports

    found = [
        Board(info.device, VENDORS[info.vid], info.serial_number or "")
        for info in list_ports.comports()
        if info.vid in VENDORS
    ]
    return sorted(found, key=lambda board: board.port) + virtual_boards()


def virtual_boards() -> list[Board]:
    """Running virtual Picos, sorted by name."""
    from .bench.places import running

    return [Board(str(link), "virtual Pico", link.name) for link in running()]


def named(name: str) -> str:
    """The port that a name stands for: a running virtual Pico's is known by its name alone."""
    if "/" in name or name == SIM:
        return name
    return next((board.port for board in virtual_boards() if board.serial == name), name)


def choose(given: str | None) -> str:
    """The port to use. Raises NoBoardError when there is none, or more than one and none was named."""
    name = given or os.environ.get(PORT_ENV)
    if name:
        return named(name)
    boards = find_boards()
    if len(boards) == 1:
        return boards[0].port
    if not boards:
        raise NoBoardError(
            "no board found on any port; nothing was sent; plug one in, name its port with --port, "
            "or use a virtual one with: --port sim"
        )
    listed = "\n".join(f"  {board.port}  {board.kind} {board.serial}".rstrip() for board in boards)
    raise NoBoardError(
        f"{len(boards)} boards found, and none was chosen; nothing was sent; choose one with --port "
        f"or {PORT_ENV}:\n{listed}"
    )
