"""Virtual boards as they are at each rung, behind serial ports: `python -m tests.hil.rung_board RUNG [--bridged]`.

Prints {"port", "probe_port", "pid"} as one line, and runs until its input or it is closed. At the rung bare, the
emergency-stop input is open unless --bridged. Bare and dac hang on a USB cable; what is not there reads as an
input that floats.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from boards.rp2040_pico import board as pico_board
from firmware.shared import settings
from microcurrent.bench.options import BOOT_MS, ServerOptions
from microcurrent.bench.pico import NS_PER_MS
from microcurrent.bench.pty_port import PtyPort
from microcurrent.bench.server import SimServer
from microcurrent.image.resolver import resolve_image
from microcurrent.virtual import install
from tests.probe.pair import End, Pair

from .conftest import DECLARED
from .rungs import RUNGS

FLOATING_MV = 900  # ours: an ADC input with nothing on it settles somewhere below the middle
LOAD = "10k"


class RungServer(SimServer):
    """One board without what its rung lacks."""

    def __init__(self, options: ServerOptions, rung: str, *, bridged: bool) -> None:
        super().__init__(options)
        pico = self.pico
        pico.install_files({"/settings_a": settings.encode_slot(1, settings.defaults() | DECLARED)})
        if rung == "bare":
            pico.dac.absent = True
            if not bridged:
                pico.release_pin(pico_board.ESTOP_PIN)
        if rung in ("bare", "dac"):
            pico.fail(sense_stuck_mv=FLOATING_MV, divider_stuck_mv=FLOATING_MV)
            pico.supply_mv = FLOATING_MV * pico_board.SUPPLY_DIVIDER
            pico.drive_pin(pico_board.VBUS_PIN, 1)


class PairServer(RungServer):
    """Board and probe, in one emulated time."""

    def __init__(self, options: ServerOptions, image: Path) -> None:
        super().__init__(options, "probe", bridged=True)
        self.pair = Pair(self.pico, image)
        self.probe = _ProbeEnd(self.pair, Path(str(options.state)) / "probe")

    def advance(self) -> None:
        """Emulate what wall time has passed, at most a slice, for both."""
        now_s = time.monotonic()
        passed_ns = min((now_s - self._wall_s) * 1e9, 10 * NS_PER_MS)
        self._wall_s = now_s
        end_ns = self.pair.now_ns + passed_ns
        while self.pair.now_ns < end_ns:
            self.pair.turn()
        self.probe._serve_port()

    def _patience_s(self) -> float:
        """Neither port is waited for: both boards run all the time."""
        return 0.0

    def close(self) -> None:
        """Hang up on both ports."""
        self.probe._port.vanish()
        super().close()


class _ProbeEnd(SimServer):
    """The probe's port, served as a board's is; it has no options, no control socket and no loop of its own."""

    def __init__(self, pair: Pair, link: Path) -> None:
        end: Any = End(pair, pair.probe)
        self.pico = end
        self._port = PtyPort(link)
        self._backlog = b""
        self._busy_until_s = 0.0
        end.usb.on_device_connected = self._port.appear


def main() -> None:
    """Serve until the input is closed, or a signal."""
    parser = argparse.ArgumentParser(prog="python -m tests.hil.rung_board", description=__doc__)
    parser.add_argument("rung", choices=RUNGS)
    parser.add_argument("--bridged", action="store_true", help="the emergency-stop input is bridged to ground")
    chosen = parser.parse_args()
    found = resolve_image()
    with tempfile.TemporaryDirectory(prefix="microcurrent-rung-") as state:
        install(found, Path(state), 2048)
        options = ServerOptions(
            str(found.path), load=LOAD, state=state, name=f"rung-{os.getpid()}", watch_stdin=True, boot_ms=BOOT_MS
        )
        server = server_of(options, chosen.rung, chosen.bridged, found.path)
        server.run(_announcer(server))


def server_of(options: ServerOptions, rung: str, bridged: bool, image: Path) -> RungServer:
    """The server of a rung."""
    return PairServer(options, image) if rung == "probe" else RungServer(options, rung, bridged=bridged)


def _announcer(server: RungServer) -> Callable[[dict[str, object]], None]:
    def announce(ready: dict[str, object]) -> None:
        probe = str(server.probe._port.link) if isinstance(server, PairServer) else None
        print(json.dumps({"port": ready["port"], "probe_port": probe, "pid": ready["pid"]}), flush=True)

    return announce


if __name__ == "__main__":
    main()
