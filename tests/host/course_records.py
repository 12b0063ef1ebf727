"""Records of treatments at any date, as a treatment writes them: the real writer, figures of the real summary."""

from datetime import datetime, timedelta

from firmware.shared import protocol
from microcurrent import moments
from microcurrent.records import Records
from microcurrent.summary import summarize
from microcurrent.treatment import checked_wave

WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 300_000})
DEVICE = {"board": "rp2040_pico", "uid": "00", "firmware": "0.1.0", "micropython": "1.26.1", "manifest": "none"}
STEPS = 4
PLANNED_MS = STEPS * 300_000  # 20 min


def programme(name: str) -> dict:
    """A programme of STEPS steps of five minutes."""
    step = {"site": "cheek", "side": "left", "wave": WAVE, "duration_ms": 300_000}
    return {"name": name, "title": name, "version": 1, "steps": [{"index": n + 1, **step} for n in range(STEPS)]}


def row(**changes: int) -> dict[str, int]:
    return {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), **changes}


def figures(played_ms: int, impedance_ohm: int, ended: str) -> dict:
    """The summary of a treatment that played that long; nothing flowed when it is 0."""
    steps = []
    for number in range(STEPS):
        step_ms = min(300_000, max(0, played_ms - number * 300_000))
        last = row(state=protocol.ACTIVE, elapsed_ms=step_ms, commanded_ua=200, delivered_ua=200)
        last |= {"impedance_ohm": impedance_ohm, "total_charge_nc": step_ms * 200, "phases": step_ms // 50}
        steps.append({"index": number + 1, **summarize(WAVE, ended, [last, last] if step_ms else [])})
    return {**steps[0], "ended": ended, "steps": steps, "felt": 0, "paused_ms": 0}


def add_session(
    records: Records,
    at: datetime,
    *,
    subject: str = "A17",
    name: str = "lift",
    played_ms: int = PLANNED_MS,
    impedance_ohm: int = 4000,
    ended: str = "finished",
    summary: dict | None = None,
) -> str:
    """A finished treatment that began at `at`, and its id. summary: to be kept instead of the figures."""
    record = records.begin(WAVE, DEVICE, port="p", image=None, load=None, subject=subject, programme=programme(name))
    record.finish(ended, figures(played_ms, impedance_ohm, ended) if summary is None else summary)
    over = at + timedelta(milliseconds=played_ms)
    records.change("sessions", record.number, {"started_utc": moments.text(at), "ended_utc": moments.text(over)})
    return record.number
