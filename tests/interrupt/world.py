"""What the stages of the interrupt touch, as plain Python: words of outputs, registers, memory, viper's pointers.

Importing this makes ptr8, ptr16 and ptr32 known to the stages, which run as they stand.
"""

import builtins
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from firmware.hw.interrupt import rp2, word

NAMES = {name.lower(): value for name, value in vars(word).items() if name.isupper() and isinstance(value, int)}
for _length in ("length", "plan_length"):
    del NAMES[_length]
I2C, TIMER, DMA, RING = 0x40044000, 0x40054000, 0x50000000, 0x20001000
SYSTICK, PENDING = 0xE000E018, 0xE000E200
_MEMORY: dict[int, object] = {}
_FREE = count(0x20010000, 0x400)  # addresses, each used once


def signed(value: int) -> int:
    """A number as 32 bits keep it."""
    return ((value + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


class Words:
    """The words of one output, by name and by index; what is stored is cut to 32 bits. All begin at 0."""

    kept: list[int]
    address: int

    def __init__(self, **values: int) -> None:
        object.__setattr__(self, "kept", [0] * word.LENGTH)
        object.__setattr__(self, "address", _place(self))
        for name, value in values.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> int:
        return self.kept[NAMES[name]]

    def __setattr__(self, name: str, value: int) -> None:
        self.kept[NAMES[name]] = signed(value)

    def __getitem__(self, index: int) -> int:
        return self.kept[index]

    def __setitem__(self, index: int, value: int) -> None:
        self.kept[index] = signed(value)

    def differing(self, before: list[int]) -> dict[str, int]:
        """{name: value} of the words that differ from a copy of `kept`."""
        names = {value: name for name, value in NAMES.items()}
        return {names[at]: now for at, (now, then) in enumerate(zip(self.kept, before, strict=True)) if now != then}


class Registers(dict[int, int]):
    """Registers of a block by index; what is written is logged in order in `written`."""

    def __init__(self, values: dict[int, int] | None = None, log: list[tuple[str, int, int]] | None = None) -> None:
        super().__init__(values or {})
        self.log = [] if log is None else log
        self.name = ""

    def __missing__(self, index: int) -> int:
        return 0

    def __setitem__(self, index: int, value: int) -> None:
        super().__setitem__(index, value)
        self.log.append((self.name, index, value))


def _place(thing: object, address: int | None = None) -> int:
    address = next(_FREE) if address is None else address
    _MEMORY[signed(address)] = thing
    return address


def placed(thing: object, address: int | None = None) -> int:
    """Put a list, words or registers into memory: their address."""
    return _place(thing, address)


def pointer(address: object) -> Any:
    """What viper's ptr8, ptr16 and ptr32 give: the thing at an address."""
    return _MEMORY[signed(address)] if isinstance(address, int) else address


for _name in ("ptr8", "ptr16", "ptr32"):
    setattr(builtins, _name, pointer)


class World:
    """A chip with the words of one or two outputs. log: every register write in order, as (block, index, value)."""

    def __init__(self, outputs: Iterable[Words]) -> None:
        _MEMORY.clear()
        self.log: list[tuple[str, int, int]] = []
        self.outputs = list(outputs)
        self.sio, self.timer = self._block("sio", rp2.SIO), self._block("timer", TIMER)
        self.pending, self.systick = self._block("pending", PENDING), self._block("systick", SYSTICK)
        self.dma = self._block("dma", DMA)
        self.i2c = [self._block(f"i2c{number}", I2C + 0x4000 * number) for number in range(len(self.outputs))]
        self.results = [2048] * 4
        _place(self.results, RING)
        for number, output in enumerate(self.outputs):
            _place(output, output.address)
            output.i2c = I2C + 0x4000 * number
            output.timer, output.dma = TIMER, DMA
            output.systick, output.pending = SYSTICK, PENDING
            output.other = self.outputs[1 - number if len(self.outputs) == 2 else 0].address
            output.history = _place([0] * 64)
        if len(self.outputs) == 2:
            self.outputs[0].following = self.outputs[1].address
        dict.__setitem__(self.dma, rp2.WRITE_ADDR, RING)
        dict.__setitem__(self.sio, rp2.FIRST_WORDS, self.outputs[0].address)

    def _block(self, name: str, address: int) -> Registers:
        made = Registers(log=self.log)
        made.name = name
        _place(made, address)
        return made


def effect(stage: Callable[..., object], s: Words, *arguments: object) -> tuple[object, dict[str, int]]:
    """What a stage returns, and {word: new value} of every word of `s` that it changed."""
    before = list(s.kept)
    result = stage(s, *arguments)
    return result, s.differing(before)
