"""Current and voltage at one resistor, as a PNG."""

import io

from .measure import Measured

SIZE_IN = (7.2, 2.6)
DPI = 110
CURRENT, VOLTAGE = "#0b66a3", "#b5541c"


def picture(measured: Measured) -> bytes:
    """The waveform of one resistor."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wave = measured.waveform
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    drawn = "steps-post" if wave.stepped else "default"
    axes.plot(wave.t_ms, wave.ua, color=CURRENT, linewidth=1.4, drawstyle=drawn)
    axes.set_xlabel("time, ms")
    axes.set_ylabel("current, µA", color=CURRENT)
    axes.grid(color="#d8dee6", linewidth=0.6)
    axes.margins(x=0.01)
    volts = axes.twinx()
    volts.plot(wave.t_ms, [mv / 1000 for mv in wave.mv], color=VOLTAGE, linewidth=1.2, linestyle="--", drawstyle=drawn)
    volts.set_ylabel("voltage, V", color=VOLTAGE)
    _zero_in_line(axes, volts)
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=DPI, metadata={"Software": None})
    return target.getvalue()


def _zero_in_line(*axes) -> None:
    """Both zeros at the same height, with room around what is drawn."""
    for each in axes:
        low, high = each.get_ylim()
        reach = max(abs(low), abs(high), 1e-6) * 1.05
        each.set_ylim(-reach if low < -0.2 * reach else -0.05 * reach, reach)
