"""HAZARDS.md: the trace as a page."""

from collections.abc import Iterator

from firmware.shared import faults

from .data import FOLDER, Hazard, Risk, Trace

PATH = FOLDER / "HAZARDS.md"
_HEAD = """\
# Hazard trace

Made of [hazards.toml](hazards.toml) by `python -m tests.hazards render`. A test fails when this page is not up to date,
when a reference points nowhere or a fault of the [fault table](../../firmware/shared/faults.py) is in no row; and a
whole test run fails on a hazard without a passing test. What this page is not: [REGULATORY.md](REGULATORY.md).

The words are those of ISO 14971:2019; clause numbers are unverified. A *hazard* becomes a *hazardous situation* by a
foreseeable *sequence of events* (5.4) and may end in *harm*; *risk* is the severity of that harm and the probability of
its occurrence (5.5). *Risk control measures* are, in the order of preference (7.1), *inherently safe design*, a
*protective measure* in the device, and *information for safety*; what stays is the *residual risk* (7.3).
"""


def page(trace: Trace) -> str:
    """The whole page."""
    parts = [_HEAD, _scales(trace), _overview(trace), "## Hazards\n"]
    parts += [_section(trace, hazard) for hazard in trace.hazards]
    return "\n".join([*parts, _requirements(trace)])


def _scales(trace: Trace) -> str:
    lines = [
        "## Scales\n",
        "Ours, qualitative: no field experience stands behind them.\n",
        "| | severity | probability |",
    ]
    lines.append("|---|---|---|")
    grades = zip(trace.severity, trace.probability, strict=True)
    lines += [f"| {grade} | {severity} | {probability} |" for grade, (severity, probability) in enumerate(grades, 1)]
    lines.append(
        f"\nSeverity times probability: up to {trace.acceptable} acceptable, up to {trace.reducible} reducible "
        "(acceptable only when everything practicable was done), above not acceptable.\n"
    )
    return "\n".join(lines)


def _overview(trace: Trace) -> str:
    lines = [
        "## Overview\n",
        "| id | hazard | harm | before | after | measures | tests |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in trace.hazards:
        lines.append(
            f"| [{each.id}](#{each.id.lower()}) | {each.hazard} | {each.harm} | {_risk(trace, each.before)} "
            f"| {_risk(trace, each.after)} | {len(each.controls)} | {len(each.tests)} |"
        )
    return "\n".join(lines) + "\n"


def _risk(trace: Trace, risk: Risk) -> str:
    return f"{risk[0]} x {risk[1]} = {risk[0] * risk[1]}, {trace.verdict(risk)}"


def _section(trace: Trace, hazard: Hazard) -> str:
    lines = [f"### {hazard.id}\n", f"**{hazard.hazard}**\n"]
    lines.append(f"- Sequence of events: {hazard.events}")
    lines.append(f"- Hazardous situation: {hazard.situation}")
    lines.append(f"- Harm: {hazard.harm}")
    lines.append(f"- Risk: {_risk(trace, hazard.before)}; with the measures {_risk(trace, hazard.after)}")
    lines.append(f"- Residual risk: {hazard.residual}")
    if hazard.faults:
        lines.append(f"- Faults: {', '.join(_fault(name) for name in hazard.faults)}")
    if hazard.remarks:
        lines.append(f"- Remarks: {hazard.remarks}")
    lines += ["", "| measure | requirements | code | tests |", "|---|---|---|---|"]
    for control in hazard.controls:
        cells = [", ".join(control.requirements), _references(control.code), _references(control.tests)]
        lines.append(f"| *{control.kind}*: {control.text} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _fault(name: str) -> str:
    scenario = next(row[6] for row in faults.TABLE if row[1] == name)
    return f"`{name}` (campaign scenario `{scenario}`)"


def _references(references: tuple[str, ...]) -> str:
    return "<br>".join(_link(reference) for reference in references)


def _link(reference: str) -> str:
    path, _, name = reference.partition("::")
    return f"[{path}](../../{path}) `{name}`"


def _requirements(trace: Trace) -> str:
    lines = ["## Requirements\n", "| id | requirement | hazards |", "|---|---|---|"]
    lines += [f"| {name} | {text} | {', '.join(_users(trace, name))} |" for name, text in trace.requirements.items()]
    return "\n".join(lines) + "\n"


def _users(trace: Trace, requirement: str) -> Iterator[str]:
    for hazard in trace.hazards:
        if any(requirement in control.requirements for control in hazard.controls):
            yield hazard.id
