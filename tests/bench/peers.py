"""What a user would write instead, on the same emulated board and bus: rates, jitter, load and memory of each.

Every method writes the next code of a staircase; a rate is sustained when no update is missing in half a second.
The timers are MicroPython's own, so periods are whole microseconds. Ours plays a session with all its supervision.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from microcurrent.bench.pico import VirtualPico
from microcurrent.build import build_firmware
from microcurrent.image.resolver import resolve_image

from .interrupts import CYCLE_NS, TIMER_IRQ_3, interrupt_cycles
from .python_on import ADAFRUIT, boot, run

MS = 1_000_000
RUN_MS = 500
# us between two samples, longest first: from 1 kS/s to what the wire takes.
PERIODS_US = (1000, 500, 400, 320, 250, 200, 160, 140, 125, 116, 100, 80, 73, 62, 50, 45)

_SETUP = """
import gc, time
from array import array
from machine import I2C, Pin, Timer
bus = I2C(0, sda=Pin(4), scl=Pin(5), freq=400000)
pair = bytearray(2)
code = 0
"""
_ADAFRUIT = (
    ADAFRUIT
    + """
def sample(_timer):
    global code
    code = (code + 1) & 0xFFF
    dac.raw_value = code
"""
)
_WRITETO = """
def sample(_timer):
    global code
    code = (code + 1) & 0xFFF
    pair[0] = code >> 8
    pair[1] = code & 0xFF
    bus.writeto(0x60, pair)
"""
_LOOP = """
gc.collect()
before = gc.mem_alloc()
due = time.ticks_us()
for _ in range({count}):
    sample(None)
    due = time.ticks_add(due, {period_us})
    while time.ticks_diff(due, time.ticks_us()) > 0: pass
print(gc.mem_alloc() - before)
"""
_LEFT_RUNNING = """
timer = Timer(-1)
timer.init(mode=Timer.PERIODIC, freq=1000, hard={hard}, callback=sample)
"""
_TIMER = """
gc.collect()
before = gc.mem_alloc()
timer = Timer(-1)
timer.init(mode=Timer.PERIODIC, freq={freq}, hard={hard}, callback=sample)
time.sleep_ms({run_ms})
timer.deinit()
print(gc.mem_alloc() - before)
"""


@dataclass(frozen=True)
class Method:
    """name; source: what a sample is; how: loop, soft or hard timer."""

    name: str
    source: str
    how: str

    def script(self, period_us: int) -> str:
        if self.how == "loop":
            return self.source + _LOOP.format(count=RUN_MS * 1000 // period_us, period_us=period_us)
        hard = self.how == "hard timer"
        return self.source + _TIMER.format(freq=1_000_000 // period_us, hard=hard, run_ms=RUN_MS)


METHODS = (
    Method("adafruit_mcp4725", _ADAFRUIT, "loop"),
    Method("adafruit_mcp4725", _ADAFRUIT, "soft timer"),
    Method("i2c.writeto", _WRITETO, "loop"),
    Method("i2c.writeto", _WRITETO, "soft timer"),
    Method("i2c.writeto", _WRITETO, "hard timer"),
)


@dataclass(frozen=True)
class Measured:
    """One run. updates of due; gap: longest time between two, in periods; jitter_us: standard deviation and worst."""

    updates: int
    due: int
    gap: float
    jitter_us: tuple[float, float]
    load_percent: float
    bytes_per_sample: float

    @property
    def sustained(self) -> bool:
        """No update is missing in between; some at the ends are the script's own."""
        return self.gap < 1.5 and self.updates > self.due * 0.99


def board() -> VirtualPico:
    """At its prompt, with Adafruit's library, a bus at exactly 400 kHz and a DAC."""
    pico = VirtualPico(resolve_image().path, dac_eeprom=(2048, 0))
    files = build_firmware("rp2040_pico").files
    pico.install_files({path: data for path, data in files.items() if "adafruit" in path})
    boot(pico)
    run(pico, _SETUP)
    return pico


def measured(pico: VirtualPico, script: str, period_us: int) -> Measured:
    """Run a script on a board and read the DAC's trace."""
    from_ns, cycles = pico.now_ns, pico.mcu.core.cycles
    printed = run(pico, script, 60_000)
    times = list(pico.trace.dac_ns[bisect_left(pico.trace.dac_ns, from_ns) :])
    busy = (pico.mcu.core.cycles - cycles) * CYCLE_NS / (pico.now_ns - from_ns)
    due = RUN_MS * 1000 // period_us
    within = [t_ns for t_ns in times if t_ns < times[0] + RUN_MS * MS] if times else []
    gap = max((b - a for a, b in pairwise(within)), default=math.inf) / period_us / 1000
    allocated = int(printed) / len(times) if times and printed.lstrip("-").isdigit() else math.nan
    return Measured(len(within), due, gap, jitter(within, period_us * 1000), 100 * busy, max(0.0, allocated))


def jitter(times: list[int], period_ns: int) -> tuple[float, float]:
    """Standard deviation and worst, us, from the grid on which most updates are."""
    if len(times) < 3:
        return math.nan, math.nan
    off = [t_ns - times[0] - index * period_ns for index, t_ns in enumerate(times)]
    middle = statistics.median(off)
    away = [value - middle for value in off]
    return math.sqrt(statistics.fmean(value * value for value in away)) / 1000, max(map(abs, away)) / 1000


def highest(pico: VirtualPico, method: Method) -> list[tuple[int, Measured]]:
    """(period in us, run) of every rate at which nothing was lost, from 1 kS/s up."""
    kept: list[tuple[int, Measured]] = []
    for period_us in PERIODS_US:
        found = attempt(pico, method, period_us)
        if found is None or not found.sustained:
            break
        kept.append((period_us, found))
    return kept


def attempt(pico: VirtualPico, method: Method, period_us: int) -> Measured | None:
    """One run; None where the script raised or the board came to a standstill."""
    try:
        return measured(pico, method.script(period_us), period_us)
    except AssertionError:
        return None


def interrupt(pico: VirtualPico, method: Method) -> int | None:
    """Cycles of the timer interrupt at 1 kS/s; of a soft timer that is what puts the callback into its queue."""
    if method.how == "loop":
        return None
    run(pico, method.source + _LEFT_RUNNING.format(hard=method.how == "hard timer"))
    pico.run_for_ms(50)
    return max(interrupt_cycles(pico, 10, TIMER_IRQ_3))


def writer(method: Method) -> dict:
    """What one method reaches and costs. Nothing senses the current here, so nothing ever switches it off."""
    kept = highest(board(), method)
    shared = {"writer": method.name, "how": method.how, "off_us_median": None, "off_us_worst": None}
    if not kept:
        return shared | {"ks_per_s": None}
    (_slow_us, slowest), (period_us, fastest) = kept[0], kept[-1]
    return shared | {
        "ks_per_s": round(1000 / period_us, 2),
        "std_us": round(fastest.jitter_us[0], 3),
        "worst_us": round(fastest.jitter_us[1], 3),
        "cpu_1k_percent": round(slowest.load_percent, 1),
        "cpu_percent": round(fastest.load_percent, 1),
        "interrupt_cycles": interrupt(board(), method),
        "bytes_per_sample": round(fastest.bytes_per_sample, 1),
    }


def jobs() -> list[tuple[str, Callable[[], dict]]]:
    """(section, what measures one row of it)."""
    return [("writers", partial(writer, method)) for method in METHODS]
