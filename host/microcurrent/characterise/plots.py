"""Current and voltage at one resistor, as a PNG."""

import io

from .measure import Measured

SIZE_IN = (8.6, 3.0)
DPI = 110
CURRENT, VOLTAGE = "#0b66a3", "#b5541c"


def picture(measured: Measured) -> bytes:
    """The waveform of one resistor: current above, voltage below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wave = measured.waveform
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, sharex=True)
    drawn = "steps-post" if wave.stepped else "default"
    rows = (("current, µA", wave.ua, CURRENT), ("voltage, V", [mv / 1000 for mv in wave.mv], VOLTAGE))
    for each, (label, values, colour) in zip(axes, rows, strict=True):
        each.plot(wave.t_ms, values, color=colour, linewidth=1.4, drawstyle=drawn)
        each.set_ylabel(label, color=colour)
        each.grid(color="#d8dee6", linewidth=0.6)
        each.margins(x=0.01, y=0.12)
    axes[-1].set_xlabel("time, ms")
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=DPI, metadata={"Software": None})
    return target.getvalue()
