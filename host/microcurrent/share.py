"""How a second terminal reaches a board whose port another command holds.

`run` and `monitor` lock the port and serve a Unix socket named after it. A second command (`stop`, `status`, ...)
finds the port locked, connects, and has its one request forwarded. One JSON line each way:
{"cmd": name, "args": {...}} -> {"ok": true, "data": {...}} or {"ok": false, "kind": class name, "text": sentence}.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from . import errors, paths
from .errors import MicrocurrentError, PortError

# Reading, altering within the board's limits, holding and stopping; everything else needs the port for itself.
FORWARDED = (
    "hello", "status", "change", "pause", "resume", "stop", "felt", "skip", "faults", "log", "journal", "counters",
    "config", "replay",
)  # fmt: skip
RELEASE = "release"  # asks a monitor to close the port; whoever controls a session refuses
ANSWER_TIMEOUT_S = 5.0  # ours: the owner looks at its socket ten times a second
CONNECT_PATIENCE_S = 1.5  # ours: from opening the port to serving takes a hello
RETRY_S = 0.05  # a socket that appears gives no event
READ_TIMEOUT_S = 0.5  # the request is one line that its sender wrote at once
MAX_REQUEST_BYTES = 4096


class Requester(Protocol):
    """What commands need of a device, whether they hold its port or not."""

    identity: dict

    @property
    def port(self) -> str:
        """The port's name."""
        ...

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        """The data of the device's reply."""
        ...

    def hello(self, timeout_s: float = ...) -> dict:
        """The checked identity."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def socket_path(port: str) -> Path:
    """The socket that belongs to a port. A pty's number changes at every reset, so its link's name counts there."""
    real = os.path.realpath(port)
    name = os.path.abspath(port) if real.startswith("/dev/pts/") else real
    return paths.runtime_dir() / f"port-{hashlib.sha256(name.encode()).hexdigest()[:16]}.sock"


def remove_dead() -> None:
    """Remove what killed processes left. A connection to a dead socket is refused; see _names_held for living ones."""
    with contextlib.suppress(OSError), _names_held():
        _remove_dead()


@contextlib.contextmanager
def _names_held() -> Iterator[None]:
    """While entered, nobody else makes or sweeps sockets: one that is bound but does not listen yet looks dead."""
    with open(paths.runtime_dir() / "ports.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_dead() -> None:
    for path in paths.runtime_dir().glob("port-*.sock"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(READ_TIMEOUT_S)
            if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink(missing_ok=True)


class ShareServer:
    """Serves the socket from its owner's loop, without a thread. Only the holder of the port's lock may create one."""

    def __init__(self, device: Requester, *, releasable: bool = False) -> None:
        """releasable: answer RELEASE by closing the device's port (monitors); `released` is then True."""
        self._device = device
        self._releasable = releasable
        self.released = False
        self._path = socket_path(device.port)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _names_held():
                _remove_dead()
                self._path.unlink(missing_ok=True)  # we hold the port, so whatever is left of its socket is dead
                self._socket.bind(str(self._path))
                self._socket.listen(8)
        except OSError as error:
            self._socket.close()
            raise PortError(
                f"the socket {self._path} for a second terminal cannot be made ({error.strerror or error});"
                f" nothing was started; choose another place with {paths.RUNTIME_ENV}"
            ) from None
        self._socket.setblocking(False)

    def __enter__(self) -> "ShareServer":
        return self

    def __exit__(self, *_exc: object) -> None:
        if not self.released:
            self._path.unlink(missing_ok=True)  # first: once it is closed, the name may be another's
        self._socket.close()

    def serve(self) -> None:
        """Answer every request that waits now."""
        while not self.released:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            with connection, contextlib.suppress(OSError):  # a caller that went away is no concern of the session
                connection.settimeout(READ_TIMEOUT_S)
                command, args = _parse(_read_line(connection))
                connection.sendall(json.dumps(self._answer(command, args)).encode() + b"\n")

    def _answer(self, command: str, args: dict) -> dict:
        if command == RELEASE and self._releasable:
            self._path.unlink(missing_ok=True)  # first: once the port is closed, the name is the next owner's
            self._device.close()
            self.released = True
            return {"ok": True, "data": {}}
        try:
            if command not in FORWARDED:
                raise PortError(
                    f"{self._device.port} is in use by a microcurrent that runs a session; that goes on; "
                    f"wait for its end, or run: microcurrent stop"
                )
            return {"ok": True, "data": self._device.request(command, args)}
        except MicrocurrentError as error:
            return {"ok": False, "kind": type(error).__name__, "text": str(error)}


def _parse(line: bytes) -> tuple[str, dict]:
    try:
        message = json.loads(line)
    except ValueError:
        return "", {}
    if not isinstance(message, dict):
        return "", {}
    args = message.get("args")
    return str(message.get("cmd", "")), args if isinstance(args, dict) else {}


def _read_line(connection: socket.socket) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < MAX_REQUEST_BYTES:
        chunk = connection.recv(MAX_REQUEST_BYTES)
        if not chunk:
            break
        data += chunk
    return data


class ShareClient:
    """A device reached through the process that holds its port. Raises PortError when nobody serves the socket."""

    def __init__(self, port: str) -> None:
        self._port = port
        self.identity: dict = {}
        self._path = socket_path(port)

    @property
    def port(self) -> str:
        """The port's name, for messages."""
        return self._port

    def reachable(self) -> bool:
        """True when the holder of the port serves its socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            return connection.connect_ex(str(self._path)) == 0

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        """The data of the device's reply, forwarded. Raises the error the owner met."""
        line = json.dumps({"cmd": command, "args": args or {}}).encode() + b"\n"
        answer = self._exchange(line, timeout_s or ANSWER_TIMEOUT_S)
        if answer.get("ok"):
            return answer["data"]
        kind = getattr(errors, str(answer.get("kind")), PortError)
        raise kind(str(answer.get("text")))

    def hello(self, timeout_s: float = ANSWER_TIMEOUT_S) -> dict:
        """The identity; the owner of the port has checked it."""
        self.identity = self.request("hello", timeout_s=timeout_s)
        return self.identity

    def close(self) -> None:
        """Nothing is held open between requests."""

    def _connect(self) -> socket.socket:
        """A connection; an owner that has only just opened the port gets a moment to serve its socket."""
        deadline = time.monotonic() + CONNECT_PATIENCE_S
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(self._path))
                return connection
            except OSError:
                connection.close()
                if time.monotonic() >= deadline:
                    raise
            time.sleep(RETRY_S)

    def _exchange(self, line: bytes, timeout_s: float) -> dict:
        try:
            with self._connect() as connection:
                connection.settimeout(timeout_s)
                connection.sendall(line)
                with connection.makefile("rb") as stream:
                    return json.loads(stream.readline())
        except TimeoutError:
            raise PortError(
                f"the microcurrent that holds {self._port} did not answer within {timeout_s:.0f} s; if it "
                f"hangs, end it: the device then stops by itself when its lease runs out"
            ) from None
        except (OSError, ValueError):
            raise PortError(
                f"{self._port} is in use by another program that takes no requests; nothing was sent; "
                f"close that program, or open the emergency stop to end a session"
            ) from None
