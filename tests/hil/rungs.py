"""What a scenario needs of a real board: its rung. A scenario of a rung also holds on every rung above.

bare: a board with our firmware and nothing else, its emergency-stop input open or bridged to ground. dac: an MCP4725 as
well, the input bridged. stage: the whole output stage, calibrated, 10 kohm in place of electrodes. probe: the same, and
the probe of tests/probe beside it.
"""

import pytest

RUNGS = ("bare", "dac", "stage", "probe")
MISSING_PARTS = ("bare", "dac")  # at these a board is never READY


def add_options(parser: pytest.Parser) -> None:
    """The options of tests/hil that concern real boards."""
    group = parser.getgroup("real boards")
    group.addoption("--port", help="run the hil scenarios that need no injection on this real board instead")
    group.addoption("--rung", choices=RUNGS, default="bare", help="what that board has  [default: bare]")
    group.addoption("--probe-port", help="the port of the probe (tests/probe), for the rung of that name")
    group.addoption("--button", metavar="COMMAND", help="what holds the board's button for a second  [ask for it]")
    group.addoption("--result", metavar="FILE", help="write what was proven and what was not, as JSON and as a page")
    group.addoption("--record", metavar="FILE", help="keep requests, answers and telemetry: tests/hil/replay.py")


def of(item: pytest.Item) -> str | None:
    """The rung of a scenario; None for one that only the bench can run."""
    marker = item.get_closest_marker("rung")
    if marker is None:
        return None
    if marker.args not in {(rung,) for rung in RUNGS}:
        raise pytest.UsageError(f"{item.nodeid}: its rung is {marker.args}, not one of {', '.join(RUNGS)}")
    return marker.args[0]


def divided(config: pytest.Config, items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """(what runs, what does not) on the board that was chosen."""
    if not config.getoption("--port"):
        kept = [item for item in items if not needs_port(item)]
    else:
        reached = RUNGS[: RUNGS.index(config.getoption("--rung")) + 1]
        kept = [item for item in items if of(item) in reached]
    chosen = set(kept)
    return kept, [item for item in items if item not in chosen]


def needs_port(item: pytest.Item) -> bool:
    """Whether a scenario works with programs that open a serial port."""
    return "serial_port" in getattr(item, "fixturenames", ())


def check_options(config: pytest.Config) -> None:
    """Raise UsageError for options that contradict each other."""
    option = config.getoption
    if option("--rung") == "probe" and option("--port") and not option("--probe-port"):
        raise pytest.UsageError("--rung probe needs --probe-port: of the Pico with the firmware of tests/probe")
    for name in ("--result", "--button", "--probe-port"):
        if option(name) and not option("--port"):
            raise pytest.UsageError(f"{name} is about a board on --port; nothing was run; give that too")
    if option("--port") and option("--frozen"):
        raise pytest.UsageError("--frozen is for virtual boards; nothing was run; a real one runs what is on it")
