"""The drive that an RP2040 shows while BOOTSEL was held at its start: found, looked at, and given an image.

RP2040 data sheet 2.7.4: a USB drive named RPI-RP2 with INFO_UF2.TXT on it. The boot ROM takes a UF2's blocks as they
come and restarts with the last one, so the drive goes away by itself. It is in ROM: a board that got half an image
shows the drive again.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from .errors import FirmwareError, NoBoardError, PortError

INFO = "INFO_UF2.TXT"
NAME_ON_DRIVE = "microcurrent.uf2"
_OURS = "RPI-RP2"  # the drive's Board-ID; an RP2350's is another. From memory of boards, the data sheet names the drive
_CHUNK_BYTES = 32768  # ours: written through to the drive, then told as progress
AGAIN = "hold BOOTSEL while you plug the board in, and try again"


def find_drive(named: Path | None) -> Path:
    """The drive of the one board that waits for an image. Raises NoBoardError, FirmwareError for another chip's."""
    if named is not None:
        if not (named / INFO).is_file():
            raise NoBoardError(f"{named} is no drive of a board that waits for an image: it holds no {INFO}; {AGAIN}")
        return _checked(named)
    found = [place for place in _mounted() if _is_file(place / INFO)]
    if not found:
        raise NoBoardError(
            f"no drive of a board that waits for an image is mounted; nothing was written; {AGAIN}; where the system "
            f"mounts no drives by itself, mount it and name it with --drive"
        )
    if len(found) > 1:
        listed = ", ".join(str(place) for place in found)
        raise NoBoardError(f"{len(found)} boards wait for an image: {listed}; nothing was written; choose with --drive")
    return _checked(found[0])


def copy(data: bytes, drive: Path, progress: Callable[[str, int, int], None]) -> None:
    """Write an image to the drive. Raises PortError when it is full, refuses, or goes away before the end.

    The board restarts with the last block: what the system says of that moment is no failure, the board's answer is
    what counts.
    """
    done = 0
    try:
        with open(drive / NAME_ON_DRIVE, "wb", buffering=0) as file:
            while done < len(data):
                progress(NAME_ON_DRIVE, done, len(data))
                if not _is_file(drive / INFO):
                    raise OSError(errno.ENODEV, "the drive is gone")
                done += file.write(data[done : done + _CHUNK_BYTES])
                os.fsync(file.fileno())
    except OSError as error:
        if done < len(data):
            raise _failure(drive, error, done, len(data)) from None
    progress(NAME_ON_DRIVE, len(data), len(data))


def is_there(drive: Path) -> bool:
    """Whether the drive is still mounted."""
    return _is_file(drive / INFO)


def _failure(drive: Path, error: OSError, done: int, total: int) -> PortError:
    what = {
        errno.ENOSPC: f"the drive {drive} is full",
        errno.EROFS: f"the drive {drive} is mounted read-only",
        errno.EACCES: f"the drive {drive} may not be written to by this user",
    }.get(error.errno or 0, f"the drive {drive} went away or does not take it ({error.strerror})")
    return PortError(
        f"{what} after {done} of {total} bytes; the board holds no whole image and starts nothing; {AGAIN}"
        if done
        else f"{what}; nothing was written; {AGAIN}"
    )


def _checked(drive: Path) -> Path:
    try:
        said = (drive / INFO).read_text(errors="replace")
    except OSError as error:
        raise NoBoardError(f"{drive / INFO} cannot be read ({error.strerror}); nothing was written; {AGAIN}") from None
    if f"Board-ID: {_OURS}" not in said:
        names = [line.partition(":")[2].strip() for line in said.splitlines() if line.startswith("Board-ID:")]
        raise FirmwareError(
            f"the board behind {drive} is {names[0] if names else 'unknown'!r}, {_OURS} (an RP2040) is needed; nothing "
            f"was written; connect a Pico with an RP2040"
        )
    return drive


def _mounted() -> list[Path]:
    """Where drives are mounted: disks, so neither network nor memory file systems."""
    import psutil

    return sorted({Path(part.mountpoint) for part in psutil.disk_partitions(all=False)})


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a drive that is just being pulled
        return False
