"""Private directories for every test of the bridge."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def private_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test touches the user's records, spool or sockets."""
    monkeypatch.setenv("MICROCURRENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("MICROCURRENT_PORT", raising=False)
    with tempfile.TemporaryDirectory(prefix="mc-") as short:  # a Unix socket's path has 107 characters at most
        monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", short)
        yield
