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
_MARKS = ("", "2")  # in names of what belongs to the first and the second channel
_FLASH, _DAC, _LOCK = "flash.bin", "dac.json", "lock"


Version = tuple[int, dict[str, int]]  # (changes of the flash, what the DACs' EEPROMs hold)


class StateDirectory:
    """A directory held by one virtual Pico at a time.

    Raises PortError when it cannot be used or another process holds it, BadValueError for damaged contents.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._saved: Version | None = None
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

    def dac_eeprom(self, otherwise: tuple[int, int], channel: int = 1) -> tuple[int, int]:
        """(code, power-down bits) kept of a channel's DAC, or `otherwise` where none was there yet."""
        kept, mark = self._eeproms(), _MARKS[channel - 1]
        return kept.get(f"code{mark}", otherwise[0]), kept.get(f"power_down{mark}", otherwise[1])

    def _eeproms(self) -> dict[str, int]:
        """The file's contents; those of a second DAC are there once a board with two was. {} without a file."""
        path = self._place / _DAC
        if not path.exists():
            return {}
        try:
            kept = json.loads(path.read_text(encoding="ascii"))
            return {"code": int(kept["code"]), "power_down": int(kept["power_down"])} | {
                name: int(kept[name]) for name in ("code2", "power_down2") if name in kept
            }
        except (OSError, ValueError, KeyError, TypeError):
            raise self._damaged(path) from None

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
        self._write(_DAC, json.dumps(self._eeproms() | version[1]).encode("ascii"))
        self._saved = version

    def close(self) -> None:
        """Let another virtual Pico have the directory."""
        self._lock.close()

    def _write(self, name: str, contents: bytes) -> None:
        fresh = self._place / f"{name}.new"
        fresh.write_bytes(contents)
        os.replace(fresh, self._place / name)

    def _version(self, pico: VirtualPico) -> Version:
        flash, eeproms = pico.mcu.ssi, {}
        for output, mark in zip(pico.outputs, _MARKS, strict=False):
            eeproms[f"code{mark}"] = output.dac.eeprom_code
            eeproms[f"power_down{mark}"] = output.dac.eeprom_power_down
        return flash.changes if isinstance(flash, TimedFlash) else 0, eeproms

    def _damaged(self, path: Path) -> BadValueError:
        return BadValueError(
            f"{path} is not what a virtual Pico saved; nothing was started; remove it to begin with an empty one"
        )
