"""The hazard trace holds against sources, tests and fault table, its page is up to date, and a run is judged by it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.hazards import check, data, outcome, render, sources

TRACE = data.load()
FIRST = TRACE.hazards[0]


def test_the_trace_holds() -> None:
    assert check.problems(TRACE) == []


def test_the_page_is_up_to_date() -> None:
    assert render.PATH.read_text() == render.page(TRACE), "run: python -m tests.hazards render"


def with_control(**changes: Any) -> data.Trace:
    """The trace with its first measure changed."""
    control = replace(FIRST.controls[0], **changes)
    return replace(TRACE, hazards=(replace(FIRST, controls=(control, *FIRST.controls[1:])), *TRACE.hazards[1:]))


@pytest.mark.parametrize(
    "changes,problem",
    [
        ({"tests": ("tests/hil/test_stops.py::test_that_nobody_wrote",)}, "does not exist"),
        ({"tests": ("tests/hil/test_nothing.py::test_x",)}, "does not exist"),
        ({"tests": ("tests/support.py::repl",)}, "does not exist"),
        ({"tests": ()}, "no tests"),
        ({"code": ("firmware/core/gate.py::permits",)}, "does not exist"),
        ({"code": ("README.md::words that nobody wrote",)}, "does not exist"),
        ({"code": ()}, "no code"),
        ({"requirements": ("R99",)}, "R99 is no requirement"),
        ({"kind": "hope"}, "no kind of risk control"),
    ],
)
def test_a_measure_that_points_nowhere_is_found(changes: dict[str, Any], problem: str) -> None:
    assert [found for found in check.problems(with_control(**changes)) if found.startswith("H01") and problem in found]


@pytest.mark.parametrize(
    "changes,problem",
    [
        ({"controls": ()}, "no risk control measure"),
        ({"faults": ("over-curent",)}, "over-curent is no fault"),
        ({"after": FIRST.before}, "do not reduce"),
        ({"before": (5, 5), "after": (5, 4)}, "residual risk is not acceptable"),
        ({"before": (6, 1)}, "not on the scales"),
        ({"harm": " "}, "harm is empty"),
        ({"id": "H02"}, "two hazards"),
    ],
)
def test_a_hazard_that_lacks_something_is_found(changes: dict[str, Any], problem: str) -> None:
    changed = replace(TRACE, hazards=(replace(FIRST, **changes), *TRACE.hazards[1:]))
    assert any(problem in found for found in check.problems(changed))


def test_faults_and_requirements_that_nobody_uses_are_found() -> None:
    found = check.problems(replace(TRACE, hazards=TRACE.hazards[1:], requirements=TRACE.requirements | {"R99": "x"}))
    assert "fault over-current of the fault table appears in no hazard" in found
    assert "requirement R99 is used by no measure" in found


def test_symbols_are_those_of_the_source() -> None:
    assert sources.exists("firmware/core/session.py::Session.start")
    assert sources.exists("firmware/core/gate.py::PERMITTED")
    assert not sources.exists("firmware/core/session.py::start")
    assert not sources.exists("firmware/core/gate.py")


# How a run is judged --------------------------------------------------------------------------------------------------


def judged(reports: list[tuple[str, str, str]], *, whole: bool = True) -> tuple[int, list[str]]:
    """Exit status and complaints of a run with these (node id, phase, outcome); the trace is H01 with two tests."""
    tests = ("tests/hil/test_a.py::test_one", "tests/dual/cases/case_b.py::test_two")
    hazard = replace(FIRST, controls=(replace(FIRST.controls[0], tests=tests),))
    option = SimpleNamespace(keyword="" if whole else "x", markexpr="", collectonly=False, deselect=None, ignore=None)
    config = SimpleNamespace(option=option, args_source=pytest.Config.ArgsSource.TESTPATHS)
    plugin = outcome.HazardOutcome(cast(pytest.Config, config), [hazard])
    for nodeid, when, result in reports:
        plugin.pytest_runtest_logreport(cast(Any, SimpleNamespace(nodeid=nodeid, when=when, outcome=result)))
    session = SimpleNamespace(exitstatus=0)
    plugin.pytest_sessionfinish(cast(pytest.Session, session), 0)
    said: list[str] = []
    reporter = SimpleNamespace(section=lambda *_args, **_keywords: None, write_line=said.append)
    plugin.pytest_terminal_summary(cast(Any, reporter))
    return int(session.exitstatus), said


ONE = ("tests/hil/test_a.py::test_one[x]", "call", "passed")
TWO = ("tests/dual/test_dual.py::test_on_cpython[case_b-test_two]", "call", "passed")
BOARD = ("tests/dual/test_dual.py::test_on_micropython[case_b]", "call", "passed")
SET_UP = ("tests/hil/test_a.py::test_one[x]", "setup", "passed")


def test_a_run_in_which_all_passed() -> None:
    assert judged([SET_UP, ONE, TWO, BOARD]) == (0, [])


@pytest.mark.parametrize(
    "reports,complaint",
    [
        ([TWO, BOARD], "tests/hil/test_a.py::test_one was not run"),
        ([SET_UP, TWO, BOARD], "tests/hil/test_a.py::test_one was not run"),
        ([ONE, BOARD], "tests/dual/cases/case_b.py::test_two was not run"),
        ([ONE, TWO], "tests/dual/cases/case_b.py::test_two was not run"),
        ([(ONE[0], "setup", "skipped"), TWO, BOARD], "tests/hil/test_a.py::test_one skipped"),
        ([ONE, ("tests/hil/test_a.py::test_one[y]", "call", "failed"), TWO, BOARD], "test_one failed and passed"),
        ([ONE, (ONE[0], "teardown", "failed"), TWO, BOARD], "test_one failed and passed"),
        ([ONE, TWO, (BOARD[0], "call", "failed")], "case_b.py::test_two failed and passed"),
    ],
)
def test_a_run_that_proves_a_hazard_not(reports: list[tuple[str, str, str]], complaint: str) -> None:
    status, said = judged(reports)
    assert status == 1
    assert len(said) == 1 and said[0].startswith("H01: ") and complaint in said[0]


def test_a_run_of_some_tests_judges_nothing() -> None:
    assert judged([], whole=False) == (0, [])


def test_the_plugin_is_there(request: pytest.FixtureRequest) -> None:
    assert isinstance(request.config.pluginmanager.get_plugin("hazards"), outcome.HazardOutcome)


# Information for safety -----------------------------------------------------------------------------------------------


def test_the_readme_begins_with_the_warnings() -> None:
    text = sources.words(data.ROOT / "README.md").lower()
    for warning in ("not a medical device", "across the chest", "through the head", "implanted or worn electronics"):
        assert warning in text[:1500], warning
    assert "no claim that a treatment works" in text[:1500]
    assert "never from mains-connected usb" in text
    assert "tests/hazards/regulatory.md" in text
