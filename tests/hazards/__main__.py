"""python -m tests.hazards: what is wrong with the trace; with `render`, writes HAZARDS.md as well."""

import sys

from . import check, data, render


def main() -> int:
    """The exit code: 0 when the trace holds."""
    if sys.argv[1:] not in ([], ["render"]):
        print("usage: python -m tests.hazards [render]")
        return 2
    trace = data.load()
    if sys.argv[1:]:
        render.PATH.write_text(render.page(trace))
    found = check.problems(trace)
    for problem in found:
        print(problem)
    tests = {test for hazard in trace.hazards for test in hazard.tests}
    counts = f"{len(trace.hazards)} hazards, {len(trace.requirements)} requirements, {len(tests)} tests"
    print(f"{counts}, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
