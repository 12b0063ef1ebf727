"""python -m tests.hil.run_rungs [RUNG ...]: every rung's scenarios on a virtual board of that rung, behind a port.

What runs is what runs on a real board: the same client on a serial port, in real time. Result files go to build/rungs/;
they say that the board is virtual, and are no evidence.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .rungs import RUNGS

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build" / "rungs"
START_S = 120.0  # ours: two boards boot in 5 s, ten times as long on a busy machine
# A bare board twice: with its emergency-stop input open, and bridged to ground.
VARIANTS = (("bare", False), ("bare", True), *((rung, True) for rung in RUNGS[1:]))


@contextmanager
def board(rung: str, *, bridged: bool = True) -> Iterator[list[str]]:
    """A virtual board of a rung; pytest's options for it. Raises RuntimeError when it does not come up."""
    command = [sys.executable, "-m", "tests.hil.rung_board", rung, *(["--bridged"] if bridged else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            line = process.stdout.readline() if select.select([process.stdout], [], [], START_S)[0] else b""
            if not line:
                raise RuntimeError(f"the virtual board of the rung {rung} did not come up within {START_S:.0f} s")
            ready = json.loads(line)
            button = f"{Path(sys.executable).with_name('microcurrent')} press --port {ready['port']}"
            probe = ["--probe-port", ready["probe_port"]] if ready["probe_port"] else []
            yield ["--port", ready["port"], "--rung", rung, "--button", button, *probe]
        finally:
            process.stdin.close()  # it watches this pipe
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def run(options: Sequence[str], *more: str) -> "subprocess.CompletedProcess[str]":
    """The scenarios on a board, in a process of their own."""
    chosen = [argument for argument in more if argument.startswith("tests/")] or ["tests/hil"]
    rest = [argument for argument in more if argument not in chosen]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *chosen, *options, *rest]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every scenario of every chosen rung passed or was skipped."""
    if unknown := [name for name in arguments if name not in RUNGS]:
        print(f"there is no rung {unknown[0]!r}; nothing was run; choose of: {', '.join(RUNGS)}")
        return 2
    PLACE.mkdir(parents=True, exist_ok=True)
    failed = 0
    for rung, bridged in VARIANTS:
        if arguments and rung not in arguments:
            continue
        name = rung if bridged else f"{rung}-open"
        print(f"{name}: running", flush=True)
        with board(rung, bridged=bridged) as options:
            files = ("--result", str(PLACE / f"{name}.json"), "--record", str(PLACE / f"{name}.jsonl"))
            done = run(options, *files)
        failed += done.returncode != 0
        print(done.stdout if done.returncode else done.stdout.strip().splitlines()[-1], done.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
