"""The page's pictures, from results.json: small, on a light ground."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from . import dynamics, results
from .suite import LIMIT_UA

BLUE, ORANGE, GREEN, GREY = "#2563eb", "#ea580c", "#059669", "#6b7280"
TITLES = {"iso12": "±12 V", "iso21": "±21.6 V", "battery9": "two 9 V"}


def write(folder: Path) -> list[Path]:
    """All of them; the files."""
    files = []
    for name, draw in PICTURES.items():
        figure, axes = plt.subplots(figsize=SIZES.get(name, (7, 4)), dpi=100)
        draw(axes)
        figure.tight_layout()
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1], facecolor="white", metadata={"Software": ""})
        plt.close(figure)
    return files


def _faults(axes: Axes) -> None:
    worst: dict[str, tuple[float, float]] = {}
    for row in results.figures("faults")["iso12"]:
        ref = row["fault"][0][0] if row["fault"] else "none"
        steady, peak = worst.get(ref, (0.0, 0.0))
        worst[ref] = (max(steady, row["steady"]), max(peak, row["peak"]))
    names = sorted(worst, key=lambda ref: (worst[ref][0], worst[ref][1]))
    axes.barh(names, [worst[ref][1] for ref in names], color="#fed7aa", label="peak of the transient")
    axes.barh(names, [worst[ref][0] for ref in names], color=BLUE, height=0.55, label="steady")
    axes.axvline(LIMIT_UA, color="#dc2626", lw=1.5, label="1 mA")
    axes.set_xlabel("largest |current| through the electrodes, µA; worst fault of each part, code and load")
    axes.tick_params(axis="y", labelsize=6.5)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.legend(loc="center right", fontsize=8)


def _accuracy(axes: Axes) -> None:
    figures = results.figures("accuracy")
    for name, color in (("output raw", ORANGE), ("output calibrated", BLUE)):
        values = figures["at 600 into 10k"][name]
        axes.hist(values, bins=[-20 + 0.8 * index for index in range(51)], color=color, alpha=0.7, label=name)
    for bound in (-8, 8):
        axes.axvline(bound, color=GREY, ls="--", lw=1)
    axes.set_xlabel(f"error at 600 µA into 10 kΩ, µA ({figures['count']} units; dashed: ±2 µA ±1 %)")
    axes.set_ylabel("units")
    axes.legend(fontsize=8)


def _protection(axes: Axes) -> None:
    figures = results.figures("accuracy")
    bins = [720 + 4 * index for index in range(76)]
    axes.hist(figures["limit_ua"], bins=bins, color=GREEN, alpha=0.7, label="limiter")
    axes.hist(figures["trip_ua"], bins=bins, color=ORANGE, alpha=0.7, label="comparators trip")
    axes.axvline(LIMIT_UA, color="#dc2626", lw=1.5, label="1 mA")
    axes.set_xlabel(f"µA, both directions of {figures['count']} units")
    axes.set_ylabel("directions")
    axes.legend(fontsize=8)


def _step(axes: Axes) -> None:
    time, current, sense = results.figures("dynamic")["step"]
    start = dynamics.STEP_AT_US
    shown = [value - start for value in time]
    axes.plot(shown, current, color=BLUE, label="through the electrodes")
    axes.plot(shown, sense, color=ORANGE, label="as the sense amplifier shows it")
    for period, style in ((50, ":"), (62, "--"), (100, "-.")):
        axes.axvline(period, color=GREY, lw=1, ls=style, label=f"{period} µs: a sample later")
    axes.set_xlim(-15, 125)
    axes.set_xlabel("µs after the DAC's step from 10 to 600 µA, into 10 kΩ")
    axes.set_ylabel("µA")
    axes.legend(fontsize=8, loc="center right")


def _compliance(axes: Axes) -> None:
    kilo = [ohm / 1000 for ohm in dynamics.COMPLIANCE_OHM]
    figures: dict[str, Any] = results.figures("dynamic")["compliance"]
    for (variant, values), color in zip(figures.items(), (ORANGE, BLUE, GREEN), strict=True):
        axes.plot(kilo, values["600"], color=color, marker="o", ms=3, label=f"{TITLES[variant]}: 600 µA asked for")
        axes.plot(kilo, values["full"], color=color, ls=":", label=f"{TITLES[variant]}: full scale")
    axes.axvline(30, color=GREY, lw=1, ls="--")
    axes.set_xlabel("load, kΩ")
    axes.set_ylabel("delivered, µA")
    axes.set_ylim(0, 900)
    axes.set_xlim(0, 60)
    axes.legend(fontsize=8)


PICTURES: dict[str, Callable[[Axes], None]] = {
    "faults": _faults,
    "accuracy": _accuracy,
    "protection": _protection,
    "step": _step,
    "compliance": _compliance,
}
SIZES = {"faults": (8, 10)}
