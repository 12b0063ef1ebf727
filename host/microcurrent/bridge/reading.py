"""A client that can only read: what the bridge itself sends to a board passes through here."""

import contextlib
from collections.abc import Iterator

from ..client import DeviceClient
from ..errors import RefusedError
from ..share import ShareClient

READING = ("hello", "status", "replay", "faults", "log", "counters")  # all that the bridge ever asks a board
# What other commands on this machine may have forwarded while the bridge holds the port: reading, and taking current
# away. Whatever else needs the board (run, flash, ...) asks for the port and gets it.
LOCAL = (*READING, "journal", "stop", "pause", "felt")


class ReadingClient(DeviceClient):
    """A DeviceClient that refuses every command but those of READING. Raises RefusedError for another one."""

    _permitted: tuple[str, ...] = READING

    @contextlib.contextmanager
    def for_this_machine(self) -> Iterator[None]:
        """While entered, LOCAL counts: a person at this machine asked."""
        self._permitted = LOCAL
        try:
            yield
        finally:
            self._permitted = READING

    def _exchange(
        self, command: str, args: dict, timeout_s: float, *, oldest_id: int | None = None, patient: bool = False
    ) -> dict | None:
        reads_settings = command == "config" and not args and self._permitted is LOCAL
        if command not in self._permitted and not reads_settings:
            raise RefusedError(
                f"a bridge holds {self.port} and only reads: it sends no {command}; nothing was changed; end the "
                f"bridge, then try again"
            )
        return super()._exchange(command, args, timeout_s, oldest_id=oldest_id, patient=patient)


class Door:
    """The board as other commands on this machine reach it through the bridge's share socket."""

    def __init__(self, client: ReadingClient) -> None:
        self._client = client
        self.identity = client.identity

    @property
    def port(self) -> str:
        """The port's name."""
        return self._client.port

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        """The data of the reply. Raises RefusedError for what could start or raise a current."""
        with self._client.for_this_machine():
            return self._client.request(command, args, timeout_s)

    def hello(self, timeout_s: float = 0.0) -> dict:
        """The identity, as it was checked when the port was opened."""
        return self.identity

    def close(self) -> None:
        """Release the port."""
        self._client.close()


class HeldBoard(ShareClient):
    """A board whose port another command holds: it is asked through that one, and what it tells is asked for too."""

    def next_event(self, timeout_s: float) -> dict | None:
        """Nothing is heard here: ring and log have it."""
        return None
