"""The real mpremote on an in-process virtual Pico, at emulated time: an upload repeats to the instruction."""

import io
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, cast
from unittest import mock

import mpremote.main
from mpremote import transport_serial

from microcurrent import remote, transport
from microcurrent.bench.pico import VirtualPico
from microcurrent.transport import BenchTransport

PORT = "bench:0"
_READ_S = 10  # as long as mpremote itself waits


class EmulatedSerial:
    """What mpremote needs of pyserial; reading and waiting run the emulator. A dead one neither sends nor hears."""

    def __init__(self, pico: VirtualPico) -> None:
        self.pico = pico
        self.dead = False
        self.rts = self.dtr = True
        self._arrived = bytearray()
        pico.open_port()

    def isOpen(self) -> bool:
        return True

    def inWaiting(self) -> int:
        self._arrived += self.pico.serial_read()
        return len(self._arrived)

    def read(self, size: int = 1) -> bytes:
        self.pico.run_while(lambda: self.inWaiting() < size, _READ_S * 1000)
        taken = bytes(self._arrived[:size])
        del self._arrived[:size]
        return taken

    def write(self, data: bytes) -> int:
        if not self.dead:
            self.pico.serial_write(data)
        return len(data)

    def close(self) -> None:
        self.pico.close_port()

    def sleep(self, seconds: float) -> None:
        """As time.sleep(), but a byte that arrives ends it: mpremote looks for one afterwards."""
        self.pico.run_while(lambda: not self.inWaiting(), seconds * 1000)


class Lines(io.TextIOBase):
    """Standard output of mpremote: each line to `heard` as it is whole."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self.buffer = self
        self._heard = heard
        self._begun = ""

    def write(self, data: Any) -> int:
        *whole, self._begun = (self._begun + (data if isinstance(data, str) else data.decode())).split("\n")
        for line in whole:
            self._heard(line.rstrip())
        return len(data)


def _status(program: Callable[[], int]) -> int:
    try:
        return program()
    except SystemExit as ended:
        return int(ended.code or 0)


class Host:
    """Runs mpremote in this process, in the place of remote.run(). `serial`: of the run that goes on."""

    def __init__(self, pico: VirtualPico) -> None:
        self.pico = pico
        self.serial: EmulatedSerial | None = None

    def run(
        self, port: str, arguments: Sequence[str], on_line: Callable[[str], None] = lambda _text: None
    ) -> list[str]:
        """As remote.run()."""
        self.serial = serial = EmulatedSerial(self.pico)
        said: list[str] = []

        def heard(text: str) -> None:
            said.append(text)
            on_line(text)

        clock = types.SimpleNamespace(monotonic=lambda: self.pico.now_ns / 1e9, sleep=serial.sleep)
        opened = types.SimpleNamespace(serial_for_url=lambda *_given, **_named: serial, __version__="3.5")
        with (
            mock.patch.object(transport_serial, "time", clock),
            mock.patch.object(transport_serial, "serial", opened),
            mock.patch.object(sys, "argv", ["mpremote", "connect", port, *arguments]),
            mock.patch.object(sys, "stderr", cast(Any, Lines(heard))),
            redirect_stdout(cast(Any, Lines(heard))),
        ):
            failed = _status(mpremote.main.main)
        if failed:
            raise remote._failure(port, ["microcurrent-ready", *said])
        return said

    @contextmanager
    def attached(self) -> Iterator["Host"]:
        """While entered, PORT is this board for all of microcurrent."""
        with (
            mock.patch.object(remote, "run", self.run),
            mock.patch.dict(transport.OPENERS, {"bench": lambda name: BenchTransport(self.pico, name)}),
        ):
            yield self
