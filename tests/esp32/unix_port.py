"""python -m tests.esp32.unix_port: MicroPython's unix port of the version that the boards run; prints where it is.

Kept in the user's cache beside the images; built from Debian's source package when it is not there (one minute).
"""

import fcntl
import subprocess
import sys
from pathlib import Path

from microcurrent import paths
from microcurrent.image import cache, debian
from microcurrent.image.resolver import VERSION

SCRIPT = Path(__file__).with_name("build_unix.sh")


class UnixPortError(RuntimeError):
    """It cannot be built on this machine; the text says why and what to do.

    code: exit code of the script; 3 and 4: this machine has no Debian archive, or no compiler.
    """

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def unix_port() -> Path:
    """The interpreter. Raises UnixPortError."""
    path = paths.cache_dir() / "unix" / f"micropython-{VERSION}"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers of a test run ask at once
        if not path.exists():
            _build(path)
    return path


def _build(path: Path) -> None:
    with cache.work_dir() as work:
        command = ["bash", str(SCRIPT), VERSION, str(path), str(work / "build"), f"{debian.ARCHIVE_S:g}"]
        result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-8:])
        text = f"MicroPython's unix port was not built ({result.returncode}); what it said last:\n{tail}"
        raise UnixPortError(text, result.returncode)


if __name__ == "__main__":
    try:
        print(unix_port())
    except UnixPortError as error:
        sys.exit(str(error))
