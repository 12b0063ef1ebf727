"""Board and probe: wired to each other as tests/probe/README.md says, on two ports or in one emulated time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from microcurrent.bench.skin import Load
from microcurrent.client import DeviceClient
from microcurrent.transport import SerialTransport
from tests.probe.client import ProbeClient
from tests.probe.pair import End, Pair

from .device import Device

if TYPE_CHECKING:
    from .conftest import Bench

LOAD_OHM = 10_000  # what stands in place of electrodes at the rungs stage and probe
LOAD = Load("10k", LOAD_OHM)


@dataclass
class Wired:
    """The board under test, the probe, and the pair where both are virtual: then the truth can be asked for."""

    device: Device
    probe: ProbeClient
    pair: Pair | None = None

    def pass_ms(self, ms: float) -> None:
        """Let time pass in which nobody reads a port: one of them may vanish."""
        if self.pair:
            self.pair.run_for_ms(ms)
        else:
            time.sleep(ms / 1000)


def booted_pair(bench: "Bench", image: Path) -> Wired:
    """A virtual board and a virtual probe, both up, the emergency stop closed by the probe, its fault cleared."""
    pair = Pair(bench.pico, image)
    board = Device(DeviceClient(End(pair, bench.pico).transport()), "probe")
    probe = ProbeClient(End(pair, pair.probe).transport())
    probe.hello()
    probe.estop(is_open=False)
    board.client.hello()
    board.request("clear")
    probe.forget()
    return Wired(board, probe, pair)


@contextmanager
def real(device: Device, probe_port: str) -> Iterator[Wired]:
    """The board on its port, with the probe on another. Raises PortError."""
    transport = SerialTransport(probe_port)
    try:
        probe = ProbeClient(transport)
        probe.hello()
        probe.estop(is_open=False)
        if device.request("faults")["code"]:
            device.request("clear")
        probe.forget()
        yield Wired(device, probe)
        probe.estop(is_open=False)
    finally:
        transport.close()
