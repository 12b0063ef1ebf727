"""A real mosquitto for the tests: this machine's, else Debian's package unpacked into build/, without root."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

from microcurrent import debian_program

from .waiting import Occurrences, awaited

PACKAGE = "mosquitto"
CONFIG = """listener {port} 127.0.0.1
{access}
persistence true
persistence_location {folder}/
autosave_interval 0
max_inflight_messages {window}
max_queued_messages 0
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_type subscribe
"""


def program() -> tuple[str, str]:
    """(path of mosquitto, what LD_LIBRARY_PATH must be). Raises NoProgramError."""
    return debian_program.program(PACKAGE, "/usr/sbin:/usr/local/sbin")


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A TCP port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto:
    """A broker on a port of this machine, with a log that tests read. Kill it and start it again as you like."""

    def __init__(self, folder: Path, access: str = "allow_anonymous true", window: int = 0) -> None:
        """access: lines of its configuration that say who may do what. window: messages under way per client."""
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self.log: list[str] = []
        self._said = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reading: threading.Thread | None = None
        text = CONFIG.format(port=self.port, access=access, folder=folder, window=window)
        if os.geteuid() == 0:
            text += "user root\n"  # else it would leave the folder to an account that is not there
        self._config.write_text(text)

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it and wait until it serves its port."""
        path, libraries = program()
        env = {**os.environ, "LD_LIBRARY_PATH": libraries}
        command = [path, "-c", str(self._config)]
        since = len(self.log)
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env, text=True, errors="replace"
        )
        self._reading = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reading.start()
        self.wait_for(" running", since)

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            with self._said:
                self.log.append(line.rstrip())
                self._said.notify_all()

    def wait_for(self, text: str, since: int = 0) -> None:
        """Until its log has a line with `text`, from line `since` on."""
        with self._said:
            found = awaited(self._said, Occurrences(self.log, text, since))
        assert found, f"mosquitto did not say {text!r}: {self.log[-20:]}"

    def save(self) -> None:
        """Have it write its database now, and wait for that."""
        assert self._process is not None
        since = len(self.log)
        self._process.send_signal(signal.SIGUSR1)
        self.wait_for("Saving in-memory database", since)

    def cpu_s(self) -> float:
        """Its processor time since it was started last."""
        assert self._process is not None
        return cpu_s(self._process.pid)

    def freeze(self) -> None:
        """SIGSTOP: connections stand, nothing is read or acknowledged any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)  # at once when it is frozen already

    def kill(self) -> None:
        """SIGKILL: what it had not written is lost."""
        assert self._process is not None and self._reading is not None and self._process.stderr is not None
        self._process.kill()
        self._process.wait()
        self._reading.join()
        self._process.stderr.close()
        self._process = None

    def close(self) -> None:
        """End it if it runs."""
        if self._process is not None:
            self.kill()
