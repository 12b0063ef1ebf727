"""The control socket of a running virtual Pico: one JSON object per line, one answer each.

{"do": name, ...} -> {"ok": true, ...} or {"ok": false, "text": sentence}. Answers about the past carry "kept_from_ns":
what was before it is not kept, and is left out of them.
"""

import contextlib
import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import BadValueError, MicrocurrentError, PortError
from .pico import VirtualPico

Request = dict[str, Any]
Answer = dict[str, Any]
MAX_LINE_BYTES = 65536
MAX_SAMPLES = 200_000
CLIENT_TIMEOUT_S = 2.0  # a client that does not read its answer is hung up on


def _load(pico: VirtualPico, request: Request) -> Answer:
    pico.set_load(str(request["name"]), request.get("area_mm2"))
    return {"name": pico.load_name, "area_mm2": pico.area_mm2}


def _pin(pico: VirtualPico, request: Request) -> Answer:
    number = int(request["pin"])
    if not 0 <= number < len(pico.mcu.gpio):
        raise BadValueError(f"there is no GPIO {number}; nothing was changed; give one of 0..{len(pico.mcu.gpio) - 1}")
    if "level" in request:
        pico.drive_pin(number, int(bool(request["level"])))
    elif request.get("release"):
        pico.release_pin(number)
    return {"level": pico.pin(number)}


def _time(pico: VirtualPico, request: Request) -> Answer:
    return {"now_ns": pico.now_ns}


def _status(pico: VirtualPico, request: Request) -> Answer:
    now, dac = pico.now_ns, pico.dac
    return {
        "now_ns": now,
        "gate": pico.gate,
        "load": pico.load_name,
        "area_mm2": pico.area_mm2,
        "board": pico.board.BOARD,
        "dac": {
            "code": dac.code,
            "power_down": dac.power_down,
            "eeprom_code": dac.eeprom_code,
            "eeprom_power_down": dac.eeprom_power_down,
            "busy": dac.busy,
            "absent": dac.absent,
            "stuck": dac.stuck,
            "address": dac.address,
        },
        "hold_sda": pico.hold_sda,
        "delivered_ua": pico.stage.current_ua(now),
        "electrode_mv": pico.stage.electrode_mv(now),
        "resets": len(pico.trace.resets),
    }


def _dac(pico: VirtualPico, request: Request) -> Answer:
    pico.dac.absent = bool(request.get("absent", pico.dac.absent))
    pico.dac.stuck = bool(request.get("stuck", pico.dac.stuck))
    pico.dac.address = int(request.get("address", pico.dac.address))
    pico.hold_sda = bool(request.get("hold_sda", pico.hold_sda))
    return {"absent": pico.dac.absent, "stuck": pico.dac.stuck, "address": pico.dac.address, "hold_sda": pico.hold_sda}


def _csv(pico: VirtualPico, request: Request) -> Answer:
    rows = pico.trace.write_csv(Path(request["path"]), **_interval(request))
    return {"rows": rows, "kept_from_ns": pico.trace.begin_ns}


def _vcd(pico: VirtualPico, request: Request) -> Answer:
    count = pico.trace.write_vcd(Path(request["path"]), **_interval(request))
    return {"bytes": count, "kept_from_ns": pico.trace.begin_ns}


def _samples(pico: VirtualPico, request: Request) -> Answer:
    from_ns, to_ns = int(request["from_ns"]), int(request["to_ns"])
    step_ns = int(request.get("step_ns", 100_000))
    if step_ns < 1 or (to_ns - from_ns) // step_ns > MAX_SAMPLES:
        raise BadValueError(
            f"{from_ns}..{to_ns} ns in steps of {step_ns} ns are more than {MAX_SAMPLES} samples; nothing "
            f"was read; take a larger step_ns or a shorter interval"
        )
    t_ns, commanded, delivered, electrode = pico.trace.current(from_ns, to_ns, step_ns)
    return {
        "t_ns": t_ns.tolist(),
        "commanded_ua": commanded.tolist(),
        "delivered_ua": delivered.tolist(),
        "electrode_mv": electrode.tolist(),
        "charge_nc": pico.trace.charge_nc(from_ns, to_ns),
        "kept_from_ns": pico.trace.begin_ns,
    }


def _reset(pico: VirtualPico, request: Request) -> Answer:
    pico.reset(str(request.get("cause", "run")))
    return {}


def _interval(request: Request) -> dict[str, Any]:
    return {name: int(request[name]) for name in ("from_ns", "to_ns") if request.get(name) is not None}


COMMANDS: dict[str, Callable[[VirtualPico, Request], Answer]] = {
    "load": _load,
    "pin": _pin,
    "time": _time,
    "status": _status,
    "dac": _dac,
    "csv": _csv,
    "vcd": _vcd,
    "samples": _samples,
    "reset": _reset,
}


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
