"""The status of a board again and again. Holds the port only as long as nobody else asks for it."""

import time

from .client import DeviceClient
from .errors import PortError
from .share import Requester, ShareClient, ShareServer
from .transport import PortBusyError, open_transport

GRACE_S = 5.0  # ours: a command that asked for the port has opened it and serves its socket within a second or two


class StatusSource:
    """Asks for the status over the port itself, or through the process that runs a session. Use it with `with`."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._own: DeviceClient | None = None
        self._share: ShareServer | None = None
        self._hands_off_until_s = 0.0
        self._patient_until_s = 0.0

    def __enter__(self) -> "StatusSource":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._let_go()

    def status(self) -> dict | None:
        """The present status; None while the port changes hands. Raises PortError, FirmwareError, NoBoardError."""
        if self._own is None and time.monotonic() >= self._hands_off_until_s:
            self._try_own()
        source: Requester = self._own or ShareClient(self._port)
        try:
            status = source.request("status")
        except PortError:
            # The owner of the port is just coming or going; only a lasting silence is an error.
            if self._own is not None or time.monotonic() >= self._patient_until_s:
                raise
            return None
        self._patient_until_s = time.monotonic() + GRACE_S
        return status

    def serve(self) -> None:
        """Answer other commands; give the port up to one that needs it."""
        if self._share is None:
            return
        self._share.serve()
        if self._share.released:
            self._hands_off_until_s = self._patient_until_s = time.monotonic() + GRACE_S
            self._let_go()

    def _try_own(self) -> None:
        try:
            client = DeviceClient(open_transport(self._port))
        except PortBusyError:
            return
        self._own = client
        client.hello()
        self._share = ShareServer(client, releasable=True)

    def _let_go(self) -> None:
        if self._share is not None:
            self._share.__exit__()
        if self._own is not None:
            self._own.close()
        self._own = self._share = None
