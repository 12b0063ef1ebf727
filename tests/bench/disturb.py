"""What might disturb the samples of a session, one at a time: collections, imports, traffic, a deaf host, commands.

Collections and imports are forced from the board's main.py by a timer callback that MicroPython schedules between two
instructions of the main loop, five times a second.
"""

from collections.abc import Callable

import numpy as np

from firmware.shared import protocol
from microcurrent.errors import MicrocurrentError

from .python_on import run
from .stand import Stand, product_files
from .timing import spread, updates

HOLD_MS = 2000
FULL = 410  # DAC codes of 200 uA
LEFT_BYTES = 60_000  # of heap that the ballast leaves to the firmware
DEAF_MS = 2500  # a host buffer is full after half a second at 50 Hz
_MAIN = """
import gc, sys
from machine import Timer
kept, done = [], 0

def fill(_timer):
    gc.collect()
    for _ in range((gc.mem_free() - %d) // 64):
        kept.append([len(kept), [len(kept)]])

def disturb(_timer):
    global done
    %s
    done += 1

once, often = Timer(-1), Timer(-1)
once.init(mode=Timer.ONE_SHOT, period=2000, callback=fill)
often.init(mode=Timer.PERIODIC, period=200, callback=disturb)
from firmware import app
app.main([], ("none", "uploaded", None))
"""
_HEAVY = "".join(
    f"def function_{k}(first, second):\n    return [first * {k} + value for value in second if value > {k}]\n\n"
    for k in range(4)
)
_COLLECT = "gc.collect()"
_IMPORT = "import heavy; del sys.modules['heavy']"

Disturbance = Callable[[Stand], dict[str, float]]


def hooked(statement: str, left_bytes: int) -> Stand:
    """A board that runs a statement five times a second and leaves so much of its heap free."""
    main = _MAIN % (left_bytes, statement)
    stand = Stand(product_files() | {"/main.py": main.encode(), "/heavy.py": _HEAVY.encode()})
    stand.pico.run_for_ms(2500)
    stand.client.hello()
    return stand


def asked(stand: Stand, expression: str) -> int:
    """What a name of main.py is, from the REPL: ends the firmware."""
    return int(run(stand.pico, f"import gc\ngc.collect()\nprint({expression})"))


def play(stand: Stand, period_us: int, disturbance: Disturbance) -> dict[str, float]:
    """A session of a square while something happens; figures of its samples. Raises RuntimeError on a wrong code."""
    stand.play(sample_us=period_us)
    from_ns = stand.pico.now_ns
    extra = disturbance(stand)
    times, codes = updates(stand.pico.trace, from_ns)
    stand.raise_if_faulty()
    wrong = sorted(set(np.unique(codes).tolist()) - {FULL, 0, -FULL})
    if wrong:
        raise RuntimeError(f"codes {wrong} are none of the session's")
    row = stand.telemetry()
    counted = {name: row[name] for name in ("missed", "late", "worst_late_us")}
    return spread(times, period_us).figures() | counted | extra


def nothing(stand: Stand) -> dict[str, float]:
    """The session alone, no telemetry."""
    stand.hold(HOLD_MS)
    return {}


def traffic(stand: Stand) -> dict[str, float]:
    """Telemetry at its highest rate, and requests as fast as they are answered."""
    stand.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
    answered = 0

    def ask() -> None:
        nonlocal answered
        stand.request("status")
        answered += 1

    stand.hold(HOLD_MS, ask)
    return {"answered": answered}


def deaf_host(stand: Stand) -> dict[str, float]:
    """The port is open and nobody reads: the host's buffer fills, then the board's, and lines are dropped."""
    stand.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
    before = stand.request("counters")["dropped_lines"]
    stand.pico.run_for_ms(DEAF_MS)
    stand.pico.serial_read()
    stand.request("telemetry", {"rate_hz": 0})
    return {"dropped_lines": stand.request("counters")["dropped_lines"] - before}


def refused(stand: Stand, command: str, arguments: dict) -> int:
    """1 when the board refuses a command, else 0."""
    try:
        stand.request(command, arguments)
    except MicrocurrentError:
        return 1
    return 0


def settings(stand: Stand) -> dict[str, float]:
    """Changes of settings, which a session refuses."""
    counts = [0, 0]

    def ask() -> None:
        counts[0] += 2
        counts[1] += refused(stand, "config", {"set": {"area_mm2": 2000}})
        counts[1] += refused(stand, "config_reset", {})

    stand.hold(HOLD_MS, ask)
    return {"asked": counts[0], "refused": counts[1]}


def tables(stand: Stand) -> dict[str, float]:
    """Parts of a table, as an upload sends them."""
    counts = [0, 0]

    def ask() -> None:
        counts[0] += 1
        counts[1] += refused(stand, "table", {"at": 0, "points": 1024, "values": [0] * 64})

    stand.hold(HOLD_MS, ask)
    return {"asked": counts[0], "refused": counts[1]}


def plain(disturbance: Disturbance) -> Callable[[int], dict[str, float]]:
    """A disturbance from outside, on the product's board."""
    return lambda period_us: play(Stand(), period_us, disturbance)


def from_inside(statement: str, left_bytes: int) -> Callable[[int], dict[str, float]]:
    """One that the board itself runs; with how often, and what its heap held."""

    def measured(period_us: int) -> dict[str, float]:
        stand = hooked(statement, left_bytes)
        found = play(stand, period_us, nothing)
        return found | {"done": asked(stand, "done"), "live_bytes": asked(stand, "gc.mem_alloc()")}

    return measured


ALL: dict[str, Callable[[int], dict[str, float]]] = {
    "nothing": plain(nothing),
    "garbage collection": from_inside(_COLLECT, LEFT_BYTES),
    "imports": from_inside(_IMPORT, 1_000_000),
    "requests and telemetry": plain(traffic),
    "deaf host": plain(deaf_host),
    "settings": plain(settings),
    "table upload": plain(tables),
}
