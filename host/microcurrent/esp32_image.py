"""An image for the ESP32, written by esptool, Espressif's own tool, in a process of its own.

Untested on an ESP32: none is within reach. What is tested is what happens where none answers.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import ImageError, PortError

CHIP = "esp32"
_OFFSET = "0x1000"  # of the second-stage boot loader, with which MicroPython's image begins: esptool's documentation
_MAGIC = 0xE9  # first byte, and the chip's number in bytes 12 and 13: esptool's "Firmware Image Format"
_CHIP_AT = 12
_ESP32 = 0
CONNECT_ATTEMPTS = 7  # esptool's default: six seconds
BAUD = 460800  # ours: what the usual USB bridges carry
_PERCENT = re.compile(r"\(?(\d{1,3})(?:\.\d+)? ?%\)?")


def require_image(path: Path) -> None:
    """Raise ImageError unless the file begins like an image for the ESP32."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}); nothing was written; check the path") from None
    if len(data) < 64 or data[0] != _MAGIC:
        raise ImageError(
            f"{path} is no image for an ESP32: it does not begin with {_MAGIC:#x}; nothing was written; a .uf2 is for "
            f"an RP2040, a .bin for an ESP32"
        )
    chip = int.from_bytes(data[_CHIP_AT : _CHIP_AT + 2], "little")
    if chip != _ESP32:
        raise ImageError(
            f"{path} is for Espressif's chip number {chip}, {_ESP32} (ESP32) is needed; nothing was written"
        )


def write(path: Path, port: str, progress: Callable[[str, int, int], None]) -> None:
    """Write the image and have esptool compare what the chip holds. Raises PortError with what it says."""
    total = path.stat().st_size
    command = [sys.executable, "-u", "-m", "esptool", "--chip", CHIP, "--port", port, "--baud", str(BAUD)]
    command += ["--connect-attempts", str(CONNECT_ATTEMPTS)]
    with subprocess.Popen(
        [*command, "write-flash", _OFFSET, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        try:
            for line in process.stdout:
                said.append(line.strip())
                found = _PERCENT.search(line) if line.lstrip().startswith("Writing") else None
                if found:
                    progress(path.name, total * min(100, int(found[1])) // 100, total)
        except BaseException:
            process.kill()
            raise
    progress(path.name, total, total)
    if process.returncode:
        raise _failure(port, said)
    if not any("verified" in line for line in said):
        raise PortError(f"esptool wrote {path} to {port} but did not verify it; write it again")


def _failure(port: str, said: list[str]) -> PortError:
    shown = [line for line in said if line and not line.startswith(("For ", "Read more"))]
    fatal = [line for line in shown if "rror" in line]
    why = (fatal or shown or ["no message"])[-1]
    why = why.removeprefix("ERROR: ").removeprefix("A fatal error occurred: ").rstrip(".")
    return PortError(
        f"esptool failed on {port}: {why}; the board may hold no whole image; "
        f"hold BOOT while it connects, check cable and port, and try again"
    )
