"""A change of settings that raises a cap: it waits for the device's button. Here the host waits with it."""

from collections.abc import Callable
from pathlib import Path

from firmware.shared import limits, protocol

from .client import DeviceClient
from .errors import NoBoardError, RefusedError
from .refusals import ConfirmError

GRACE_S = 3.0  # ours: from the device's last moment to its event, read over a busy link
TICK_S = 1.0  # how often the time left is shown
PRESS_MS = protocol.HOLD_MS + 500  # ours: a virtual finger, half a second longer than needed


def change(
    client: DeviceClient,
    changes: dict[str, int],
    *,
    command: str = "config",
    on_wait: Callable[[list[str]], None],
    on_left: Callable[[float], None],
) -> dict[str, int]:
    """Set `changes` and return all settings as they stand then.

    command: "config", or "config_reset" when the changes are the defaults. on_wait: gets the names that need the
    button, once; on_left: gets the seconds left, about once a second. Raises RefusedError when the button was not held
    in time (nothing is changed then), and what the device refuses.
    """
    before = client.request("config")["set"]
    client.forget_events()
    try:
        return client.request(command, {"set": changes} if command == "config" else None)["set"]
    except ConfirmError:
        raised = limits.raises(before, changes) or list(changes)
    on_wait(raised)
    return _await(client, changes, raised, on_left)


def _await(
    client: DeviceClient, changes: dict[str, int], raised: list[str], on_left: Callable[[float], None]
) -> dict[str, int]:
    """The settings once they are changed. The events only end the wait: what the device then answers counts."""
    ends_s = client.transport.now() + protocol.CONFIRM_MS / 1000
    while (left_s := ends_s - client.transport.now()) > -GRACE_S:
        on_left(max(left_s, 0.0))
        event = client.next_event(min(TICK_S, left_s + GRACE_S))
        if event is not None and event["ev"] in ("confirmed", "expired", "boot"):
            break
    settings = client.request("config")["set"]
    if all(settings[name] == value for name, value in changes.items()):
        return settings
    raise RefusedError(
        f"{', '.join(raised)} would permit more, and the device's button was not held for "
        f"{protocol.HOLD_MS / 1000:g} s within {protocol.CONFIRM_MS / 1000:g} s; nothing was changed; try again at "
        f"the device"
    )


def virtual_control(port: str) -> Path | None:
    """The control socket of the virtual Pico on `port`, None for any other board."""
    from .bench.places import control_of

    try:
        return control_of(port)
    except NoBoardError:
        return None


def require_virtual(port: str) -> Path:
    """The control socket of the virtual Pico on `port`. Raises RefusedError for a real board."""
    control = virtual_control(port)
    if control is None:
        raise RefusedError(
            f"{port} is no virtual Pico; nothing was sent; a host alone cannot confirm what permits more: leave "
            f"--press away, and hold the button on the device for {protocol.HOLD_MS / 1000:g} s"
        )
    return control


def press(port: str) -> None:
    """Hold the button of the virtual Pico on `port`. Raises RefusedError for a real board, PortError."""
    from .bench.process import ask

    ask(str(require_virtual(port)), do="button", ms=PRESS_MS)
