"""What a run on a board proved, as a file: JSON for tests/evidence, and a page for people beside it (--result)."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.evidence import proof, schema
from tests.hazards.outcome import reference

from . import rungs

if TYPE_CHECKING:
    from .real import RealBoard

BOARD: "pytest.StashKey[RealBoard]" = pytest.StashKey()
EMULATED_UID = "e6605eed00000001"  # what every virtual Pico says; a real flash chip has another


class ResultFile:
    """Collects the scenarios' outcomes and writes them at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._path = Path(str(config.getoption("--result")))
        self._scenarios: dict[str, dict[str, Any]] = {}
        self._left: list[str] = []
        if self._path.suffix != ".json":
            raise pytest.UsageError(f"--result {self._path} is no .json file; nothing was run; give it that ending")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Every scenario that was chosen is in the file, run or not."""
        for item in session.items:
            entry = {"rung": rungs.of(item), "outcome": "not run", "reason": "the run ended early"}
            self._scenarios[item.nodeid] = entry

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """What needs a higher rung, or the bench."""
        self._left += [item.nodeid for item in items]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Skipped or failed in any phase, or passed in the test itself."""
        if report.when != "call" and report.outcome == "passed":
            return
        entry = self._scenarios[report.nodeid]
        if entry["outcome"] == "failed":
            return
        entry["outcome"] = report.outcome
        entry["reason"] = "" if report.outcome == "passed" else _why(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write both files. Without a board that answered there is nothing to tell."""
        board = self._config.stash.get(BOARD, None)
        if board is None or not board.identity:
            return
        told = self.told(board, self._narrowed())
        self._path.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        self._path.with_suffix(".md").write_text(proof.page(told), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Where they are."""
        if self._path.exists():
            terminalreporter.write_line(f"result: {self._path} and {self._path.with_suffix('.md')}")

    def told(self, board: "RealBoard", narrowed: bool) -> dict[str, Any]:
        """The file's contents."""
        identity = board.identity
        outcomes: dict[str, set[str]] = {}
        for nodeid, entry in self._scenarios.items():
            outcomes.setdefault(reference(nodeid), set()).add(entry["outcome"])
        found = {
            "schema": schema.VERSION,
            "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "virtual": identity["uid"] == EMULATED_UID or _is_pty(board.port),
            "board": identity["board"],
            "uid_sha256": hashlib.sha256(identity["uid"].encode()).hexdigest()[: schema.UID_DIGITS],
            "image": identity["image"],
            "micropython": identity["micropython"],
            "firmware": identity["firmware"],
            "manifest": identity["manifest"],
            "calibration": identity["calibration"],
            "rung": board.rung,
            "narrowed": narrowed,
            "scenarios": self._scenarios,
            "not_on_hardware": sorted({reference(nodeid) for nodeid in self._left}),
            "requirements": proof.requirements(outcomes),
            "hazards": proof.hazards(outcomes),
        }
        return found | {"digest": schema.digest(found)}

    def _narrowed(self) -> bool:
        """Whether something else than the rung chose what ran."""
        option = self._config.option
        named = any("::" in argument or argument.endswith(".py") for argument in self._config.args)
        return bool(named or option.keyword or option.markexpr or option.deselect or option.ignore)


def _why(report: pytest.TestReport) -> str:
    """The reason of a skip, or the last line of a failure."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    text = str(report.longrepr).strip().splitlines()
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).splitlines()[0] if crash else text[-1] if text else report.outcome


def _is_pty(port: str) -> bool:
    return str(Path(port).resolve()).startswith("/dev/pts/")
