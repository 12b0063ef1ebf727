"""How long a command takes on this machine against mpremote's own: only the ratios mean anything elsewhere."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from microcurrent.bench.options import BOOT_MS, ServerOptions
from microcurrent.bench.process import start_sim
from microcurrent.image.resolver import resolve_image
from microcurrent.virtual import install

RUNS = 9
OURS = (sys.executable, "-c", "from microcurrent.cli import main; main()")
MPREMOTE = (sys.executable, "-m", "mpremote")


def compared(ours: Sequence[str], peer: Sequence[str]) -> dict:
    """Medians of alternating runs in ms, and their ratio: below 1 ours is faster."""
    samples: tuple[list[float], list[float]] = [], []
    for _ in range(RUNS):
        for command, times in zip((ours, peer), samples, strict=True):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=os.environ)
            times.append((time.perf_counter() - began) * 1000)
    ours_ms, peer_ms = (statistics.median(times) for times in samples)
    return {"ours_ms": round(ours_ms), "mpremote_ms": round(peer_ms), "ratio": round(ours_ms / peer_ms, 2)}


def measured() -> dict:
    """--help; a status of a running virtual Pico against evaluating 1 on one that is at its prompt."""
    image = resolve_image()
    found = {"--help": compared([*OURS, "--help"], [*MPREMOTE, "--help"])}
    with TemporaryDirectory() as state:
        install(image, Path(state))
        served = ServerOptions(str(image.path), state=state, boot_ms=BOOT_MS)
        with start_sim(served) as ours, start_sim(ServerOptions(str(image.path))) as blank:
            status = [*OURS, "status", "--port", ours.port]
            peer = [*MPREMOTE, "connect", blank.port]
            found["status"] = compared(status, [*peer, "eval", "1"])
            found["status, mpremote without its soft reset"] = compared(status, [*peer, "resume", "eval", "1"])
    return found
