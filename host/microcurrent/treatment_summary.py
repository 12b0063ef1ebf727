"""The figures of a treatment: of each step as of any session, and over all of them."""

import statistics
from typing import Any

from .programme import Programme
from .summary import summarize
from .treatment_runner import Course, StepRun

_ADDED = (
    "elapsed_ms", "lift_offs", "net_charge_nc", "total_charge_nc", "phases", "full_phases", "samples", "missed", "late",
    "bus_errors", "rows",
)  # fmt: skip
_LARGEST = ("amplitude_ua", "reached_ua", "peak_ua", "electrode_mv", "worst_late_us", "worst_cycles", "supply_max_mv",
            "temperature_max_c")  # fmt: skip
_LEAST = ("headroom_mv", "supply_min_mv")
_MEDIAN = ("impedance_ohm", "series_ohm")
_WEIGHED = ("commanded_mean_ua", "delivered_mean_ua", "commanded_phase_nc", "phase_charge_nc")


def summarize_treatment(programme: Programme, course: Course, granted: list[list[Any]]) -> dict:
    """Figures over everything, with those of each step that began under "steps". granted: of programme_limits."""
    steps = [_of_step(programme, step, granted[step.index]) for step in course.steps]
    every = [channel for step in steps for channel in (step, step.get("channel2")) if channel is not None]
    return {
        **_over(every),
        "elapsed_ms": sum(step["elapsed_ms"] for step in steps),  # both channels run at the same time
        "ended": course.ended,
        "balanced": all(step["balanced"] for step in every),
        "fault": next((step["fault"] for step in reversed(steps) if step["fault"] != "none"), "none"),
        "steps": steps,
        "felt": sum(step.felt for step in course.steps),
        "paused_ms": course.paused_ms,
        "planned_ms": programme.duration_ms,
        "link_losses": course.link_losses,
    }


def _of_step(programme: Programme, run: StepRun, granted: list[Any]) -> dict:
    written = programme.steps[run.index]
    wave = granted[0].wave | {"amplitude_ua": run.terms["amplitude_ua"]}
    wave2 = granted[1].wave | {"amplitude_ua": run.terms["terms2"]["amplitude_ua"]} if len(granted) > 1 else None
    return {
        "index": run.index + 1,
        "site": written.site,
        "side": written.side,
        "device_session": run.session,
        "felt": run.felt,
        **summarize(wave, run.ended, run.rows, wave2, run.rows2),
    }


def _over(steps: list[dict]) -> dict:
    """One figure of many: added, the largest, the least, the median, or weighed by how many rows each has."""
    found: dict[str, Any] = {name: sum(_known(steps, name)) for name in _ADDED}
    found |= {name: max(_known(steps, name), default=None) for name in _LARGEST}
    found |= {name: min(_known(steps, name), default=None) for name in _LEAST}
    found |= {
        name: _rounded(statistics.median(values)) if (values := _known(steps, name)) else None for name in _MEDIAN
    }
    found |= {name: _weighed(steps, name) for name in _WEIGHED}
    shares: dict[str, float] = {}
    for step in steps:
        for name, percent in step["contact_share_percent"].items():
            shares[name] = shares.get(name, 0.0) + percent * step["rows"]
    rows = sum(step["rows"] for step in steps if step["contact_share_percent"]) or 1
    found["contact_share_percent"] = {name: round(total / rows, 1) for name, total in shares.items()}
    found["contact"] = max(shares, key=lambda name: shares[name], default="unknown")
    found["measured_in"] = next(
        (step["measured_in"] for step in steps if step["measured_in"] == "full current"), "nothing"
    )
    return found


def _known(steps: list[dict], name: str) -> list:
    return [step[name] for step in steps if step.get(name) is not None]


def _weighed(steps: list[dict], name: str) -> int | None:
    weighed = [(step[name], step["rows"]) for step in steps if step.get(name) is not None and step["rows"]]
    total = sum(rows for _value, rows in weighed)
    return _rounded(sum(value * rows for value, rows in weighed) / total) if total else None


def _rounded(value: float) -> int:
    return round(value)
