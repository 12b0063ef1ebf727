"""Boards of tests/esp32: with the firmware, or with a program of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from microcurrent.build import build_firmware
from tests.hil.conftest import Bench

from .bench import VirtualEsp32
from .stand import ended, interpreter, made_esp32, modules

MakeStand = Callable[..., Bench]
RunProgram = Callable[..., str]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[MakeStand]:
    """Make a board with the firmware and let it boot; keywords go to VirtualEsp32."""
    made: list[Bench] = []

    def make(files: dict[str, bytes] | None = None, **keywords: Any) -> Bench:
        made.append(made_esp32(tmp_path / str(len(made)), files, **keywords))
        board = made[-1]
        board.pico.run_for_ms(2500)
        board.pico.serial_read()
        board.client.hello()
        return board

    yield make
    for each in made:
        ended(each)


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[VirtualEsp32]:
    """A chip without any file."""
    board = VirtualEsp32(interpreter(), modules(), tmp_path / "flash", dac_eeprom=(2048, 0))
    yield board
    board.close()


@pytest.fixture
def run(chip: VirtualEsp32) -> RunProgram:
    """Run a program on the chip for a time, and return what it printed."""

    def ran(source: str, ms: float = 1000) -> str:
        chip.install_files({"/main.py": source.encode()})
        chip.reset("power")
        chip.run_for_ms(ms)
        return chip.serial_read().decode()

    return ran


@pytest.fixture(scope="session")
def firmware_of_esp32() -> dict[str, bytes]:
    """What `microcurrent flash` uploads to an ESP32: device path -> content."""
    return build_firmware("esp32_devkit").files


def esp32_of(stand: Bench) -> VirtualEsp32:
    """The board behind a stand."""
    return cast(VirtualEsp32, stand.pico)
