"""The whole calibration of a board: inside, outside, verified; what was there before comes back if it is not right."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

from firmware.shared import calibration, faults

from ..client import DeviceClient
from ..errors import FaultError, MicrocurrentError, VerifyError
from ..fault_text import fault_text
from . import fit, internal
from .fit import Fitted, Point
from .internal import Internal
from .made import made, refuse_implausible, refuse_scattered
from .meters import Meter
from .points import VERIFY_UA, Phases, amplitudes, permitted_ua

Say = Callable[[str], None]
INTERNAL = "internal"  # reference of a calibration that nothing outside was measured for


@dataclass
class Channel:
    """How one channel went. ends are the constants; points, checked: measured before and after them."""

    number: int
    internal: Internal
    constants: dict[str, int]
    fitted: Fitted | None = None
    points: list[Point] = field(default_factory=list)
    checked: list[Point] = field(default_factory=list)


@dataclass
class Done:
    """A calibration that is stored."""

    calibration: dict
    channels: list[Channel]


class Procedure:
    """client: has said hello. connect(channel): asks a person to connect the resistor, and returns when it is done."""

    def __init__(self, client: DeviceClient, board: ModuleType, say: Say) -> None:
        self._client, self._board, self._say = client, board, say
        self._before = client.request("calibration")["calibration"]
        self._temperature_c = 0

    def internal(self) -> list[Channel]:
        """Measure every output on its dummy load; nothing is stored."""
        count = self._client.identity.get("channels", 1)
        return [self._internal(number) for number in range(1, count + 1)]

    def _internal(self, number: int) -> Channel:
        board = self._board
        self._say(f"channel {number}: {internal.CODES} codes into the internal dummy load")
        rows, self._temperature_c = internal.measured(self._client, number, board.ZERO_CODE)
        found = internal.fitted(rows, board)
        refuse_scattered(found, board, number)
        constants = internal.constants_of(found, board, self._known_sense_gain(number, found))
        refuse_implausible(constants, number)
        return Channel(number, found, constants)

    def _known_sense_gain(self, number: int, found: Internal) -> float | None:
        """Of an earlier calibration against something outside; it is worth more than the design's."""
        if not self._before or self._before["reference"] == INTERNAL:
            return None
        return 1 + self._before["channels"][number - 1]["sense_gain_ppm"] / 1e6

    def store(self, channels: list[Channel], reference: str) -> dict:
        """Store the constants; the board tests itself with them. Raises VerifyError when that does not pass.

        reference: INTERNAL keeps that of an earlier calibration, and its date: the sense's gain is still of it.
        """
        day = None
        if reference == INTERNAL and self._before:
            reference, day = self._before["reference"], self._before["day"]
        told = made([each.constants for each in channels], self._temperature_c, reference, day)
        stored = self._client.request("calibration", {"set": told})["calibration"]
        if stored != told:
            raise VerifyError(
                f"the board answers another calibration ({stored and stored['id']}) than it was sent ({told['id']}); "
                f"run: microcurrent calibrate --show"
            )
        self._require_sound()
        return told

    def _require_sound(self) -> None:
        """A self-test that failed for want of a calibration may be cleared now; every other fault stays."""
        found = self._client.request("faults")
        if found["code"] == faults.SELFTEST_FAILED:
            self._client.request("clear")
            found = self._client.request("faults")
        if found["code"] != faults.NONE:
            raise FaultError(fault_text(found["code"], found["reading"], found["limit"], None))

    def external(self, channel: Channel, meter: Meter, ohm: int) -> None:
        """Points into the resistor, and the constants they give; nothing is stored."""
        permitted, binding = permitted_ua(self._client, meter.phase_ms)
        wanted = amplitudes(permitted, binding)
        self._say(f"channel {channel.number}: {', '.join(f'+-{each}' for each in wanted)} uA into {ohm} ohm")
        phases = Phases(self._client, self._board, channel.number, meter.phase_ms, ohm)
        channel.points = phases.measure(wanted, meter, channel.constants)
        refuse_swapped(channel.points, channel.number)
        channel.fitted = fit.fitted(channel.points, channel.constants, self._board)
        refuse_implausible(channel.fitted.constants, channel.number)
        fit.refuse_residuals(channel.fitted, channel.points, channel.number)
        channel.constants = channel.fitted.constants

    def verify(self, channel: Channel, meter: Meter, ohm: int) -> None:
        """Two other amplitudes, with the stored constants. Raises VerifyError beyond what calibration promises."""
        permitted, binding = permitted_ua(self._client, meter.phase_ms)
        wanted = amplitudes(permitted, binding, VERIFY_UA)
        self._say(f"channel {channel.number}: verified at {', '.join(f'+-{each}' for each in wanted)} uA")
        phases = Phases(self._client, self._board, channel.number, meter.phase_ms, ohm)
        channel.checked = phases.measure(wanted, meter, channel.constants)
        fit.required(channel.checked, channel.number)

    def restore(self) -> None:
        """What the board had before. A failure of that is left to the caller's own."""
        try:
            self._client.request("calibration", {"set": self._before} if self._before else {"erase": True})
        except MicrocurrentError as error:
            self._say(f"the calibration from before could not be put back: {error}")


def refuse_swapped(points: list[Point], number: int) -> None:
    """Raise VerifyError for a meter whose leads are the other way round."""
    if all(point.true_ua * point.asked_ua < 0 for point in points):
        raise VerifyError(
            f"channel {number}: the meter shows {points[0].true_ua:.0f} uA at {points[0].asked_ua} uA, and so at all "
            f"points: its leads are swapped; nothing was stored; turn them round and begin again"
        )


def uncalibrated(points: list[Point], constants: dict[str, int], board: ModuleType) -> list[tuple[float, float]]:
    """(delivered, told) that the design's numbers would give at these points: computed from the constants."""
    design = calibration.Scale(board)
    unit = calibration.Scale(board, constants)
    found = []
    for point in points:
        code = fit.code_sent(point.asked_ua, design, board) - board.ZERO_CODE
        true = code * board.FULL_SCALE_UA / calibration.HALF_CODES * (1 + constants["gain_ppm"] / 1e6)
        true += constants["offset_na"] / 1000
        found.append((true, _told_raw(true, constants, unit, board)))
    return found


def _told_raw(true_ua: float, constants: dict[str, int], unit: calibration.Scale, board: ModuleType) -> float:
    """What the sense shows of a current without any correction: with the ADC's steps."""
    counts = true_ua * unit.sense_uv_per_ua * 4096 / 1000 / board.ADC_REFERENCE_MV
    step = constants["step"] / 256
    if abs(counts) > 512 + step / 2:
        counts -= step if counts > 0 else -step
    return counts * board.ADC_REFERENCE_MV * 1000 / 4096 / board.SENSE_UV_PER_UA
