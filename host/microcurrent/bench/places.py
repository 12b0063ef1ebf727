"""Where running virtual Picos have their ports and control sockets: in the runtime directory, by name."""

import re
import socket
from pathlib import Path

from .. import paths
from ..errors import BadValueError, NoBoardError, PortError

SIMS = "sims"  # directory of the ports' links


def prepared(name: str) -> tuple[Path, Path]:
    """(link of the port, control socket) for a new virtual Pico, dead ones cleared away.

    Raises BadValueError for a name that is no plain file name, PortError.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise BadValueError(
            f"{name!r} is no name for a virtual Pico; nothing was started; give 1 to 40 letters, digits, - or _"
        )
    runtime = paths.runtime_dir()
    try:
        (runtime / SIMS).mkdir(exist_ok=True)
        _remove_dead(runtime)
    except OSError as error:
        raise PortError(
            f"{runtime / SIMS} cannot be made ({error.strerror}); nothing was started; "
            f"choose another place with {paths.RUNTIME_ENV}"
        ) from None
    link, control = place_of(name)
    if is_served(control):
        raise PortError(
            f"a virtual Pico named {name} is running already; that one goes on; stop it, or choose another name"
        )
    return link, control


def place_of(name: str) -> tuple[Path, Path]:
    """(link of the port, control socket) of the virtual Pico with that name, running or not."""
    runtime = paths.runtime_dir()
    return runtime / SIMS / name, _control_path(runtime, name)


def running() -> list[Path]:
    """Links of the virtual Picos that run and have a port, sorted. What a killed one left is not among them."""
    runtime = paths.runtime_dir()
    if not (runtime / SIMS).is_dir():
        return []
    links = sorted((runtime / SIMS).iterdir())
    return [link for link in links if link.exists() and is_served(_control_path(runtime, link.name))]


def control_of(port: str) -> Path:
    """The control socket of the virtual Pico on `port`. Raises NoBoardError when nobody serves it."""
    control = _control_path(paths.runtime_dir(), Path(port).name)
    if not is_served(control):
        raise NoBoardError(f"{port} is no running virtual Pico; nothing was changed; start one with: microcurrent sim")
    return control


def _remove_dead(runtime: Path) -> None:
    """Remove what killed processes left: links whose control socket nobody serves (their pty may be another's now)."""
    for link in (runtime / SIMS).iterdir():
        control = _control_path(runtime, link.name)
        if not is_served(control):
            link.unlink(missing_ok=True)
            control.unlink(missing_ok=True)


def is_served(control: Path) -> bool:
    """Whether a process listens: the only sign of life, for a killed one's link may lead to a newer pty of another."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(control))
        except OSError:
            return False
        return True


def _control_path(runtime: Path, name: str) -> Path:
    return runtime / f"sim-{name}.sock"
