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
def raising(board: str = "rp2040_pico") -> dict[str, bytes]:
    """The main loop raises when the bench asks for it; until then it does what it does."""
    loop = f"        if machine.mem32[{_SCRATCH3}] == {RAISE_IN_LOOP}:\n"
    loop += f"            machine.mem32[{_SCRATCH3}] = 0\n            raise KeyError(1)\n"
    return changed(firmware_files(board), "app.py", _LOOP, _LOOP + loop)


def other_board() -> dict[str, bytes]:
    """board.mpy of a firmware for another board."""
    source = (_FIRMWARE.parent / "boards" / "rp2040_pico" / "board.py").read_text()
    ours, theirs = 'MACHINE = "Raspberry Pi Pico with RP2040"', 'MACHINE = "Another board"'
    assert source.count(ours) == 1
    return {"/lib/board.mpy": compiled_text(source.replace(ours, theirs), "board.py")}


# Changes that the campaign must notice: of a stage's module, or of a file of the firmware; old, new, old, new ...
_WINDOW = "    if size > s.window:\n"
_OPEN = "    sio[GPIO_OUT_CLR] = s.gates\n"
FEARED = {
    "no window": {"rp2": (_WINDOW, "    if s.window < 0:\n"), "supervision": (_WINDOW, "    if s.window < 0:\n")},
    "a window for positive current": {
        "rp2": (_WINDOW, "    if reading > s.window:\n", "judge(s, size, astray", "judge(s, reading, astray"),
    },
    "a charge limit for positive phases": {"accounts": ("if charge > s.phase_limit", "if phase_sum > s.phase_limit")},
    "a net limit for positive current": {"accounts": ("if size_of_net > (count", "if net > (count")},
    "a watch that opens the first gate": {
        "rp2": (
            "        open_gates(s)\n        if s.trip == 0:\n",
            "        sio = ptr32(SIO)\n        sio[GPIO_OUT_CLR] = s.gate_mask\n        if s.trip == 0:\n",
        ),
    },
    "an interrupt that opens the gate of its own output": {
        "rp2": (
            _OPEN + "    s.run = 0\n", "    sio[GPIO_OUT_CLR] = s.gate_mask\n    s.run = 0\n",
            "    " + _OPEN + "    return pins", "        sio[GPIO_OUT_CLR] = s.gate_mask\n    return pins",
        ),
    },
    "a second comparator on the first one's pin": {
        "hw/output_rp2.py": ("= 1 << pins.TRIPPED_PIN", "= 1 << board.TRIPPED_PIN"),
    },
    "faults that are not written down": {"core/session.py": ('self.note("fault", detail)', "pass")},
}  # fmt: skip


def feared(change: str, board: str) -> dict[str, bytes]:
    """A board's firmware with one of these changes."""
    files = firmware_files(board)
    modules = {name: places for name, places in FEARED[change].items() if name.endswith(".py")}
    for name, places in modules.items():
        files = changed(files, name, *places)
    stages = {name: places for name, places in FEARED[change].items() if name not in modules}
    return changed_stages(files, **stages) if stages else files
