"""python -m tests.evidence check FILE ...: whether result files count as evidence. Exit code 1 when one does not."""

import json
import sys
from pathlib import Path

from . import check


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every file counts."""
    if len(arguments) < 2 or arguments[0] != "check":
        print("usage: python -m tests.evidence check FILE ...")
        return 2
    bad = 0
    for path in map(Path, arguments[1:]):
        found = check.problems(path)
        bad += bool(found)
        for problem in found:
            print(f"{path}: {problem}")
        if not found:
            print(f"{path}: {_told(path)}")
    return 1 if bad else 0


def _told(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    passed = sum(entry["outcome"] == "passed" for entry in found["scenarios"].values())
    proven = [name for name, judged in found["requirements"].items() if judged["proven"] == "proven"]
    which = "the present firmware" if check.is_present(found) else f"an older firmware, {found['manifest']}"
    return (
        f"evidence of {which} on {found['board']} at rung {found['rung']}: {passed} of {len(found['scenarios'])} "
        f"scenarios passed, {len(proven)} of {len(found['requirements'])} requirements proven"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
