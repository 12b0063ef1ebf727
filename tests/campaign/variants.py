"""Firmware with one line changed, for what cannot be provoked from outside, and to prove that the campaign can fail."""

import tempfile
from functools import cache
from pathlib import Path

from tests.support import compile_for_pico

from .plant import firmware_files

_FIRMWARE = Path(__file__).parents[2] / "firmware"
RAISE_IN_LOOP, RAISE_IN_INTERRUPT = 0x10, 0x20  # what the variant "raising" looks for
RAISE_SCRATCH = 3  # in this scratch register of the watchdog
_SCRATCH3 = "0x40058018"  # RP2040 data sheet 4.7.6; the interrupt reaches it from the timer's base, 0x1006 words on
_LOOP = "        dog.proof(2)\n"
_INTERRUPT = "    s[_INSIDE] = 1\n"


def compiled(source: str, name: str) -> bytes:
    """The .mpy of a source text, with viper for the RP2040. name: that of its module's file under /lib."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_text(source)
        return compile_for_pico(path, name)


def changed(files: dict[str, bytes], name: str, *places: str) -> dict[str, bytes]:
    """The firmware with some places of one module changed: old, new, old, new ..."""
    source = (_FIRMWARE / name).read_text()
    for old, new in zip(places[::2], places[1::2], strict=True):
        assert source.count(old) == 1, (name, old, source.count(old))
        source = source.replace(old, new)
    path = f"/lib/firmware/{name.removesuffix('.py')}.mpy"
    assert path in files
    return files | {path: compiled(source, f"firmware/{name}")}


@cache
def raising() -> dict[str, bytes]:
    """Main loop and sample interrupt raise when the bench asks for it; until then they do what they do."""
    loop = f"        if machine.mem32[{_SCRATCH3}] == {RAISE_IN_LOOP}:\n"
    loop += f"            machine.mem32[{_SCRATCH3}] = 0\n            raise KeyError(1)\n"
    files = changed(firmware_files(), "app.py", _LOOP, _LOOP + loop)
    inside = f"    if ptr32(s[_TIMER])[0x1006] == {RAISE_IN_INTERRUPT}:\n        raise KeyError\n"
    return changed(files, "hw/output_rp2.py", _INTERRUPT, _INTERRUPT + inside)


def other_board() -> dict[str, bytes]:
    """board.mpy of a firmware for another board."""
    source = (_FIRMWARE.parent / "boards" / "rp2040_pico" / "board.py").read_text()
    ours, theirs = 'MACHINE = "Raspberry Pi Pico with RP2040"', 'MACHINE = "Another board"'
    assert source.count(ours) == 1
    return {"/lib/board.mpy": compiled(source.replace(ours, theirs), "board.py")}


def without_window() -> dict[str, bytes]:
    """No comparison of the measured current with its window: the campaign must notice."""
    first = ("sio[6] = s[_GATES]  # GPIO_OUT_CLR: no time to lose", "pass  # no time to lose")
    then = ("trip = 1  # faults.OVER_CURRENT", "trip = trip")
    return changed(firmware_files(), "hw/output_rp2.py", *first, *then)


def without_record() -> dict[str, bytes]:
    """Faults are latched, but not written down: the campaign must notice."""
    return changed(firmware_files(), "core/session.py", 'self.note("fault", detail)', "pass")
