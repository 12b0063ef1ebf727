"""`make sigrok`: a session's VCD, read by sigrok's I2C decoder, which knows nothing of us, against the trace itself.

Exit codes: 0 every DAC code was decoded, in order; 1 they differ; 2 sigrok-cli is missing or cannot read the file.
"""

import shutil
import subprocess
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path

from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.trace import STOP

from .stand import Stand

WAVE = {"shape": "sine", "amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 300, "ramp_ms": 100}
RUN_MS = 400  # the session and a little of the silence after it
AFTER_STOP_NS = 1000  # the bus is idle then, so the file holds whole transfers
# libsigrok expands a VCD to samples of its timescale of 10 ns; a tenth of them does, since no level lasts under 1 us.
INPUT = "vcd:downsample=10"
DECODER = "i2c:sda=SDA:scl=SCL"
SHOWN = "i2c=address-write:data-write"
_ADDRESS, _DATA = "Address write: ", "Data write: "


def main() -> int:
    """Run the session, decode its VCD, compare; returns the exit code."""
    if shutil.which("sigrok-cli") is None:
        print("sigrok-cli is not installed; nothing was checked; run: apt-get install sigrok-cli", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        vcd = Path(folder) / "session.vcd"
        sent = record_session(vcd)
        print(f"trace: {len(sent)} DAC updates; VCD of {vcd.stat().st_size / 1e6:.1f} MB")
        try:
            decoded = codes_of(decode(vcd))
        except subprocess.CalledProcessError as error:
            print(f"sigrok-cli ended with {error.returncode}; nothing was compared; it says: {error.stderr}")
            return 2
    print(f"sigrok-cli, decoder i2c: {len(decoded)} fast writes")
    return compare(sent, decoded)


def record_session(vcd: Path) -> list[int]:
    """Run a session, write its VCD, and return the DAC's codes in that interval, as the trace has them."""
    stand = Stand()
    pico, client = stand.pico, stand.client
    begin_ns = pico.now_ns
    terms = client.request("arm", {"wave": WAVE, "lease_ms": 10000})
    client.request("start", {"session": terms["session"]})
    pico.run_for_ms(RUN_MS)
    from_ns, to_ns = idle_ends(pico, begin_ns)
    pico.trace.write_vcd(vcd, from_ns, to_ns)
    times, codes = pico.trace.dac()
    return codes[(times >= from_ns) & (times < to_ns)].tolist()


def idle_ends(pico: VirtualPico, from_ns: int) -> tuple[int, int]:
    """The longest interval of [from_ns, present] that begins and ends between two transfers."""
    stops = [end_ns for end_ns, _, kind, _, _ in pico.trace.bus.between(from_ns, pico.now_ns) if kind == STOP]
    return stops[0] + AFTER_STOP_NS, stops[-1] + AFTER_STOP_NS


def decode(vcd: Path) -> str:
    """What sigrok-cli prints for the file. Raises CalledProcessError."""
    command = ["sigrok-cli", "-i", str(vcd), "-I", INPUT, "-P", DECODER, "-A", SHOWN]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def codes_of(text: str) -> list[int]:
    """The codes of all fast writes in sigrok-cli's lines: two bytes, the upper two bits of the first are 0."""
    transfers: list[list[int]] = []
    for line in text.splitlines():
        if _ADDRESS in line:
            transfers.append([])
        elif _DATA in line:
            transfers[-1].append(int(line.partition(_DATA)[2], 16))
    pairs = [transfer for transfer in transfers if len(transfer) == 2 and transfer[0] >> 6 == 0]
    return [(high & 0x0F) << 8 | low for high, low in pairs]


def compare(sent: list[int], decoded: list[int]) -> int:
    """Print the result; 0 when both are the same codes in the same order, and there are some."""
    if not sent:
        print("result: no DAC update in the session; nothing was compared")
        return 1
    for index, (ours, theirs) in enumerate(zip_longest(sent, decoded)):
        if ours != theirs:
            print(f"result: DIFFERENT from update {index} on: the trace has {ours}, sigrok {theirs}")
            return 1
    print(f"result: all {len(sent)} codes are equal, in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
