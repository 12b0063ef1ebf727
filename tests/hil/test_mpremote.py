"""The real mpremote on a real pty: attached during a session, it finds the output off.

The trace proves the order: current flowed when it attached, and the gate opened long before the lease could have done
it.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from microcurrent.bench.options import BOOT_MS, ServerOptions
from microcurrent.bench.process import SimProcess, start_sim
from microcurrent.client import DeviceClient
from microcurrent.image.resolver import resolve_image
from microcurrent.transport import SerialTransport
from microcurrent.virtual import install

ASK = "from machine import Pin; print('gate', Pin(18).value())"


def test_mpremote_attached_during_a_session_finds_the_output_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", str(tmp_path / "run"))
    image = resolve_image()
    install(image, tmp_path / "state", 2048)
    options = ServerOptions(str(image.path), state=str(tmp_path / "state"), name="mpremote", boot_ms=BOOT_MS)
    with start_sim(options) as sim:
        with DeviceClient(SerialTransport(sim.port)) as client:
            client.hello()
            wave = {"amplitude_ua": 100, "frequency_mhz": 10_000, "duration_ms": 60_000, "ramp_ms": 100}
            session = client.request("arm", {"wave": wave, "lease_ms": 10_000})["session"]
            client.request("start", {"session": session})
            while client.request("status")["state"] != "ACTIVE":
                client.next_event(0.05)
            client.request("lease", {"session": session})
        attached = sim.ask(do="status")
        assert attached["gate"] == 1
        command = [sys.executable, "-m", "mpremote", "connect", sim.port, "exec", ASK]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
        after = sim.ask(do="status")
        edges = gate_edges(sim, tmp_path / "trace.csv")
        assert answer.stdout.strip() == "gate 0", answer.stderr
        # The session's one opening of the gate: after mpremote came, in a pass of the main loop, not by the 10 s lease.
        opened_ns = next(t_ns for t_ns, level in edges if t_ns > attached["now_ns"])
        assert edges[-1] == (opened_ns, 0)
        assert opened_ns - attached["now_ns"] < 9_000_000_000
        assert (after["gate"], after["delivered_ua"], after["dac"]["code"], after["resets"]) == (0, 0, 2048, 0)


def gate_edges(sim: SimProcess, path: Path) -> list[tuple[int, int]]:
    sim.ask(do="csv", path=str(path))
    rows = [line.split(",") for line in path.read_text().splitlines()]
    return [(int(row[0]), int(row[2])) for row in rows if row[1] == "gate"]
