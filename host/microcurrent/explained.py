"""The limits engine's answer to one request, as people read it: every rule, the binding one, and the verdict."""

from dataclasses import dataclass

from firmware.shared import limits, rules, waveform

from . import preferences, quantities
from .refusals import limit_sentence

SHANNON = (
    "Shannon's criterion does not apply to skin (it was fitted on cat cortex at 50 Hz, from an excerpt), so it is not "
    "evaluated: current density, net DC and session charge limit instead"
)
LEAST_UA = 1  # asked when no amplitude is: the smallest there is breaks no rule by itself


@dataclass(frozen=True)
class Explained:
    """Rows of limits.table(), what they come to, and the request itself. refusal: "" when it is permitted."""

    rows: list[tuple[str, int, str, str]]
    permitted_ua: int
    binding: str
    permitted_ms: int
    time_rule: str
    phase_us: int
    phase_nc: int  # at the amplitude asked for, or at the permitted peak
    at_ua: int
    refusal: str
    asked: bool  # an amplitude was given


def explain(wave: dict, settings: dict[str, int], hard_cap_ua: int, *, asked: bool) -> Explained:
    """What the rules say to a checked waveform. asked: its amplitude was given, so the charge is that of it."""
    permitted_ua, binding, _source = limits.permitted(wave, settings, hard_cap_ua)
    permitted_ms, time_rule = limits.permitted_ms(wave, settings)
    refused = limits.refusal(wave, settings, hard_cap_ua)
    at_ua = wave["amplitude_ua"] if asked else permitted_ua
    return Explained(
        rows=limits.table(wave, settings, hard_cap_ua),
        permitted_ua=permitted_ua,
        binding=binding,
        permitted_ms=permitted_ms,
        time_rule=time_rule,
        phase_us=rules.phase_us(wave),
        phase_nc=phase_charge_nc(wave, at_ua),
        at_ua=at_ua,
        refusal=limit_sentence(refused) if refused else "",
        asked=asked,
    )


def phase_charge_nc(wave: dict, peak_ua: int) -> int:
    """Largest charge of one phase at full amplitude, in nC."""
    share = 1000 if wave["shape"] == waveform.SQUARE else rules.SHARE_PERMILLE[wave["shape"]]
    return -(-peak_ua * rules.phase_us(wave) * share // 1_000_000)


def supposed(settings: dict[str, int], changes: dict[str, int]) -> tuple[dict[str, int], str]:
    """Settings as if `changes` were made, and a note on those that would need the device's button ("" for none)."""
    raised = limits.raises(settings, changes)
    shown = ", ".join(f"{name} {preferences.shown(name, changes[name])}" for name in raised)
    note = f"{shown}: to set it needs the device's button" if raised else ""
    return settings | changes, note


def limit_shown(name: str, limit_ua: int, explained: Explained) -> str:
    """The number of a rule: its peak, or what it limits instead."""
    if name == explained.time_rule:
        return quantities.show(explained.permitted_ms, quantities.DURATION)
    if name == "net-dc" and limits.SUPERVISED in {row[2] for row in explained.rows if row[0] == name}:
        return f"{limits.NET_DC_UA}uA mean"
    return "-" if limit_ua == limits.NO_CAP else quantities.show(limit_ua, quantities.CURRENT)


def summary(explained: Explained) -> list[tuple[str, str]]:
    """(what, text) of the lines below the table."""
    peak = quantities.show(explained.permitted_ua, quantities.CURRENT)
    longest = quantities.show(explained.permitted_ms, quantities.DURATION)
    phase = quantities.show(explained.phase_us, quantities.SHORT_TIME)
    at = quantities.show(explained.at_ua, quantities.CURRENT)
    return [
        ("permitted peak", f"{peak}, by rule {explained.binding}"),
        ("permitted time", f"{longest}, by rule {explained.time_rule}"),
        ("charge per phase", f"{explained.phase_nc / 1000:g} uC at {at} in a phase of {phase}"),
        ("note", SHANNON),
    ]


def as_json(wave: dict, settings: dict[str, int], origin: str, explained: Explained) -> dict:
    """Everything as one JSON object; null where a rule caps no peak, and for an amplitude that was not given."""
    return {
        "settings": preferences.named(settings),
        "settings_of": origin,
        "wave": wave if explained.asked else wave | {"amplitude_ua": None},
        "rules": [
            {"rule": name, "limit_ua": None if ua == limits.NO_CAP else ua, "verdict": verdict, "source": source}
            for name, ua, verdict, source in explained.rows
        ],
        "permitted_ua": explained.permitted_ua,
        "binding": explained.binding,
        "permitted_ms": explained.permitted_ms,
        "net_dc_ua": limits.NET_DC_UA,
        "phase_us": explained.phase_us,
        "phase_charge_nc": explained.phase_nc,
        "shannon": SHANNON,
        "refusal": explained.refusal or None,
    }


def zone_wishes(zone: str | None) -> tuple[dict[str, int], str]:
    """A zone that is supposed: (the setting, "") where it can be set, ({}, the request's zone) where none flows."""
    if zone is None:
        return {}, waveform.NO_ZONE
    if zone in preferences.CHOICES["zone"]:
        return {"zone": preferences.parse("zone", zone)}, waveform.NO_ZONE
    return {}, zone
