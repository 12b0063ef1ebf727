"""The production image of a board: MicroPython with our modules frozen into it, the same bytes from the same sources.

What is frozen are the .mpy files of build.py, so the manifest's hash is that of an upload. Always built here: nobody
publishes it. The sources of MicroPython and what was compiled of them stay in the cache (100 MB, and 80 MB for each
board), so a change of our own modules costs seconds, not the minute of the first build.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from ..build import MANIFEST, Build, build_firmware, compiled, known_boards
from ..errors import BadValueError, ImageError
from . import cache, check, debian, seal
from .resolver import VERSION
from .seal import Production

DEFINITION = "micropython"  # folder of a board with its definition in MicroPython's form
_KEPT = 6  # images in the cache: those of the last few changes
Say = Callable[[str], None]


def boards() -> list[str]:
    """The boards that a production image can be built for."""
    return [name for name in known_boards() if (_definition(name) / "mpconfigboard.cmake").is_file()]


def production_image(board: str, say: Say = lambda _text: None) -> tuple[Path, Production]:
    """The board's image from the cache, or built and booted once. Raises BadValueError, ImageError."""
    if board not in boards():
        raise BadValueError(
            f"there is no production image for {board!r}; nothing was built; there is one for: {', '.join(boards())}"
        )
    built = build_firmware(board)
    place = _place(built)
    found = _cached(place)
    if found is None:
        with cache.tree(VERSION) as work:
            found = _cached(place)  # another process may have built it meanwhile
            if found is None:
                build_into(place, built, work, say)
                _forget_old(place)
                found = seal.described(place)
    return place, found


def build_into(target: Path, built: Build, work: Path, say: Say) -> None:
    """Build, seal, boot on the virtual Pico; `target` appears when all went well. work: as `cache.tree` gives it."""
    say(f"building the production image of {built.board} with MicroPython {VERSION} (a minute or two, later seconds)")
    draft = work / "production.uf2"
    board_dir, modules = _stage(work / "production" / built.board, built)
    debian.build(VERSION, draft, work, say, board_dir, modules)
    sealed = seal.seal(draft)
    say("checking the image: booting it on the virtual Pico")
    check.boot_and_ask(draft)
    if sealed.manifest != built.hash:
        raise ImageError(f"the image holds manifest {sealed.manifest}, {built.hash} was built; nothing was kept")
    copied(draft, target)


def copied(image: Path, target: Path) -> Path:
    """A copy of an image at a place of the user's, by one rename. Raises ImageError."""
    half = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image, half)
        os.replace(half, target)
    except OSError as error:
        raise ImageError(
            f"the image cannot be copied to {target} ({error.strerror}); it is in {image}; choose another place"
        ) from None
    return target


def _stage(place: Path, built: Build) -> tuple[Path, Path]:
    """(board definition, modules) as the build takes them. Files that are there already keep their time."""
    wanted = {
        f"boards/{name}/{DEFINITION}/{path}": data for name in boards() for path, data in _files(_definition(name))
    }
    modules = modules_of(built)
    listed = ",\n    ".join(repr(name) for name in sorted(modules))
    wanted |= {f"modules/{name}": data for name, data in modules.items()}
    wanted["modules/manifest.py"] = f'freeze_mpy(".", (\n    {listed},\n))\n'.encode()
    for name, data in wanted.items():
        path = place / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return place / "boards" / built.board / DEFINITION, place / "modules"


def modules_of(built: Build) -> dict[str, bytes]:
    """{path in the image: .mpy} of all that is frozen beside MicroPython's own."""
    found = {}
    for name, data in built.files.items():
        if name == MANIFEST:
            continue
        if name.endswith(".py"):
            data = compiled(built.board, name.lstrip("/"), data)
        found[name.removeprefix("/lib").lstrip("/").removesuffix(".py").removesuffix(".mpy") + ".mpy"] = data
    block = seal.module_source(built.board, built.firmware, built.hash, VERSION)
    found[seal.MODULE.removesuffix(".py") + ".mpy"] = compiled(built.board, seal.MODULE, block)
    return found


def _cached(place: Path) -> Production | None:
    """What the cache holds there; None when it is missing or damaged, then it is built again."""
    try:
        return seal.described(place) if place.exists() else None
    except ImageError:
        return None


def _place(built: Build) -> Path:
    """Where the image of these sources, this MicroPython and this compiler is kept."""
    digest = hashlib.sha256(f"{built.board} {built.hash} {VERSION} {_compiler()}".encode())
    with resources.as_file(resources.files("microcurrent.image") / debian.SCRIPT) as script:
        digest.update(script.read_bytes())
    for name in boards():
        for path, data in _files(_definition(name)):
            digest.update(f"{name}/{path}\0".encode() + hashlib.sha256(data).digest())
    digest.update(seal.module_source(built.board, built.firmware, built.hash, VERSION))
    return cache.place(VERSION).with_name(f"microcurrent-{built.board}-{digest.hexdigest()[:24]}.uf2")


def _compiler() -> str:
    """What the cross compiler says of its version; nothing where there is none."""
    try:
        said = subprocess.run(["arm-none-eabi-gcc", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return said.partition("\n")[0]


def _forget_old(newest: Path) -> None:
    kept = sorted(newest.parent.glob("microcurrent-*.uf2"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_KEPT:]:
        path.unlink(missing_ok=True)


def _definition(board: str) -> Traversable:
    return resources.files("boards") / board / DEFINITION


def _files(folder: Traversable, above: str = "") -> list[tuple[str, bytes]]:
    """[(path, contents)] of a definition, sorted."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            found += _files(entry, f"{above}{entry.name}/")
        elif entry.is_file():
            found.append((above + entry.name, entry.read_bytes()))
    return sorted(found)
