"""A downloaded programme on the virtual Pico: steps, cues, the button, leases, and what ends it."""

import pytest

from microcurrent.errors import MicrocurrentError

from .conftest import Bench

MS = 1_000_000
WAVE = {"frequency_mhz": 20000, "duration_ms": 1500, "ramp_ms": 300}
STEP = {"site": "cheek", "side": "left", "share_permille": 500, "wave": WAVE, "move_ms": 500}


def load(bench: Bench, *steps: dict, **info: object) -> str:
    total_ms = sum(step["wave"]["duration_ms"] for step in steps)
    told = {"name": "trial", "hash": "0123456789abcdef", "steps": len(steps), "duration_ms": total_ms} | info
    answer = {}
    for at, step in enumerate(steps):
        answer = bench.request("programme", {"at": at, "step": step} | ({"info": told} if at == 0 else {}))
    return answer["hash"]


class Host:
    """Listens, and renews the programme's lease unless it has left."""

    def __init__(self, bench: Bench, name_hash: str) -> None:
        self.bench = bench
        self.hash = name_hash
        self.events: list[dict] = []
        self.renews = True
        self._due_s = 0.0

    def run(self, limit_s: float, until: str = "programme") -> dict:
        """Let it run until an event of this kind; the event."""
        ends_s = self.bench.client.transport.now() + limit_s
        while self.bench.client.transport.now() < ends_s:
            if self._take() == until:
                return self.events[-1]
        raise AssertionError((until, [event for event in self.events if event["ev"] != "telemetry"]))

    def wait(self, seconds: float) -> None:
        """Let it run for a time."""
        ends_s = self.bench.client.transport.now() + seconds
        while self.bench.client.transport.now() < ends_s:
            self._take()

    def _take(self) -> str:
        """Renew when it is time, and take what comes next; its kind, "" when nothing came."""
        now_s = self.bench.client.transport.now()
        if self.renews and now_s >= self._due_s:
            self._due_s = now_s + 0.5
            self.bench.request("lease", {"hash": self.hash})
        event = self.bench.client.next_event(0.05)
        if event is None:
            return ""
        self.events.append(event)
        return event["ev"]

    def told(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["ev"] == kind]


def begin(bench: Bench, *steps: dict, away: bool = False, **info: object) -> Host:
    host = Host(bench, load(bench, *steps, **info))
    bench.request("programme_start", {"hash": host.hash, "away": away})
    return host


def test_steps_run_one_after_the_other_each_with_its_own_limits(bench: Bench) -> None:
    eyes = {"site": "eye_under", "side": "right", "share_permille": 1000, "wave": WAVE, "move_ms": 500}
    host = begin(bench, STEP, eyes)
    end = host.run(12)
    assert end["ended"] == "finished" and end["step"] == 2
    first, second = (event["terms"] for event in host.told("step"))
    assert (first["amplitude_ua"], first["limit_ua"], first["binding"]) == (150, 300, "zone")
    assert (second["amplitude_ua"], second["limit_ua"]) == (100, 100)
    rows = host.told("telemetry")
    steps = [event["t"][bench.field("step")] for event in rows]
    assert steps == sorted(steps) and set(steps) == {1, 2}
    assert [event["cue"] for event in host.told("cue")] == ["relocate"]
    assert bench.request("status")["programme"] | {"hash": ""} == {
        "hash": "", "name": "trial", "step": 2, "steps": 2, "state": "idle", "ended": "finished",
    }  # fmt: skip


def test_the_button_steps_down_at_once_and_in_all_steps_after(bench: Bench) -> None:
    slow = WAVE | {"frequency_mhz": 500, "duration_ms": 6000}
    host = begin(bench, STEP | {"wave": slow}, STEP)
    host.run(5, until="contact")
    host.wait(1.5)
    pressed_ns = bench.pico.now_ns
    bench.pico.button.press(200)
    host.wait(0.1)
    trace = bench.pico.trace
    index = next(i for i, t_ns in enumerate(trace.dac_ns) if t_ns > pressed_ns + 60 * MS)
    assert abs(trace.dac_codes[index] - 2048) <= 16  # sensing level within 60 ms of the press
    host.run(12)
    felt = host.told("felt")
    assert [(event["by"], event["from_ua"], event["to_ua"]) for event in felt] == [("button", [150], [120])]
    assert [event["terms"]["amplitude_ua"] for event in host.told("step")] == [150, 120]
    assert not host.told("lift-off") and host.told("programme")[0]["ended"] == "finished"
    after = [event["t"] for event in host.events if event["ev"] == "telemetry" and event["t"][0] * MS > pressed_ns]
    assert max(row[bench.field("commanded_ua")] for row in after) == 120
    assert max(row[bench.field("peak_ua")] for row in after[3:]) < 128


def test_a_held_button_ends_it(bench: Bench) -> None:
    host = begin(bench, STEP | {"wave": WAVE | {"duration_ms": 6000}})
    host.run(5, until="contact")
    bench.pico.button.press(3000)
    assert host.run(6)["ended"] == "stopped"


def test_a_host_that_leaves_ends_it_unless_it_may(bench: Bench) -> None:
    host = begin(bench, STEP | {"wave": WAVE | {"duration_ms": 6000}})
    host.renews = False
    assert host.run(8)["ended"] == "lease"
    bench.request("clear")
    with pytest.raises(MicrocurrentError, match="host_may_leave is 0"):
        begin(bench, STEP, away=True)


def test_nothing_but_the_programme_runs_while_it_does(bench: Bench) -> None:
    host = begin(bench, STEP, STEP)
    for command, arguments in (("arm", {"wave": WAVE}), ("config", {"set": {"lease_ms": 700}}), ("selftest", {})):
        with pytest.raises(MicrocurrentError, match="a programme runs"):
            bench.request(command, arguments | ({"wave": WAVE | {"amplitude_ua": 10}} if command == "arm" else {}))
    assert host.run(12)["ended"] == "finished"
