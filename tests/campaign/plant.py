"""A virtual Pico with our firmware and a host, and a record of the firmware's states."""

from collections.abc import Callable
from functools import cache
from random import Random
from types import ModuleType
from typing import Any

from boards.rp2040_pico import board as pico_board
from firmware.shared import protocol, settings, waveform
from microcurrent.bench.pico import STATE_SCRATCH, VirtualPico
from microcurrent.build import build_firmware
from tests import frozen

from .host import Host

ZERO_CODE = 2048
# The widest caps there are, so that the campaign meets the largest currents a user can ask for.
SETTINGS = settings.defaults() | {"profile": 1, "zone": waveform.ZONES.index("body"), "area_mm2": 1000}


@cache
def firmware_files(board: str = pico_board.BOARD) -> dict[str, bytes]:
    """What `microcurrent flash` uploads to a board."""
    return build_firmware(board).files


class Plant:
    """One board, powered on at 0 ns and not yet run. `states`: every (t_ns, state) since then, OFF after each reset.

    board: its module; options: further ones of VirtualPico.
    """

    def __init__(
        self, files: dict[str, bytes] | None = None, *, board: ModuleType = pico_board, **options: Any
    ) -> None:
        arguments: dict[str, Any] = {"dac_eeprom": (ZERO_CODE, 0), "board": board} | options
        image, beside = frozen.code(board.BOARD, files or firmware_files(board.BOARD))
        self.pico = VirtualPico(image, **arguments)
        if "flash" not in options:
            slot = settings.encode_slot(1, SETTINGS)
            self.pico.install_files(beside | {"/settings_a": slot})
        self.states: list[tuple[int, int]] = [(0, protocol.OFF)]
        self.host = Host(self.pico)
        self.began_ns = 0  # what was before is not judged
        self._watch_states()
        self.pico.on_reset.append(self._was_reset)

    @property
    def state(self) -> int:
        """The firmware's state now; after a reset OFF, until it says otherwise."""
        return self.states[-1][1]

    def wait(self, holds: Callable[[], bool], limit_ms: float) -> None:
        """Run until `holds()`, looked at with every sample. Raises AssertionError after `limit_ms`."""
        assert self.pico.run_while(lambda: not holds(), limit_ms), f"waited for {limit_ms} ms in state {self.state}"

    def boot(self) -> None:
        """Run from power-on until the firmware serves its link."""
        self.wait(lambda: self.state in (protocol.READY, protocol.FAULT), 5000)
        self.pico.run_for_ms(30)

    def lose_power(self) -> None:
        """Power fails and comes back: RAM holds chance bits, the DAC loads its EEPROM, the flash stays as it is."""
        sram = self.pico.mcu.sram
        sram[:] = Random(self.pico.now_ns).randbytes(len(sram))
        self.pico.reset("power")

    def _watch_states(self) -> None:
        watchdog = self.pico.mcu.watchdog
        if not isinstance(watchdog.scratch_data, _Scratch):
            watchdog.scratch_data = _Scratch(watchdog.scratch_data, self._entered)

    def _entered(self, state: int) -> None:
        self.states.append((self.pico.now_ns, state))

    def _was_reset(self, _cause: str) -> None:
        self.states.append((self.pico.now_ns, protocol.OFF))
        self._watch_states()


class _Scratch(list[int]):
    """The watchdog's scratch registers; tells when the state is written."""

    def __init__(self, values: list[int], entered: Callable[[int], None]) -> None:
        super().__init__(values)
        self._entered = entered

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        if index == STATE_SCRATCH:
            self._entered(value & 0xFF)
