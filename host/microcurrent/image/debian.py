"""Building the image from Debian's source packages when it cannot be downloaded: runs build_from_debian.sh."""

import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from ..errors import ImageError

SCRIPT = "build_from_debian.sh"
SHOWN = ("[", "      ")  # how the script's steps begin; the rest is shown when it fails
ARCHIVE_S = 12.0  # for the archive's first answer; a line too slow for it would need hours for what follows


def build(version: str, target: Path, work: Path, say: Callable[[str], None], *frozen: Path) -> str:
    """Build the image into `target`; its steps go to `say`. Returns the origin to record. Raises ImageError.

    work: may hold what an earlier build left. frozen: for a production image, its board definition and its modules.
    """
    if shutil.which("bash") is None or shutil.which("apt-get") is None:
        raise ImageError(
            "this machine has no apt, so Debian's source packages cannot be used; "
            "on another machine build the image there and pass it with --image"
        )
    source = resources.files("microcurrent.image") / SCRIPT
    with resources.as_file(source) as script:
        _run(["bash", str(script), version, str(target), str(work), f"{ARCHIVE_S:g}", *map(str, frozen)], say)
    if not target.exists():
        raise ImageError("the build ended without an image")
    return "built from Debian's source packages"


def _run(command: list[str], say: Callable[[str], None]) -> None:
    tail: deque[str] = deque(maxlen=15)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.rstrip()
            tail.append(text)
            if text.startswith(SHOWN):
                say(text.strip())
        process.wait()
    if process.returncode:
        for text in tail:
            if not text.startswith((*SHOWN, "error: ")):
                say(text)
        raise ImageError(_reason(list(tail), process.returncode))


def _reason(tail: list[str], code: int) -> str:
    """The script's own last word; without one it was killed."""
    reasons = [text.removeprefix("error: ") for text in tail if text.startswith("error: ")]
    killed = f"the build script was ended from outside with {code}; no image was written; run it again"
    return reasons[-1] if reasons else killed
