"""The ESP32's files as the scenarios of tests/hil take a board: with a client, to be inspected and hurt."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest

from firmware.shared import settings
from microcurrent.build import build_firmware
from tests.frozen import whole
from tests.hil.conftest import DECLARED, Bench

from .bench import FAKE, VirtualEsp32
from .signatures import write_signatures
from .unix_port import UnixPortError, unix_port


@functools.cache
def modules() -> Path:
    """A directory with the fake modules and what they accept, made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="microcurrent-esp32-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(FAKE, folder, dirs_exist_ok=True)
    write_signatures(folder / "signatures.py")
    return folder


def interpreter() -> Path:
    """MicroPython's unix port; the test is skipped, with the reason, where it cannot be built for want of Debian."""
    try:
        return unix_port()
    except UnixPortError as error:
        if error.code in (3, 4):
            pytest.skip(str(error))
        raise


def made_esp32(folder: Path, files: dict[str, bytes] | None = None, **keywords: Any) -> Bench:
    """A board with our firmware that has not run yet; its settings permit what there is at most.

    folder: for its flash. files: in the place of those of the firmware, or beside them.
    """
    options: dict[str, Any] = {"dac_eeprom": (2048, 0)} | keywords
    board = VirtualEsp32(interpreter(), modules(), folder / "flash", **options)
    firmware = whole(build_firmware("esp32_devkit").files | (files or {}))
    board.install_files(firmware | {"/settings_a": settings.encode_slot(1, settings.defaults() | DECLARED)})
    return Bench(cast(Any, board), firmware)


def ended(stand: Bench) -> None:
    """End the interpreter behind a board."""
    cast(VirtualEsp32, stand.pico).close()
