"""From what a reference measured to constants: least squares over all points of one channel."""

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from firmware.shared import calibration, units

from ..errors import VerifyError

if TYPE_CHECKING:
    import numpy as np

# What calibration promises of the delivered current, the issue's: within +-2 uA +-1 %.
TOLERANCE_UA = 2.0
TOLERANCE_SHARE = 0.01
RESIDUAL_UA = 1.5  # ours: a meter of 0.5 % at 200 uA, and a DAC whose codes lie 3 of them beside the line


@dataclass(frozen=True)
class Point:
    """One phase: what was asked for (signed), the DAC code that the board then sends, what the reference and what the
    board measured, all in uA; and what the board shows as impedance.
    """

    asked_ua: int
    code: int
    true_ua: float
    told_ua: float
    ohm: int = 0

    @property
    def error_ua(self) -> float:
        """Delivered less asked for."""
        return self.true_ua - self.asked_ua

    @property
    def permitted_ua(self) -> float:
        """The error that calibration promises not to exceed."""
        return TOLERANCE_UA + TOLERANCE_SHARE * abs(self.asked_ua)

    @property
    def good(self) -> bool:
        """Whether the delivered current, and what the board says of it, are as promised."""
        return abs(self.error_ua) <= self.permitted_ua and abs(self.told_ua - self.true_ua) <= self.permitted_ua


@dataclass(frozen=True)
class Fitted:
    """Constants, and by how much each point lies beside them: of the output and of the sense, uA."""

    constants: dict[str, int]
    output_residuals: list[float]
    sense_residuals: list[float]

    @property
    def worst_ua(self) -> float:
        """The largest of them."""
        return max(map(abs, self.output_residuals + self.sense_residuals))


def code_sent(asked_ua: int, scale: calibration.Scale, board: ModuleType) -> int:
    """The code that the board sends at the top of a square: the gain in 1/16 codes, rounded; the zero's shift."""
    nominal = units.rounded_div(abs(asked_ua) * (units.DAC_STEPS // 2) * 16, board.FULL_SCALE_UA)
    codes = (scale.gain(nominal) + 8) // 16
    code = board.ZERO_CODE + scale.shift + (codes if asked_ua >= 0 else -codes)
    return min(max(code, 0), units.DAC_STEPS - 1)


def fitted(points: list[Point], before: dict[str, int], board: ModuleType) -> Fitted:
    """New constants from points that were measured with the constants `before` in use."""
    import numpy as np

    code = np.array([point.code for point in points], float) - board.ZERO_CODE
    true = np.array([point.true_ua for point in points])
    told = np.array([point.told_ua for point in points])
    ua_per_code = board.FULL_SCALE_UA / (units.DAC_STEPS / 2)
    output, output_left = _line(code * ua_per_code, true)
    sense, sense_left = _line(true, told)
    scale = calibration.Scale(board, before)
    sense_uv = scale.sense_uv_per_ua * sense[0]
    return Fitted(
        before
        | {
            "offset_na": round(output[1] * 1000),
            "gain_ppm": round((output[0] - 1) * 1e6),
            "sense_gain_ppm": round((sense_uv / board.SENSE_UV_PER_UA - 1) * 1e6),
        },
        output_left,
        sense_left,
    )


def _line(x: "np.ndarray", y: "np.ndarray") -> tuple[tuple[float, float], list[float]]:
    """((slope, intercept), residuals)."""
    import numpy as np

    matrix = np.stack([x, np.ones_like(x)], axis=1)
    found = np.linalg.lstsq(matrix, y, rcond=None)[0]
    return (float(found[0]), float(found[1])), [float(left) for left in y - matrix @ found]


def refuse_residuals(found: Fitted, points: list[Point], channel: int) -> None:
    """Raise VerifyError where a point lies too far from the line through all: mistyped, or a bad contact."""
    for which, residuals in (("output", found.output_residuals), ("sense", found.sense_residuals)):
        left = [(abs(ua) / _plausible_ua(point), ua, point) for point, ua in zip(points, residuals, strict=True)]
        share, residual_ua, point = max(left, key=lambda each: each[0])
        if share > 1:
            raise VerifyError(
                f"channel {channel}: the reading {point.true_ua:.1f} uA at {point.asked_ua} uA lies {residual_ua:+.1f} "
                f"uA beside the line through all points ({which}), at most {_plausible_ua(point):.1f} is plausible; "
                f"the board's calibration was not changed; check that reading and the contact, then run: "
                f"microcurrent calibrate"
            )


def _plausible_ua(point: Point) -> float:
    return RESIDUAL_UA + TOLERANCE_SHARE / 2 * abs(point.asked_ua)


def required(points: list[Point], channel: int) -> None:
    """Raise VerifyError unless every point is within what calibration promises."""
    bad = [point for point in points if not point.good]
    if bad:
        point = max(bad, key=lambda each: max(abs(each.error_ua), abs(each.told_ua - each.true_ua)))
        raise VerifyError(
            f"channel {channel} is not right after calibration: at {point.asked_ua} uA {point.true_ua:.1f} uA flow and "
            f"the board tells {point.told_ua:.1f}, permitted are +-{point.permitted_ua:.1f} uA; the calibration from "
            f"before is in use again; check meter and contact, then run: microcurrent calibrate"
        )
