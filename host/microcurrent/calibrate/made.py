"""A calibration as the board stores it: dated, named by its id, and refused when no honest unit can be like it."""

from types import ModuleType

from firmware.shared import calibration_slot

from ..errors import VerifyError
from .age import today
from .internal import STEP_MAX, Internal

RESIDUAL_COUNTS = 2.0  # ours: of the ADC, root mean square; its own steps of a code make 0.3, noise of real ones 1

_LIKELY = {
    "offset_na": "the DAC's offset, the mid rail's divider and the op-amp; check the mid rail and solder joints",
    "gain_ppm": "the pump's resistors (1650 ohm) and the DAC; check their values and the 3.3 V",
    "sense_zero": "the sense amplifier's mid rail and offset; check its divider",
    "sense_gain_ppm": "the sense resistor (1 kohm), the amplifier's gain and the reference meter or resistor; check "
    "the typed readings first",
    "step": "the ADC; it is no RP2040's, or its input is disturbed",
}
_UNITS = {"offset_na": "nA", "gain_ppm": "ppm", "sense_zero": "1/256 counts", "sense_gain_ppm": "ppm", "step": "1/256"}


def made(channels: list[dict[str, int]], temperature_c: int, reference: str, day: int | None = None) -> dict:
    """The calibration of these constants."""
    found = {
        "day": today() if day is None else day,
        "temperature_c": temperature_c,
        "reference": reference[: calibration_slot.REFERENCE_LENGTH],
        "channels": channels,
    }
    return found | {"id": calibration_slot.id_of(found)}


def refuse_implausible(constants: dict[str, int], channel: int) -> None:
    """Raise VerifyError naming every constant that no honest unit has, with its bounds and what is likely wrong."""
    wrong = []
    for name, low, high, meaning in calibration_slot.FIELDS:
        if not low <= constants[name] <= high:
            wrong.append(
                f"{name} is {constants[name]} {_UNITS[name]} ({meaning}), an honest unit has {low}..{high}: "
                f"{_LIKELY[name]}"
            )
    if wrong:
        raise VerifyError(
            f"channel {channel} is implausible: {'; '.join(wrong)}; the board's calibration was not changed; mend it, "
            f"then run: microcurrent calibrate"
        )


def refuse_scattered(found: Internal, board: ModuleType, channel: int) -> None:
    """Raise VerifyError where the dummy load's readings are no straight line with the ADC's steps."""
    if found.residual > RESIDUAL_COUNTS or found.step > STEP_MAX:
        raise VerifyError(
            f"channel {channel}: readings of the dummy load lie {found.residual:.1f} ADC counts from a straight line "
            f"with steps of {found.step:.1f}, at most {RESIDUAL_COUNTS:g} and {STEP_MAX:g} are plausible; the board's "
            f"calibration was not changed; check the sense amplifier, its supply and the wires to the ADC"
        )
