"""A virtual Pico as a process: a serial port for people, mpremote and the command line, and a control socket.

One select loop, no threads. Emulated time keeps to wall time and never runs ahead of it; on a slow machine it lags.
"""

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TextIO

from ..errors import ImageError, MicrocurrentError
from . import places
from .boards import emulated_board
from .control import ControlSocket
from .options import ServerOptions
from .pico import NS_PER_MS, VirtualPico
from .pty_port import PtyPort
from .state import StateDirectory

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SLICE_NS = 10 * NS_PER_MS  # emulated at a stretch before input is looked at
IDLE_TICK_S = 0.005  # how late output appears, at most, when nothing was typed lately
BUSY_TICK_S = 0.001
BUSY_S = 0.05  # how long after input the short tick is kept
# What is kept of the trace; with the emulator's own 60 MB the process stays below 300 MB. Our firmware adds at most
# 1.06 MB per second of session (a sine on open electrodes): this holds the last three minutes of that, 2.7 right after
# the oldest was forgotten; of a slow square twice as much, of idleness hours; of two outputs half of all that.
HISTORY_BYTES = 200_000_000
BACKLOG_BYTES = 4096  # as much as a pty takes; beyond it the board feels the host not reading
Source = int | socket.socket | TextIO | PtyPort  # what select waits for


class SimServer:
    """Runs one virtual Pico until told to stop. Raises MicrocurrentError or OSError when it cannot start."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        name = options.name or str(os.getpid())
        self._state = StateDirectory(Path(options.state)) if options.state else None
        self.pico = _pico_of(options, self._state)
        if self._state:
            self._state.restore_files(self.pico)
        self._place_port(name)
        self.pico.on_reset.append(lambda cause: self._port.vanish())
        self.pico.usb.on_device_connected = self._enumerated
        self._plugged = True
        self._stopping = False
        self._backlog = b""
        self._busy_until_s = 0.0
        self._wall_s = time.monotonic()

    def _place_port(self, name: str) -> None:
        link, control = places.prepared(name)
        self._port = PtyPort(link)
        self._control = ControlSocket(
            control,
            self.pico,
            {
                "stop": self.stop,
                "unplug": self._unplug,
                "plug": self._plug,
            },
        )

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """End `run`; also a signal handler."""
        self._stopping = True

    def run(self, announce: Callable[[dict[str, object]], None]) -> None:
        """Run until stopped. `announce` gets {"port", "control", "pid"} once the port is there."""
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        announced = False
        try:
            self._wall_s = time.monotonic()
            while not self._stopping:
                self.advance()
                self.pico.bound(HISTORY_BYTES)
                self._serve_port()
                if self._state:
                    self._state.save_if_due(self.pico)
                if not announced and self._port.present and self.pico.now_ns >= self._options.boot_ms * NS_PER_MS:
                    announced = True
                    announce({"port": str(self._port.link), "control": str(self._control.path), "pid": os.getpid()})
                self._wait(wake)
        finally:
            signal.set_wakeup_fd(-1)
            os.close(wake)
            os.close(waker)
            self.close()

    def close(self) -> None:
        """Hang up, remove the port and the socket, save the state."""
        self._port.vanish()
        self._control.close()
        if self._state:
            self._state.save(self.pico)
            self._state.close()

    def advance(self) -> None:
        """Emulate what wall time has passed, at most a slice: what a slow machine loses is not made up for."""
        now_s = time.monotonic()
        passed_ns = (now_s - self._wall_s) * 1e9
        self._wall_s = now_s
        self.pico.run_until(self.pico.now_ns + (SLICE_NS if self._options.free_running else min(passed_ns, SLICE_NS)))

    def _serve_port(self) -> None:
        if not self._port.present:
            return
        data = self._port.read()
        is_open = bool(data) or self._port.is_open()
        if is_open != self.pico.usb.port_open:
            self._set_open(is_open)
        if data:
            self.pico.serial_write(data)
            self._busy_until_s = time.monotonic() + BUSY_S
        if is_open and len(self._backlog) < BACKLOG_BYTES:
            self._backlog += self.pico.serial_read()
        if self._backlog:
            self._backlog = self._backlog[self._port.write(self._backlog) :]

    def _set_open(self, is_open: bool) -> None:
        if is_open:
            self.pico.open_port()
            return
        self.pico.close_port()
        self._port.forget()
        self.pico.serial_read()
        self._backlog = b""

    def _wait(self, wake: int) -> None:
        waiting: list[Source] = [wake, *self._control.sockets()]
        if self._options.watch_stdin:
            waiting.append(sys.stdin)
        if self._port.present and self.pico.usb.port_open:  # a pty that nobody has open is always readable
            waiting.append(self._port)
        ready, _, _ = select.select(waiting, [], [], self._patience_s())
        if sys.stdin in ready and not os.read(sys.stdin.fileno(), 4096):
            self._stopping = True
        self._control.serve(ready)

    def _patience_s(self) -> float:
        if self._options.free_running:
            return 0.0
        return BUSY_TICK_S if time.monotonic() < self._busy_until_s else IDLE_TICK_S

    def _enumerated(self) -> None:
        if self._plugged:
            self._port.appear()

    def _unplug(self) -> None:
        """The data line is pulled; the board keeps its power, as one on a battery does."""
        self._plugged = False
        self._port.vanish()
        self._set_open(False)

    def _plug(self) -> None:
        self._plugged = True
        if not self._port.present:
            self._port.appear()


def _pico_of(options: ServerOptions, state: StateDirectory | None) -> VirtualPico:
    board = emulated_board(options.board)
    new = (options.dac_code, 0)
    first, second = [state.dac_eeprom(new, channel) if state else new for channel in (1, 2)]
    try:
        return VirtualPico(
            Path(options.image),
            load=options.load,
            load2=options.load2,
            area_mm2=options.area_mm2,
            dac_eeprom=first,
            dac_eeprom2=second,
            board=board,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(
            f"{options.image} is not a UF2 image for the RP2040 ({reason}); nothing was started; "
            f"see which images there are with: microcurrent image"
        ) from None


def run_server(options: ServerOptions, announce: Callable[[dict[str, object]], None]) -> VirtualPico:
    """Run a virtual Pico until a signal or its control socket stops it, and return it with its trace.

    Raises MicrocurrentError, OSError.
    """
    server = SimServer(options)
    before = {number: signal.signal(number, server.stop) for number in SIGNALS}
    try:
        server.run(announce)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return server.pico


def main(arguments: list[str]) -> int:
    """Run with options as one JSON object; prints one JSON line when the port is there, or when it failed."""
    try:
        run_server(ServerOptions(**json.loads(arguments[0])), lambda ready: print(json.dumps(ready), flush=True))
    except (MicrocurrentError, OSError, ValueError) as error:
        code = error.exit_code if isinstance(error, MicrocurrentError) else 1
        print(json.dumps({"error": str(error), "kind": type(error).__name__, "exit_code": code}), flush=True)
        return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
