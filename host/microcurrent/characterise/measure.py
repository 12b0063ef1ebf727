"""One known resistor, one ordinary session: what the board measured, and on a virtual Pico the exact waveform."""

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware.shared import protocol

from ..client import DeviceClient
from ..errors import FaultError, RefusedError
from ..live import LiveSession

LOADS_OHM = (500, 2000, 10000)  # IEC 60601-2-10, 201.12.4 and national guidance ask for these; unverified here
TICK_S = 0.05
OHM_TOLERANCE = 0.15  # ours: divider 2 %, an uncalibrated sense 5 %, and at 500 ohm some counts of voltage
FROM_UA = 50  # ours: with less, the board's impedance of 500 ohm is a count or two
SAMPLES = 2000  # of the waveform that is drawn
CYCLES_DRAWN = 2
ACTIVE = protocol.STATE_NAMES[protocol.ACTIVE]


@dataclass(frozen=True)
class Waveform:
    """Instants in ms with current in uA and voltage in mV. source: who measured it, for the reader."""

    t_ms: list[float]
    ua: list[float]
    mv: list[float]
    source: str
    stepped: bool = False


@dataclass
class Measured:
    """What one resistor showed. All of the time at full amplitude; charges in nC, `cycles` whole ones."""

    ohm: int
    amplitude_ua: int
    impedance_ohm: int
    delivered_ua: float
    peak_ua: int
    electrode_mv: int
    phase_charge_nc: int
    net_charge_nc: int
    cycles: int
    full_share: float
    headroom_mv: int
    waveform: Waveform = field(repr=False)

    @property
    def net_per_pulse_nc(self) -> float:
        """Net charge per whole cycle."""
        return self.net_charge_nc / self.cycles if self.cycles else 0.0


class Session:
    """Measures one resistor after the other. sim: asks a virtual Pico's control socket; None for a real board."""

    def __init__(self, client: DeviceClient, wave: dict, sim: Callable[..., dict] | None) -> None:
        self._client, self._wave, self._sim = client, wave, sim

    def measure(self, ohm: int) -> Measured:
        """Raises RefusedError where another load is connected, FaultError, and what keeps a session from starting."""
        client = self._client
        client.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
        live = LiveSession(client)
        live.begin(wave=self._wave)
        drawn: Waveform | None = None
        try:
            while not live.ended:
                live.tick(TICK_S)
                active = _active(live.rows)
                self._require(active, ohm)
                if drawn is None and self._sim and len(active) > 2 and self._played(active):
                    drawn = self._from_trace()
        finally:
            if not live.ended:
                live.stop()
                while not live.ended:
                    live.tick(TICK_S)
            client.request("telemetry", {"rate_hz": client.request("config")["set"]["telemetry_hz"]})
        if live.fault:
            raise FaultError(live.fault)
        active = _active(live.rows)
        if len(active) < 3:
            raise RefusedError(
                f"the session ended ({live.ended}) before it was measured; nothing was written; is {ohm} ohm connected?"
            )
        return self._result(ohm, active, live.rows, drawn or _from_telemetry(live.rows))

    def _require(self, active: list[dict[str, int]], ohm: int) -> None:
        """What flows must meet the resistor that was named. Saturated phases measure it all the same."""
        if len(active) < 2 or self._wave["amplitude_ua"] < FROM_UA:
            return
        found = active[-1]["impedance_ohm"]
        if not abs(found - ohm) <= OHM_TOLERANCE * ohm:
            raise RefusedError(
                f"the electrodes measure {found} ohm, {ohm} ohm +-{OHM_TOLERANCE:.0%} were expected; the session was "
                f"ramped down and nothing was written; connect that resistor, then run: microcurrent characterise"
            )

    def _played(self, active: list[dict[str, int]]) -> bool:
        """Whether some whole cycles have passed at full amplitude."""
        cycle_ms = 1e6 / self._wave["frequency_mhz"]
        return active[-1]["time_ms"] - active[0]["time_ms"] > (CYCLES_DRAWN + 1) * cycle_ms

    def _from_trace(self) -> Waveform:
        assert self._sim is not None
        span_ns = int(CYCLES_DRAWN * 1e12 / self._wave["frequency_mhz"])
        now_ns = int(self._sim(do="time")["now_ns"])
        step_ns = max(1000, span_ns // SAMPLES)
        found = self._sim(do="samples", from_ns=now_ns - span_ns, to_ns=now_ns, step_ns=step_ns)
        begin = found["t_ns"][0]
        t_ms = [(t_ns - begin) / 1e6 for t_ns in found["t_ns"]]
        return Waveform(t_ms, found["delivered_ua"], found["electrode_mv"], "the virtual Pico's trace, exact")

    def _result(self, ohm: int, active: list[dict[str, int]], rows: list[dict[str, int]], drawn: Waveform) -> Measured:
        first, last = active[0], active[-1]
        phases = last["phases"] - first["phases"]
        counted = [row for row in rows if row["phases"] >= last["phases"]][-1]
        return Measured(
            ohm=ohm,
            amplitude_ua=self._wave["amplitude_ua"],
            impedance_ohm=last["impedance_ohm"],
            delivered_ua=sum(row["delivered_ua"] for row in active[1:]) / len(active[1:]),
            peak_ua=max(row["peak_ua"] for row in active[1:]),
            electrode_mv=max(row["electrode_mv"] for row in active[1:]),
            phase_charge_nc=max(row["phase_charge_nc"] for row in active[1:]),
            net_charge_nc=counted["net_charge_nc"],
            cycles=counted["phases"] // 2,
            full_share=(last["full_phases"] - first["full_phases"]) / phases if phases else 0.0,
            headroom_mv=min(row["headroom_mv"] for row in active[1:]),
            waveform=drawn,
        )


def _active(rows: list[dict[str, int]]) -> list[dict[str, int]]:
    """Rows at full amplitude. The first one's interval began before it."""
    return [row for row in rows if protocol.STATE_NAMES[row["state"]] == ACTIVE]


def _from_telemetry(rows: list[dict[str, int]]) -> Waveform:
    """What a board tells by itself: means of current and peaks of voltage, a row each 20 ms."""
    begin = rows[0]["time_ms"]
    return Waveform(
        [float(row["time_ms"] - begin) for row in rows],
        [float(row["delivered_ua"]) for row in rows],
        [float(row["electrode_mv"]) for row in rows],
        "the board's own telemetry: |current|, mean of 20 ms, and |voltage|, its peak",
        stepped=True,
    )
