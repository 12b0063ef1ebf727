"""The ESP32's files compile for its processor; the board gets its own port's files and no other's."""

import pytest

from microcurrent.build import build_firmware


@pytest.mark.parametrize(
    ("board", "port", "other"), [("rp2040_pico", "rp2", "esp32"), ("esp32_devkit", "esp32", "rp2")]
)
def test_every_module_compiles_for_the_board(board: str, port: str, other: str) -> None:
    files = build_firmware(board).files
    assert f"/lib/firmware/hw/engine_{port}.mpy" in files and f"/lib/firmware/hw/engine_{other}.mpy" not in files
    assert {"/boot.py", "/main.py", "/lib/board.mpy", "/lib/manifest.json", "/lib/adafruit_mcp4725.mpy"} <= set(files)
    assert all(data[:1] == b"M" for path, data in files.items() if path.endswith(".mpy"))
