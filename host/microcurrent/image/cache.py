"""Images that passed the boot check, with where they came from. Nothing half-finished ever gets here."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from .. import paths
from ..errors import ImageError

BOARD = "RPI_PICO"


@dataclass(frozen=True)
class Image:
    """A checked image. `version` and `machine` are what the booted image says of itself."""

    path: Path
    version: str
    machine: str
    sha256: str
    origin: str
    obtained_utc: str


def as_text(image: Image) -> dict[str, str]:
    """The image's fields for JSON and for people."""
    return {name: str(value) for name, value in asdict(image).items()}


def sha256_of(path: Path) -> str:
    """The hex digest of a file. Raises ImageError when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ImageError(
            f"the image {path} cannot be read ({error.strerror}); nothing was booted; check the path"
        ) from None


def place(version: str) -> Path:
    """Where the cache keeps the image of a version."""
    return paths.cache_dir() / "images" / f"micropython-{version}-{BOARD}.uf2"


def load(version: str) -> Image | None:
    """The cached image, or None when there is none. Raises ImageError when it is damaged."""
    path = place(version)
    note = path.with_suffix(".json")
    if not path.exists():
        return None
    try:
        image = Image(path=path, **json.loads(note.read_text()))
    except (OSError, ValueError, TypeError):
        raise ImageError(f"the cached image {path} has no readable note of its origin") from None
    found = sha256_of(path)
    if found != image.sha256:
        raise ImageError(
            f"the cached image {path} is damaged: its sha256 is {found[:12]}..., {image.sha256[:12]}... was recorded"
        )
    return image


def store(candidate: Path, version: str, machine: str, origin: str, wanted: str) -> Image:
    """Move a checked file into the cache: the note first, then the image, each by one rename."""
    path = place(wanted)
    image = Image(path, version, machine, sha256_of(candidate), origin, datetime.now(UTC).isoformat("T", "seconds"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.parent / f".{path.name}.{os.getpid()}"
        draft.write_text(
            json.dumps({name: value for name, value in as_text(image).items() if name != "path"}, indent=1)
        )
        os.replace(draft, path.with_suffix(".json"))
        shutil.copyfile(candidate, draft)
        os.replace(draft, path)
    except OSError as error:
        raise ImageError(
            f"the image cannot be put into the cache {path.parent} ({error.strerror}); nothing was "
            f"kept; choose another place with {paths.CACHE_ENV}"
        ) from None
    return image


@contextlib.contextmanager
def tree(version: str) -> Iterator[Path]:
    """The folder with MicroPython's sources and what was compiled of them, ours alone until the end. It is kept.

    Raises ImageError when it cannot be used.
    """
    import fcntl  # of systems that have Debian's packages to build from

    work = paths.cache_dir() / f"micropython-{version}"
    try:
        work.mkdir(exist_ok=True)
        lock = open(work / "lock", "w", encoding="ascii")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise ImageError(
            f"{work} cannot be used ({error.strerror}); nothing was built; choose another cache with {paths.CACHE_ENV}"
        ) from None
    with lock:
        yield work


@contextlib.contextmanager
def work_dir() -> Iterator[Path]:
    """A private directory beside the cache for downloads and builds, removed at the end whatever happens."""
    try:
        work = Path(tempfile.mkdtemp(prefix="image-", dir=paths.cache_dir()))
    except OSError as error:
        raise ImageError(
            f"the cache {paths.cache_dir()} cannot be written ({error.strerror}); nothing was obtained; "
            f"choose another with {paths.CACHE_ENV}"
        ) from None
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
