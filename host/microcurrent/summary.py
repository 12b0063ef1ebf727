"""What a session did, commanded against delivered, from its telemetry."""

import statistics
from collections import Counter
from collections.abc import Sequence

from firmware.shared import faults, protocol, waveform

# Mean of |current| over one phase, divided by its peak, in 1/10000. Sine 2/pi; sawtooth one half; ramped: two edges
# of 1/8 phase each at half height.
_MEAN_SHARE = {waveform.SQUARE: 10000, waveform.SINE: 6366, waveform.SAWTOOTH: 5000, waveform.RAMPED: 8750}
_CONTACT_BAD_FIRST = (
    protocol.CONTACT_OPEN,
    protocol.CONTACT_SHORT,
    protocol.CONTACT_DRY,
    protocol.CONTACT_GOOD,
    protocol.CONTACT_UNKNOWN,
)
_FLOWING_STATES = (protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN)
WORST_COUNTS_FROM_PERCENT = 10  # ours

# What the figures of a session were measured in.
FULL_CURRENT = "full current"
RAMP_ONLY = "ramp only"
NOTHING = "nothing"


def commanded_mean_ua(wave: dict, amplitude_ua: int) -> int:
    """Mean of |current| that the waveform asks for while it flows; what `delivered_ua` is to be compared with."""
    return round(amplitude_ua * _MEAN_SHARE[wave["shape"]] / 10000)


def commanded_phase_nc(wave: dict, amplitude_ua: int) -> int:
    """Charge of one whole phase at full amplitude, in nC (uA times ms)."""
    phase_ms = 500000 / wave["frequency_mhz"] * wave["duty_permille"] / 1000
    return round(amplitude_ua * _MEAN_SHARE[wave["shape"]] / 10000 * phase_ms)


def summarize(wave: dict, ended: str, rows: Sequence[dict[str, int]]) -> dict:
    """The figures of the final table; `rows` are telemetry dicts in order. Works on none (all zero).

    "measured_in" names the rows that means, impedance and contact come from: those at full current, or the ramp's when
    the session never got there. What was commanded is then the ramp's mean too.
    """
    flowing, measured_in = _flowing(wave, rows)
    last = rows[-1] if rows else dict.fromkeys(protocol.TELEMETRY_FIELDS, 0)
    reached_ua = max((row["commanded_ua"] for row in rows), default=0)
    level_ua = (_mean([row["commanded_ua"] for row in flowing]) or 0) if measured_in == RAMP_ONLY else reached_ua
    share_percent = _contact_share_percent(flowing)
    return {
        "ended": ended,
        "balanced": wave["polarity"] == waveform.BIPHASIC,
        "elapsed_ms": last["elapsed_ms"],
        "amplitude_ua": wave["amplitude_ua"],
        "reached_ua": reached_ua,
        "measured_in": measured_in,
        "commanded_mean_ua": commanded_mean_ua(wave, level_ua),
        "delivered_mean_ua": _mean([row["delivered_ua"] for row in flowing]),
        "peak_ua": max((row["peak_ua"] for row in rows), default=0),
        "electrode_mv": max((row["electrode_mv"] for row in rows), default=0),
        "headroom_mv": min((row["headroom_mv"] for row in flowing), default=None),
        "impedance_ohm": _median([row["impedance_ohm"] for row in flowing if row["impedance_ohm"] >= 0]),
        "contact": _worst_contact(share_percent),
        "contact_share_percent": share_percent,
        "commanded_phase_nc": commanded_phase_nc(wave, level_ua),
        "phase_charge_nc": _mean([row["phase_charge_nc"] for row in flowing if row["phases"]]),
        "net_charge_nc": last["net_charge_nc"],
        "total_charge_nc": last["total_charge_nc"],
        "phases": last["phases"],
        "full_phases": last["full_phases"],
        "samples": last["samples"],
        "missed": last["missed"],
        "late": last["late"],
        "worst_late_us": last["worst_late_us"],
        "fault": faults.name_of(last["fault"]),
        "rows": len(rows),
    }


def _flowing(wave: dict, rows: Sequence[dict[str, int]]) -> tuple[Sequence[dict[str, int]], str]:
    """The rows to judge the session by, and what they are: one of FULL_CURRENT, RAMP_ONLY, NOTHING."""
    full = [row for row in rows if row["state"] == protocol.ACTIVE and row["commanded_ua"] >= wave["amplitude_ua"]]
    if full:
        return full[1:] or full, FULL_CURRENT  # the first interval at full amplitude still holds some of the ramp
    ramp = [row for row in rows if row["state"] in _FLOWING_STATES and row["commanded_ua"] > 0]
    return ramp, RAMP_ONLY if ramp else NOTHING


def _mean(values: Sequence[int]) -> int | None:
    return round(sum(values) / len(values)) if values else None


def _median(values: Sequence[int]) -> int | None:
    """A minute of open electrodes (megaohms) does not hide what the impedance was for the rest of the session."""
    return round(statistics.median(values)) if values else None


def _contact_share_percent(rows: Sequence[dict[str, int]]) -> dict[str, float]:
    """Share of the rows by contact, in percent to a tenth, the longest first. None that occurred is 0, or hides it."""
    counts = Counter(protocol.CONTACT_NAMES[row["contact"]] for row in rows)
    if len(counts) == 1:
        return dict.fromkeys(counts, 100.0)
    return {name: round(min(max(100 * n / len(rows), 0.1), 99.9), 1) for name, n in counts.most_common()}


def _worst_contact(share_percent: dict[str, float]) -> str:
    """The worst contact that held for at least a tenth of the time; a single odd reading does not colour a session."""
    for contact in _CONTACT_BAD_FIRST:
        name = protocol.CONTACT_NAMES[contact]
        if share_percent.get(name, 0) >= WORST_COUNTS_FROM_PERCENT:
            return name
    return protocol.CONTACT_NAMES[protocol.CONTACT_UNKNOWN]


def contact_text(summary: dict) -> str:
    """'good', or the worst with the shares of all: 'dry (good 80 %, dry 20 %)'."""
    share_percent = summary.get("contact_share_percent", {})  # records of version 0.1.0 have none
    if len(share_percent) < 2:
        return summary["contact"]
    shares = ", ".join(f"{name} {share:.3g} %" for name, share in share_percent.items())
    return f"{summary['contact']} ({shares})"


def ended_text(ended: str, summary: dict) -> str:
    """How and by what the session ended: 'duration', 'stopped: Ctrl-C', 'fault: over-current'."""
    cause = summary.get("stopped_by") or summary.get("fault", "none")
    return ended if cause == "none" else f"{ended}: {cause}"


def delivered_text(summary: dict) -> str:
    """The mean delivered current, with its reserve: '203 uA', '51 uA (ramp only)', '-'."""
    return _measured(summary, "delivered_mean_ua", "uA")


def table_rows(summary: dict) -> list[tuple[str, str, str]]:
    """(quantity, commanded, delivered) as text, in the order of the final table."""
    phases, full = summary["phases"], summary["full_phases"]
    share = f"{100 * full / phases:.1f} %" if phases else "-"
    return [
        ("current, peak", f"{summary['reached_ua']} uA", f"{summary['peak_ua']} uA"),
        ("current, mean of a phase", f"{summary['commanded_mean_ua']} uA", delivered_text(summary)),
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
        ("impedance", "", _shown(summary["impedance_ohm"], "ohm")),
        ("contact", "", contact_text(summary)),
        ("missed deadlines", "0", f"{summary['missed']} of {summary['samples']} samples"),
        ("late interrupts", "0", f"{summary['late']} (worst {summary['worst_late_us']} us)"),
        ("duration", "", f"{summary['elapsed_ms'] / 1000:.1f} s"),
        ("ended", "", ended_text(summary["ended"], summary)),
    ]


def _shown(value: int | None, unit: str, scale: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value / scale:.2f} {unit}" if scale > 1 else f"{value} {unit}"


def _measured(summary: dict, name: str, unit: str, scale: int = 1) -> str:
    """A figure that means less when the session never left its ramp."""
    value = summary.get(name)
    ramp_only = value is not None and summary.get("measured_in") == RAMP_ONLY
    return _shown(value, unit, scale) + (f" ({RAMP_ONLY})" if ramp_only else "")
