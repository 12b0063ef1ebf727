"""python -m tests.dual.lines [FILE...]: statements and conditions that the dual cases reach on the emulated RP2040.

Each file is replaced by its instrumented form (instrument.py) and its own case module runs beside it on the real
MicroPython image. Fails on a statement that did not run and on a condition that never went one way.
"""

import sys
import tempfile
from pathlib import Path

from microcurrent.bench.pico import VirtualPico
from microcurrent.build import build_firmware
from microcurrent.image.resolver import resolve_image
from tests.dual.instrument import HITS, instrumented
from tests.support import compile_for_pico, library_files, repl

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
LIMIT_MS = 120_000  # emulated; only a hang exceeds it
FILES = {
    "firmware/core/gate.py": "case_gate",
    "firmware/core/states.py": "case_states",
    "firmware/core/supervisor.py": "case_supervisor",
    "firmware/core/session.py": "case_session",
    "firmware/core/consent.py": "case_consent",
    "firmware/core/journal.py": "case_journal",
    "firmware/shared/limits.py": "case_limits",
    "firmware/shared/rules.py": "case_limits",
}


def unreached(file: str, image: Path, firmware_files: dict[str, bytes]) -> tuple[int, list[str]]:
    """How many places there are, and those that the file's cases do not reach on the board; and cases that fail."""
    made = instrumented((ROOT / file).read_text())
    case = FILES[file]
    pico = VirtualPico(image)
    pico.install_files(
        library_files(firmware_files)
        | {"/lib/boards/rp2040_pico/board.mpy": firmware_files["/lib/board.mpy"]}
        | {f"/lib/{file.removesuffix('.py')}.mpy": compiled(made.source, Path(file).name)}
        | {"/lib/tests/dual/session_bench.mpy": compile_for_pico(FOLDER / "session_bench.py")}
        | {f"/{case}.mpy": compile_for_pico(FOLDER / "cases" / f"{case}.py")}
        | {f"/{name}.mpy": compile_for_pico(FOLDER / f"{name}.py") for name in ("runner", HITS)}
    )
    line = f"import runner, {HITS}; runner.run('{case}'); {HITS}.tell()"
    output = repl(pico, line, until="TOLD", limit_ms=LIMIT_MS)
    told = [row.partition(" ") for row in output.splitlines()]
    seen = bytes.fromhex(next(rest for word, _, rest in told if word == "SEEN"))
    assert len(made.places) <= len(seen)
    left = [place for number, place in enumerate(made.places) if not seen[number]]
    return len(made.places), left + [f"{name} fails" for word, _, name in told if word == "FAIL"]


def compiled(source: str, name: str) -> bytes:
    """The .mpy of a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(source)
        return compile_for_pico(path)


def main() -> int:
    """The exit code: 0 when everything is reached."""
    image, firmware_files = resolve_image().path, build_firmware("rp2040_pico").files
    missed = 0
    print(f"{'on MicroPython':32}{'places':>8}{'reached':>9}")
    for file in sys.argv[1:] or FILES:
        count, left = unreached(file, image, firmware_files)
        print(f"{file:32}{count:>8}{count - len(left):>9}  {', '.join(left)}".rstrip(), flush=True)
        missed += len(left)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
