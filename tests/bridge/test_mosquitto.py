"""How the tests come by their broker, and what they say when they cannot."""

import subprocess
from pathlib import Path

import pytest

from microcurrent.debian_program import NoProgramError, fetch

from .mosquitto import program


def test_it_runs() -> None:
    path, libraries = program()
    done = subprocess.run([path, "-h"], env={"LD_LIBRARY_PATH": libraries}, capture_output=True, text=True, check=False)
    assert "mosquitto version" in done.stdout


def test_no_archive_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An apt without lists, behind a proxy that nobody serves."""
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir::State::Lists "{tmp_path}/none";\nAcquire::http::Proxy "http://127.0.0.1:1";\n'
        'Acquire::https::Proxy "http://127.0.0.1:1";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(config))
    with pytest.raises(NoProgramError, match=r"mosquitto cannot be downloaded \(.*\); nothing was run; see more"):
        fetch("mosquitto", tmp_path / "mosquitto")
    assert not (tmp_path / "mosquitto").exists()


def test_no_apt_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoProgramError, match="no apt to fetch it with; nothing was run; install mosquitto"):
        fetch("mosquitto", tmp_path / "mosquitto")
