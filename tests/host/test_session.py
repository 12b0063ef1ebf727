"""What a record says about its session's end and terms, and JSON about a state, with a scripted device on the link."""

import json
from collections.abc import Callable

import pytest

from firmware.shared import faults, framing, protocol
from microcurrent import transport
from microcurrent.client import DeviceClient
from microcurrent.errors import RecordError
from microcurrent.record_writer import SessionRecord
from microcurrent.records import Records
from microcurrent.treatment import Treated, Watcher, checked_wave, treat

from .conftest import run_cli

WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 1_000_000, "duration_ms": 60_000, "duty_permille": 700})
FAULT = protocol.FAULT
_FAULTY = {"state": FAULT, "contact": protocol.CONTACT_OPEN, "fault": faults.ESTOP, "impedance_ohm": -1}
FAULTY_ROW = [_FAULTY.get(name, 0) for name in protocol.TELEMETRY_FIELDS]
RAMP_READS = 10  # reads that a ramp down takes: a second Ctrl-C may come meanwhile


class ScriptedDevice:
    """A transport with a device behind it that starts, stops and reports its end. Its time passes by reading."""

    def __init__(self) -> None:
        self.name = "scripted:0"
        self.reads = self.started_at = 0
        self.running = False
        self.accepts: dict[str, int] = {}  # beside what every reply to start holds
        self._end_at: int | None = None
        self._out = b""
        self._seq = 0

    def write(self, data: bytes) -> None:
        for line in data.splitlines():
            if line:
                request = framing.decode(line)
                self._send({"id": request["id"], "ok": True, "data": self._answer(request["cmd"], request["args"])})

    def read(self, timeout_s: float) -> bytes:
        self.reads += 1
        if self._end_at is not None and self.reads >= self._end_at:
            self._finish()
        out, self._out = self._out, b""
        return out

    def now(self) -> float:
        return self.reads / 10

    def reopen(self, timeout_s: float) -> None:
        raise AssertionError("nobody resets this device")

    def close(self) -> None:
        pass

    def stop(self, *, at_once: bool) -> None:
        """A button, another terminal, or the request."""
        self._end_at = self.reads + (0 if at_once else RAMP_READS)

    def _answer(self, command: str, args: dict) -> dict:
        if command == "hello":
            return {"protocol": protocol.PROTOCOL_VERSION, "firmware": "0.1.0", "sample_hz": 10_000, "state": FAULT}
        if command == "status":
            return {"state": "FAULT", "fault": faults.ESTOP, "session": 0, "estop": 1, "telemetry": FAULTY_ROW}
        if command == "faults":
            return {"code": 0, "reading": 0, "limit": 0}
        if command == "start":
            self.running, self.started_at = True, self.reads
            return {"session": 1, "lease_ms": 2000, "duration_ms": WAVE["duration_ms"], **self.accepts}
        if command == "stop":
            self.stop(at_once=bool(args.get("now")))
        return {}

    def _finish(self) -> None:
        self._end_at = None
        self._seq += 1
        row = [0, 1, *[0] * (len(protocol.TELEMETRY_FIELDS) - 2)]
        self._send({"ev": "end", "seq": self._seq, "session": 1, "reason": "stopped", "t": row})

    def _send(self, message: dict) -> None:
        self._out += framing.encode(message).encode()


def treated(
    device: ScriptedDevice,
    records: Records,
    *,
    count: Callable[[], int] = lambda: 0,
    signal_name: Callable[[], str] = lambda: "Ctrl-C",
    notes: list[str] | None = None,
) -> Treated:
    client = DeviceClient(device)
    client.hello()
    watcher = Watcher(lambda _row: None, [].append if notes is None else notes.append)
    return treat(client, records, WAVE, watcher, count, signal_name=signal_name)


SIGNALS = [
    (["Ctrl-C"], "Ctrl-C"),
    (["Ctrl-C", "Ctrl-C"], "Ctrl-C twice, off at once"),
    (["SIGTERM"], "SIGTERM"),
    (["SIGHUP", "Ctrl-C"], "SIGHUP, then Ctrl-C, off at once"),
]


@pytest.mark.parametrize(("names", "cause"), SIGNALS)
def test_the_record_names_the_signal(names: list[str], cause: str) -> None:
    device = ScriptedDevice()

    def count() -> int:
        """One signal per read, from the start of the session on."""
        return min(len(names), device.reads - device.started_at) if device.running else 0

    with Records() as records:
        done = treated(device, records, count=count, signal_name=lambda: names[count() - 1])
        kept = records.session(done.number)
    assert (kept["ended"], kept["summary"]["stopped_by"]) == ("stopped", cause)
    assert done.outcome.interrupted


def test_two_signals_within_one_tick() -> None:
    device = ScriptedDevice()
    with Records() as records:
        done = treated(device, records, count=lambda: 2)
    assert done.summary["stopped_by"] == "Ctrl-C twice, off at once"


def test_the_record_tells_a_stop_from_elsewhere() -> None:
    device = ScriptedDevice()

    def press() -> int:
        if device.running:
            device.stop(at_once=True)
        return 0

    with Records() as records:
        done = treated(device, records, count=press)
    assert (done.outcome.interrupted, done.summary["stopped_by"]) == (
        False,
        "another terminal or the device's button",
    )


def test_a_record_that_cannot_be_written_is_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_record: SessionRecord, _reply: dict) -> None:
        raise RecordError("the records cannot be written (disk full)")

    monkeypatch.setattr(SessionRecord, "accepted", refuse)
    with Records() as records:
        done = treated(ScriptedDevice(), records)
    assert done.summary["stopped_by"] == "the record could not be written"


@pytest.mark.parametrize("accepts", [{}, {"phase_us": 350}, {"phase_us": 400, "gap_us": 0, "alternate_ms": 0}])
def test_other_terms_than_asked_are_said_once(accepts: dict[str, int]) -> None:
    device = ScriptedDevice()
    device.accepts = accepts
    notes: list[str] = []
    with Records() as records:
        done = treated(device, records, count=lambda: 2, notes=notes)
        kept = records.session(done.number)
    said = [text for text in notes if text.startswith("played")]
    other = accepts.get("phase_us") == 400
    assert said == (["played on the board's 100 us grid: phase 400 us (asked 350 us)"] if other else [])
    assert {name: kept["accepted"][name] for name in accepts} == accepts


@pytest.mark.parametrize("command", ["status", "monitor --duration 1ms"])
def test_json_names_what_the_link_counts(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setitem(transport.OPENERS, "bench", lambda _name: ScriptedDevice())
    found = json.loads(run_cli(f"{command} --json").stdout)
    row = found["telemetry"]
    assert (found["state"], found["fault"]) == ("FAULT", "e-stop")
    assert (row["state"], row["contact"], row["fault"], row["impedance_ohm"]) == ("FAULT", "open", "e-stop", None)
    assert found.get("device", {"state": "FAULT"})["state"] == "FAULT"
