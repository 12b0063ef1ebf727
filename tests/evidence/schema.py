"""The fields of a result file (tests/hil/result.py), and what is wrong with one."""

import hashlib
import json
import re
from typing import Any

from microcurrent.build import known_boards
from tests.hil.rungs import RUNGS

VERSION = 1
UID_DIGITS = 16  # of the sha256 of the board's id: enough to tell boards apart, not to find one
OUTCOMES = ("passed", "failed", "skipped", "not run")
_FIELDS: dict[str, tuple[type, ...]] = {
    "schema": (int,), "date_utc": (str,), "virtual": (bool,), "board": (str,), "uid_sha256": (str,), "image": (str,),
    "micropython": (str,), "firmware": (str,), "manifest": (str,), "calibration": (list, type(None)), "rung": (str,),
    "narrowed": (bool,), "scenarios": (dict,), "not_on_hardware": (list,), "requirements": (dict,), "hazards": (dict,),
    "digest": (str,),
}  # fmt: skip
_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
_PATTERNS = {
    "date_utc": _DATE, "uid_sha256": f"[0-9a-f]{{{UID_DIGITS}}}", "image": "uploaded|frozen",
    "manifest": "[0-9a-f]{12}", "firmware": r"\d+\.\d+\.\d+", "micropython": r"\d+\.\d+\.\d+",
}  # fmt: skip


def digest(found: dict[str, Any]) -> str:
    """Of everything but itself: an edit shows. It is no signature."""
    rest = {name: value for name, value in found.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def problems(found: Any) -> list[str]:
    """A sentence for everything that is wrong with the form of a file."""
    if not isinstance(found, dict):
        return ["it is no JSON object"]
    wrong = [f"{name} is missing" for name in _FIELDS if name not in found]
    wrong += [f"there is no field {name}" for name in found if name not in _FIELDS]
    wrong += [
        f"{name} is {found[name]!r}, which is no {' or '.join(kind.__name__ for kind in kinds)}"
        for name, kinds in _FIELDS.items()
        if name in found and type(found[name]) not in kinds
    ]
    return wrong or _values(found)


def _values(found: dict[str, Any]) -> list[str]:
    wrong = [
        f"{name} is {found[name]!r}" for name, pattern in _PATTERNS.items() if not re.fullmatch(pattern, found[name])
    ]
    if found["schema"] != VERSION:
        wrong.append(f"schema is {found['schema']}, {VERSION} is expected")
    if found["rung"] not in RUNGS:
        wrong.append(f"rung is {found['rung']!r}, not one of {', '.join(RUNGS)}")
    if found["board"] not in known_boards():
        wrong.append(f"there is no board {found['board']!r}")
    if found["digest"] != digest(found):
        wrong.append("the digest does not fit: the file was edited")
    for name, entry in found["scenarios"].items():
        wrong += _scenario(name, entry)
    return wrong


def _scenario(name: str, entry: Any) -> list[str]:
    if not isinstance(entry, dict) or set(entry) != {"rung", "outcome", "reason"}:
        return [f"{name} does not have rung, outcome and reason"]
    wrong = []
    if entry["rung"] not in RUNGS:
        wrong.append(f"{name}: its rung is {entry['rung']!r}")
    if entry["outcome"] not in OUTCOMES:
        wrong.append(f"{name}: its outcome is {entry['outcome']!r}")
    if entry["outcome"] != "passed" and not entry["reason"]:
        wrong.append(f"{name} did not pass, and has no reason")
    return wrong
