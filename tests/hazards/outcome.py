"""A whole test run fails on a hazard without a passing test: pytest plugin, registered by tests/conftest.py.

Reports of all workers of xdist arrive in the process that was started. A run of a part of the tests judges nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pytest

from .data import Hazard, load

Outcomes = Mapping[str, set[str]]

PASSED = "passed"
_DUAL = "tests/dual/test_dual.py::"
_CASES = "tests/dual/cases/"


def reference(nodeid: str) -> str:
    """What a trace calls the test with this node id: path::function. A dual case stands in its own file."""
    if not nodeid.startswith(_DUAL + "test_on_cpython["):
        return nodeid.partition("[")[0]
    module, _, name = nodeid.partition("[")[2].rstrip("]").partition("-")
    return f"{_CASES}{module}.py::{name}"


def unproven(hazards: Iterable[Hazard], outcomes: Outcomes, micropython: Outcomes) -> list[str]:
    """A sentence for each test of a hazard that did not pass, or not everywhere.

    outcomes: of each reference; micropython: of each file of dual cases on the emulated board.
    """
    found = []
    for hazard in hazards:
        for test in hazard.tests:
            path = test.partition("::")[0]
            seen = outcomes.get(test, set()) | (micropython.get(path, set()) if path.startswith(_CASES) else set())
            if not outcomes.get(test) or (path.startswith(_CASES) and not micropython.get(path)):
                found.append(f"{hazard.id}: {test} was not run")
            elif seen != {PASSED}:
                found.append(f"{hazard.id}: {test} {' and '.join(sorted(seen))}")
    return found


class HazardOutcome:
    """Collects outcomes and judges them at the end of a whole run."""

    def __init__(self, config: pytest.Config, hazards: Iterable[Hazard] | None = None) -> None:
        self._config = config
        self._hazards = load().hazards if hazards is None else hazards
        self._outcomes: defaultdict[str, set[str]] = defaultdict(set)
        self._micropython: defaultdict[str, set[str]] = defaultdict(set)
        self._found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Skipped in any phase, failed in any phase, or passed in the test itself."""
        if report.when != "call" and report.outcome == PASSED:
            return
        if report.nodeid.startswith(_DUAL + "test_on_micropython["):
            module = report.nodeid.partition("[")[2].rstrip("]")
            self._micropython[f"{_CASES}{module}.py"].add(report.outcome)
        self._outcomes[reference(report.nodeid)].add(report.outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Turn the exit status of a run that passed into a failure when a hazard is not proven."""
        if not self.is_whole():
            return
        self._found = unproven(self._hazards, self._outcomes, self._micropython)
        if self._found and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell which."""
        if self._found:
            terminalreporter.section("hazards without a passing test", red=True)
            for line in self._found:
                terminalreporter.write_line(line)

    def is_whole(self) -> bool:
        """True in the process that was started, when nothing narrowed down which tests run."""
        option = self._config.option
        narrowed = option.keyword or option.markexpr or option.collectonly or option.deselect or option.ignore
        narrowed = narrowed or getattr(option, "lf", False) or getattr(option, "port", None)
        whole = self._config.args_source is pytest.Config.ArgsSource.TESTPATHS
        return whole and not narrowed and not hasattr(self._config, "workerinput")
