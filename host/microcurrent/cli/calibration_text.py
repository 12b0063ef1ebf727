"""How a calibration is shown."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from firmware.shared import calibration_slot

from ..calibrate.age import expired, expiry_text
from .options import at_port

if TYPE_CHECKING:
    from ..calibrate.procedure import Channel

_SHOWN = {
    "offset_na": lambda value: f"{value / 1000:+.2f} uA",
    "gain_ppm": lambda value: f"{value / 10000:+.2f} %",
    "sense_zero": lambda value: f"{value / 256:+.1f} counts",
    "sense_gain_ppm": lambda value: f"{value / 10000:+.2f} %",
    "step": lambda value: f"{value / 256:.1f} counts",
}
_MEANINGS = {
    "offset_na": "current at the output's middle code",
    "gain_ppm": "output beyond the design's",
    "sense_zero": "sense without current, from mid supply",
    "sense_gain_ppm": "sense beyond the design's",
    "step": "what each wide code of the ADC hides (RP2040-E11)",
}


def described(found: dict[str, Any]) -> str:
    """One line on what a board answers to "calibration"."""
    has = found["calibration"]
    if found["problem"]:
        return at_port(f"not calibrated: {found['problem']}; run: microcurrent calibrate")
    if not has:
        return at_port("not calibrated: the design's numbers hold; run: microcurrent calibrate")
    text = f"{has['id']}, {expiry_text(has['day'])}, against {has['reference']}, at {has['temperature_c']} C"
    if has["reference"] == "internal":
        text += " (the sense's own gain is not proven: microcurrent calibrate --meter ...)"
    return at_port(text + ("; run: microcurrent calibrate" if expired(has["day"]) else ""))


def short(found: list | None) -> str:
    """The same from "hello": [id, day]."""
    if not found:
        return at_port("none; the design's numbers hold; run: microcurrent calibrate")
    return at_port(
        f"{found[0]}, {expiry_text(found[1])}" + ("; run: microcurrent calibrate" if expired(found[1]) else "")
    )


def constants_rows(has: dict[str, Any]) -> list[tuple[str, ...]]:
    """(channel, constant, value, meaning)."""
    return [
        (str(number), row[0], _SHOWN[row[0]](constants[row[0]]), _MEANINGS[row[0]])
        for number, constants in enumerate(has["channels"], 1)
        for row in calibration_slot.FIELDS
    ]


def fit_rows(channel: "Channel") -> list[tuple[str, ...]]:
    """Every measured point and what is left of it."""
    assert channel.fitted is not None
    left = zip(channel.points, channel.fitted.output_residuals, channel.fitted.sense_residuals, strict=True)
    return [
        (f"{point.asked_ua} uA", f"{point.true_ua:.1f}", f"{point.told_ua:.1f}", f"{output:+.2f}", f"{sense:+.2f}",
         f"{point.ohm} ohm")
        for point, output, sense in left
    ]  # fmt: skip


def verify_rows(channel: "Channel", board: ModuleType) -> list[tuple[str, ...]]:
    """Before and after, of the points that verified it."""
    from ..calibrate.procedure import uncalibrated

    before = uncalibrated(channel.checked, channel.constants, board)
    return [
        (f"{point.asked_ua} uA", f"{true:.1f}", f"{told:.1f}", f"{point.true_ua:.1f}", f"{point.told_ua:.1f}",
         f"+-{point.permitted_ua:.1f}", "ok" if point.good else "NOT")
        for point, (true, told) in zip(channel.checked, before, strict=True)
    ]  # fmt: skip
