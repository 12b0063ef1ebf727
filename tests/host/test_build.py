"""The build: same sources, same bytes; everything that belongs on the board and nothing else."""

import hashlib
import json
import tempfile
from importlib import metadata
from pathlib import Path

import pytest

from microcurrent import build
from microcurrent.errors import BadValueError, ImageError


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROCURRENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_same_sources_same_bytes(fresh_cache: Path, firmware_files: dict[str, bytes]) -> None:
    """Built in another cache, from the same sources."""
    assert build.build_firmware("rp2040_pico").files == firmware_files


def test_what_is_on_the_board(firmware_files: dict[str, bytes]) -> None:
    names = set(firmware_files)
    assert {
        "/boot.py",
        "/main.py",
        "/lib/board.mpy",
        "/lib/firmware/app.mpy",
        "/lib/firmware/shared/protocol.mpy",
        "/lib/firmware/hw/engine_rp2.mpy",
        "/lib/adafruit_mcp4725.mpy",
        "/lib/adafruit_bus_device/i2c_device.mpy",
        "/lib/manifest.json",
    } <= names
    assert not [name for name in names if "esp32" in name or "spi" in name]
    local = [str(place).encode() for place in (Path.home(), Path(tempfile.gettempdir()), Path(__file__).parents[2])]
    assert not [name for name, data in firmware_files.items() if any(place in data for place in local)]


def test_manifest(firmware_files: dict[str, bytes]) -> None:
    manifest = json.loads(firmware_files[build.MANIFEST])
    assert (manifest["board"], manifest["mpy_cross"]) == ("rp2040_pico", "1.26.1")
    assert len(manifest["hash"]) == build.HASH_DIGITS
    for name, digest in manifest["files"].items():
        assert hashlib.sha256(firmware_files[name]).hexdigest() == digest
    assert set(manifest["files"]) == set(firmware_files) - {build.MANIFEST}


def test_every_board_compiles() -> None:
    """Viper for another architecture included: the nearest we come to running the ESP32's files."""
    built = build.build_firmware("esp32_devkit")
    assert "/lib/firmware/hw/engine_esp32.mpy" in built.files
    assert "/lib/firmware/hw/engine_rp2.mpy" not in built.files


def test_damaged_build_in_the_cache_is_made_again(fresh_cache: Path) -> None:
    whole = build.build_firmware("rp2040_pico").files
    kept = next(fresh_cache.glob("build/rp2040_pico-*"))
    (kept / "lib" / "firmware" / "app.mpy").write_bytes(b"cut")
    assert build.build_firmware("rp2040_pico").files == whole
    (kept / "lib" / "manifest.json").unlink()
    assert build.build_firmware("rp2040_pico").files == whole


def test_unknown_board() -> None:
    with pytest.raises(BadValueError) as caught:
        build.build_firmware("toaster")
    assert str(caught.value) == (
        "there is no board 'toaster'; nothing was built; there are: esp32_devkit, rp2040_pico, rp2040_pico_dual"
    )


def test_package_of_another_version(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version("adafruit-circuitpython-mcp4725")
    monkeypatch.setattr(build, "pinned_packages", lambda: {"adafruit-circuitpython-mcp4725": "0.0.1"})
    with pytest.raises(ImageError) as caught:
        build.build_firmware("rp2040_pico")
    assert str(caught.value) == (
        f"the package adafruit-circuitpython-mcp4725 is {real}, 0.0.1 is pinned; nothing was "
        f"built; run: pip install --no-deps adafruit-circuitpython-mcp4725==0.0.1"
    )


def test_package_that_is_not_installed(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "pinned_packages", lambda: {"no-such-package": "1.0"})
    with pytest.raises(ImageError) as caught:
        build.build_firmware("rp2040_pico")
    assert str(caught.value) == (
        "the package no-such-package 1.0 for the board is not installed; nothing was built; "
        "run: pip install --no-deps no-such-package==1.0"
    )


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("MICROCURRENT_CACHE", str(blocked))
    with pytest.raises(ImageError, match=r"cannot be created \(File exists\); nothing was built; choose another with"):
        build.build_firmware("rp2040_pico")
