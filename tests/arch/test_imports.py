"""The import arrows of the design: a file may import only what its layer may touch."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PORTABLE = {"array", "binascii", "hashlib", "json"}
MICROPYTHON = {"gc", "machine", "micropython", "os", "select", "sys", "time", "uctypes", "rp2", "esp32", "network"}
DEVICE = PORTABLE | MICROPYTHON | {"adafruit_mcp4725"}

WIRING = "firmware"  # the files directly in it: app.py, main.py, boot.py
# layer folder, all that is in it -> (project packages it may import, other modules it may import; None = any)
ARROWS = {
    "boards/rp2040_pico/micropython": (set(), DEVICE | {"vfs"}),  # _boot.py of a production image
    "boards": (set(), set()),
    "firmware/shared": ({"firmware.shared"}, PORTABLE),
    "firmware/core": ({"firmware.core", "firmware.shared"}, PORTABLE),
    "firmware/hw/interrupt": ({"firmware.hw.interrupt", "firmware.core", "firmware.shared"}, set()),  # plain Python
    "firmware/hw": ({"firmware.hw", "firmware.core", "firmware.shared"}, DEVICE | {"frozen_image"}),
    WIRING: ({"firmware.app", "firmware.core", "firmware.hw", "firmware.shared", "board"}, DEVICE),
    "host/microcurrent": ({"microcurrent", "firmware.shared", "boards"}, None),
}
# Data files of the device are located by name; nothing else of the device is imported by the host.
HOST_MAY_LOCATE = {"firmware"}
PROJECT = ("firmware", "boards", "microcurrent", "board")


def layer_of(path: Path) -> str:
    """The layer of a file. Fails for one in a folder that no arrow is drawn for."""
    text = path.relative_to(ROOT).as_posix()
    if path.parent == ROOT / WIRING:
        return WIRING
    return next(layer for layer in ARROWS if text.startswith(layer + "/") and layer != WIRING)


def imported(path: Path, root: Path = ROOT) -> set[str]:
    """Dotted names of everything a file below `root` imports, at module level and inside functions."""
    inside = path.relative_to(root)
    package = inside.relative_to("host" if inside.parts[0] == "host" else ".").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            stem = ".".join(part for part in (base, node.module or "") if part)
            names.update(f"{stem}.{alias.name}" for alias in node.names)
    return names


def sources() -> list[Path]:
    return sorted(path for top in ("boards", "firmware", "host/microcurrent") for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_arrows(path: Path) -> None:
    packages, modules = ARROWS[layer_of(path)]
    for name in imported(path):
        if name.split(".")[0] in PROJECT:
            located = layer_of(path) == "host/microcurrent" and name in HOST_MAY_LOCATE
            assert located or any(name == one or name.startswith(one + ".") for one in packages), name
        else:
            assert modules is None or name.split(".")[0] in modules, name


def test_firmware_never_imports_the_host() -> None:
    for path in (ROOT / "firmware").rglob("*.py"):
        assert not any(name.startswith("microcurrent") for name in imported(path)), path


def test_only_hw_and_the_wiring_touch_the_machine() -> None:
    wiring = {"firmware/app.py", "firmware/boot.py"}
    for path in (ROOT / "firmware").rglob("*.py"):
        text = path.relative_to(ROOT).as_posix()
        if "machine" in {name.split(".")[0] for name in imported(path)}:
            assert text in wiring or text.startswith("firmware/hw/"), text


def test_the_test_can_fail() -> None:
    """imported() sees every form of import statement."""
    inside = ROOT / "firmware" / "core" / "gate.py"
    names = imported(inside.with_name("session.py"))
    assert {"firmware.shared.faults", "firmware.core.gate"} <= names
    assert "firmware.app" in imported(ROOT / "firmware" / "main.py")


@pytest.mark.parametrize("top", ["host", "firmware", "clone"])
def test_the_name_of_the_clone_does_not_matter(tmp_path: Path, top: str) -> None:
    root = tmp_path / top
    for folder, line in (
        ("firmware/core", "from ..shared import faults"),
        ("host/microcurrent", "from . import ports"),
    ):
        (root / folder).mkdir(parents=True)
        (root / folder / "one.py").write_text(line)
    assert imported(root / "firmware/core/one.py", root) == {"firmware.shared.faults"}
    assert imported(root / "host/microcurrent/one.py", root) == {"microcurrent.ports"}
