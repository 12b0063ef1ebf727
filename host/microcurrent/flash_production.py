"""Puts a production image on a board: checks the file, copies it, and has the board say what it runs afterwards."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import bootsel, esp32_image, ports, remote
from .client import DeviceClient
from .errors import BadValueError, FirmwareError, ImageError, MicrocurrentError, PortError, VerifyError
from .flash import Progress, quiesce
from .image import seal
from .transport import open_transport

GONE_S = 20.0  # ours: the board restarts with the last block; a system under load notices late
BACK_S = 20.0  # ours: USB takes 2 s to come up, the firmware half a second
DRIVE_S = 20.0  # ours: from the request to the mounted drive
_LOOK_S = 0.2
_HELLO_S = 3.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Flashed:
    """What was done: port where the board came back, and what it said of itself."""

    port: str
    image: str
    board: str
    manifest: str
    identity: dict


def flash_production(
    image: Path, *, port: str | None, drive: Path | None, board: str | None, say: Say, progress: Progress
) -> Flashed:
    """Bring `image` onto a board and wait until it runs it. Raises what is in errors.py.

    image: a .uf2 for an RP2040, a .bin for an ESP32. port: the running board, which is asked to take an image, and
    where it comes back; None for one that shows its drive already, and for whatever port it comes back on.
    drive: the drive, None to look for it. board: for which the image must be, None for the one that is running.
    """
    if port == ports.SIM:
        raise BadValueError(
            "a virtual Pico shows no drive; nothing was written; boot an image with: microcurrent sim --image IMAGE.uf2"
        )
    if image.suffix.lower() == ".bin":
        return _flash_esp32(image, port, say, progress)
    sealed = seal.described(image)
    _require_board(sealed.board, board, image)
    known = {found.port for found in ports.find_boards()}
    if port is not None and drive is None:
        known.discard(port)
        _enter_bootsel(port, sealed, say)
        drive = _wait_for_drive(say)
    else:
        drive = bootsel.find_drive(drive)
    say(f"copying {image} to {drive}")
    bootsel.copy(image.read_bytes(), drive, progress)
    say("waiting for the board to restart")
    _wait_until_gone(drive)
    found, identity = _back(port, known, sealed)
    return Flashed(found, str(image), sealed.board, sealed.manifest, identity)


def _require_board(sealed: str, wanted: str | None, image: Path) -> None:
    if wanted is not None and wanted != sealed:
        raise FirmwareError(
            f"{image} is for {sealed}, not for {wanted}; nothing was written; build the other one with: microcurrent "
            f"image --production --board {wanted}"
        )


def _enter_bootsel(port: str, sealed: seal.Production, say: Say) -> None:
    """Have a running board show its drive; one of another kind, or with a newer firmware, is refused first."""

    def fits(identity: dict, port: str) -> None:
        if identity.get("board") not in (None, sealed.board):
            raise FirmwareError(
                f"the board on {port} runs the firmware of {identity['board']}, the image is for {sealed.board}; it "
                f"goes on, nothing was written; if it is wired as {sealed.board} now, leave --port away and hold "
                f"BOOTSEL while you plug it in"
            )
        running = identity.get("number", 0)
        if isinstance(running, int) and running > sealed.number:
            raise FirmwareError(
                f"the image is {sealed.firmware} with number {sealed.number}, the board on {port} runs number "
                f"{running} and would refuse output under a lower one; it goes on, nothing was written; build an "
                f"image of the present firmware with: microcurrent image --production"
            )

    say(f"asking the board on {port} to take an image")
    quiesce(port, fits)
    remote.enter_bootloader(port)


def _wait_for_drive(say: Say) -> Path:
    say("waiting for its drive")
    deadline = time.monotonic() + DRIVE_S
    while True:
        try:
            return bootsel.find_drive(None)
        except MicrocurrentError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_LOOK_S)


def _wait_until_gone(drive: Path) -> None:
    """The boot ROM restarts the board once it has every block. Raises VerifyError when it does not."""
    deadline = time.monotonic() + GONE_S
    while bootsel.is_there(drive):
        if time.monotonic() >= deadline:
            raise VerifyError(
                f"the drive {drive} is still there {GONE_S:.0f} s after the last byte: the board has not taken the "
                f"image; {bootsel.AGAIN}"
            )
        time.sleep(_LOOK_S)


def _back(port: str | None, known: set[str], sealed: seal.Production) -> tuple[str, dict]:
    """(port, identity) of the board that came back with the image. Raises PortError, VerifyError."""
    deadline = time.monotonic() + BACK_S
    while time.monotonic() < deadline:
        candidates = [port] if port else [found.port for found in ports.find_boards() if found.port not in known]
        for name in candidates:
            identity = _hello(name)
            if identity is not None:
                _require_image(name, identity, sealed)
                return name, identity
        time.sleep(_LOOK_S)
    where = f"on {port}" if port else "on any new port"
    raise PortError(
        f"the image was copied, but no board answered {where} within {BACK_S:.0f} s; its output is off until its "
        f"self-test has passed; plug it in again, then compare the manifest {sealed.manifest} with: microcurrent status"
    )


def _hello(port: str) -> dict | None:
    """What the firmware on a port says, None while it says nothing. Raises VerifyError for a prompt instead of it."""
    try:
        with DeviceClient(open_transport(port)) as client:
            try:
                return client.hello(_HELLO_S)
            except FirmwareError:
                if client.identity:
                    return client.identity  # it answers, in another version of the protocol
                if not client.at_prompt:
                    return None
    except PortError:
        return None
    raise VerifyError(
        f"the board on {port} came back with a MicroPython prompt and no firmware; the output is off; write the image "
        f"again: {bootsel.AGAIN}"
    )


def _require_image(port: str, identity: dict, sealed: seal.Production) -> None:
    held = (identity.get("image", "uploaded"), identity.get("board"), identity.get("manifest"))
    wanted = ("frozen", sealed.board, sealed.manifest)
    if held != wanted:
        raise VerifyError(
            f"the board on {port} runs {held[0]} firmware of {held[1]} with manifest {held[2]}; the image holds "
            f"{wanted[1]} with {wanted[2]}; {bootsel.AGAIN}"
        )


def _flash_esp32(image: Path, port: str | None, say: Say, progress: Progress) -> Flashed:
    esp32_image.require_image(image)
    if port is None:
        raise BadValueError("an ESP32 shows no drive; nothing was written; name its port with --port")
    say(f"writing {image} with esptool")
    esp32_image.write(image, port, progress)
    say("waiting for the board to restart")
    deadline = time.monotonic() + BACK_S
    while time.monotonic() < deadline:
        identity = _hello(port)
        if identity is not None:
            if identity.get("image") != "frozen":
                raise ImageError(
                    f"the image is on the board at {port}, but the firmware that answers comes from its files; "
                    f"remove them, or build the image with the firmware frozen into it"
                )
            return Flashed(port, str(image), str(identity["board"]), str(identity["manifest"]), identity)
        time.sleep(_LOOK_S)
    raise PortError(
        f"esptool has written and verified the image, but no firmware answered on {port} within {BACK_S:.0f} s; the "
        f"output is off; reset the board, then run: microcurrent status --port {port}"
    )
