"""The handful of figures that a report shows large."""

from collections.abc import Sequence
from dataclasses import dataclass

from firmware.shared import faults

from ..summary import RAMP_ONLY
from . import texts
from .facts import BAD, GOOD, WARN, fault_sentences
from .parts import Part, course_ends, is_balanced, total, weighted_ua

_FULL_PERCENT = 95  # ours: fewer phases at full current are worth a look
_SHOWN_PAUSE_MS = 500  # ours: what a number of seconds with one decimal still shows well
_DOT = " · "


@dataclass(frozen=True)
class KeyFigure:
    """tone: GOOD, WARN, BAD or "" where a figure is neither."""

    name: str
    value: str
    note: str
    tone: str = ""


def key_figures(session: dict, parts: list[Part], events: Sequence[dict]) -> list[KeyFigure]:
    """In the order in which they are shown."""
    summary = session.get("summary") or {}
    return [
        _current(parts),
        _full(parts),
        _impedance(summary, parts),
        _charge(parts),
        _time(summary, parts),
        _contact(summary, parts),
        _faults(summary, events),
        _felt(summary, events),
    ]


def _channels(parts: Sequence[Part]) -> list[int]:
    return sorted({part.channel for part in parts})


def _current(parts: list[Part]) -> KeyFigure:
    means = [weighted_ua(parts, channel) for channel in _channels(parts)]
    known = [mean for mean in means if mean is not None]
    if not known:
        return KeyFigure("Delivered current", texts.UNKNOWN, "none was measured")
    delivered = " + ".join(texts.grouped(round(mean[0])) for mean in known)
    commanded = " + ".join(texts.grouped(round(mean[1])) for mean in known)
    share = min(mean[0] / mean[1] if mean[1] else 0 for mean in known)
    ramp = {part.figures.get("measured_in") for part in parts if part.figures} == {RAMP_ONLY}
    note = f"of {texts.joined(commanded, 'µA')} commanded{_DOT}{100 * share:.1f}\N{NO-BREAK SPACE}%"
    return KeyFigure("Delivered current", texts.joined(delivered, "µA"), note + (", ramp only" if ramp else ""))


def _full(parts: list[Part]) -> KeyFigure:
    phases, full = total(parts, "phases"), total(parts, "full_phases")
    if not phases:
        return KeyFigure("Phases at full current", texts.UNKNOWN, "no phase was finished")
    tone = GOOD if 100 * full >= _FULL_PERCENT * phases else WARN
    note = f"{texts.grouped(full)} of {texts.grouped(phases)}"
    return KeyFigure("Phases at full current", texts.percent(full, phases), note, tone)


def _impedance(summary: dict, parts: list[Part]) -> KeyFigure:
    known = [value for value in (part.figure("impedance_ohm") for part in parts) if value is not None]
    if not known:
        return KeyFigure("Impedance", texts.UNKNOWN, "none was measured")
    median = texts.whole(summary.get("impedance_ohm")) or sorted(known)[len(known) // 2]
    ends = course_ends(parts[0].course)
    if len(known) > 1:
        note = f"{texts.resistance(min(known))} to {texts.resistance(max(known))} by step"
        if parts[0].index is None:
            note = "channel 1" + _DOT + f"channel 2: {texts.resistance(known[-1])}"
    else:
        note = f"{texts.resistance(ends[0])} at first, {texts.resistance(ends[1])} at last" if ends else "median"
    return KeyFigure("Impedance", texts.resistance(median), note)


def _charge(parts: list[Part]) -> KeyFigure:
    if not any(part.figures for part in parts):
        return KeyFigure("Charge moved", texts.charge(0), "nothing was delivered")
    balanced = all(is_balanced(part.wave) for part in parts)
    note = f"net {texts.charge(total(parts, 'net_charge_nc'))}{', balanced' if balanced else ', one way'}"
    return KeyFigure("Charge moved", texts.charge(total(parts, "total_charge_nc")), note)


def _time(summary: dict, parts: list[Part]) -> KeyFigure:
    first = [part for part in parts if part.channel == 1]
    paused_ms = texts.whole(summary.get("paused_ms")) or 0
    steps = [part for part in first if part.index is not None]
    begun = sum(bool(part.figures) for part in steps)
    notes = [f"{begun} of {len(steps)} steps begun"] if steps else ["ramps included"]
    notes += [f"paused {texts.duration(paused_ms)}"] if paused_ms >= _SHOWN_PAUSE_MS else []
    return KeyFigure("Time of treatment", texts.duration(total(first, "elapsed_ms")), _DOT.join(notes))


def _contact(summary: dict, parts: list[Part]) -> KeyFigure:
    lost = total(parts, "lift_offs")
    shares = summary.get("contact_share_percent") or {}
    told = ", ".join(f"{texts.words(name)} {share:.3g}\N{NO-BREAK SPACE}%" for name, share in list(shares.items())[:3])
    contact = told or texts.words(summary.get("contact") or "unknown")
    return KeyFigure("Lift-offs", str(lost), f"contact {contact}", WARN if lost else "")


def _faults(summary: dict, events: Sequence[dict]) -> KeyFigure:
    codes = [texts.whole(event["detail"].get("code")) for event in _of_kind(events, "fault")]
    named = [texts.words(faults.name_of(code)) for code in codes if code]
    stored = texts.words(summary.get("fault") or "none")
    names: list[str] = list(dict.fromkeys([*named, *([stored] if stored != "none" else [])]))
    if not names:
        return KeyFigure("Faults", "none", "none was latched")
    count = max(len(fault_sentences(events)), len(names))
    return KeyFigure("Faults", str(count), ", ".join(names), BAD)


def _felt(summary: dict, events: Sequence[dict]) -> KeyFigure:
    told = [event["detail"] for event in _of_kind(events, "felt")]
    count = texts.whole(summary.get("felt"))
    count = len(told) if count is None else count
    notes = [
        f"{_levels(detail['from_ua'])} → {texts.joined(_levels(detail['to_ua']), 'µA')}"
        + (f" in step {texts.whole(detail.get('step'))}" if detail.get("step") else "")
        for detail in told
        if detail.get("from_ua") and detail.get("to_ua")
    ]
    note = ", ".join(notes[:2]) + (f" and {len(notes) - 2} more" if len(notes) > 2 else "")
    return KeyFigure(
        "“I feel it”", str(count), note or ("stepped down" if count else "never pressed"), WARN if count else ""
    )


def _levels(told: object) -> str:
    """A current, or that of each channel: '240', '60 + 60'."""
    values = told if isinstance(told, list) else [told]
    return " + ".join(texts.grouped(texts.whole(value) or 0) for value in values)


def _of_kind(events: Sequence[dict], kind: str) -> list[dict]:
    return [event for event in events if event["kind"] == kind]
