"""`python -m microcurrent.output_stage [SECTION...]`: calculate sections of the suite (all), then write the page."""

import sys
import time

from ..errors import MicrocurrentError
from . import page, results, suite


def main(names: list[str]) -> int:
    """Exit code: 0, or 1 when a name is unknown, ngspice cannot be had or a fault lets more than 1 mA flow."""
    unknown = [name for name in names if name not in suite.SECTIONS and name != "page"]
    if unknown:
        sys.stderr.write(
            f"there is no section {unknown[0]!r}; nothing was run; choose from: {', '.join(suite.SECTIONS)}\n"
        )
        return 2
    for name in names or suite.SECTIONS:
        if name == "page":
            continue
        start = time.monotonic()
        try:
            results.save(name, suite.SECTIONS[name]())
        except MicrocurrentError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stdout.write(f"{name}: calculated in {time.monotonic() - start:.0f} s\n")
        sys.stdout.flush()
    for file in page.write_all():
        sys.stdout.write(f"{file} written\n")
    every = results.load()
    above = [row for rows in every.get("faults", {}).get("figures", {}).values() for row in suite.above_limit(rows)]
    for row in above:
        sys.stdout.write(f"MORE THAN 1 mA: {row}\n")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
