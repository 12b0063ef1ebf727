"""What goes onto the probe: {path on the board: content}."""

from pathlib import Path

from microcurrent.build import build_firmware
from tests.support import compile_for_pico

SOURCES = Path(__file__).parent / "firmware"
MODULES = ("edges", "samples", "wires")
# Of the firmware of the board under test: frames, and the port.
SHARED = ("__init__", "hw/__init__", "hw/link", "shared/__init__", "shared/framing")


def probe_files() -> dict[str, bytes]:
    """Everything but MicroPython. Raises ImageError."""
    firmware = build_firmware("rp2040_pico").files
    files = {f"/lib/firmware/{name}.mpy": firmware[f"/lib/firmware/{name}.mpy"] for name in SHARED}
    files |= {f"/lib/probe/{name}.mpy": compile_for_pico(SOURCES / f"{name}.py") for name in MODULES}
    return files | {"/main.py": (SOURCES / "main.py").read_bytes()}
