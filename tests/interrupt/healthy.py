"""A list of healthy sessions, and what each one sends: every DAC code with its time, and the edges of its gate.

`python -m tests.interrupt.healthy` plays all of them and writes healthy.json; the test beside this file plays some and
compares. Times count from the first sample of the treatment, because the contact check before it lasts as long as the
main loop takes.
"""

import hashlib
import json
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from firmware.shared import waveform
from microcurrent.bench.output import Output
from tests.bench.stand import Stand, dual_stand
from tests.campaign.fork import spread

FILE = Path(__file__).with_name("healthy.json")
SENSING_CODES = 16  # 8 uA of the contact check
LEASE_MS = 10_000
SETTLED_MS = 900  # from the start of a session until its treatment has begun: the contact check takes 0.4 s


@dataclass(frozen=True)
class Played:
    """A session of the list. wave: of the first output; wave2: of a second one; change: made 0.5 s into it."""

    wave: dict
    wave2: dict | None = None
    change: dict | None = None


def _wave(**changes: object) -> dict:
    common = {"amplitude_ua": 230, "frequency_mhz": 10_000, "duration_ms": 900, "ramp_ms": 120}
    return common | changes


SESSIONS = {
    "square 10 Hz": Played(_wave()),
    "square 1.3 Hz, change to 170 uA": Played(
        _wave(frequency_mhz=1300, duration_ms=3000), change={"amplitude_ua": 170, "frequency_mhz": 1700}
    ),
    "square 7.7 Hz, 100 us": Played(_wave(frequency_mhz=7700, sample_us=100)),
    "square 100 Hz, 62 us": Played(_wave(frequency_mhz=100_000, sample_us=62)),
    "square with gap and edges": Played(_wave(width_us=9000, gap_us=4000, rise_us=2000, frequency_mhz=23_000)),
    "pulses of 50 us": Played(_wave(width_us=50, gap_us=200, frequency_mhz=50_000)),
    "sine 40 Hz": Played(_wave(shape=waveform.SINE, frequency_mhz=40_000)),
    "sine 31 Hz and 47 Hz": Played(_wave(shape=waveform.SINE, frequency_mhz=31_000, second_mhz=47_000)),
    "sawtooth, negative": Played(
        _wave(amplitude_ua=93, shape=waveform.SAWTOOTH, frequency_mhz=9000, polarity=waveform.NEGATIVE)
    ),
    "ramped, positive": Played(
        _wave(amplitude_ua=93, shape=waveform.RAMPED, frequency_mhz=9000, polarity=waveform.POSITIVE)
    ),
    "bursts with random rests": Played(
        _wave(frequency_mhz=60_000, burst_ms=100, rest_ms=40, rest_random_ms=90, duration_ms=1800)
    ),
    "alternating": Played(
        _wave(amplitude_ua=87, frequency_mhz=30_000, polarity=waveform.ALTERNATE, alternate_ms=1000, duration_ms=2500)
    ),
    "alternating, change to 61 uA": Played(
        _wave(amplitude_ua=93, frequency_mhz=2300, polarity=waveform.ALTERNATE, alternate_ms=1000, duration_ms=4000),
        change={"amplitude_ua": 61},
    ),
    "two outputs": Played(_wave(), wave2={"amplitude_ua": 110, "frequency_mhz": 40_000, "shape": waveform.SINE}),
    "two outputs, 100 us": Played(
        _wave(frequency_mhz=20_000, sample_us=100),
        wave2={"amplitude_ua": 90, "frequency_mhz": 33_000},
    ),
}


def play(name: str) -> dict:
    """Boot a board, play one session to its end: {output: {samples, codes, times, gate, first, last}}."""
    played = SESSIONS[name]
    stand = dual_stand() if played.wave2 else Stand()
    request = {"wave": played.wave, "lease_ms": LEASE_MS} | ({"wave2": played.wave2} if played.wave2 else {})
    armed = stand.request("arm", request)
    begin_ns = stand.pico.now_ns
    stand.request("start", {"session": armed["session"]})
    stand.pico.run_for_ms(SETTLED_MS)
    if played.change:
        stand.request("change", {"session": armed["session"], "wave": played.change})
    while stand.request("status")["state"] not in ("READY", "FAULT", 2):
        stand.pico.run_for_ms(100)
        stand.raise_if_faulty()
        if stand.pico.now_ns > begin_ns + 20_000_000_000:
            raise RuntimeError(f"{name} does not end: {stand.request('status')}")
    outputs = stand.pico.outputs[: 2 if played.wave2 else 1]
    return {f"output {number}": sent(output, begin_ns) for number, output in enumerate(outputs, 1)}


def _named(name: str) -> Iterator[tuple[str, dict]]:
    yield name, play(name)


def sent(output: Output, begin_ns: int) -> dict:
    """What one output sent from its first sample of the treatment to its gate's last edge."""
    trace = output.trace
    edges = [edge for edge in trace.pin_edges(output.wiring.GATE_PIN) if edge[0] > begin_ns]
    closed_ns = edges[-2][0]
    first = bisect_left(trace.dac_ns, closed_ns)
    codes = [code - 2048 for code in trace.dac_codes[first:]]
    sensing = next(at for at, code in enumerate(codes) if abs(code) == SENSING_CODES)
    begin = next(at for at, code in enumerate(codes) if at > sensing and abs(code) != SENSING_CODES)
    origin_ns = trace.dac_ns[first + begin]
    end = bisect_left(trace.dac_ns, edges[-1][0])
    codes = trace.dac_codes[first + begin : end]
    times = [round((t_ns - origin_ns) / 1000) for t_ns in trace.dac_ns[first + begin : end]]
    return {
        "samples": len(codes),
        "codes": digest(codes),
        "times_us": digest(times),
        "gate_opened_ns": edges[-1][0] - origin_ns,
        "levels": [level for _t_ns, level in edges[-2:]],
        "largest": [min(codes), max(codes)],
    }


def digest(numbers: Iterable[int]) -> str:
    """Twelve hex digits that differ when any number differs."""
    return hashlib.sha256(",".join(map(str, numbers)).encode()).hexdigest()[:12]


def main() -> int:
    """Write healthy.json; 1 when it differs from what was there."""
    before = json.loads(FILE.read_text()) if FILE.exists() else {}
    names = sys.argv[1:] or list(SESSIONS)
    found = dict(spread([partial(_named, name) for name in names], 2))
    for name, outputs in found.items():
        print(f"{name}: {'equal' if before.get(name) == outputs else 'DIFFERS from the file'}")
    FILE.write_text(json.dumps(before | found, indent=1) + "\n")
    return int(before != before | found)


if __name__ == "__main__":
    sys.exit(main())
