"""What a session did, commanded against delivered, from its telemetry."""

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


def commanded_mean_ua(wave: dict, amplitude_ua: int) -> int:
    """Mean of |current| that the waveform asks for while it flows; what `delivered_ua` is to be compared with."""
    return round(amplitude_ua * _MEAN_SHARE[wave["shape"]] / 10000)


def commanded_phase_nc(wave: dict, amplitude_ua: int) -> int:
    """Charge of one whole phase at full amplitude, in nC (uA times ms)."""
    phase_ms = 500000 / wave["frequency_mhz"] * wave["duty_permille"] / 1000
    return round(amplitude_ua * _MEAN_SHARE[wave["shape"]] / 10000 * phase_ms)


def summarize(wave: dict, ended: str, rows: Sequence[dict[str, int]]) -> dict:
    """The figures of the final table; `rows` are telemetry dicts in order. Works on none (all zero)."""
    full = [row for row in rows if row["state"] == protocol.ACTIVE and row["commanded_ua"] >= wave["amplitude_ua"]]
    full = full[1:] or full  # the first interval at full amplitude still holds some of the ramp
    flowing = full or [row for row in rows if row["impedance_ohm"] >= 0]  # a session that never got to its full current
    last = rows[-1] if rows else dict.fromkeys(protocol.TELEMETRY_FIELDS, 0)
    reached_ua = max((row["commanded_ua"] for row in rows), default=0)
    return {
        "ended": ended,
        "balanced": wave["polarity"] == waveform.BIPHASIC,
        "elapsed_ms": last["elapsed_ms"],
        "amplitude_ua": wave["amplitude_ua"],
        "reached_ua": reached_ua,
        "commanded_mean_ua": commanded_mean_ua(wave, reached_ua),
        "delivered_mean_ua": _mean([row["delivered_ua"] for row in full]),
        "peak_ua": max((row["peak_ua"] for row in rows), default=0),
        "electrode_mv": max((row["electrode_mv"] for row in rows), default=0),
        "headroom_mv": min((row["headroom_mv"] for row in flowing), default=None),
        "impedance_ohm": _mean([row["impedance_ohm"] for row in flowing if row["impedance_ohm"] >= 0]),
        "contact": _worst_contact(flowing),
        "commanded_phase_nc": commanded_phase_nc(wave, reached_ua),
        "phase_charge_nc": _mean([row["phase_charge_nc"] for row in full]),
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


def _mean(values: Sequence[int]) -> int | None:
    return round(sum(values) / len(values)) if values else None


def _worst_contact(rows: Sequence[dict[str, int]]) -> str:
    """The worst contact that held for at least a tenth of the time; a single odd reading does not colour a session."""
    counts = Counter(row["contact"] for row in rows)
    for contact in _CONTACT_BAD_FIRST:
        if counts[contact] and counts[contact] * 10 >= len(rows):
            return protocol.CONTACT_NAMES[contact]
    return protocol.CONTACT_NAMES[protocol.CONTACT_UNKNOWN]


def table_rows(summary: dict) -> list[tuple[str, str, str]]:
    """(quantity, commanded, delivered) as text, in the order of the final table."""
    phases, full = summary["phases"], summary["full_phases"]
    share = f"{100 * full / phases:.1f} %" if phases else "-"
    return [
        ("current, peak", f"{summary['reached_ua']} uA", f"{summary['peak_ua']} uA"),
        ("current, mean of a phase", f"{summary['commanded_mean_ua']} uA", _shown(summary["delivered_mean_ua"], "uA")),
        (
            "charge per phase",
            f"{summary['commanded_phase_nc'] / 1000:.2f} uC",
            _shown(summary["phase_charge_nc"], "uC", 1000),
        ),
        ("net charge", "0.00 uC" if summary["balanced"] else "", f"{summary['net_charge_nc'] / 1000:.2f} uC"),
        ("charge moved in all", "", f"{summary['total_charge_nc'] / 1000:.1f} uC"),
        ("phases at full current", f"{phases}", f"{full} ({share})"),
        ("electrode voltage, peak", "", f"{summary['electrode_mv'] / 1000:.2f} V"),
        ("headroom, least", "", _shown(summary["headroom_mv"], "V", 1000)),
        ("impedance", "", _shown(summary["impedance_ohm"], "ohm")),
        ("contact", "", summary["contact"]),
        ("missed deadlines", "0", f"{summary['missed']} of {summary['samples']} samples"),
        ("late interrupts", "0", f"{summary['late']} (worst {summary['worst_late_us']} us)"),
        ("duration", "", f"{summary['elapsed_ms'] / 1000:.1f} s"),
        ("ended", "", summary["ended"] if summary["fault"] == "none" else f"{summary['ended']}: {summary['fault']}"),
    ]


def _shown(value: int | None, unit: str, scale: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value / scale:.2f} {unit}" if scale > 1 else f"{value} {unit}"
