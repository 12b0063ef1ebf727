"""Where the firmware keeps what a flipped bit would change: the interrupt's words, its alarm, its code."""

from firmware.hw.interrupt import rp2, word
from microcurrent.bench.pico import VirtualPico

_TIMER_INTE = 0x40054038
_VTOR = 0xE000ED08
_FIRST_IRQ = 16
_CODE_BYTES = 8192
_CODE_AT = 4  # word of the handler that vector_rp2.py makes: address of the interrupt's code
# What viper makes of loading SIO's address (movs r0, #3; lsls r0, #28; negs r0), before anything lies on the stack, and
# of a function's end.
_FIRST, _RETURN = (0x2003, 0x0700, 0x4240), 0xBDFE
_NOP = 0x46C0
_JUMP = (0x4800, 0x4700)  # ldr r0, [pc, #0]; bx r0; the address follows


class Words:
    """The words of one output in the RAM of a running board, by their names in word.py with `_` before them.

    output: 2 for the second one, which has to run.
    """

    def __init__(self, pico: VirtualPico, output: int = 1) -> None:
        self._mcu = pico.mcu
        self._base = pico.mcu.read_uint32(rp2.SIO + 4 * rp2.FIRST_WORDS)
        if output == 2:
            self._base = self["_FOLLOWING"]

    def __getitem__(self, name: str) -> int:
        value = self._mcu.read_uint32(self._base + 4 * _index(name))
        return value - (1 << 32) if value & 0x80000000 else value

    def __setitem__(self, name: str, value: int) -> None:
        self._mcu.write_uint32(self._base + 4 * _index(name), value & 0xFFFFFFFF)


def _index(name: str) -> int:
    return getattr(word, name.removeprefix("_"))


def stop_samples(pico: VirtualPico) -> None:
    """The timer's alarm 0 calls no interrupt any more."""
    pico.mcu.write_uint32(_TIMER_INTE, pico.mcu.read_uint32(_TIMER_INTE) & ~1)


def end_samples_early(pico: VirtualPico) -> None:
    """The sample interrupt returns in its middle, behind what it sends: flipped bits in its code."""
    mcu = pico.mcu
    handler = mcu.read_uint32(mcu.read_uint32(_VTOR) + 4 * _FIRST_IRQ) & ~1
    begin = mcu.read_uint32(handler + 4 * _CODE_AT) & ~1
    code = [mcu.read_uint16(at) for at in range(begin, begin + _CODE_BYTES, 2)]
    end = begin + 2 * code.index(_RETURN) - 2  # with the stack pointer's adjustment before it
    loads = [begin + 2 * at for at in range(len(code)) if tuple(code[at : at + 3]) == _FIRST]
    middle, target = loads[1], end | 1
    assert middle < end, (middle, end)
    for value in (*([_NOP] if middle % 4 else []), *_JUMP, target & 0xFFFF, target >> 16):
        mcu.write_uint16(middle, value)
        middle += 2
