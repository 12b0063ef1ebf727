"""What is wrong with the trace: rows without control, references that point nowhere, faults in no row."""

from collections import Counter
from collections.abc import Iterator

from firmware.shared import faults

from .data import KINDS, Control, Hazard, Trace
from .sources import exists, is_test


def problems(trace: Trace) -> list[str]:
    """A sentence for each; none when the trace holds."""
    found = [f"{name} is the id of two hazards" for name, count in _ids(trace).items() if count > 1]
    found += [f"fault {name} of the fault table appears in no hazard" for name in _unused_faults(trace)]
    used = {name for hazard in trace.hazards for control in hazard.controls for name in control.requirements}
    found += [f"requirement {name} is used by no measure" for name in trace.requirements if name not in used]
    for hazard in trace.hazards:
        found += [f"{hazard.id}: {problem}" for problem in _of_hazard(trace, hazard)]
    return found


def _ids(trace: Trace) -> Counter[str]:
    return Counter(hazard.id for hazard in trace.hazards)


def _unused_faults(trace: Trace) -> list[str]:
    used = {name for hazard in trace.hazards for name in hazard.faults}
    return [row[1] for row in faults.TABLE if row[1] not in used]


def _of_hazard(trace: Trace, hazard: Hazard) -> Iterator[str]:
    if not hazard.controls:
        yield "no risk control measure"
    for name in sorted(set(hazard.faults) - {row[1] for row in faults.TABLE}):
        yield f"{name} is no fault of the fault table"
    for field in ("hazard", "events", "situation", "harm", "residual"):
        if not getattr(hazard, field).strip():
            yield f"{field} is empty"
    yield from _of_risk(trace, hazard)
    for control in hazard.controls:
        yield from _of_control(trace, control)


def _of_risk(trace: Trace, hazard: Hazard) -> Iterator[str]:
    for risk in (hazard.before, hazard.after):
        if not (1 <= risk[0] <= len(trace.severity) and 1 <= risk[1] <= len(trace.probability)):
            yield f"{risk} is not on the scales"
    if hazard.after[0] * hazard.after[1] >= hazard.before[0] * hazard.before[1]:
        yield "its measures do not reduce the risk"
    if trace.verdict(hazard.after) == "not acceptable":
        yield "its residual risk is not acceptable"


def _of_control(trace: Trace, control: Control) -> Iterator[str]:
    if control.kind not in KINDS:
        yield f"{control.kind} is no kind of risk control measure"
    for name in control.requirements:
        if name not in trace.requirements:
            yield f"{name} is no requirement"
    for field in ("requirements", "code", "tests"):
        if not getattr(control, field):
            yield f"a measure has no {field}: {control.text}"
    for reference in control.code:
        if not exists(reference):
            yield f"code {reference} does not exist"
    for reference in control.tests:
        if not is_test(reference):
            yield f"test {reference} does not exist"
