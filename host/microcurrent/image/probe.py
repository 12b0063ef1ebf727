"""Run as a process by check.py: boots the image named on its command line and prints what it says of itself."""

import sys
from pathlib import Path

from ..bench.pico import VirtualPico

BOOT_MS = 600  # emulated; a whole image shows its prompt within 0.1 s, a production image stops its firmware in 0.4 s
ANSWER_MS = 300
CODE = ((0x0, 0x4000), (0x10000000, 0x11000000), (0x20000000, 0x20042000))  # ROM, flash, RAM: RP2040 data sheet, 2.2
ASK = b"import os,sys;print('<'+repr((tuple(sys.implementation.version[:3]),os.uname().machine))+'>')\r\n"


def converse(path: Path) -> str:
    """What the REPL of the booted image prints in answer to ASK; empty when there is no prompt."""
    pico = VirtualPico(path)
    heard = bytearray()

    def hear_until(mark: bytes, limit_ms: int) -> bool:
        def missing() -> bool:
            heard.extend(pico.serial_read())
            return mark not in heard and not is_lost(pico)

        pico.run_while(missing, limit_ms)
        return mark in heard

    pico.open_port()
    pico.serial_write(b"\x03\r\n")  # Ctrl-C: a production image serves its link, and leaves it for the prompt
    if not hear_until(b">>>", BOOT_MS):
        return ""
    heard.clear()
    pico.serial_write(ASK)
    hear_until(b")>\r\n", ANSWER_MS)
    return heard.decode(errors="replace")


def is_lost(pico: VirtualPico) -> bool:
    """Whether the CPU runs where no code can be: the emulator goes on there, a thousand times slower than elsewhere."""
    counter = pico.mcu.core.pc
    return not any(begin <= counter < end for begin, end in CODE)


if __name__ == "__main__":
    sys.stdout.write(converse(Path(sys.argv[1])))
