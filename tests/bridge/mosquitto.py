"""A real mosquitto for the tests: this machine's, else Debian's package unpacked into build/, without root."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

BUILD = Path(os.environ.get("MICROCURRENT_BUILD", Path(__file__).parents[2] / "build"))
PACKAGE = "mosquitto"
NETWORK = ("-o", "Acquire::http::Timeout=15", "-o", "Acquire::https::Timeout=15", "-o", "Acquire::Retries=1")
APT_S = 120.0  # for one apt command
SAID_S = 10.0  # for a line of the broker's log
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


class NoBrokerError(Exception):
    """There is no mosquitto and none can be had; says which command helps."""


def program() -> tuple[str, str]:
    """(path of mosquitto, what LD_LIBRARY_PATH must be). Raises NoBrokerError."""
    installed = shutil.which(PACKAGE, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if installed:
        return installed, os.environ.get("LD_LIBRARY_PATH", "")
    root = BUILD / PACKAGE
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"{PACKAGE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes fetch it once
        if not root.exists():
            _fetch(root)
    folders = sorted({str(library.parent) for library in root.rglob("*.so*")})
    return str(next(root.glob("usr/sbin/mosquitto"))), ":".join(folders)


def _fetch(root: Path) -> None:
    """Download the package and the libraries that this machine lacks, and unpack them below `root`."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NoBrokerError("no mosquitto here, and no apt to fetch it with; install the broker mosquitto, test again")
    work = root.with_name(f"{PACKAGE}.work")
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "unpacked").mkdir()
    private = ("-o", f"Dir::State::Lists={work / 'lists'}", *NETWORK)
    try:
        options = _with_lists((), private, work)
        names = _lacking(options, work)
        _apt("-q", *options, *NETWORK, "download", *names, cwd=work)
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise NoBrokerError(
            f"mosquitto cannot be downloaded ({said[-1] if said else error}); nothing was installed; see more with: "
            f"apt-get update; or install it with: sudo apt-get install mosquitto"
        ) from None
    for package in sorted(work.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, work / "unpacked"], check=True)
    (work / "unpacked").rename(root)
    shutil.rmtree(work)


def _with_lists(own: tuple[str, ...], private: tuple[str, ...], work: Path) -> tuple[str, ...]:
    """The options under which apt knows the package: this machine's lists, else fresh ones in a folder of ours."""
    if PACKAGE in _known(own, work):
        return own
    _apt("-q", *private, "update", cwd=work)
    return private


def _known(options: tuple[str, ...], work: Path) -> str:
    try:
        return _simulated(options, work)
    except subprocess.SubprocessError:
        return ""


def _lacking(options: tuple[str, ...], work: Path) -> list[str]:
    """The package and what it needs of libraries that are not installed, as apt would install them."""
    lines = _simulated(options, work).splitlines()
    return [line.split()[1] for line in lines if line.startswith("Inst ")]


def _simulated(options: tuple[str, ...], work: Path) -> str:
    return _apt("-q", *options, "--simulate", "--no-install-recommends", "install", PACKAGE, cwd=work)


def _apt(*arguments: str, cwd: Path) -> str:
    locks = ("-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root")
    command = ["apt-get", *locks, *arguments]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=APT_S, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stdout


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
            found = self._said.wait_for(lambda: any(text in line for line in self.log[since:]), SAID_S)
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
