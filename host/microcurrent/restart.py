"""Restarting the firmware: by its own command when it answers, through mpremote when it does not."""

from . import flash, remote
from .connect import client_on
from .errors import FirmwareError


def restart(port: str) -> dict:
    """Reset the board on `port`; the identity of the firmware that came up. Raises PortError, FirmwareError."""
    with client_on(port) as client:
        try:
            client.hello(flash.FIRST_HELLO_S)
        except FirmwareError:
            pass
        else:
            client.request("reset")
            client.await_reset()
            return client.reconnect()
    flash.require_installed(remote.inventory(port), port)
    return flash.restart(port)
