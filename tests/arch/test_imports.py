"""The import arrows of the design: a file may import only what its layer may touch."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PORTABLE = {"array", "binascii", "json"}
DEVICE = PORTABLE | {"gc", "machine", "micropython", "os", "select", "sys", "time", "uctypes", "adafruit_mcp4725"}

# layer folder -> (project packages it may import, other modules it may import; None = any)
ARROWS = {
    "boards": (set(), set()),
    "firmware/shared": ({"firmware.shared"}, PORTABLE),
    "firmware/core": ({"firmware.core", "firmware.shared"}, PORTABLE),
    "firmware/hw": ({"firmware.hw", "firmware.core", "firmware.shared"}, DEVICE),
    "host/microcurrent": ({"microcurrent", "firmware.shared", "boards"}, None),
}
# Data files of the device are located by name; nothing else of the device is imported by the host.
HOST_MAY_LOCATE = {"firmware"}
PROJECT = ("firmware", "boards", "microcurrent", "board")


def layer_of(path: Path) -> str:
    text = path.relative_to(ROOT).as_posix()
    return next(layer for layer in ARROWS if text.startswith(layer + "/"))


def imported(path: Path) -> set[str]:
    """Dotted names of everything a file imports, at module level and inside functions."""
    package = path.relative_to(ROOT / "host" if "host" in path.parts else ROOT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            stem = ".".join(part for part in (base, node.module or "") if part)
            names.update(f"{stem}.{alias.name}" if node.module is None or node.level else stem for alias in node.names)
    return names


def sources() -> list[Path]:
    return sorted(path for layer in ARROWS for path in (ROOT / layer).rglob("*.py"))


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


def test_the_test_can_fail(tmp_path: Path) -> None:
    """imported() sees every form of import statement."""
    inside = ROOT / "firmware" / "core" / "gate.py"
    names = imported(inside.with_name("session.py"))
    assert {"firmware.shared.faults", "firmware.core.gate"} <= names
