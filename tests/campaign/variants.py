"""Firmware with one line changed, for what cannot be provoked from outside, and to prove that the campaign can fail."""

from functools import cache
from pathlib import Path

from tests.support import changed, changed_stages, compiled_text

from .plant import firmware_files

_FIRMWARE = Path(__file__).parents[2] / "firmware"
RAISE_IN_LOOP = 0x10  # what the variant "raising" looks for
RAISE_SCRATCH = 3  # in this scratch register of the watchdog
_SCRATCH3 = "0x40058018"  # RP2040 data sheet 4.7.6
_LOOP = "        dog.proof(2)\n"


@cache
def raising() -> dict[str, bytes]:
    """The main loop raises when the bench asks for it; until then it does what it does."""
    loop = f"        if machine.mem32[{_SCRATCH3}] == {RAISE_IN_LOOP}:\n"
    loop += f"            machine.mem32[{_SCRATCH3}] = 0\n            raise KeyError(1)\n"
    return changed(firmware_files(), "app.py", _LOOP, _LOOP + loop)


def other_board() -> dict[str, bytes]:
    """board.mpy of a firmware for another board."""
    source = (_FIRMWARE.parent / "boards" / "rp2040_pico" / "board.py").read_text()
    ours, theirs = 'MACHINE = "Raspberry Pi Pico with RP2040"', 'MACHINE = "Another board"'
    assert source.count(ours) == 1
    return {"/lib/board.mpy": compiled_text(source.replace(ours, theirs), "board.py")}


def without_window() -> dict[str, bytes]:
    """No comparison of the measured current with its window: the campaign must notice."""
    first = ("    if size > s.window:\n", "    if s.window < 0:\n")
    return changed_stages(firmware_files(), rp2=first, supervision=first)


def without_record() -> dict[str, bytes]:
    """Faults are latched, but not written down: the campaign must notice."""
    return changed(firmware_files(), "core/session.py", 'self.note("fault", detail)', "pass")
