"""Whether a result file counts as evidence for its board."""

import ast
import json
from functools import cache
from pathlib import Path
from typing import Any

from microcurrent.build import build_firmware
from tests.hazards.data import ROOT
from tests.hazards.outcome import reference
from tests.hil.rungs import RUNGS

from . import proof, schema

FOLDER = "evidence"  # below boards/<board>/


def problems(path: Path) -> list[str]:
    """A sentence for each reason why a file does not count."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"it cannot be read: {error}"]
    return schema.problems(found) or _reasons(path, found)


def is_present(found: dict[str, Any]) -> bool:
    """Whether the file is about the firmware that the sources build now."""
    return found["manifest"] == build_firmware(found["board"]).hash


def _reasons(path: Path, found: dict[str, Any]) -> list[str]:
    wrong = []
    if found["virtual"]:
        wrong.append("it is of a virtual board, which proves nothing about hardware; run it on a real one")
    if found["narrowed"]:
        wrong.append("only some scenarios were chosen; run the whole rung, without -k, -m or names of tests")
    if path.parent.name == FOLDER and path.parent.parent.name != found["board"]:
        wrong.append(f"it is of {found['board']}, and stands in the folder of {path.parent.parent.name}")
    ended = [name for name, entry in found["scenarios"].items() if entry["outcome"] in ("failed", "not run")]
    wrong += [f"{name}: {found['scenarios'][name]['outcome']}: {found['scenarios'][name]['reason']}" for name in ended]
    if not any(entry["outcome"] == "passed" for entry in found["scenarios"].values()):
        wrong.append("no scenario passed")
    if is_present(found):
        wrong += _incomplete(found) + _claims(found)
    return wrong


def _claims(found: dict[str, Any]) -> list[str]:
    """What it says is proven must follow from its scenarios."""
    outcomes: dict[str, set[str]] = {}
    for name, entry in found["scenarios"].items():
        outcomes.setdefault(reference(name), set()).add(entry["outcome"])
    follows = {"requirements": proof.requirements(outcomes), "hazards": proof.hazards(outcomes)}
    return [f"its {name} are not those that its scenarios prove" for name in follows if found[name] != follows[name]]


def _incomplete(found: dict[str, Any]) -> list[str]:
    """Scenarios of the rung that the file does not tell of. Of an older firmware nobody can say."""
    told = {reference(name) for name in found["scenarios"]}
    reached = RUNGS[: RUNGS.index(found["rung"]) + 1]
    return [f"{name} is missing" for name, rung in sorted(scenarios().items()) if rung in reached and name not in told]


@cache
def scenarios() -> dict[str, str]:
    """{path::function: rung} of every scenario that runs on real boards, from the sources."""
    found = {}
    for path in sorted((ROOT / "tests" / "hil").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            rung = _rung(node) if isinstance(node, ast.FunctionDef) else None
            if isinstance(node, ast.FunctionDef) and rung:
                found[f"{path.relative_to(ROOT).as_posix()}::{node.name}"] = rung
    return found


def _rung(node: ast.FunctionDef) -> str | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.rung":
            return ast.literal_eval(decorator.args[0])
    return None
