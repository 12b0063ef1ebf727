"""The table of `make bench` and of the README: what a user would write, beside sessions of ours, from results.json."""

from typing import Any

COLUMNS = (
    "writer",
    "how",
    "kS/s without a miss",
    "jitter std / worst, µs",
    "CPU at 1 kS/s",
    "CPU at its highest",
    "interrupt, cycles",
    "bytes a sample",
    "over-current to off, median / worst, µs",
)


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row per writer. found: results.everything(); KeyError where a section was never measured."""
    peers = [line(row, row) for row in found["writers"]["figures"]]
    ours = found["ours"]["figures"]
    slowest = {"cpu_1k_percent": ours[0]["cpu_percent"], "bytes_per_sample": bytes_per_sample(found)}
    product = [line(row | slowest, {"writer": "microcurrent", "how": row["how"]}) for row in ours[-2:]]
    both = found["ours, two channels"]["figures"][-1]
    product.append(line(both | slowest | {"cpu_1k_percent": None}, {"writer": "microcurrent", "how": "two channels"}))
    wire = [
        line(
            row | {"bytes_per_sample": slowest["bytes_per_sample"]},
            {"writer": "the same, bus filled", "how": row["how"]},
        )
        for row in found["ours, wire"]["figures"]
    ]
    return peers + product + wire


def bytes_per_sample(found: dict[str, Any]) -> int:
    """Of our interrupt."""
    return next(row["bytes_per_sample"] for row in found["footprint"]["figures"] if "bytes_per_sample" in row)


def line(row: dict[str, Any], named: dict[str, Any]) -> tuple[str, ...]:
    """A row of figures as text."""
    if row["ks_per_s"] is None:
        return (named["writer"], named["how"], "below 1", *("-" for _ in COLUMNS[3:]))
    off = "never: it senses nothing"
    if row["off_us_worst"] is not None:
        off = f"{row['off_us_median']:.0f} / {row['off_us_worst']:.0f}"
    return (
        named["writer"],
        named["how"],
        f"{row['ks_per_s']:.1f}",
        f"{row['std_us']:.2f} / {row['worst_us']:.1f}",
        percent(row.get("cpu_1k_percent")),
        percent(row["cpu_percent"]),
        "-" if row["interrupt_cycles"] is None else f"{row['interrupt_cycles']:.0f}",
        f"{row['bytes_per_sample']:.0f}",
        off,
    )


def percent(value: float | None) -> str:
    """A load; "-" where it was not measured."""
    return "-" if value is None else f"{value:.0f} %"


def markdown(found: dict[str, Any]) -> str:
    """The same for the README."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *rows(found)]
    return (
        "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("| --- |", "|---|").replace(" --- |", "---|")
    )


def quality_markdown(found: dict[str, Any]) -> str:
    """Sines for the README: SINAD, SFDR and THD, and how far below the ideal quantiser's they are."""
    lines = [
        "| sine | samples | SINAD, dB | below the ideal's | SFDR, dB | ideal, at worst | THD, dB | ideal, at worst |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found["quality, sine"]["figures"]:
        ours, ideal, worst = row["ours"], row["ideal"], row["ideal_worst"]
        lines.append(
            f"| {row['frequency_hz']:g} Hz, {row['amplitude_ua']} µA | {row['sample_us']} µs | {ours['sinad_db']:.1f} "
            f"| {ideal['sinad_db'] - ours['sinad_db']:.2f} | {ours['sfdr_db']:.1f} | {worst['sfdr_db']:.1f} "
            f"| {ours['thd_db']:.1f} | {worst['thd_db']:.1f} |"
        )
    return "\n".join(lines)
