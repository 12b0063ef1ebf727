"""What a record says about its session's end and terms, and JSON about a state, with a scripted device on the link."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from firmware.shared import faults, framing, protocol, settings
from microcurrent import transport
from microcurrent.client import DeviceClient
from microcurrent.errors import RecordError, RefusedError
from microcurrent.record_writer import SessionRecord
from microcurrent.records import Records
from microcurrent.treatment import Treated, Watcher, checked_wave, treat, verdict

from .conftest import run_cli

WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 1_000_000, "duration_ms": 60_000, "duty_permille": 700})
FAULT = protocol.FAULT
_FAULTY = {"state": FAULT, "contact": protocol.CONTACT_OPEN, "fault": faults.ESTOP, "impedance_ohm": -1}
FAULTY_ROW = [_FAULTY.get(name, 0) for name in protocol.TELEMETRY_FIELDS]
ENDED_ROW = [0, 1, *[0] * (len(protocol.TELEMETRY_FIELDS) - 2)]
# Answers of a device that does nothing.
ANSWERS: dict[str, dict] = {
    "hello": {"protocol": protocol.PROTOCOL_VERSION, "firmware": "0.2.0", "sample_us": 62, "state": FAULT},
    "status": {"state": "FAULT", "fault": faults.ESTOP, "session": 0, "estop": 1, "telemetry": FAULTY_ROW},
    "config": {"set": settings.defaults()},
    "faults": {"code": 0, "reading": 0, "limit": 0},
}
RAMP_READS = 10  # reads that a ramp down takes: a second Ctrl-C may come meanwhile


class ScriptedDevice:
    """A transport with a device behind it that arms, starts, stops and reports its end. Its time passes by reading.

    accepts: of its terms, beside what every reply to arm holds. asked: every request but leases, by its command.
    answers: by command, where they differ from those of every board. end_at_start: a button ends it at once.
    """

    def __init__(self) -> None:
        self.name = "scripted:0"
        self.reads = self.started_at = 0
        self.running = False
        self.accepts: dict[str, Any] = {}
        self.answers: dict[str, dict] = {}
        self.asked: dict[str, dict] = {}
        self.state = "READY"
        self.end_at_start = False
        self._refusals: dict[str, dict] = {}
        self._end_at: int | None = None
        self._out = b""
        self._seq = 0

    def write(self, data: bytes) -> None:
        for line in data.splitlines():
            if line:
                request = framing.decode(line)
                self._send({"id": request["id"], **self._reply(request["cmd"], request["args"])})

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

    def tell(self, event: dict) -> None:
        """An event, in order."""
        self._seq += 1
        self._send({"seq": self._seq, **event})

    def skip(self, seq: int) -> None:
        """The event of that number is lost on its way."""
        self._seq = seq

    def stop(self, *, at_once: bool) -> None:
        """A button, another terminal, or the request."""
        self._end_at = self.reads + (0 if at_once else RAMP_READS)

    def refuse(self, command: str, code: str, text: str) -> None:
        """Answer a command with an error from now on."""
        self._refusals[command] = {"ok": False, "err": code, "text": text}

    def _reply(self, command: str, args: dict) -> dict:
        return self._refusals.get(command) or {"ok": True, "data": self._answer(command, args)}

    def _answer(self, command: str, args: dict) -> dict:
        self.asked[command] = args
        if command == "start":
            self.running, self.started_at = True, self.reads
            self.state = "RAMP_UP"
            if self.end_at_start:
                self.stop(at_once=True)
        if command == "stop":
            self.stop(at_once=bool(args.get("now")))
        if command == "status" and self.running:
            return {"state": self.state, "session": 1, "end": "pause", "telemetry": [0, 1, *FAULTY_ROW[2:]]}
        terms = {"session": 1, "lease_ms": 2000, "duration_ms": WAVE["duration_ms"], **self.accepts}
        return {**ANSWERS, "arm": terms, **self.answers}.get(command, {})

    def _finish(self) -> None:
        self._end_at = None
        rows = {"t": ENDED_ROW} | ({"t2": ENDED_ROW} if "wave2" in self.asked["arm"] else {})
        self.tell({"ev": "end", "session": 1, "reason": "stopped", **rows})

    def _send(self, message: dict) -> None:
        self._out += framing.encode(message).encode()


def treat_on(
    device: ScriptedDevice,
    records: Records,
    wave: dict,
    *,
    count: Callable[[], int] = lambda: 0,
    signal_name: Callable[[], str] = lambda: "Ctrl-C",
    notes: list[str] | None = None,
    wave2: dict | None = None,
) -> Treated:
    client = DeviceClient(device)
    client.hello()
    watcher = Watcher(lambda _row, _second: None, [].append if notes is None else notes.append)
    return treat(client, records, wave, watcher, count, signal_name=signal_name, wave2=wave2)


def treated(device: ScriptedDevice, records: Records, **how: Any) -> Treated:
    return treat_on(device, records, WAVE, **how)


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


def refuse(_record: SessionRecord, _value: object) -> None:
    raise RecordError("the records cannot be written (disk full)")


def test_a_record_that_cannot_be_written_is_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SessionRecord, "flush_if_due", refuse)
    with Records() as records:
        done = treated(ScriptedDevice(), records)
    assert done.summary["stopped_by"] == "the record could not be written"


def test_nothing_starts_and_nothing_stays_armed_without_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SessionRecord, "accepted", refuse)
    device = ScriptedDevice()
    with Records() as records, pytest.raises(RecordError):
        treated(device, records)
    assert "disarm" in device.asked and "start" not in device.asked


def test_a_session_is_armed_then_started_with_the_time() -> None:
    device = ScriptedDevice()
    before_s = int(time.time())
    with Records() as records:
        treated(device, records, count=lambda: 2)
    assert device.asked["arm"] == {"wave": WAVE}
    assert device.asked["start"]["session"] == 1
    assert before_s <= device.asked["start"]["utc_s"] <= time.time()


def test_what_happens_to_contact_is_said() -> None:
    device = ScriptedDevice()
    events = [
        {"ev": "state", "from": "ARMED", "to": "RAMP_UP"},
        {"ev": "contact", "impedance_ohm": 5143, "session": 1},
        {"ev": "lift-off", "count": 1, "session": 1},
        {"ev": "state", "from": "RAMP_DOWN", "to": "PAUSED"},
        {"ev": "journal", "text": "the journal cannot be written (ENOSPC)"},
    ]

    def happen() -> int:
        if device.running and events:
            device.tell(events.pop(0))
        return 0 if events else 2

    notes: list[str] = []
    with Records() as records:
        treated(device, records, count=happen, notes=notes)
    assert notes == [
        "ARMED -> RAMP_UP",
        "looking for contact at 8 uA",
        "contact found: 5143 ohm",
        "contact lost (lift-off 1)",
        "RAMP_DOWN -> PAUSED",
        "paused; go on with: microcurrent resume (within 5 min, then the session ends)",
        "output off",
        "the board's journal: the journal cannot be written (ENOSPC)",
    ]


def test_a_pause_is_no_end_and_one_that_is_too_long_says_so() -> None:
    """Without telemetry the host asks for the state: PAUSED goes on, READY with its end is the end."""
    device = ScriptedDevice()
    asked_at: list[int] = []

    def pass_time() -> int:
        if "status" in device.asked and device.state == "PAUSED":
            asked_at.append(device.reads)
            device.state = "READY"
        elif device.running and not asked_at:
            device.state = "PAUSED"
        return 0

    with Records() as records:
        done = treated(device, records, count=pass_time)
    assert asked_at and done.outcome.ended == "pause"
    problem = verdict(done)
    assert isinstance(problem, RefusedError)
    assert str(problem) == (
        "the session was paused for more than 5 min and has ended; the output is off; start another with: "
        "microcurrent run"
    )


@pytest.mark.parametrize("accepts", [{}, {"phase_us": 350}, {"phase_us": 400, "sample_us": 100}])
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
