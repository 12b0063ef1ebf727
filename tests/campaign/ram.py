"""Where the firmware keeps what a flipped bit would change: the engine's words, and MicroPython's sample timer."""

import re
import struct
from functools import cache
from pathlib import Path

from microcurrent.bench.pico import VirtualPico

_ENGINE = Path(__file__).parents[2] / "firmware" / "hw" / "output_rp2.py"
_INTERP0_BASE0 = 0xD0000088  # where the engine leaves the address of its words
_SRAM = 0x20000000
_SRAM_BYTES = 264 * 1024
# machine_timer_obj_t of MicroPython 1.26, ports/rp2/machine_timer.c: mode (1: periodic), period in us as 64 bits,
# callback, hard.
_TIMER_BEGIN, _TIMER_END = struct.Struct("<IQ"), struct.Struct("<II")
_PERIODIC = 1


@cache
def _indexes() -> dict[str, int]:
    """{name: index} of the engine's words, from its source: it cannot be imported without a board."""
    found = re.findall(r"^(\w+) = const\((\d+)\)$", _ENGINE.read_text(), re.MULTILINE)
    return {name: int(index) for name, index in found}


class Words:
    """The engine's words in the RAM of a running board."""

    def __init__(self, pico: VirtualPico) -> None:
        self._mcu = pico.mcu
        self._base = pico.mcu.read_uint32(_INTERP0_BASE0)

    def __getitem__(self, name: str) -> int:
        word = self._mcu.read_uint32(self._base + 4 * _indexes()[name])
        return word - (1 << 32) if word & 0x80000000 else word

    def __setitem__(self, name: str, value: int) -> None:
        self._mcu.write_uint32(self._base + 4 * _indexes()[name], value & 0xFFFFFFFF)


class SampleTimer:
    """The object behind the sample interrupt, at an address in RAM."""

    def __init__(self, pico: VirtualPico, address: int) -> None:
        self._mcu = pico.mcu
        self._address = address

    @classmethod
    def of(cls, pico: VirtualPico) -> "SampleTimer | None":
        """That of a board, None while it has none."""
        ram = bytes(pico.mcu.sram[:_SRAM_BYTES])
        wanted = _TIMER_BEGIN.pack(_PERIODIC, Words(pico)["_PERIOD"])
        places = [match.start() for match in re.finditer(re.escape(wanted), ram)]
        places = [place for place in places if _is_timer(ram, place)]
        assert len(places) < 2, places
        return cls(pico, _SRAM + places[0]) if places else None

    def never_again(self) -> None:
        """Periodic becomes one-shot: the next expiry is the last."""
        self._mcu.write_uint32(self._address, 0)

    def set_period_us(self, period_us: int) -> None:
        """Another period from the next expiry on."""
        self._mcu.write_uint32(self._address + 4, period_us)


def _is_timer(ram: bytes, place: int) -> bool:
    callback, hard = _TIMER_END.unpack_from(ram, place + _TIMER_BEGIN.size)
    return place % 8 == 4 and _SRAM <= callback < _SRAM + _SRAM_BYTES and hard & 0xFF == 1
