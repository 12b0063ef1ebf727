"""The same firmware uploaded, and frozen into a production image: its start, its memory, what its interrupt costs."""

import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from firmware.shared import protocol
from microcurrent.bench.pico import VirtualPico
from microcurrent.errors import ImageError
from microcurrent.image.production import production_image
from microcurrent.image.resolver import resolve_image

from .interrupts import CYCLE_NS, interrupt_cycles
from .stand import MS, Stand, product_files

SECTION = "uploaded and frozen"
PERIOD_US = 100
INTERRUPTS = 200
RUN_MS = 1000
NOT_MODELLED = (
    "The emulator fetches from flash as fast as from RAM. On silicon frozen bytecode waits for flash cache misses, 64 "
    "cycles or so for 8 bytes; uploaded bytecode, in RAM, does not. The sample interrupt's own code is in RAM in both."
)


def measured(kind: str, image: Path, beside: dict[str, bytes]) -> dict[str, Any]:
    """One of them. beside: files that are uploaded."""
    fresh = VirtualPico(image, dac_eeprom=(2048, 0))
    fresh.install_files(beside)
    gates = 1 << fresh.board.GATE_PIN
    while not fresh.mcu.sio.gpio_output_enable & gates:
        fresh.run_until(fresh.now_ns + 1000)
    driven_ns = fresh.now_ns
    fresh.open_port()
    fresh.run_while(lambda: fresh.device_state != protocol.READY, 5000)
    stand = Stand(beside, image=image)
    free = stand.request("counters")["free_bytes"]
    stand.play(sample_us=PERIOD_US)
    costs = interrupt_cycles(stand.pico, INTERRUPTS)
    from_cycles, from_ns = stand.pico.mcu.core.cycles, stand.pico.now_ns
    stand.pico.run_for_ms(RUN_MS)
    busy = (stand.pico.mcu.core.cycles - from_cycles) * CYCLE_NS / (stand.pico.now_ns - from_ns)
    counters = stand.request("counters")
    stand.raise_if_faulty()
    return {
        "code": kind,
        "gate_driven_ms": round(driven_ns / MS, 2),
        "boot_to_ready_ms": round(fresh.now_ns / MS, 1),
        "free_bytes": free,
        "free_bytes_in_session": counters["free_bytes"],
        "interrupt_cycles": statistics.median(costs),
        "interrupt_cycles_worst": max(costs),
        "cpu_percent": round(100 * busy, 1),
        "worst_look_ms": counters["worst_look_ms"],
    }


def jobs() -> list[tuple[str, Callable[[], dict]]]:
    """(section, what measures a row of it); a machine that cannot build a production image says so and measures one."""
    both = [(SECTION, partial(measured, "uploaded", resolve_image().path, product_files()))]
    try:
        image, _sealed = production_image("rp2040_pico")
    except ImageError as error:
        sys.stderr.write(f"no figures of frozen firmware: {error}\n")
        return both
    return [*both, (SECTION, partial(measured, "frozen", image, {}))]


def markdown(found: dict[str, Any]) -> str:
    """Both beside each other for the README."""
    lines = [
        "| firmware | gate pins driven low after | power-on → READY | heap free at rest / in session "
        "| interrupt, cycles, median / worst | CPU at 10 kS/s |",
        "|---|---|---|---|---|---|",
    ]
    for row in found[SECTION]["figures"]:
        lines.append(
            f"| {row['code']} | {row['gate_driven_ms']:.1f} ms | {row['boot_to_ready_ms']:.0f} ms "
            f"| {row['free_bytes'] / 1000:.0f} / {row['free_bytes_in_session'] / 1000:.0f} kB "
            f"| {row['interrupt_cycles']:.0f} / {row['interrupt_cycles_worst']:.0f} | {row['cpu_percent']:.1f} % |"
        )
    return "\n".join(lines)
