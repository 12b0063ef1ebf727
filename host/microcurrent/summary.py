"""What a session did, commanded against delivered, from its telemetry."""

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from firmware.shared import faults, protocol, shapes, waveform

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
    return round(amplitude_ua * _mean_share(wave))


def commanded_phase_nc(wave: dict, amplitude_ua: int) -> int:
    """Charge of one whole phase at full amplitude, in nC (uA times ms)."""
    return round(amplitude_ua * _mean_share(wave) * _phase_ms(wave))


def _mean_share(wave: dict) -> float:
    """Mean of |current| over one phase, divided by its peak."""
    if wave.get("second_mhz") or wave["shape"] == waveform.TABLE:
        return _mean_of_table(wave)
    share = _MEAN_SHARE[wave["shape"]] / 10000
    return share * (1 - wave.get("rise_us", 0) / 1000 / _phase_ms(wave))


def _mean_of_table(wave: dict) -> float:
    """The same from the points; of a sum of two frequencies, over all their phases alike."""
    found = shapes.table(wave["shape"], False) if wave["shape"] != waveform.TABLE else ()
    points = wave.get("points") or [value - shapes.OFFSET for value in found[:-1]]
    if not wave.get("second_mhz"):
        return sum(map(abs, points)) / len(points) / shapes.UNIT
    some = points[:: len(points) // 64]
    return sum(abs(one + other) for one in some for other in some) / 2 / len(some) ** 2 / shapes.UNIT


def _phase_ms(wave: dict) -> float:
    """Length of a phase; records of older firmware have neither widths nor edges."""
    return wave.get("width_us", 0) / 1000 or 500 / wave["frequency_mhz"] * wave["duty_permille"]


def summarize(
    wave: dict, ended: str, rows: Sequence[dict[str, int]], wave2: dict | None = None, rows2: Sequence[dict] = ()
) -> dict:
    """The figures of the final table; those of a second channel, of `wave2` and `rows2`, are under "channel2"."""
    second = {} if wave2 is None else {"channel2": _figures(wave2, ended, rows2)}
    return _figures(wave, ended, rows) | second


def _figures(wave: dict, ended: str, rows: Sequence[dict[str, int]]) -> dict:
    """The figures of one channel; `rows` are telemetry dicts in order. Works on none (all zero).

    What was measured while the output looked for contact counts in no mean. "measured_in" names the rows that means,
    impedance and contact come from: those at full current, or the ramp's when the session never got there. What was
    commanded is then the ramp's mean too.
    """
    flowing, measured_in = _flowing(wave, rows)
    supply_mv = [row["supply_mv"] for row in rows if row["supply_mv"]]
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
        "series_ohm": _median([row["series_ohm"] for row in flowing if row["series_ohm"] >= 0]),
        "lift_offs": last["lift_offs"],
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
        **_engine(rows),
        "temperature_max_c": max((row["temperature_c"] for row in rows if row["supply_mv"]), default=None),
        "supply_min_mv": min(supply_mv, default=None),
        "supply_max_mv": max(supply_mv, default=None),
        "fault": faults.name_of(last["fault"]),
        "rows": len(rows),
    }


def _engine(rows: Sequence[dict[str, int]]) -> dict[str, int]:
    """What the engine measured of itself: older firmware does not, and then there is nothing."""
    told = [row for row in rows if "worst_cycles" in row]
    if not told:
        return {}
    first, last = told[0], told[-1]
    return {"worst_cycles": last["worst_cycles"], "bus_errors": last["bus_errors"] - first["bus_errors"]}


def _flowing(wave: dict, rows: Sequence[dict[str, int]]) -> tuple[Sequence[dict[str, int]], str]:
    """The rows to judge the session by, and what they are: one of FULL_CURRENT, RAMP_ONLY, NOTHING."""
    treated = [row for row in rows if row["state"] in _FLOWING_STATES and not row["sensing"]]
    full = [row for row in treated if _is_full(wave, row)]
    # The first interval at full amplitude, also after a lift-off or a pause, still holds some of the ramp.
    whole = [row for before, row in pairwise(rows) if _is_full(wave, before) and _is_full(wave, row)]
    if full:
        return whole or full, FULL_CURRENT
    ramp = [row for row in treated if row["commanded_ua"] > 0]
    return ramp, RAMP_ONLY if ramp else NOTHING


def _is_full(wave: dict, row: dict[str, int]) -> bool:
    return row["state"] == protocol.ACTIVE and row["commanded_ua"] >= wave["amplitude_ua"] and not row["sensing"]


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
