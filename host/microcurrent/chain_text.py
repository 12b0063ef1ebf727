"""What the check of the chain of records found, for people and programs."""

import re
from collections import Counter

from . import chain_of_records as chain
from .errors import BadValueError, VerifyError
from .record_schema import SESSIONS

_TOLD = {  # kinds of links that a sound chain tells besides, and how
    chain.IMPORTED: "imported",
    chain.MIGRATED: "taken over as an older version left them",
    chain.REPAIRED: "as a damaged file gave them back",
    chain.LOST: "lost in a damaged file",
    chain.DELETED: "deleted with their subject",
}


def checked_head(text: str) -> str:
    """A hash as `records verify` prints it. Raises BadValueError."""
    if re.fullmatch("[0-9a-fA-F]{64}", text) is None:
        raise BadValueError(
            f"--head takes a hash of 64 hexadecimal digits, this has {len(text)} characters; nothing was checked; "
            f"copy it as records verify printed it"
        )
    return text.lower()


def lines(verdict: chain.Verdict) -> list[str]:
    """The verdict in lines: each problem, or that there is none; then the head."""
    count = verdict.kinds.total()
    found = list(verdict.problems)
    if not found:
        found.append(f"chain intact: {count} links; {_records(verdict.intact)} are as they were recorded")
    told = [_told(verdict, kind) for kind in _TOLD if verdict.kinds[kind]]
    if told:
        found.append(f"among the links: {', '.join(told)}")
    if verdict.unfinished:
        found.append(f"not in the chain yet, because they run or were interrupted: {verdict.unfinished}")
    if verdict.unlinked:
        found.append(
            f"not in the chain yet, because an older version kept only sessions there: {verdict.unlinked} of "
            f"screenings, thresholds and courses"
        )
    return [*found, f"head {verdict.head}"]


def _told(verdict: chain.Verdict, kind: str) -> str:
    """The links of one kind; where they stand for what is gone, also of what kind that was."""
    text = f"{verdict.kinds[kind]} {_TOLD[kind]}"
    gone = {table: count for (of, table), count in verdict.absent.items() if of == kind}
    if not gone.keys() - {SESSIONS}:
        return text
    return f"{text} (of {_list([chain.NAMES[table] + 's' for table in chain.NAMES if table in gone])})"


def _records(counts: Counter[str]) -> str:
    """Sessions, and what else there is: '3 sessions, 1 screening and 2 courses'."""
    shown = [table for table in chain.NAMES if table == SESSIONS or counts[table]]
    return _list([chain.counted(table, counts[table]) for table in shown])


def _list(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def as_json(verdict: chain.Verdict) -> dict:
    """The same for programs."""
    return {
        "intact": not verdict.problems,
        "head": verdict.head,
        "links": verdict.kinds.total(),
        "kinds": dict(verdict.kinds),
        "sessions": verdict.sessions,
        "screenings": verdict.intact["screenings"],
        "thresholds": verdict.intact["thresholds"],
        "courses": verdict.intact["courses"],
        "unfinished": verdict.unfinished,
        "unlinked": verdict.unlinked,
        "problems": verdict.problems,
    }


def require_sound(verdict: chain.Verdict, head: str | None) -> None:
    """Raises VerifyError when there are problems, or when the chain does not hold the head that was noted."""
    count = len(verdict.problems)
    if count:
        found = "1 problem" if count == 1 else f"{count} problems"
        raise VerifyError(
            f"the records are not as they were recorded: {found}, named above; nothing was changed; compare with a "
            f"backup or an export"
        )
    if head is not None and head not in {chain.GENESIS, *verdict.hashes}:
        raise VerifyError(
            f"the chain does not hold the head {head[:12]}... noted earlier: it was recomputed, or its end was cut "
            f"off; nothing was changed; compare with a backup or an export"
        )
