"""The proof that the watchdog resets a board whose main loop stopped feeding it. The output is off meanwhile."""

from firmware.shared import faults

from .client import DeviceClient
from .errors import VerifyError
from .fault_text import channel_of, fault_text

RESET_WAIT_S = 2.5  # ours: the board gives up after twice its limit of 500 ms, and a port takes a while to go away
BACK_S = 15.0  # ours: boot and its checks take a second, more on a virtual board on a busy machine
_EVENT = "watchdog-test"  # the boot that follows remembers it among its events


def follow_reset(client: DeviceClient) -> str:
    """After a passed self-test with "watchdog": wait for the reset, and say how the board came back.

    Raises VerifyError when it was not reset by the watchdog, PortError when it does not come back.
    """
    client.await_reset(RESET_WAIT_S)
    client.reconnect(BACK_S)
    found = client.request("faults")
    status = client.request("status")
    told = _EVENT in [kind for _time_ms, kind, _value in client.request("log")["events"]]
    if found["code"] != faults.NONE:
        channel = channel_of(found, client.identity)
        text = fault_text(found["code"], found["reading"], found["limit"], channel)
        raise VerifyError(f"the watchdog did not prove itself: {text}")
    if not told or status["reset"] != "watchdog":
        raise VerifyError(
            f"the watchdog did not reset the board within {RESET_WAIT_S:g} s: its last reset was by "
            f"{status['reset']}; the output is off; run: microcurrent selftest --watchdog"
        )
    return f"the watchdog reset the board; it came back in state {status['state']}"
