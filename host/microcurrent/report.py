"""Recorded sessions as text."""

from firmware.shared import waveform

from . import quantities
from .figures import delivered_text, ended_text
from .option_words import in_options
from .record_reader import RUNNING

FREE = -1  # phase_deg of channels that run freely
TUPLES = ("t", "t2")  # telemetry in events


def wave_text(wave: dict) -> str:
    """A waveform in one line: '200uA 10Hz square biphasic', of a second channel also 'locked at 90deg'."""
    phase_deg = wave.get("phase_deg", FREE)
    locked = f" locked at {quantities.show(phase_deg, quantities.ANGLE)}" if phase_deg != FREE else ""
    return (
        f"{quantities.show(wave['amplitude_ua'], quantities.CURRENT)} "
        f"{quantities.show(wave['frequency_mhz'], quantities.FREQUENCY)} {wave['shape']} {wave['polarity']}{locked}"
    )


def waves_text(session: dict) -> str:
    """The waveforms of a session in one line, those of two channels with a plus between; or its programme."""
    programme = session.get("programme")
    if programme:
        return f"{programme['name']} {programme['version']}, {len(programme['steps'])} steps"
    return " + ".join(wave_text(session[name]) for name in ("wave", "wave2") if session.get(name))


def changed_text(changes: dict) -> str:
    """What a running session was given, as options: '--amplitude 80uA, square'."""
    shown = [in_options(f"{name} {value}") for name, value in changes.items() if name != "shape"]
    return ", ".join([*shown, *([changes["shape"]] if "shape" in changes else [])])


def list_row(session: dict) -> tuple[str, ...]:
    """One session as a row of `records list`."""
    summary = session["summary"] or {}
    return (
        session["id"][:8],
        session["started_utc"][:19].replace("T", " "),
        waves_text(session),
        f"{summary.get('elapsed_ms', 0) / 1000:.1f} s",
        delivered_text(summary),
        ended_text(session["ended"] or RUNNING, summary),
    )


def played_text(wave: dict, accepted: dict) -> str:
    """What the board plays where it is not what was asked, in one line; empty when nothing differs.

    accepted: the session's terms, the reply to arm; those that an older firmware does not tell are taken as asked.
    """
    shown = [
        f"{name} {accepted[field]} {unit} (asked {asked} {unit})"
        for name, field, unit, asked in _asked(wave)
        if accepted.get(field, asked) != asked
    ]
    grid = f"{accepted['sample_us']} us" if "sample_us" in accepted else "sample"
    return f"played on the board's {grid} grid: {', '.join(shown)}" if shown else ""


def played_texts(wave: dict, wave2: dict | None, accepted: dict) -> list[str]:
    """The same of each channel. accepted: has the second one's terms under "terms2"."""
    second = [] if wave2 is None else [played_text(wave2, (accepted.get("terms2") or {}) | _grid_of(accepted))]
    return [played_text(wave, accepted), *second]


def _grid_of(accepted: dict) -> dict:
    """What both channels have in common."""
    return {name: accepted[name] for name in ("sample_us",) if name in accepted}


def _asked(wave: dict) -> list[tuple[str, str, str, int]]:
    """(name, field of the reply to arm, unit, value asked for) of the terms that the board's grid may change."""
    terms = []
    if wave["shape"] == waveform.SQUARE:
        phase_us = round(wave.get("width_us") or 500000 / wave["frequency_mhz"] * wave["duty_permille"])
        terms += [("phase", "phase_us", "us", phase_us), ("gap", "gap_us", "us", wave["gap_us"])]
    if wave["polarity"] == waveform.ALTERNATE:
        terms.append(("polarity for", "alternate_ms", "ms", wave["alternate_ms"]))
    return terms


def show_rows(session: dict) -> list[tuple[str, str]]:
    """What `records show` prints above the figures."""
    wave, device, summary = session["wave"], session["device"], session["summary"] or {}
    wave2 = session.get("wave2")
    rows = [
        ("id", session["id"]),
        ("started", session["started_utc"]),
        ("ended", f"{session['ended_utc'] or '-'} ({ended_text(session['ended'] or RUNNING, summary)})"),
        *_what_rows(session),
        ("area", _of_both(*(quantities.show(each["area_mm2"], quantities.AREA) for each in (wave, wave2) if each))),
        ("board", f"{device['board']} {device['uid']} on {session['port']}"),
        ("firmware", f"{device['firmware']} on MicroPython {device['micropython']} (manifest {device['manifest']})"),
    ]
    rows += [
        ("played" if channel == 1 else "played 2", played)
        for channel, played in enumerate(played_texts(wave, wave2, session["accepted"] or {}), 1)
        if played
    ]
    if session["load"]:
        rows.append(("load", f"{loads_text(session)} (virtual)"))
    if summary.get("error"):
        rows.append(("error", summary["error"]))
    return rows


def _what_rows(session: dict) -> list[tuple[str, str]]:
    """The waveform of a session, or the subject and the steps of a treatment."""
    programme = session.get("programme")
    wave, wave2 = session["wave"], session.get("wave2")
    if not programme:
        ramp = quantities.show(wave["ramp_ms"], quantities.DURATION)
        rows = [("waveform", wave_text(wave)), *([("channel 2", wave_text(wave2))] if wave2 else [])]
        return [*rows, ("timing", f"{quantities.show(wave['duration_ms'], quantities.DURATION)}, ramps {ramp}")]
    ran = {step["index"]: step for step in (session["summary"] or {}).get("steps", [])}
    rows = [("subject", session["subject"] or "-"), ("programme", f"{programme['title']} ({waves_text(session)})")]
    for step in programme["steps"]:
        done = ran.get(step["index"])
        how = f"{delivered_text(done)}, {done['ended']}" if done else "not begun"
        where = f"{step['side']} {step['site']}"
        rows.append((f"step {step['index']}", f"{where}, {step['amplitude_ua']} of {step['limit_ua']} uA: {how}"))
    return rows


def loads_text(session: dict) -> str:
    """The loads of a virtual board: 'typical', 'typical, channel 2 dry'."""
    return _of_both(*(session[name] for name in ("load", "load2") if session.get(name)))


def _of_both(first: str, *second: str) -> str:
    return first + "".join(f", channel 2 {text}" for text in second if text != first)


def event_text(event: dict, session: dict) -> str:
    """A recorded event in one line; its channel only where the session had two."""
    left_out = ("ev", "seq", *TUPLES, *(() if session.get("wave2") else ("channel",)))
    detail = {name: value for name, value in event["detail"].items() if name not in left_out}
    return f"{event['at_utc']}  {event['kind']:6} " + " ".join(f"{name}={value}" for name, value in detail.items())
