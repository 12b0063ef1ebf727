"""Plain `ngspice -b`: this machine's, else Debian's package unpacked into build/, without root."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrocurrentError

BUILD = Path(os.environ.get("MICROCURRENT_BUILD", Path(__file__).parents[3] / "build"))
PACKAGE = "ngspice"
NETWORK = ("-o", "Acquire::http::Timeout=15", "-o", "Acquire::https::Timeout=15", "-o", "Acquire::Retries=1")
APT_S = 180.0  # for one apt command
RUN_S = 300.0  # for one run of ngspice: a hundred analyses take less than ten seconds

Plot = dict[str, NDArray[np.float64]]  # vector's name -> its values


class SpiceError(MicrocurrentError):
    """ngspice is missing, or it did not calculate what it was given."""


@cache
def program() -> tuple[str, str]:
    """(path of ngspice, what LD_LIBRARY_PATH must be). Raises SpiceError."""
    installed = shutil.which(PACKAGE)
    if installed:
        return installed, os.environ.get("LD_LIBRARY_PATH", "")
    root = BUILD / PACKAGE
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"{PACKAGE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes fetch it once
        if not root.exists():
            _fetch(root)
    folders = sorted({str(library.parent) for library in root.rglob("*.so*")})
    return str(root / "usr" / "bin" / PACKAGE), ":".join(folders)


def run(netlist: str, folder: Path) -> list[Plot]:
    """The plots that the netlist's `write` command put into result.raw, in order. Raises SpiceError."""
    path, libraries = program()
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / "result.raw"
    result.unlink(missing_ok=True)
    (folder / "stage.cir").write_text(netlist)
    # Analysis needs no start-up files, and those of a person must not change figures.
    env = {**os.environ, "LD_LIBRARY_PATH": libraries, "SPICE_LIB_DIR": str(folder), "HOME": str(folder)}
    command = [path, "-n", "-b", "stage.cir"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_S, env=env, check=False)
    except subprocess.TimeoutExpired:
        raise SpiceError(
            f"ngspice did not end within {RUN_S:g} s; nothing was written; run it by hand: ngspice -b "
            f"{folder / 'stage.cir'}"
        ) from None
    if not result.exists():
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-6:]
        raise SpiceError(
            f"ngspice calculated nothing (exit code {done.returncode}): {' / '.join(said)}; nothing was written; "
            f"run it by hand: ngspice -b {folder / 'stage.cir'}"
        )
    return read_raw(result.read_bytes())


def read_raw(data: bytes) -> list[Plot]:
    """The plots of a binary raw file."""
    plots = []
    while data:
        header, _, rest = data.partition(b"Binary:\n")
        lines = header.decode().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("\t"))
        variables, points = int(fields["No. Variables"]), int(fields["No. Points"])
        start = next(index for index, line in enumerate(lines) if line.startswith("Variables:"))
        names = [line.split()[1] for line in lines[start + 1 : start + 1 + variables]]
        width = 16 if "complex" in fields["Flags"] else 8
        size = variables * points * width
        kind = np.complex128 if width == 16 else np.float64
        table = np.frombuffer(rest[:size], dtype=kind).reshape(points, variables)
        plots.append({name: table[:, index] for index, name in enumerate(names)})
        data = rest[size:]
    return plots


def _fetch(root: Path) -> None:
    """Download the package and the libraries that this machine lacks, and unpack them below `root`."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise SpiceError("there is no ngspice here, and no apt to fetch it with; nothing was run; install ngspice")
    work = root.with_name(f"{PACKAGE}.work")
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "unpacked").mkdir()
    try:
        _download(work)
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise SpiceError(
            f"ngspice cannot be downloaded ({said[-1] if said else error}); nothing was run; install it with: "
            f"sudo apt-get install ngspice"
        ) from None
    for package in sorted(work.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, work / "unpacked"], check=True)
    (work / "unpacked").rename(root)
    shutil.rmtree(work)


def _download(work: Path) -> None:
    options: tuple[str, ...] = ()
    try:
        lines = _simulated(options, work)
    except subprocess.SubprocessError:  # this machine's lists do not know the package: fresh ones in a folder of ours
        options = ("-o", f"Dir::State::Lists={work / 'lists'}", *NETWORK)
        _apt(["-q", *options, "update"], work)
        lines = _simulated(options, work)
    names = [line.split()[1] for line in lines if line.startswith("Inst ")]
    _apt(["-q", *options, *NETWORK, "download", *names], work)


def _simulated(options: Sequence[str], work: Path) -> list[str]:
    return _apt(["-q", *options, "--simulate", "--no-install-recommends", "install", PACKAGE], work).splitlines()


def _apt(arguments: list[str], work: Path) -> str:
    command = ["apt-get", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", *arguments]
    done = subprocess.run(
        command, cwd=work, capture_output=True, text=True, timeout=APT_S, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stdout
