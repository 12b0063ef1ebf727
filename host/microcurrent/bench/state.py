"""What a virtual Pico keeps between runs: the files in its flash and the DAC's EEPROM, in a directory."""

import fcntl
import json
import os
import time
from pathlib import Path

from ..errors import BadValueError, PortError
from .files import FILESYSTEM_OFFSET
from .flash_chip import FLASH_BYTES, TimedFlash
from .pico import VirtualPico

SAVE_EVERY_S = 0.5  # a killed process loses less than a second
_FLASH, _DAC, _LOCK = "flash.bin", "dac.json", "lock"


class StateDirectory:
    """A directory held by one virtual Pico at a time.

    Raises PortError when it cannot be used or another process holds it, BadValueError for damaged contents.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._saved: tuple[int, tuple[int, int]] | None = None
        self._due_s = 0.0
        try:
            place.mkdir(parents=True, exist_ok=True)
            self._lock = open(place / _LOCK, "w", encoding="ascii")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PortError(
                f"the state directory {place} is in use by another virtual Pico; nothing was started; "
                f"stop that one or choose another directory with --state"
            ) from None
        except OSError as error:
            raise PortError(
                f"the state directory {place} cannot be used ({error.strerror}); nothing was started; "
                f"choose another directory with --state"
            ) from None

    def dac_eeprom(self, otherwise: tuple[int, int]) -> tuple[int, int]:
        """(code, power-down bits) kept, or `otherwise` in a new directory."""
        path = self._place / _DAC
        if not path.exists():
            return otherwise
        try:
            kept = json.loads(path.read_text(encoding="ascii"))
            code, power_down = int(kept["code"]), int(kept["power_down"])
        except (OSError, ValueError, KeyError, TypeError):
            raise self._damaged(path) from None
        return code, power_down

    def restore_files(self, pico: VirtualPico) -> None:
        """Put the kept filesystem into the flash. MicroPython itself comes from the image of this run."""
        path = self._place / _FLASH
        if path.exists():
            kept = path.read_bytes()
            if len(kept) != FLASH_BYTES:
                raise self._damaged(path)
            pico.mcu.flash[FILESYSTEM_OFFSET:FLASH_BYTES] = kept[FILESYSTEM_OFFSET:]
        self._saved = self._version(pico)

    def save_if_due(self, pico: VirtualPico) -> None:
        """Save what changed, at most once per SAVE_EVERY_S. Raises OSError."""
        if time.monotonic() >= self._due_s:
            self.save(pico)
            self._due_s = time.monotonic() + SAVE_EVERY_S

    def save(self, pico: VirtualPico) -> None:
        """Save what changed, now. Raises OSError."""
        version = self._version(pico)
        if version == self._saved:
            return
        self._write(_FLASH, pico.flash_bytes())
        code, power_down = version[1]
        self._write(_DAC, json.dumps({"code": code, "power_down": power_down}).encode("ascii"))
        self._saved = version

    def close(self) -> None:
        """Let another virtual Pico have the directory."""
        self._lock.close()

    def _write(self, name: str, contents: bytes) -> None:
        fresh = self._place / f"{name}.new"
        fresh.write_bytes(contents)
        os.replace(fresh, self._place / name)

    def _version(self, pico: VirtualPico) -> tuple[int, tuple[int, int]]:
        flash = pico.mcu.ssi
        changes = flash.changes if isinstance(flash, TimedFlash) else 0
        return changes, (pico.dac.eeprom_code, pico.dac.eeprom_power_down)

    def _damaged(self, path: Path) -> BadValueError:
        return BadValueError(
            f"{path} is not what a virtual Pico saved; nothing was started; remove it to begin with an empty one"
        )
