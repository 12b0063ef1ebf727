"""Holds what a case did against what the fault table and the issue's bars demand."""

from itertools import pairwise
from math import inf
from typing import Any

from firmware.core import states
from firmware.shared import faults, protocol
from microcurrent.bench.stage import Stage

from .case import Case
from .measure import Seen, driven, peak_ua
from .plant import Plant
from .records import records
from .references import full_amplitude
from .waves import MS, US

OVER_CAP_NS = 100 * US  # above 1 mA no longer than this under any single fault
ADC_ROUND_US = 9  # four conversions of 2.08 us, see firmware/hw/adc_rp2.py
SLOW_US = 100_000  # a fault with such a limit is a mean or a wait; a quicker one counts from a crossing of its own
HARMLESS_UA = 10.5  # contact sensing and 5 %
# Two calls of Pin.value() take 8 us; two samples that come in between may make it that and two interrupts of 48 us.
MAIN_LOOP_US = 8 + 2 * 48 + 16
INTERRUPT_ALONE = (
    faults.OVER_CURRENT, faults.DAC_NO_ACK, faults.OUTPUT_ASTRAY, faults.ESTOP, faults.BUS_HUNG, faults.DC_IMBALANCE,
    faults.CHARGE_LIMIT, faults.SUPERVISOR_LATE,
)  # fmt: skip
NO_CURRENT_UA = 0.001  # below a millionth of anything that is driven


def verdict(case: Case) -> dict[str, Any]:
    """The result of a case that has run: figures, and what is wrong in `problems`."""
    scenario, end_ns = case.scenario, case.pico.now_ns
    reference_ns = _reference_ns(case) if case.latched else inf
    off_ns = _ramp_ns(case) if scenario.by_ramp else case.off_ns
    counts = case.latched and reference_ns < inf
    since_ns = min(reference_ns, off_ns)
    seen = Seen(case.struck.stage, case.injected_ns, end_ns)
    result = {
        "key": str(case.key),
        "fault": faults.name_of(scenario.fault),
        "latched": faults.name_of(case.latched),
        "outcome": _outcome(case),
        "off_us": round(max(off_ns - reference_ns, 0) / US, 1) if counts else None,
        "limit_us": _limit_us(case),
        **_took(case),
        "peak_ua": round(seen.peak_ua, 1),
        "above_us": round(seen.above_ns / US, 2),
        "charge_nc": round(Seen(case.struck.stage, since_ns, min(off_ns, end_ns)).charge_nc, 1) if counts else None,
        "refusals": case.refusals,
    }
    problems = [*_code(case), *_time(result), *_current(case, result), *_refusal(case), *_journal(case)]
    problems += _both_outputs(case)
    problems += scenario.check(case)
    return result | {"notes": case.notes, "problems": problems}


def _took(case: Case) -> dict[str, float | None]:
    """From the injection to off, and the mean |current| meanwhile."""
    begin_ns, end_ns = case.from_ns, case.off_ns
    if not case.latched or not begin_ns < end_ns < inf:
        return {"took_us": None, "mean_ua": None}
    mean_ua = Seen(case.struck.stage, begin_ns, end_ns).charge_nc * MS / (end_ns - begin_ns)
    return {"took_us": round((end_ns - begin_ns) / US, 1), "mean_ua": round(mean_ua, 2)}


def _outcome(case: Case) -> str:
    if case.latched:
        return "latched"
    if "end" in [event["ev"] for event in case.events]:
        return "ended"
    return "went on"


def _reference_ns(case: Case) -> float:
    """Where the fault itself cannot be seen, a slow one that may be found instead counts from full amplitude on."""
    reference_ns = case.scenario.reference(case)
    slow = case.latched in case.scenario.others and _limit_us(case) >= SLOW_US
    return full_amplitude(case) if reference_ns == inf and slow else reference_ns


def _limit_us(case: Case) -> int:
    """The time that the struck output may take. The second output's reading may be a round of the ADC old: it is judged
    while the next round runs, whereas a round ends just before the first one's.
    """
    return _fault_us(case) + (ADC_ROUND_US if case.key.output == 2 else 0)


def _fault_us(case: Case) -> int:
    """Of the fault, and of one that may be found instead; where the first must not even let current flow, of that."""
    found_us, limit_us = faults.off_us(case.latched, case.sample_us), case.scenario.limit_us(case.sample_us)
    if case.latched in case.scenario.others:
        return max(found_us, limit_us)
    return limit_us or found_us


def _ramp_ns(case: Case) -> float:
    """When the ramp down began; at rest, when the gate opened."""
    begun = [t for t, state in case.plant.states if state == protocol.RAMP_DOWN and t >= case.from_ns]
    return begun[0] if begun else case.off_ns


def _code(case: Case) -> list[str]:
    """The right fault is latched, or there is a reason why none is."""
    scenario, state = case.scenario, case.key.state
    if case.latched:
        expected = {scenario.fault, *scenario.others, *({} if case.running else scenario.at_rest)}
        if state == "FAULT":
            expected.add(faults.ESTOP)  # the first fault stays
        return [] if case.latched in expected else [f"latched {faults.name_of(case.latched)}"]
    excused = (case.key.places | {case.key.wave}) & scenario.unseen.keys()
    if excused or not scenario.runs_out(case.key):
        return []
    if scenario.harmless and peak_ua(case.struck.stage, case.injected_ns, case.pico.now_ns) <= HARMLESS_UA:
        return []
    return ["nothing was latched"]


def _time(result: dict[str, Any]) -> list[str]:
    late = result["off_us"] is not None and result["off_us"] > result["limit_us"]
    return [f"off after {result['off_us']} us, limit {result['limit_us']}"] if late else []


def _both_outputs(case: Case) -> list[str]:
    """Both gates open together, and the fault names the output that was struck.

    Not together: a switch that conducts for ever; and the output whose own count of samples still ends its session.
    """
    if not case.latched or not case.key.output or not case.running:
        return []
    if case.scenario.latent or case.latched == faults.OVER_TIME:
        return []
    apart_us = (max(case.offs_ns) - min(case.offs_ns)) / US
    problems = [f"gates opened {apart_us:.1f} us apart"] if apart_us > _apart_us(case) else []
    told = [event["channel"] for event in case.events if event["ev"] == "fault"]
    if len(case.scenario.outputs) > 1 and told and told[0] != case.key.output:
        problems.append(f"the fault names output {told[0]}")
    return problems


def _apart_us(case: Case) -> float:
    """An interrupt opens both gates with one write, the main loop one after the other. The comparator opens its own
    gate in hardware, and the next interrupt the other one.
    """
    if case.latched == faults.COMPARATOR:
        return case.sample_us
    return 0 if case.latched in INTERRUPT_ALONE else MAIN_LOOP_US


def _current(case: Case, result: dict[str, Any]) -> list[str]:
    """Never above 1 mA for long, and none at all where the state permits none."""
    problems = []
    if result["above_us"] > OVER_CAP_NS / US:
        problems.append(f"above 1 mA for {result['above_us']} us")
    return problems + [f"{ua:.1f} uA in state {name}" for name, ua in stray_ua(case.plant, case.scenario.leaks_ua)]


def stray_ua(plant: Plant, leaks_ua: float) -> list[tuple[str, float]]:
    """(state, largest |electrode current| in uA) of every state that permits none but saw more than `leaks_ua`.

    In SELF_TEST too the electrodes must see nothing: the current flows into the dummy load.
    """
    return [found for output in plant.pico.outputs for found in _stray_ua(plant, output.stage, leaks_ua)]


def _stray_ua(plant: Plant, stage: Stage, leaks_ua: float) -> list[tuple[str, float]]:
    now_ns = plant.pico.now_ns
    flowed = driven(stage)
    found = []
    for (entered, state), (left, _next) in pairwise([*plant.states, (now_ns, protocol.OFF)]):
        for begin, end in flowed:
            begin, end = max(begin, entered, plant.began_ns), min(end, left)
            if begin < end and not states.flows(state):
                ua = peak_ua(stage, begin, end)
                if ua > max(leaks_ua, NO_CURRENT_UA):
                    found.append((protocol.STATE_NAMES[state], ua))
    return found


def _refusal(case: Case) -> list[str]:
    """A latched fault refuses the next session, and stays latched while its cause can be seen."""
    armed = ["a new session was armed"] if case.latched and case.refusals[-1] == "none" else []
    return armed + (["cleared although the cause persists"] if case.cleared and not case.scenario.clears else [])


def _journal(case: Case) -> list[str]:
    """What is latched stands in the journal, and its chain is whole. A broken one is left as it was found."""
    if not case.latched or case.latched == faults.JOURNAL_BROKEN or case.refusals[-1:] == ["silence"]:
        return []
    told, problem = records(case.pico)
    kept = [record for record in told if record["kind"] == "fault" and record["code"] == case.latched]
    missing = [] if kept else ["the journal does not tell of it"]
    return missing + ([f"the journal is broken: {problem}"] if problem else [])
