"""What outcomes on a board prove, by requirement and by hazard of tests/hazards; and the page that tells it."""

from collections.abc import Mapping
from typing import Any

from tests.hazards.data import Trace, load

Outcomes = Mapping[str, set[str]]  # of each test, path::function; several for one with parameters
PROVEN, PARTLY, NOT = "proven", "partly", "not"
PASSED = {"passed"}


def requirements(outcomes: Outcomes) -> dict[str, dict[str, Any]]:
    """{requirement: {"proven", "passed", "missing"}}, from the tests of all measures that fulfil it."""
    trace = load()
    return {name: _judged(_tests_of(trace, name), outcomes) for name in trace.requirements}


def hazards(outcomes: Outcomes) -> dict[str, dict[str, Any]]:
    """The same of each hazard's tests."""
    return {hazard.id: _judged(hazard.tests, outcomes) for hazard in load().hazards}


def _tests_of(trace: Trace, requirement: str) -> list[str]:
    found = [
        test
        for hazard in trace.hazards
        for control in hazard.controls
        if requirement in control.requirements
        for test in control.tests
    ]
    return list(dict.fromkeys(found))


def _judged(tests: list[str], outcomes: Outcomes) -> dict[str, Any]:
    """Proven: each of the tests ran on this board, and passed in all of its cases."""
    passed = [test for test in tests if outcomes.get(test) == PASSED]
    missing = [test for test in tests if test not in passed]
    return {"proven": NOT if not passed else PARTLY if missing else PROVEN, "passed": passed, "missing": missing}


def page(found: dict[str, Any]) -> str:
    """A result file for people."""
    trace = load()
    lines = [f"# {found['board']}, rung {found['rung']}\n"]
    if found["virtual"]:
        lines.append("**A virtual board: this shows that the scenarios run, and proves nothing about hardware.**\n")
    if found["narrowed"]:
        lines.append("**Only some of the rung's scenarios were chosen: not a whole run.**\n")
    calibration = f"{found['calibration'][0]}" if found["calibration"] else "none"
    lines += [
        "| | |",
        "|---|---|",
        f"| date | {found['date_utc']} |",
        f"| board, hash of its id | {found['board']}, {found['uid_sha256']} |",
        f"| firmware, manifest | {found['firmware']} ({found['image']}), {found['manifest']} |",
        f"| MicroPython | {found['micropython']} |",
        f"| calibration | {calibration} |",
        "",
        "## Scenarios\n",
        "| scenario | rung | outcome | reason |",
        "|---|---|---|---|",
    ]
    for name, entry in found["scenarios"].items():
        lines.append(f"| `{name}` | {entry['rung']} | {entry['outcome']} | {_cell(entry['reason'])} |")
    lines += ["", "## Requirements\n", "Proven: every test of the measures that fulfil it ran here and passed.\n"]
    lines += ["| id | requirement | on this board | tests passed | not run or not passed |", "|---|---|---|---|---|"]
    for name, text in trace.requirements.items():
        judged = found["requirements"].get(name, _judged([], {}))
        lines.append(f"| {name} | {text} | {judged['proven']} | {len(judged['passed'])} | {len(judged['missing'])} |")
    lines += ["", "## Not proven on hardware\n"]
    missing = [(hazard, _missing(found, hazard.id)) for hazard in trace.hazards]
    lines += [f"- {hazard.id} {hazard.hazard}: {tests}" for hazard, tests in missing if tests]
    lines += [
        "",
        f"{len(found['not_on_hardware'])} tests need a higher rung, or what only the bench can inject or see.\n",
    ]
    return "\n".join(lines)


def _missing(found: dict[str, Any], hazard: str) -> str:
    missing = found["hazards"].get(hazard, {"missing": []})["missing"]
    return ", ".join(f"`{test.partition('::')[2]}`" for test in missing)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
