"""The contact coach: shows how the electrodes touch, at 8 uA and never more, until contact is good and stays so."""

from collections.abc import Callable

from firmware.shared import protocol

from .client import DeviceClient
from .errors import FaultError, RefusedError
from .live import LiveSession
from .treatment_texts import contact_text

STABLE_S = 2.0  # ours: good for so long without a gap
TICK_S = 0.1
# What the board plays looks for contact only; the request is as small as a request can be.
_WAVE = {"amplitude_ua": 8, "frequency_mhz": 10_000, "duration_ms": 1000, "ramp_ms": 100}

Row = dict[str, int]


def coach(
    client: DeviceClient,
    channels: int,
    tell: Callable[[str, Row], None],
    given_up: Callable[[], bool],
    zone: str = "",
) -> None:
    """Tell contact and what to do with every row (the words, and the row), until all channels are good.

    given_up: asked between rows. Raises RefusedError when contact never became good, FaultError, PortError.
    """
    live = LiveSession(client)
    wave = _WAVE | ({"zone": zone} if zone else {})
    second = {"wave2": {name: wave[name] for name in wave.keys() - {"duration_ms", "ramp_ms"}}} if channels > 1 else {}
    live.begin(wave=wave, contact=True, **second)
    try:
        _until_good(live, tell, given_up, client.transport.now)
    finally:
        if not live.ended:
            live.stop(now=True)
            while not live.ended:
                live.tick(TICK_S)


def _until_good(
    live: LiveSession, tell: Callable[[str, Row], None], given_up: Callable[[], bool], now: Callable[[], float]
) -> None:
    good_since_s: float | None = None
    while not live.ended:
        if given_up():
            raise RefusedError("contact was given up; nothing but 8 uA has flowed; begin again when the gel is on")
        if not any(event["ev"] == "telemetry" for event in live.tick(TICK_S)):
            continue
        rows = [each[-1] for each in (live.rows, live.rows2) if each]
        tell(" | ".join(contact_text(row) for row in rows), rows[0])
        if all(row["contact"] == protocol.CONTACT_GOOD for row in rows):
            good_since_s = now() if good_since_s is None else good_since_s
            if now() - good_since_s >= STABLE_S:
                return
        else:
            good_since_s = None
    if live.fault:
        raise FaultError(live.fault)
    raise RefusedError(
        f"no good contact was found ({live.ended}); nothing but 8 uA has flowed; use more gel, press gently, and try "
        f"again: microcurrent contact"
    )
