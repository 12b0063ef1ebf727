"""The figures of a session as text: the final table, and what lists show of it. Records of version 0.1.0 have fewer."""

from .engine_text import cost_text
from .summary import RAMP_ONLY

# The same for both channels.
_OF_THE_SESSION = (
    "supply", "temperature, highest", "late interrupts", "longest interrupt", "bus errors", "duration", "ended",
)  # fmt: skip


def contact_text(summary: dict) -> str:
    """'good', or the worst with the shares of all: 'dry (good 80 %, dry 20 %)'."""
    share_percent = summary.get("contact_share_percent", {})
    if len(share_percent) < 2:
        return summary["contact"]
    shares = ", ".join(f"{name} {share:.3g} %" for name, share in share_percent.items())
    return f"{summary['contact']} ({shares})"


def ended_text(ended: str, summary: dict) -> str:
    """How and by what the session ended: 'duration', 'stopped: Ctrl-C', 'fault: over-current'."""
    cause = summary.get("stopped_by") or summary.get("fault", "none")
    return ended if cause == "none" else f"{ended}: {cause}"


def delivered_text(summary: dict) -> str:
    """The mean delivered current, with its reserve: '203 uA', '51 uA (ramp only)', '-', '203 uA + 50 uA'."""
    channels = (summary, summary["channel2"]) if "channel2" in summary else (summary,)
    return " + ".join(_measured(channel, "delivered_mean_ua", "uA") for channel in channels)


def table_rows(summary: dict, board: str = "", sample_us: int | None = None) -> list[tuple[str, str, str]]:
    """(quantity, commanded, delivered) as text, in the order of the final table; two channels one below the other.

    board: its name, sample_us: the time between two samples; without them, the cost of an interrupt is in cycles alone.
    """
    cost = cost_text(summary.get("worst_cycles", 0), board, sample_us)
    rows, second = _rows(summary, cost), summary.get("channel2")
    if second is None:
        return rows
    shared = [row for row in rows if row[0] in _OF_THE_SESSION]
    return [
        *_section("channel 1", [row for row in rows if row not in shared]),
        *_section("channel 2", [row for row in _rows(second) if row[0] not in _OF_THE_SESSION]),
        *_section("both", shared),
    ]


def _section(name: str, rows: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [(name, "", ""), *((f"  {quantity}", commanded, delivered) for quantity, commanded, delivered in rows)]


def _rows(summary: dict, cost: str = "") -> list[tuple[str, str, str]]:
    """Those of one channel. cost: of the longest interrupt."""
    phases, full = summary["phases"], summary["full_phases"]
    share = f"{100 * full / phases:.1f} %" if phases else "-"
    return [
        ("current, peak", f"{summary['reached_ua']} uA", f"{summary['peak_ua']} uA"),
        (
            "current, mean of a phase",
            f"{summary['commanded_mean_ua']} uA",
            _measured(summary, "delivered_mean_ua", "uA"),
        ),
        (
            "charge per phase",
            f"{summary['commanded_phase_nc'] / 1000:.2f} uC",
            _measured(summary, "phase_charge_nc", "uC", 1000),
        ),
        ("net charge", "0.00 uC" if summary["balanced"] else "", f"{summary['net_charge_nc'] / 1000:.2f} uC"),
        ("charge moved in all", "", f"{summary['total_charge_nc'] / 1000:.1f} uC"),
        ("phases at full current", f"{phases}", f"{full} ({share})"),
        ("electrode voltage, peak", "", f"{summary['electrode_mv'] / 1000:.2f} V"),
        ("headroom, least", "", _shown(summary["headroom_mv"], "V", 1000)),
        ("impedance", "", impedance_text(summary)),
        ("contact", "", contact_text(summary)),
        *_newer_rows(summary),
        ("missed deadlines", "0", f"{summary['missed']} of {summary['samples']} samples"),
        ("late interrupts", "0", f"{summary['late']} (worst {summary['worst_late_us']} us)"),
        *_engine_rows(summary, cost),
        ("duration", "", f"{summary['elapsed_ms'] / 1000:.1f} s"),
        ("ended", "", ended_text(summary["ended"], summary)),
    ]


def impedance_text(summary: dict) -> str:
    """The impedance at the end of a phase, and how much of it is in series with the skin's capacity."""
    whole = _shown(summary["impedance_ohm"], "ohm")
    series_ohm = summary.get("series_ohm")
    return whole if series_ohm is None else f"{whole} ({series_ohm} ohm of it in series)"


def _newer_rows(summary: dict) -> list[tuple[str, str, str]]:
    """What records of version 0.1.0 do not have."""
    rows = [("lift-offs", "0", str(summary["lift_offs"]))] if "lift_offs" in summary else []
    low_mv, high_mv = summary.get("supply_min_mv"), summary.get("supply_max_mv")
    if low_mv is not None and high_mv is not None:
        rows.append(("supply", "", f"{low_mv / 1000:.2f} .. {high_mv / 1000:.2f} V"))
        rows.append(("temperature, highest", "", f"{summary['temperature_max_c']} C"))
    return rows


def _engine_rows(summary: dict, cost: str) -> list[tuple[str, str, str]]:
    """What records of firmware before 0.2.0 do not have."""
    if "worst_cycles" not in summary:
        return []
    return [("longest interrupt", "", cost), ("bus errors", "0", str(summary["bus_errors"]))]


def _shown(value: int | None, unit: str, scale: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value / scale:.2f} {unit}" if scale > 1 else f"{value} {unit}"


def _measured(summary: dict, name: str, unit: str, scale: int = 1) -> str:
    """A figure that means less when the session never left its ramp."""
    value = summary.get(name)
    ramp_only = value is not None and summary.get("measured_in") == RAMP_ONLY
    return _shown(value, unit, scale) + (f" ({RAMP_ONLY})" if ramp_only else "")
