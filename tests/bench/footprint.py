"""What ours takes before the first sample: boot, memory, import, upload; and that its interrupt allocates nothing."""

from collections.abc import Callable
from pathlib import Path

from firmware.shared import protocol
from microcurrent.bench.pico import VirtualPico
from microcurrent.image.resolver import resolve_image
from tests.support import compile_for_pico, library_files, repl

from .python_on import boot, run
from .stand import MS, Stand, product_files

PROBE = Path(__file__).parents[1] / "noalloc" / "probe.py"
_IMPORT = """
import gc, time
gc.collect()
free, began = gc.mem_free(), time.ticks_us()
from firmware import app
took = time.ticks_diff(time.ticks_us(), began)
gc.collect()
print(took, free - gc.mem_free())
"""


def start() -> dict:
    """Power-on to READY, free heap before and in a session, bytes on the board."""
    stand = Stand()
    fresh = VirtualPico(resolve_image().path, dac_eeprom=(2048, 0))
    fresh.install_files(product_files())
    fresh.open_port()
    fresh.run_while(lambda: fresh.device_state != protocol.READY, 5000)
    free = stand.request("counters")["free_bytes"]
    stand.play()
    stand.hold(3000)
    return {
        "boot_to_ready_ms": round(fresh.now_ns / MS, 1),
        "free_bytes": free,
        "free_bytes_in_session": stand.request("counters")["free_bytes"],
        "upload_bytes": sum(map(len, product_files().values())),
        "upload_files": len(product_files()),
    }


def imported() -> dict:
    """Time and memory of importing the firmware at the prompt."""
    pico = VirtualPico(resolve_image().path, dac_eeprom=(2048, 0))
    pico.install_files(library_files(product_files()))
    took_us, kept = (int(word) for word in run(boot(pico), _IMPORT).split())
    return {"import_ms": round(took_us / 1000, 1), "import_bytes": kept}


def allocation() -> dict:
    """Bytes per sample of the interrupt: tests/noalloc's probe runs it with the heap locked, where one would raise."""
    pico = VirtualPico(resolve_image().path, dac_eeprom=(2048, 0))
    pico.install_files(library_files(product_files()) | {"/probe.mpy": compile_for_pico(PROBE)})
    printed = repl(pico, "import probe; probe.interrupt(); print('END')", until="END", limit_ms=20_000)
    if "PASS interrupt" not in printed:
        raise RuntimeError(f"the interrupt allocates: {printed}")
    return {"bytes_per_sample": 0}


def jobs() -> list[tuple[str, Callable[[], dict]]]:
    """(section, what measures a part of it)."""
    return [("footprint", start), ("footprint", imported), ("footprint", allocation)]
