"""From what the user named to an open, checked device: a port, the only board, a virtual one, a busy port's owner."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ports
from .client import DeviceClient
from .errors import BadValueError
from .share import RELEASE, Requester, ShareClient, remove_dead
from .transport import PortBusyError, Transport, open_transport

if TYPE_CHECKING:
    from .virtual import Sim

TWO_OUTPUTS = "rp2040_pico_dual"  # the board that has them


@contextmanager
def chosen_port(
    given: str | None, data_dir: str | None, say: Callable[[str], None], wishes: "Wishes | None" = None
) -> Iterator["Place"]:
    """Where the board is; a virtual one is started for the time of the context when 'sim' was asked for.

    wishes: what a virtual board is to be. Raises BadValueError when they are made of another kind of board.
    """
    name = ports.choose(given)
    if name == ports.SIM:
        from .virtual import borrowed

        wished = wishes or Wishes()
        with borrowed(wished, data_dir=data_dir, say=say, board=wished.wanted_board, load2=wished.load2) as sim:
            yield Place(sim.port, sim)
        return
    if wishes is not None and wishes.any():
        raise BadValueError(
            f"--load, --load2, --board, --image, --vcd and --csv are for a virtual Pico, {name} is none that this "
            f"command starts; nothing was sent; leave them away, or use --port sim"
        )
    yield Place(name, None)


@dataclass(frozen=True)
class Wishes:
    """What a command asks of the virtual Pico it starts. None: as it comes."""

    load: str | None = None
    load2: str | None = None  # under the second channel's electrodes
    area_mm2: int | None = None  # of the electrodes on the virtual skin
    image: str | None = None
    vcd: str | None = None
    csv: str | None = None
    board: str | None = None
    channels: int = 1  # that its user needs: decides on the board when none is named

    @property
    def wanted_board(self) -> str | None:
        """The board to start; None for the one that it was last."""
        return self.board or (TWO_OUTPUTS if self.channels > 1 else None)

    def any(self) -> bool:
        """True when something is wished that only a virtual board has."""
        return any((self.load, self.load2, self.image, self.vcd, self.csv, self.board))


@dataclass(frozen=True)
class Place:
    """A port, and the virtual board behind it when this command started it."""

    port: str
    sim: "Sim | None"


@contextmanager
def open_device(
    given: str | None, *, shared: bool, data_dir: str | None, say: Callable[[str], None]
) -> Iterator[Requester]:
    """A device that answered hello in our protocol. Raises NoBoardError, PortError, FirmwareError.

    shared: when another microcurrent holds the port, have the requests forwarded by it.
    """
    with chosen_port(given, data_dir, say) as place:
        opened = reach(place.port, shared=shared)
        try:
            opened.hello()
            yield opened
        finally:
            opened.close()


def reach(name: str, *, shared: bool) -> Requester:
    """A client on the port, or (with `shared`) through the process that holds it."""
    remove_dead()
    try:
        return DeviceClient(open_transport(name) if shared else acquire(name))
    except PortBusyError:
        if not shared:
            raise
        return ShareClient(name)


def acquire(name: str) -> Transport:
    """The port for ourselves; a monitor that holds it lets go. Raises PortError when its holder does not."""
    try:
        return open_transport(name)
    except PortBusyError as busy:
        owner = ShareClient(name)
        if not owner.reachable():
            raise busy
        owner.request(RELEASE)
        return open_transport(name)


def client_on(name: str) -> DeviceClient:
    """A client that has the port for itself, without a word to the firmware."""
    return DeviceClient(acquire(name))
