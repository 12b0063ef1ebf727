"""Boots an image on the virtual Pico and asks it what it is: the only check that a file name cannot fool."""

import ast
import subprocess
import sys
from pathlib import Path

from ..errors import ImageError
from .uf2 import require_uf2

MIN_VERSION = (1, 26, 0)  # hard timers on the rp2 port appeared in 1.26
PATIENCE_S = 60.0  # wall time; the slowest emulator we know takes 5 s


def boot_and_ask(path: Path) -> tuple[str, str]:
    """(version, machine) that the booted image names. Raises ImageError when it does not boot or is too old."""
    require_uf2(path)
    answer = _conversation(path)
    version, machine = _parse(path, answer)
    shown = ".".join(str(part) for part in version)
    if version < MIN_VERSION:
        raise ImageError(
            f"{path} is MicroPython {shown}, {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer is needed (hard timers)"
        )
    if "RP2040" not in machine:
        raise ImageError(f"{path} is for {machine!r}, an image for the RP2040 is needed")
    return shown, machine


def _conversation(path: Path) -> str:
    """What the booted image answers. In a process of its own: an image that hangs the emulator must not hang us."""
    command = [sys.executable, "-m", "microcurrent.image.probe", str(path)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return ""
    return result.stdout


def _parse(path: Path, answer: str) -> tuple[tuple[int, ...], str]:
    text = answer.rpartition("<")[2].partition(">")[0]
    try:
        version, machine = ast.literal_eval(text)
        return tuple(version), str(machine)
    except (ValueError, SyntaxError, TypeError):
        raise ImageError(f"{path} does not boot to a MicroPython prompt on the virtual Pico") from None
