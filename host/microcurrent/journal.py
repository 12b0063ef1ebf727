"""The board's journal of sessions and faults: fetched as it is stored, and its chain checked here once more."""

from dataclasses import dataclass
from typing import Any

from firmware.shared import chain

from .errors import FirmwareError, VerifyError
from .share import Requester

SAMPLE_DIGITS = 6  # of hex: three of DAC code and three of ADC count, see firmware/hw/engine_rp2.py


@dataclass(frozen=True)
class Journal:
    """The lines of a journal, oldest first, and what they prove.

    records: what each line holds, None for a damaged one. problem: what breaks the chain, None when it is intact.
    past: the damage that its last restart left behind, None without one. began: number of the first record of the
    present chain; last: of its newest one; both 0 without records.
    """

    lines: list[str]
    records: list[dict[str, Any] | None]
    problem: str | None
    past: str | None
    began: int
    last: int

    def verdict(self) -> str:
        """One line about the chain."""
        if self.problem:
            return f"chain broken: {self.problem}"
        if not self.lines:
            return "no records yet"
        before = f"; before record {self.began} it was broken: {self.past}" if self.past else ""
        return f"chain intact, records {self.began}..{self.last}{before}"

    def require_intact(self) -> None:
        """Raises VerifyError when the chain is broken."""
        if self.problem:
            raise VerifyError(
                f"the journal's chain is broken: {self.problem}; the records are shown as they are stored; keep a copy "
                f"with: microcurrent log --json, then run: microcurrent faults clear"
            )


def checked(lines: list[str], told: str | None = None) -> Journal:
    """The journal of these lines. `told`: what the board says about its chain; it sees what no line shows."""
    walk = chain.Walk()
    records: list[dict[str, Any] | None] = []
    began = 0
    for line in lines:
        record = walk.take(line.encode())
        records.append(record)
        if record and (not began or record["kind"] == chain.RESTART):
            began = record["n"]
    return Journal(lines, records, walk.problem or told, walk.past, began, walk.number)


def read(board: Requester) -> Journal:
    """The board's journal. Raises FirmwareError when the board has none or answers with something else."""
    lines, told = _fetch(board)
    if told is None and checked(lines).problem:  # a file that was replaced between two pages leaves a gap
        lines, told = _fetch(board)
    return checked(lines, told)


def _fetch(board: Requester) -> tuple[list[str], str | None]:
    """All lines, and the board's own verdict."""
    lines, number, problem = [], 0, None
    while number >= 0:
        some, following, problem = _page(board, number)
        if 0 <= following <= number:
            raise _odd(board, f"after record {number} comes record {following}")
        lines += some
        number = following
    return lines, problem


def _page(board: Requester, number: int) -> tuple[list[str], int, str | None]:
    data = board.request("journal", {"from": number})
    lines, following, problem = data.get("lines"), data.get("next"), data.get("problem")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise _odd(board, "the reply has no lines")
    if type(following) is not int or not isinstance(problem, str | None):
        raise _odd(board, "the reply does not say where the journal goes on")
    return lines, following, problem


def _odd(board: Requester, what: str) -> FirmwareError:
    return FirmwareError(
        f"the journal of {board.port} cannot be read: {what}; nothing was changed; bring firmware and program to one "
        f"version: microcurrent flash"
    )


def samples_of(record: dict[str, Any]) -> list[tuple[int, int]]:
    """(DAC code, ADC count) of each sample kept with a record, oldest first; none when there are none or odd ones."""
    digits = fault_of(record).get("samples")
    if not isinstance(digits, str) or len(digits) % SAMPLE_DIGITS:
        return []
    groups = [digits[at : at + SAMPLE_DIGITS] for at in range(0, len(digits), SAMPLE_DIGITS)]
    try:
        return [(int(group[:3], 16), int(group[3:], 16)) for group in groups]
    except ValueError:
        return []


def fault_of(record: dict[str, Any]) -> dict[str, Any]:
    """The fault that a record carries: of kind "fault" itself, or kept in a file's first record; {} for none."""
    fault = record if record["kind"] == "fault" else record.get("fault") if record["kind"] == chain.KEPT else None
    return fault if isinstance(fault, dict) else {}
