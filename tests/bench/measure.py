"""`make bench`: figures in emulated time, which repeat exactly, and ratios against a peer in the same run.

Not modelled by the emulator, so silicon is slower there: flash cache misses (XIP), exception entry and exit (28 cycles
per interrupt), SCL rise times. Wall-clock figures are ratios only. Results: build/bench.json.
"""

import gc
import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from firmware.shared import protocol, settings
from microcurrent.bench.pico import VirtualPico
from microcurrent.build import build_firmware
from microcurrent.client import DeviceClient
from microcurrent.image.resolver import resolve_image
from microcurrent.transport import BenchTransport

from . import peers

MS = 1_000_000
CYCLE_NS = 8
PERIOD_NS = 100_000
WAVE = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 60000, "ramp_ms": 100, "sample_us": 100}
PERIODS_US = (250, 100, 62)
RESULTS = Path("build/bench.json")
HELP_RUNS = 9

Row = tuple[str, float, str, str]


def main() -> None:
    """Measure everything, print the table, write the JSON."""
    console = Console()
    rows: list[Row] = []
    for part in (boot_time, interrupt_cost, jitter_idle, jitter_loaded, time_to_off, rates, help_latency):
        with console.status(part.__doc__ or part.__name__):
            rows += part()
    table = Table("figure", "value", "unit", "what it is")
    for name, value, unit, meaning in rows:
        table.add_row(name, f"{value:g}", unit, meaning)
    console.print(table)
    writers = Table(*peers.COLUMNS)
    with console.status("What a user would write instead"):
        written = [*peers.rows(), *ours()]
    for line in written:
        writers.add_row(*line)
    console.print(writers)
    console.print("emulated figures repeat exactly; XIP cache misses and exception entry cost are not modelled")
    RESULTS.parent.mkdir(exist_ok=True)
    figures = {name: {"value": value, "unit": unit} for name, value, unit, _ in rows}
    table = [dict(zip(peers.COLUMNS, line, strict=True)) for line in written]
    RESULTS.write_text(json.dumps(figures | {"writers": table}, indent=1))
    console.print(f"written: {RESULTS}")


def booted() -> tuple[VirtualPico, DeviceClient]:
    """A virtual Pico with our firmware, answering."""
    pico = VirtualPico(resolve_image().path, dac_eeprom=(2048, 0))
    declared = settings.encode_slot(1, settings.defaults() | {"area_mm2": 1000})
    pico.install_files(build_firmware("rp2040_pico").files | {"/settings_a": declared})
    client = DeviceClient(BenchTransport(pico))
    client.hello()
    return pico, client


def running(**changes: object) -> tuple[VirtualPico, DeviceClient]:
    """The same at full amplitude, with a lease that outlasts the measurement."""
    pico, client = booted()
    terms = client.request("arm", {"wave": WAVE | changes, "lease_ms": 10000})
    client.request("start", {"session": terms["session"]})
    pico.run_for_ms(700)  # 310 of contact sensing, 100 of ramp
    return pico, client


def boot_time() -> list[Row]:
    """Boot and memory"""
    pico = VirtualPico(resolve_image().path, dac_eeprom=(2048, 0))
    build = build_firmware("rp2040_pico")
    pico.install_files(build.files)
    pico.open_port()
    heard = bytearray()

    def silent() -> bool:
        heard.extend(pico.serial_read())
        return b'"boot"' not in heard

    pico.run_while(silent, 5000)
    boot_ms = pico.now_ns / MS
    client = DeviceClient(BenchTransport(pico))
    free = client.request("counters")["free_bytes"]
    return [
        ("boot to first line", round(boot_ms, 1), "ms", "emulated; power-on to the boot event on the port"),
        ("free heap", free, "bytes", "after boot, before a session"),
        ("upload", sum(len(data) for data in build.files.values()), "bytes", "all files on the board"),
    ]


def interrupt_cost() -> list[Row]:
    """Cycles of the sample interrupt"""
    pico, _client = running()
    costs = interrupt_cycles(pico, 40)
    worst, share = max(costs), statistics.mean(costs) * CYCLE_NS / PERIOD_NS * 100
    return [
        ("interrupt, median", statistics.median(costs), "cycles", "entry to exit, full supervision, 125 MHz"),
        ("interrupt, worst", worst, "cycles", "of 40"),
        ("interrupt, CPU", round(share, 1), "%", "at 10 kS/s"),
    ]


def interrupt_cycles(pico: VirtualPico, count: int) -> list[int]:
    """Cycles of the next sample interrupts, entry to exit."""
    core = pico.mcu.core
    costs: list[int] = []
    while len(costs) < count:
        while core.ipsr == 0:
            pico.run_until(pico.now_ns + (CYCLE_NS if not core.waiting else 200))
        began_ns, irq = pico.now_ns, core.ipsr
        while core.ipsr:
            pico.run_until(pico.now_ns + CYCLE_NS)
        if irq == 16 + 3 and pico.now_ns - began_ns > 4000:  # TIMER_IRQ_3; shorter ones only re-arm the alarm
            costs.append((pico.now_ns - began_ns) // CYCLE_NS)
    return costs


def spread(pico: VirtualPico, from_ns: int, period_ns: int = PERIOD_NS) -> tuple[float, float, int]:
    """(standard deviation, largest deviation in us from the sample grid, updates) of the DAC's updates."""
    times = [t_ns for t_ns in pico.trace.dac_ns if t_ns >= from_ns]
    phases = sorted((t_ns - times[0] + period_ns // 2) % period_ns for t_ns in times)
    middle = phases[len(phases) // 2]
    off = [phase - middle for phase in phases]
    return (math.sqrt(statistics.fmean(d * d for d in off)) / 1000, max(abs(d) for d in off) / 1000, len(times))


def jitter_idle() -> list[Row]:
    """DAC timing, quiet link"""
    pico, client = running()
    client.request("telemetry", {"rate_hz": 0})
    from_ns = pico.now_ns
    wall = time.perf_counter()
    pico.run_for_ms(1000)
    ratio = time.perf_counter() - wall
    deviation, worst, updates = spread(pico, from_ns)
    return [
        ("DAC updates, 1 s", updates, "", "of 10000 due"),
        ("jitter, quiet link", round(deviation, 3), "us std", "deviation from the 100 us grid"),
        ("jitter, quiet link, worst", round(worst, 3), "us", ""),
        ("bench speed", round(ratio, 2), "s/s", "wall seconds per emulated second at 10 kS/s, this machine"),
    ]


def jitter_loaded() -> list[Row]:
    """DAC timing, busy link"""
    pico, client = running()
    client.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
    from_ns = pico.now_ns
    until = pico.now_ns + 1000 * MS
    while pico.now_ns < until:
        client.request("status")
        client.request("lease", {"session": 1})
        client.next_event(0.001)
    deviation, worst, _updates = spread(pico, from_ns)
    row = dict(zip(protocol.TELEMETRY_FIELDS, client.request("status")["telemetry"], strict=True))
    return [
        ("jitter, busy link", round(deviation, 3), "us std", "50 Hz telemetry, requests as fast as they are answered"),
        ("jitter, busy link, worst", round(worst, 3), "us", ""),
        ("missed samples", row["missed"], "", "in both jitter runs and all tests"),
    ]


def rates() -> list[Row]:
    """Every sample period: load, jitter, misses, bench speed"""
    rows: list[Row] = []
    for period_us in PERIODS_US:
        pico, client = running(sample_us=period_us)
        share = statistics.mean(interrupt_cycles(pico, 20)) * CYCLE_NS / period_us / 10
        client.request("telemetry", {"rate_hz": 0})
        from_ns, wall = pico.now_ns, time.perf_counter()
        pico.run_for_ms(2000)
        ratio = (time.perf_counter() - wall) / 2
        deviation, worst, updates = spread(pico, from_ns, period_us * 1000)
        missed = client.request("status")["telemetry"][protocol.TELEMETRY_FIELDS.index("missed")]
        name = f"{1000 / period_us:.1f} kS/s"
        rows += [
            (f"{name}, CPU", round(share, 1), "%", "of the sample interrupt, full supervision"),
            (f"{name}, updates, missed", missed, "", f"of {updates} in 2 s"),
            (f"{name}, jitter", round(deviation, 3), "us std", f"worst {worst:.2f} us"),
            (f"{name}, bench speed", round(ratio, 2), "s/s", "wall seconds per emulated second, this machine"),
        ]
    return rows


def ours() -> list[tuple[str, ...]]:
    """Rows of peers.COLUMNS of a session at each sample period: CPU is that of the interrupt, supervision included."""
    found = []
    for period_us in PERIODS_US:
        pico, client = running(sample_us=period_us)
        share = statistics.mean(interrupt_cycles(pico, 20)) * CYCLE_NS / period_us / 10
        client.request("telemetry", {"rate_hz": 0})
        from_ns = pico.now_ns
        pico.run_for_ms(peers.RUN_MS)
        deviation, worst, updates = spread(pico, from_ns, period_us * 1000)
        due = peers.RUN_MS * 1000 // period_us
        taken = peers.Measured(updates, due, 1.0, (deviation, worst), share, 0.0)
        how = "session, one transaction" if period_us < 97 else "session, START to STOP"
        found.append(peers.row("microcurrent", how, updates / peers.RUN_MS, taken))
    return found


def time_to_off() -> list[Row]:
    """Over-current to gate open"""
    times: list[float] = []
    for offset_us in range(0, 100, 10):
        board, _c = running()
        fault_ns = board.now_ns // PERIOD_NS * PERIOD_NS + PERIOD_NS + offset_us * 1000

        board.at(fault_ns, lambda board=board, fault_ns=fault_ns: board.stage.fail(fault_ns, pump_rail="up"))
        board.run_for_ms(2)
        dropped = next(t for t, level in board.trace.pin_edges(board.board.GATE_PIN) if t >= fault_ns and not level)
        times.append((dropped - fault_ns) / 1000)
        gc.collect()
    return [
        ("over-current to gate open, median", round(statistics.median(times), 1), "us", "ten instants in a period"),
        ("over-current to gate open, worst", round(max(times), 1), "us", ""),
    ]


def help_latency() -> list[Row]:
    """Start of the command line against mpremote"""
    ours = [sys.executable, "-c", "from microcurrent.cli import main; main()", "--help"]
    peer = [sys.executable, "-m", "mpremote", "--help"]
    samples: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(HELP_RUNS):
        for name, command in (("ours", ours), ("peer", peer)):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            samples[name].append(time.perf_counter() - began)
    ratio = statistics.median(samples["ours"]) / statistics.median(samples["peer"])
    return [("--help against mpremote's", round(ratio, 2), "x", "median of 9 alternating runs; below 1 is faster")]


if __name__ == "__main__":
    main()
