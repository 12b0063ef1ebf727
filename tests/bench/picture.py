"""The bench's figures as a picture, for the README: what a user would write instead beside ours, and signal quality."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TARGET = Path(__file__).parents[2] / "host" / "bench.png"
# Okabe-Ito, as the pictures of sessions: told apart with every kind of colour vision.
PEER, OURS, WIRE, IDEAL = "#999999", "#0072B2", "#009E73", "#D55E00"
WIDTH_IN, HEIGHT_IN, DPI = 9, 7, 140


def draw(found: dict[str, Any], target: Path = TARGET) -> None:
    """Four panels: rate, jitter, load against rate, SINAD. found: results.everything(); with the soak's once it ran."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained")
    lines = writers_of(found)
    bars(axes[0][0], lines, "ks_per_s", "Highest rate without a miss, kS/s", "{:.1f}")
    bars(axes[0][1], lines, "worst_us", "Worst update off its grid at that rate, µs", "{:.2f}", True)
    loads(axes[1][0], found)
    purities(axes[1][1], found["quality, sine"]["figures"])
    # Without the date and version that matplotlib writes otherwise, the same figures make the same file.
    figure.savefig(target, metadata={"Software": None})
    plt.close(figure)


def writers_of(found: dict[str, Any]) -> list[tuple[str, str, dict]]:
    """(label, colour, row) of every writer, ours last."""
    rows = [(f"{row['writer']}\n{row['how']}", PEER, row) for row in found["writers"]["figures"] if row["ks_per_s"]]
    rows += [(f"microcurrent\n{row['how']}", OURS, row) for row in found["ours"]["figures"][-2:]]
    rows.append(("microcurrent\ntwo channels", OURS, found["ours, two channels"]["figures"][-1]))
    return rows + [(f"wire filled\n{row['how']}", WIRE, row) for row in found["ours, wire"]["figures"]]


def bars(axes: "Axes", lines: list[tuple[str, str, dict]], name: str, title: str, form: str, log: bool = False) -> None:
    """One figure of every writer."""
    least = 0.01 if log else 0
    values = [max(row[name], least) for _label, _colour, row in lines]
    made = axes.barh([label for label, _c, _r in lines], values, color=[colour for _l, colour, _r in lines])
    axes.bar_label(made, [form.format(row[name]) for _l, _c, row in lines], padding=3)
    axes.set_title(title, loc="left")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(x=0.15)
    if log:
        axes.set_xscale("log")


def loads(axes: "Axes", found: dict[str, Any]) -> None:
    """CPU load of sessions against their sample rate, and of the writers at 1 kS/s and at their highest."""
    for row in found["writers"]["figures"]:
        if row["ks_per_s"]:
            axes.plot([1, row["ks_per_s"]], [row["cpu_1k_percent"], row["cpu_percent"]], "o-", color=PEER, ms=3, lw=1)
    rows = sorted(found["ours"]["figures"] + found["ours, wire"]["figures"], key=lambda row: row["ks_per_s"])
    rates = [row["ks_per_s"] for row in rows]
    axes.plot(rates, [row["cpu_percent"] for row in rows], "o-", color=OURS, ms=4)
    axes.plot(rates, [row["interrupt_cpu_percent"] for row in rows], "o--", color=OURS, ms=4)
    axes.annotate("session, everything", (rates[-1], rows[-1]["cpu_percent"]), (-6, 8), **_LABEL)
    axes.annotate("its interrupt alone", (rates[-1], rows[-1]["interrupt_cpu_percent"]), (-6, 8), **_LABEL)
    axes.annotate("what a user would write", (8.6, 100), (8, -3), textcoords="offset points", color="#666666")
    axes.set_title("CPU load, %", loc="left")
    axes.set_xlabel("kS/s")
    axes.set_ylim(0, 108)


def purities(axes: "Axes", rows: list[dict]) -> None:
    """SINAD of the sines, ours on the ideal quantiser's; one group of amplitudes per frequency."""
    frequencies = list(dict.fromkeys(row["frequency_hz"] for row in rows))
    amplitudes = list(dict.fromkeys(row["amplitude_ua"] for row in rows))
    at = [4 * frequencies.index(row["frequency_hz"]) + amplitudes.index(row["amplitude_ua"]) for row in rows]
    axes.plot(at, [row["ideal"]["sinad_db"] for row in rows], "_", color=IDEAL, ms=16, mew=2, label="ideal 12 bit")
    axes.plot(at, [row["ours"]["sinad_db"] for row in rows], "o", color=OURS, ms=5, label="ours")
    for index, row in zip(at, rows, strict=True):
        axes.annotate(f"{row['amplitude_ua']} µA", (index, row["ours"]["sinad_db"]), (0, 7), fontsize=7, **_CENTRE)
    axes.set_xticks([4 * index + 1 for index in range(len(frequencies))], [f"{hz:g} Hz" for hz in frequencies])
    axes.set_title("SINAD of sines, dB", loc="left")
    axes.margins(x=0.08, y=0.15)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.0, 0.8), ncols=2, fontsize=8)


_LABEL: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "color": OURS}
_CENTRE: dict[str, Any] = {"textcoords": "offset points", "ha": "center"}
