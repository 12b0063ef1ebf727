"""A program of Debian's for development: this machine's, else its package unpacked into build/, without root."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from .errors import MicrocurrentError

BUILD = Path(os.environ.get("MICROCURRENT_BUILD", Path(__file__).parents[2] / "build"))
_NETWORK = ("-o", "Acquire::http::Timeout=15", "-o", "Acquire::https::Timeout=15", "-o", "Acquire::Retries=1")
_APT_S = 180.0  # ours, for one apt command: a slow line fetches 10 MB in it


class NoProgramError(MicrocurrentError):
    """The program is neither installed nor to be had; says which command helps."""


def program(package: str, more_path: str = "") -> tuple[str, str]:
    """(path of the program that a package is named after, what LD_LIBRARY_PATH must be). Raises NoProgramError.

    more_path: where it may be beside PATH.
    """
    installed = shutil.which(package, path=f"{os.environ.get('PATH', '')}:{more_path}")
    if installed:
        return installed, os.environ.get("LD_LIBRARY_PATH", "")
    root = BUILD / package
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"{package}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes fetch it once
        if not root.exists():
            fetch(package, root)
    folders = sorted({str(library.parent) for library in root.rglob("*.so*")})
    return str(next(root.glob(f"usr/*bin/{package}"))), ":".join(folders)


def fetch(package: str, root: Path) -> None:
    """Download the package and the libraries that this machine lacks, and unpack them below `root`.

    Raises NoProgramError; then `root` is not there.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NoProgramError(
            f"there is no {package} here, and no apt to fetch it with; nothing was run; install {package}"
        )
    work = root.with_name(f"{package}.work")
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "unpacked").mkdir()
    try:
        _download(package, work)
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise NoProgramError(
            f"{package} cannot be downloaded ({said[-1] if said else error}); nothing was run; see more with: "
            f"apt-get update; or install it with: sudo apt-get install {package}"
        ) from None
    for each in sorted(work.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", each, work / "unpacked"], check=True)
    (work / "unpacked").rename(root)
    shutil.rmtree(work)


def _download(package: str, work: Path) -> None:
    options: tuple[str, ...] = ()
    try:
        lines = _simulated(package, options, work)
    except subprocess.SubprocessError:  # this machine's lists do not know the package: fresh ones in a folder of ours
        options = ("-o", f"Dir::State::Lists={work / 'lists'}", *_NETWORK)
        _apt(["-q", *options, "update"], work)
        lines = _simulated(package, options, work)
    names = [line.split()[1] for line in lines if line.startswith("Inst ")]
    _apt(["-q", *options, *_NETWORK, "download", *names], work)


def _simulated(package: str, options: tuple[str, ...], work: Path) -> list[str]:
    return _apt(["-q", *options, "--simulate", "--no-install-recommends", "install", package], work).splitlines()


def _apt(arguments: list[str], work: Path) -> str:
    command = ["apt-get", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", *arguments]
    done = subprocess.run(
        command, cwd=work, capture_output=True, text=True, timeout=_APT_S, check=True,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout
