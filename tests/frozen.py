"""Production images for tests: the board's own, and one with some of its modules changed, which is built for it."""

import functools
import hashlib
import json
import os
from pathlib import Path

from microcurrent.build import MANIFEST, Build, build_firmware, with_manifest
from microcurrent.image import cache
from microcurrent.image.production import build_into, production_image
from microcurrent.image.resolver import IMAGE_ENV, VERSION, resolve_image
from microcurrent.image.seal import described_if_ours

PLACE = Path(__file__).parents[1] / "build" / "frozen"


def silent(_text: str) -> None:
    """Nobody listens to the steps of a build."""


@functools.cache
def chosen() -> bool:
    """Whether the image that the environment names is a production image: then boards of tests are to have one."""
    named = os.environ.get(IMAGE_ENV)
    return bool(named) and described_if_ours(Path(named)) is not None


def plain() -> Path:
    """MicroPython without a firmware of ours, whatever the environment names: for a board that is not under test."""
    if not chosen():
        return resolve_image().path
    named = os.environ.pop(IMAGE_ENV)
    try:
        return resolve_image().path
    finally:
        os.environ[IMAGE_ENV] = named


def code(board: str, files: dict[str, bytes]) -> tuple[Path, dict[str, bytes]]:
    """(image, files beside it) of a board whose firmware has these files, frozen where that is chosen."""
    return (image_of(board, files), {}) if chosen() else (resolve_image().path, whole(files))


def whole(files: dict[str, bytes]) -> dict[str, bytes]:
    """`files` with a manifest that fits them: a changed module is not what a test is about, unless it says so."""
    if MANIFEST not in files or "/main.py" not in files:
        return files
    return with_manifest(files, json.loads(files[MANIFEST]))


def image_of(board: str, files: dict[str, bytes]) -> Path:
    """The production image of a board whose firmware has these files."""
    built = build_firmware(board)
    usual, _sealed = production_image(board, silent)
    if files == built.files:
        return usual
    digest = hashlib.sha256(b"".join(hashlib.sha256(name.encode() + files[name]).digest() for name in sorted(files)))
    place = PLACE / f"{usual.stem}-{digest.hexdigest()[:12]}.uf2"
    with cache.tree(VERSION) as work:
        if not place.exists():
            build_into(place, Build(board, files, built.mpy_cross), work, silent)
    return place
