"""Phases of an ordinary session into a known resistor: what was asked, what the board told, what a reference measured.

There is no other way for current to get out: the board arms, permits, looks for contact, supervises as always.
"""

from collections.abc import Callable, Collection
from types import ModuleType

from firmware.shared import calibration, limits, protocol, waveform

from ..client import DeviceClient
from ..errors import FaultError, RefusedError
from ..live import LiveSession
from .fit import Point, code_sent
from .meters import Meter

Say = Callable[[str], None]
Row = dict[str, int]
AMPLITUDES_UA = (50, 200, 500)  # ours: near the smallest and the largest that treatments use, and one between
VERIFY_UA = (125, 400)  # others than those
LARGEST_MIN_UA = 200  # ours: below it the sense's counts do not tell 0.5 % apart
OHM_TOLERANCE = 0.15  # ours: divider 2 %, sense 4 %, a few counts of voltage
TICK_S = 0.05
SETTLE_SHARE = 0.3  # of a phase, before the reference is read
TRIES = 3  # ours: cycles in which a reading may miss its phase
RAMP_MS = 100
OTHER_CHANNEL_UA = 10  # what the first channel plays while the second one is measured


class Phases:
    """One session with slow square phases. channel: 1 or 2, the one that is measured."""

    def __init__(self, client: DeviceClient, board: ModuleType, channel: int, phase_ms: int, ohm: int) -> None:
        self._client, self._board, self._channel = client, board, channel
        self._phase_ms, self._ohm = phase_ms, ohm
        self._live = LiveSession(client)
        self._asked_ua = 0

    def measure(self, amplitudes_ua: tuple[int, ...], meter: Meter, constants: dict | None) -> list[Point]:
        """Both phases of every amplitude. constants: of the channel, as the board has them."""
        scale = calibration.Scale(self._board, constants)
        found: list[Point] = []
        if meter.live:
            return self._session(amplitudes_ua, meter, scale)
        for amplitude_ua in amplitudes_ua:
            found += self._session((amplitude_ua,), meter, scale)
        return found

    def _session(self, amplitudes_ua: tuple[int, ...], meter: Meter, scale: calibration.Scale) -> list[Point]:
        """One session through some amplitudes."""
        taken: list[tuple[int, float | None, float, int]] = []
        self._begin(amplitudes_ua[0], len(amplitudes_ua))
        try:
            for amplitude_ua in amplitudes_ua:
                taken += self._both_phases(amplitude_ua, self._go_to(amplitude_ua), meter)
        finally:
            self._end()
        return [
            Point(
                asked_ua,
                code_sent(asked_ua, scale, self._board),
                meter.read_ua(asked_ua) if true_ua is None else true_ua,
                told_ua,
                ohm,
            )
            for asked_ua, true_ua, told_ua, ohm in taken
        ]

    def _begin(self, amplitude_ua: int, count: int) -> None:
        wave = {
            "amplitude_ua": amplitude_ua if self._channel == 1 else OTHER_CHANNEL_UA,
            "frequency_mhz": 500_000 // self._phase_ms,
            "duration_ms": (4 * count + 4 * TRIES) * 2 * self._phase_ms + 10_000,
            "ramp_ms": RAMP_MS,
        }
        asked: dict = {"wave": wave}
        if self._channel == 2:
            asked["wave2"] = {"amplitude_ua": amplitude_ua, "frequency_mhz": wave["frequency_mhz"]}
        self._client.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
        self._live = LiveSession(self._client)
        self._live.begin(**asked)
        self._asked_ua = amplitude_ua

    def _go_to(self, amplitude_ua: int) -> int:
        """The first phase that is wholly at this amplitude; phases count from 0."""
        if amplitude_ua == self._asked_ua:
            return self._until(lambda row: protocol.STATE_NAMES[row["state"]] == "ACTIVE")["phases"] + 1
        key = "wave" if self._channel == 1 else "wave2"
        self._client.request("change", {"session": self._live.terms["session"], key: {"amplitude_ua": amplitude_ua}})
        self._asked_ua = amplitude_ua
        return self._until(lambda row: True)["phases"] + 2  # the cycle under way ends within this phase and the next

    def _both_phases(self, amplitude_ua: int, first: int, meter: Meter) -> list[tuple[int, float | None, float, int]]:
        """(asked, reference, board, impedance) of a positive and of a negative phase, when they have passed."""
        found: dict[int, tuple[int, float | None, float, int]] = {}
        for _ in range(2 * TRIES):
            this = self._until(lambda row, least=first: row["phases"] >= least)
            first = this["phases"] + 1
            taken = self._phase(this, amplitude_ua, meter, found)
            if taken is not None:
                found[1 if taken[0] > 0 else -1] = taken
            if len(found) == 2:
                return [found[1], found[-1]]
        raise RefusedError(
            f"{TRIES} readings took longer than a phase of {self._phase_ms / 1000:g} s; nothing was stored; the "
            f"session was ramped down; try a faster range of the meter"
        )

    def _phase(
        self, begun: Row, amplitude_ua: int, meter: Meter, known: Collection[int]
    ) -> tuple[int, float | None, float, int] | None:
        """One phase, which `begun` is the first row of; None where the reading did not fit into it, or it is known.

        Which sign it has, its charge tells: how many phases there were before is no proof.
        """
        this, settled_ms = begun["phases"], begun["time_ms"] + int(self._phase_ms * SETTLE_SHARE)
        row = self._until(lambda row: row["time_ms"] >= settled_ms)
        sign = 1 if row["net_charge_nc"] > begun["net_charge_nc"] else -1
        if row["phases"] != this or sign in known:
            return None
        self._require_resistor(amplitude_ua)
        true_ua = meter.read_ua(sign * amplitude_ua) if meter.live else None
        row = self._until(lambda row: True)  # told after the reading: so the phase had not ended before it
        if row["phases"] != this:
            return None
        row = self._until(lambda row: row["phases"] >= this + 1)
        if row["phases"] != this + 1:
            return None
        terms = self._live.terms if self._channel == 1 else self._live.terms["terms2"]
        told_ua = sign * row["phase_charge_nc"] * 1000 / terms["phase_us"]
        return sign * amplitude_ua, true_ua, told_ua, row["impedance_ohm"]

    def _require_resistor(self, asked_ua: int) -> None:
        """What flows must meet the resistor that was named."""
        row = self._rows[-1]
        if abs(asked_ua) < LARGEST_MIN_UA // 2:
            return
        if not abs(row["impedance_ohm"] - self._ohm) <= OHM_TOLERANCE * self._ohm:
            raise RefusedError(
                f"the electrodes measure {row['impedance_ohm']} ohm, {self._ohm} ohm +-{OHM_TOLERANCE:.0%} were "
                f"expected; nothing was stored; the session was ramped down; is the right resistor connected?"
            )

    @property
    def _rows(self) -> list[Row]:
        return self._live.rows if self._channel == 1 else self._live.rows2

    def _until(self, arrived: Callable[[Row], bool]) -> Row:
        """The first row that `arrived` takes. Raises what has ended the session instead."""
        seen = len(self._rows)
        while True:
            for row in self._rows[seen:]:
                if row["lift_offs"]:
                    raise RefusedError(
                        "contact was lost; nothing was stored; the session was ramped down; fasten the clips and begin "
                        "again"
                    )
                if arrived(row):
                    return row
            seen = len(self._rows)
            if self._live.ended:
                raise self._ended()
            self._live.tick(TICK_S)

    def _ended(self) -> Exception:
        if self._live.fault:
            return FaultError(self._live.fault)
        return RefusedError(
            f"the session ended early ({self._live.ended}); nothing was stored; is the resistor connected? begin again "
            f"with: microcurrent calibrate"
        )

    def _end(self) -> None:
        if not self._live.ended:
            self._live.stop()
        while not self._live.ended:
            self._live.tick(TICK_S)
        rate_hz = self._client.request("config")["set"]["telemetry_hz"]
        self._client.request("telemetry", {"rate_hz": rate_hz})


def permitted_ua(client: DeviceClient, phase_ms: int) -> tuple[int, str]:
    """(largest amplitude that the board permits such phases, the rule that binds)."""
    request = {"amplitude_ua": 1, "frequency_mhz": 500_000 // phase_ms, "duration_ms": 60_000, "ramp_ms": RAMP_MS}
    wave, problem = waveform.check(request)
    assert wave is not None, problem
    settings = client.request("config")["set"]
    limit_ua, binding, _source = limits.permitted(wave, settings, client.identity["hard_cap_ua"])
    return limit_ua, binding


def amplitudes(permitted: int, binding: str, wanted: tuple[int, ...] = AMPLITUDES_UA) -> tuple[int, ...]:
    """What to measure at within a limit: in proportion. Raises RefusedError where it permits too little."""
    largest = max(AMPLITUDES_UA)
    if permitted < LARGEST_MIN_UA:
        raise RefusedError(
            f"the board permits {permitted} uA (rule {binding}), a calibration needs {LARGEST_MIN_UA} uA into its "
            f"resistor; nothing was sent; permit more for the time of it, with the device's button: microcurrent "
            f"config set profile professional zone body area_mm2 10cm2"
        )
    return wanted if permitted >= largest else tuple(each * permitted // largest for each in wanted)
