"""The control socket of a running virtual Pico: one JSON object per line, one answer each.

{"do": name, ...} -> {"ok": true, ...} or {"ok": false, "text": sentence}. What can be asked: control_commands.py.
"""

import contextlib
import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import BadValueError, MicrocurrentError, PortError
from .control_commands import COMMANDS, Answer
from .pico import VirtualPico

MAX_LINE_BYTES = 65536
CLIENT_TIMEOUT_S = 2.0  # a client that does not read its answer is hung up on


class ControlSocket:
    """Listens at `path`. `extra`: commands of the server itself, such as stop. Raises PortError."""

    def __init__(self, path: Path, pico: VirtualPico, extra: dict[str, Callable[[], None]]) -> None:
        self.path = path
        self._pico = pico
        self._extra = extra
        self._clients: dict[socket.socket, bytearray] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.unlink(missing_ok=True)
        try:
            self._listener.bind(str(path))
        except OSError as error:
            self._listener.close()
            raise PortError(
                f"the control socket {path} cannot be made ({error.strerror or error}); nothing was started; "
                f"choose a shorter or another place"
            ) from None
        self._listener.listen(8)
        self._listener.setblocking(False)

    def sockets(self) -> list[socket.socket]:
        """What to wait for."""
        return [self._listener, *self._clients]

    def serve(self, ready: Sequence[object]) -> None:
        """Answer what has arrived on the sockets of `ready`."""
        if self._listener in ready:
            with contextlib.suppress(BlockingIOError):
                client, _ = self._listener.accept()
                client.settimeout(CLIENT_TIMEOUT_S)
                self._clients[client] = bytearray()
        for client in [client for client in self._clients if client in ready]:
            self._hear(client)

    def close(self) -> None:
        """Remove the socket, then hang up: who sees the connection end finds no name that leads nowhere."""
        self.path.unlink(missing_ok=True)
        for client in [*self._clients, self._listener]:
            client.close()
        self._clients.clear()

    def _hear(self, client: socket.socket) -> None:
        try:
            data = client.recv(MAX_LINE_BYTES)
            buffer = self._clients[client]
            buffer += data
            while b"\n" in buffer:
                line, _, rest = bytes(buffer).partition(b"\n")
                buffer[:] = rest
                client.sendall(json.dumps(self.answer(line)).encode() + b"\n")
        except OSError:
            data = b""
        if not data or len(self._clients[client]) > MAX_LINE_BYTES:
            del self._clients[client]
            client.close()

    def answer(self, line: bytes) -> Answer:
        """The answer to one line."""
        try:
            request = json.loads(line)
            name = request["do"]
            if name in self._extra:
                self._extra[name]()
                return {"ok": True}
            if name not in COMMANDS:
                raise BadValueError(
                    f"there is no command {name!r}; nothing was done; "
                    f"choose one of: {', '.join([*COMMANDS, *self._extra])}"
                )
            return {"ok": True, **COMMANDS[name](self._pico, request)}
        except MicrocurrentError as error:
            return {"ok": False, "text": str(error)}
        except (ValueError, KeyError, TypeError, OSError) as error:
            return {
                "ok": False,
                "text": f"the request failed ({error!r}); nothing was done; send one JSON object per line",
            }
