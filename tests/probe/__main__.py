"""python -m tests.probe flash --port PORT: the probe's firmware onto a Pico with MicroPython. `hello` asks it."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from microcurrent import remote
from microcurrent.errors import MicrocurrentError, VerifyError
from microcurrent.flash import BACK_S
from microcurrent.transport import SerialTransport

from .build import probe_files
from .client import ProbeClient

port_option = click.option("--port", required=True, help="Serial port of the probe, not of the board under test.")


@click.group(help=__doc__)
def main() -> None:
    """Choose one of the commands below."""


@main.command()
@port_option
def flash(port: str) -> None:
    """Upload what the probe runs, compare every file by its hash, and start it."""
    files = probe_files()
    with tempfile.TemporaryDirectory(prefix="microcurrent-probe-") as place:
        folders: dict[str, list[str]] = {}
        for name, content in files.items():
            local = Path(place) / name.lstrip("/")
            local.parent.mkdir(parents=True, exist_ok=True)
            local.write_bytes(content)
            folders.setdefault(str(Path(name).parent), []).append(str(local))
        parents = sorted(
            {str(parent) for folder in folders for parent in (Path(folder), *Path(folder).parents)} - {"/"}
        )
        groups = sorted(((sources, folder) for folder, sources in folders.items()), key=lambda group: group[1] == "/")
        held = remote.upload(port, parents, [], groups, lambda _text: None)
    remote.require_same(_hashes(files), held.files, port)
    remote.reset(port)
    click.echo(f"{len(files)} files on {port}; it says {json.dumps(_hello(port, BACK_S))}")


@main.command()
@port_option
def hello(port: str) -> None:
    """Ask the probe what it is, and what it reads."""
    click.echo(json.dumps(_hello(port, 0.0)))


def _hello(port: str, wait_s: float) -> dict[str, Any]:
    transport = SerialTransport(port, wait_s)
    try:
        probe = ProbeClient(transport)
        told = probe.hello()
        if "probe" not in told:
            raise VerifyError(
                f"what answers on {port} is {told.get('board')}, no probe; nothing was changed; give the other port"
            )
        return told | {"mv": {name: round(value) for name, value in probe.levels_mv().items()}}
    finally:
        transport.close()


def _hashes(files: dict[str, bytes]) -> dict[str, str]:
    import hashlib

    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


if __name__ == "__main__":
    try:
        main(prog_name="python -m tests.probe", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except MicrocurrentError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
