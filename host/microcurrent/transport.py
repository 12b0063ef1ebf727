"""Bytes to and from a board: a serial port (real board or virtual Pico behind a pty) or an in-process virtual Pico.

A transport moves bytes and tells time; frames are client.py's business. `now()` is the time the device lives in:
wall time for a port, emulated time in-process, so the same client runs in both.
"""

import contextlib
import errno
import os
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from .errors import NoBoardError, PortError

if TYPE_CHECKING:
    import serial

    from .bench.pico import VirtualPico

BAUD = 115200  # USB CDC ignores it; UART adapters of ESP32 boards need MicroPython's default
WRITE_TIMEOUT_S = 2
# What opening says when the path is none of a serial port.
_NOT_SERIAL = {
    errno.ENOTTY: "is no serial port",
    errno.EINVAL: "is no serial port",
    errno.EISDIR: "is a directory, no serial port",
    errno.ENXIO: "is no serial port, or its device is gone",
    errno.ENODEV: "is no serial port, or its device is gone",
}
REOPEN_POLL_S = 0.05  # a vanished port gives no event when it returns


class Transport(Protocol):
    """What the client needs of a board's link."""

    name: str

    def write(self, data: bytes) -> None:
        """Send bytes. Raises PortError."""
        ...

    def read(self, timeout_s: float) -> bytes:
        """What has arrived, as soon as anything has; b"" after `timeout_s`. Raises PortError."""
        ...

    def now(self) -> float:
        """Seconds of the time the device lives in."""
        ...

    def reopen(self, timeout_s: float) -> None:
        """Close and open again once the board is back after a reset. Raises PortError."""
        ...

    def close(self) -> None:
        """Release the port; safe to call twice."""
        ...


class SerialTransport:
    """A serial port, locked for this process. Raises NoBoardError or PortError when it cannot be opened."""

    def __init__(self, name: str, wait_s: float = 0.0) -> None:
        """`wait_s`: how long the port may take to appear; 0 opens it now or fails."""
        self.name = name
        self._port: serial.Serial | None = None
        if wait_s:
            self.reopen(wait_s)
        else:
            self._port = _open(name)

    def write(self, data: bytes) -> None:
        """Send bytes; a port that takes none for two seconds counts as lost."""
        port = self._open_port()
        try:
            port.write(data)
        except OSError as error:  # pyserial's exceptions are OSErrors
            raise self._lost(error) from None

    def read(self, timeout_s: float) -> bytes:
        """What has arrived, waiting at most `timeout_s` for the first byte."""
        port = self._open_port()
        try:
            ready, _, _ = select.select([port.fileno()], [], [], max(timeout_s, 0.0))
            if not ready:
                return b""
            data = os.read(port.fileno(), 65536)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(error) from None
        if not data:  # readable without data: the other side is gone
            raise self._lost(None)
        return data

    def now(self) -> float:
        """Wall time in seconds."""
        return time.monotonic()

    def reopen(self, timeout_s: float) -> None:
        """Wait for the port to come back after a chip reset."""
        self.close()
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._port = _open(self.name)
                return
            except (NoBoardError, PortError):
                if time.monotonic() >= deadline:
                    raise PortError(
                        f"{self.name} did not come back within {timeout_s:.0f} s after the reset; "
                        f"the output is off; unplug the board, plug it in and try again"
                    ) from None
            time.sleep(REOPEN_POLL_S)

    def close(self) -> None:
        """Release the port."""
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(OSError):
                port.close()

    def _open_port(self) -> "serial.Serial":
        if self._port is None:
            raise self._lost(None)
        return self._port

    def _lost(self, error: OSError | None) -> PortError:
        number = _number_of(error) if error else 0
        what = f"vanished ({os.strerror(number)})" if number else "vanished"
        if error is not None and "timeout" in str(error).lower():  # pyserial's own, without a number
            what = f"took no bytes for {WRITE_TIMEOUT_S} s"
        return PortError(
            f"{self.name} {what}; a running session ends by itself when its lease runs out; "
            f"check the cable, then run: microcurrent devices"
        )


def _open(name: str) -> "serial.Serial":
    import serial

    if not os.path.exists(name):
        raise NoBoardError(f"there is no port {name}; nothing was sent; list the boards with: microcurrent devices")
    try:
        return serial.Serial(name, BAUD, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
    except PermissionError:
        raise _no_permission(name) from None
    except OSError as error:
        if error.errno == errno.EACCES:  # pyserial hides the class of the error it wraps
            raise _no_permission(name) from None
        if "lock" in str(error) or error.errno == errno.EBUSY:
            raise PortBusyError(
                f"{name} is in use by another program; nothing was sent; close that program "
                f"(a running session can be stopped from here with: microcurrent stop)"
            ) from None
        raise PortError(
            f"{name} {_unfit(error)}; nothing was sent; list the boards with: microcurrent devices"
        ) from None


def _unfit(error: OSError) -> str:
    """Why a path cannot serve as a port, as the end of a sentence."""
    number = _number_of(error)
    if number in _NOT_SERIAL:
        return _NOT_SERIAL[number]
    return f"cannot be opened ({os.strerror(number)})" if number else "cannot be opened"


def _number_of(error: OSError) -> int:
    """The errno behind an error of pyserial, which wraps some errors (termios' among them) without their number."""
    behind = error.__context__
    number = error.errno or (behind.args[0] if behind is not None and behind.args else 0)
    return number if isinstance(number, int) else 0


def _no_permission(name: str) -> PortError:
    return PortError(
        f"no permission to open {name}; nothing was sent; on most Linux systems: "
        f"sudo usermod -a -G dialout $USER, then log in again"
    )


class PortBusyError(PortError):
    """Another program holds the port; commands that can go through its owner do (share.py)."""


class BenchTransport:
    """The link of an in-process virtual Pico: reading runs the emulator, and time is emulated time."""

    def __init__(self, pico: "VirtualPico", name: str = "bench") -> None:
        self.name = name
        self._pico = pico
        pico.open_port()

    def write(self, data: bytes) -> None:
        """Give bytes to the board; they arrive as the emulator runs."""
        self._pico.serial_write(data)

    def read(self, timeout_s: float) -> bytes:
        """Run until the board sent something or `timeout_s` of emulated time passed."""
        arrived = bytearray(self._pico.serial_read())
        if arrived:
            return bytes(arrived)

        def waiting() -> bool:
            arrived.extend(self._pico.serial_read())
            return not arrived

        self._pico.run_while(waiting, max(timeout_s, 0.0) * 1000)
        return bytes(arrived)

    def now(self) -> float:
        """Emulated seconds since power-on."""
        return self._pico.now_ns / 1e9

    def reopen(self, timeout_s: float) -> None:
        """Close and open the port; the emulated board is there at once, its firmware boots as time runs."""
        self.close()
        self._pico.open_port()

    def close(self) -> None:
        """Drop DTR."""
        self._pico.close_port()


# How a port's name is opened, by what stands before its first colon; anything else is a serial port.
# In-process boards add themselves here.
OPENERS: dict[str, Callable[[str], Transport]] = {}


def open_transport(name: str, wait_s: float = 0.0) -> Transport:
    """The transport that `name` stands for, waiting for the port to appear. Raises NoBoardError or PortError."""
    opener = OPENERS.get(name.split(":", 1)[0])
    return opener(name) if opener else SerialTransport(name, wait_s)
