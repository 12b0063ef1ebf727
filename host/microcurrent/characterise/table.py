"""The table: one row per quantity, one column per resistor."""

from collections.abc import Callable
from dataclasses import dataclass

from .measure import Measured

MM2_PER_CM2 = 100


@dataclass(frozen=True)
class Quantity:
    """name, unit, what it is and how it was found; values by resistor."""

    name: str
    unit: str
    meaning: str
    values: list[str]


def table(measured: list[Measured], area_mm2: int) -> list[Quantity]:
    """All rows. area_mm2: of the smaller electrode, as declared."""
    cm2 = area_mm2 / MM2_PER_CM2

    def row(name: str, unit: str, meaning: str, value: Callable[[Measured], str]) -> Quantity:
        return Quantity(name, unit, meaning, [value(each) for each in measured])

    return [
        row("current, peak", "uA", "largest that the board's sense measured, of either sign", lambda m: f"{m.peak_ua}"),
        row("current, mean of a phase", "uA", "mean size while current is commanded",
            lambda m: f"{m.delivered_ua:.1f}"),
        row("voltage, peak", "V", "largest between the electrodes, of either sign",
            lambda m: f"{m.electrode_mv / 1000:.3f}"),
        row("load, measured", "ohm", "voltage by current at the end of a phase", lambda m: f"{m.impedance_ohm}"),
        row("net charge per pulse", "nC", "net charge of the session by its whole cycles, ramps included",
            lambda m: f"{m.net_per_pulse_nc:+.1f}"),
        row("phase charge, largest", "uC", "largest charge of one phase", lambda m: f"{m.phase_charge_nc / 1000:.3f}"),
        row("current density", "mA/cm2", f"peak current on {cm2:g} cm2", lambda m: f"{m.peak_ua / 1000 / cm2:.4f}"),
        row("power density", "mW/cm2", f"peak voltage times mean current on {cm2:g} cm2: an upper bound",
            lambda m: f"{m.electrode_mv * m.delivered_ua / 1e6 / cm2:.5f}"),
        row("phases at full current", "%", "phases with at least 90 % of their charge",
            lambda m: f"{100 * m.full_share:.1f}"),
        row("headroom, least", "V", "compliance that was left", lambda m: f"{m.headroom_mv / 1000:.2f}"),
    ]  # fmt: skip
