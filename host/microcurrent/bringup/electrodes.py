"""The last step: a resistor at the electrodes, at 8 uA and never more."""

from ..client import DeviceClient
from ..live import LiveSession
from .result import Result

OHM = 10_000
TOLERANCE = 0.25  # ours: 8 uA make 12 counts of voltage
WAIT_S = 3.0
TICK_S = 0.1
_WAVE = {"amplitude_ua": 8, "frequency_mhz": 10_000, "duration_ms": 1000, "ramp_ms": 100}
WHERE = f"{OHM} ohm between the electrode terminals, contact sensing at 8 uA"


def measured(client: DeviceClient) -> Result:
    """What contact sensing shows of the resistor. Raises what keeps it from starting."""
    live = LiveSession(client)
    live.begin(wave=_WAVE, contact=True)
    until_s = client.transport.now() + WAIT_S
    try:
        while client.transport.now() < until_s and not live.ended:
            live.tick(TICK_S)
    finally:
        if not live.ended:
            live.stop(now=True)
            while not live.ended:
                live.tick(TICK_S)
    shown = [row["impedance_ohm"] for row in live.rows if row["impedance_ohm"] >= 0]
    return judged(shown[-1] if shown else -1)


def judged(ohm: int) -> Result:
    """The result of an impedance; -1: none was measured."""
    expected = f"{OHM} ohm +-{TOLERANCE:.0%}"
    if abs(ohm - OHM) <= TOLERANCE * OHM:
        return Result("electrodes", WHERE, True, f"{ohm} ohm", expected)
    if ohm < 0:
        mistake = "nothing was measured: no session came to contact sensing"
    elif ohm > 1_000_000:
        mistake = "open: a lead, the connector, the emergency stop's second contact, or the change-over"
    elif 3500 < ohm < 6000:
        mistake = "that is the dummy load: the change-over stays on it; check DUMMY_PIN's pull-down and the relay"
    elif ohm < 200:
        mistake = "the electrode terminals are bridged"
    else:
        mistake = "another resistor is connected, or leakage lies in parallel to it"
    return Result("electrodes", WHERE, False, f"{ohm} ohm", expected, mistake)
