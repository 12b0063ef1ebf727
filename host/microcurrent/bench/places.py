"""Where running virtual Picos have their ports and control sockets: in the runtime directory, by name."""

import socket
from pathlib import Path

from .. import paths
from ..errors import NoBoardError, PortError

SIMS = "sims"  # directory of the ports' links; ports.virtual_boards looks there


def prepared(name: str) -> tuple[Path, Path]:
    """(link of the port, control socket) for a new virtual Pico, dead ones cleared away. Raises PortError."""
    runtime = paths.runtime_dir()
    try:
        (runtime / SIMS).mkdir(exist_ok=True)
        _remove_dead(runtime)
    except OSError as error:
        raise PortError(
            f"{runtime / SIMS} cannot be made ({error.strerror}); nothing was started; "
            f"choose another place with {paths.RUNTIME_ENV}"
        ) from None
    link, control = runtime / SIMS / name, _control_path(runtime, name)
    if _served(control):
        raise PortError(
            f"a virtual Pico named {name} is running already; that one goes on; stop it, or choose another name"
        )
    return link, control


def control_of(port: str) -> Path:
    """The control socket of the virtual Pico on `port`. Raises NoBoardError when nobody serves it."""
    control = _control_path(paths.runtime_dir(), Path(port).name)
    if not _served(control):
        raise NoBoardError(f"{port} is no running virtual Pico; nothing was changed; start one with: microcurrent sim")
    return control


def _remove_dead(runtime: Path) -> None:
    """Remove what killed processes left: links whose control socket nobody serves (their pty may be another's now)."""
    for link in (runtime / SIMS).iterdir():
        control = _control_path(runtime, link.name)
        if not _served(control):
            link.unlink(missing_ok=True)
            control.unlink(missing_ok=True)


def _served(control: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(control))
        except OSError:
            return False
        return True


def _control_path(runtime: Path, name: str) -> Path:
    return runtime / f"sim-{name}.sock"
