"""Start and stop a virtual Pico as a child process."""

import contextlib
import json
import select
import socket
import subprocess
import sys
from dataclasses import replace
from typing import Any

from .. import errors
from ..errors import MicrocurrentError, PortError
from .options import ServerOptions, as_argument

START_TIMEOUT_S = 60.0  # ours: with our firmware 2 s on an idle machine; one that fails says so at once
STOP_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 120.0
TRACE_TIMEOUT_S = 1800.0  # a VCD takes up to a second per second, and seven minutes may be kept; a dead one hangs up


class SimProcess:
    """A running virtual Pico. It ends with `stop`, or when this process ends in whatever way."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: str, control: str) -> None:
        self._process = process
        self.port = port
        self.control = control

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request to the control socket (control_commands.py). Raises PortError when it is refused or lost."""
        return ask(self.control, **request)

    def stop(self) -> None:
        """Stop it and wait for its end; safe to call twice."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # it watches this pipe
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> "SimProcess":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def start_sim(options: ServerOptions) -> SimProcess:
    """Start a virtual Pico and wait for its port. Raises what the process reports, or PortError."""
    argument = as_argument(replace(options, watch_stdin=True))
    process = subprocess.Popen(
        [sys.executable, "-m", "microcurrent.bench.server", argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is for us: we end it
    )
    ready = _first_line(process)
    if "port" in ready:
        return SimProcess(process, ready["port"], ready["control"])
    SimProcess(process, "", "").stop()
    kind = getattr(errors, str(ready.get("kind")), MicrocurrentError)
    raise kind(str(ready["error"]))


def ask(control: str, **request: Any) -> dict[str, Any]:
    """Send one request to a control socket and return its answer. Raises PortError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TRACE_TIMEOUT_S if request.get("do") in ("vcd", "csv") else ANSWER_TIMEOUT_S)
            connection.connect(control)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline())
    except (OSError, ValueError) as error:
        raise PortError(
            f"the virtual Pico behind {control} does not answer ({error}); nothing was changed; start another"
        ) from None
    if not answer.pop("ok", False):
        raise PortError(str(answer.get("text")))
    return answer


def _first_line(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    stdout = process.stdout
    assert stdout is not None
    ready, _, _ = select.select([stdout], [], [], START_TIMEOUT_S)
    line = stdout.readline() if ready else b""
    if line:
        return json.loads(line)
    what = "ended at once" if ready else f"showed no port within {START_TIMEOUT_S:.0f} s"
    return {
        "kind": "PortError",
        "error": f"the virtual Pico {what}; nothing was started; its own messages are above, or run: microcurrent sim",
    }
