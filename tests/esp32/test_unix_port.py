"""The script of the unix port takes what it needs from that of the images, and nothing else happens."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "host" / "microcurrent" / "image" / "build_from_debian.sh"
TAKEN = "find_archive write_private_apt private_apt source_version source_versions unpack_source quiet fail"


def test_the_functions_can_be_taken_without_building_an_image(tmp_path: Path) -> None:
    program = f"source '{SCRIPT}' && type {TAKEN} >/dev/null && echo taken"
    command = ["bash", "-c", program, "bash", "1.26.1", str(tmp_path / "out"), str(tmp_path / "work"), "1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert result.stdout == "taken\n", result.stderr
    assert list(tmp_path.iterdir()) == []
