"""A downloaded programme on the virtual Pico: steps, cues, the button, leases, and what ends it."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from firmware.core import cues, session
from firmware.shared import faults, framing
from microcurrent.bench import files
from microcurrent.errors import MicrocurrentError, RefusedError

from .conftest import Bench, Device
from .device import HANG_S
from .shutter import Shutter

MS = 1_000_000
WAVE = {"frequency_mhz": 20000, "duration_ms": 1500, "ramp_ms": 300}
STEP = {"site": "cheek", "side": "left", "share_permille": 500, "wave": WAVE, "move_ms": 500}


def load(bench: Device, *steps: dict, **info: object) -> str:
    total_ms = sum(step["wave"]["duration_ms"] for step in steps)
    told = {"name": "trial", "hash": "0123456789abcdef", "steps": len(steps), "duration_ms": total_ms} | info
    answer = {}
    for at, step in enumerate(steps):
        answer = bench.request("programme", {"at": at, "step": step} | ({"info": told} if at == 0 else {}))
    return answer["hash"]


class Host:
    """Listens, and renews the programme's lease unless it has left."""

    def __init__(self, bench: Device, name_hash: str) -> None:
        self.bench = bench
        self.hash = name_hash
        self.events: list[dict] = []
        self.renews = True
        self._due_s = 0.0

    def run(self, limit_s: float, until: str = "programme") -> dict:
        """Let it run until an event of this kind; the event. On a port only a hang exceeds the limit."""
        ends_s = self.bench.client.transport.now() + (limit_s if isinstance(self.bench, Bench) else HANG_S)
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
            try:
                self.bench.request("lease", {"hash": self.hash})
            except RefusedError as error:  # it ended a moment ago
                assert "does not run" in str(error)
        event = self.bench.client.next_event(0.05)
        if event is None:
            return ""
        self.events.append(event)
        return event["ev"]

    def told(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["ev"] == kind]


def begin(bench: Device, *steps: dict, away: bool = False, **info: object) -> Host:
    host = Host(bench, load(bench, *steps, **info))
    bench.request("programme_start", {"hash": host.hash, "away": away})
    return host


@pytest.mark.rung("stage")
def test_steps_run_one_after_the_other_each_with_its_own_limits(device: Device) -> None:
    eyes = {"site": "eye_under", "side": "right", "share_permille": 1000, "wave": WAVE, "move_ms": 500}
    host = begin(device, STEP, eyes)
    end = host.run(12)
    assert end["ended"] == "finished" and end["step"] == 2
    first, second = (event["terms"] for event in host.told("step"))
    assert (first["amplitude_ua"], first["limit_ua"], first["binding"]) == (150, 300, "zone")
    assert (second["amplitude_ua"], second["limit_ua"]) == (100, 100)
    rows = host.told("telemetry")
    steps = [event["t"][device.field("step")] for event in rows]
    assert steps == sorted(steps) and set(steps) == {1, 2}
    assert [event["cue"] for event in host.told("cue")] == ["relocate"]
    assert device.request("status")["programme"] | {"hash": ""} == {
        "hash": "", "name": "trial", "step": 2, "steps": 2, "state": "idle", "ended": "finished",
    }  # fmt: skip


def test_the_button_steps_down_at_once_and_in_all_steps_after(bench: Bench) -> None:
    slow = WAVE | {"frequency_mhz": 500, "duration_ms": 6000}
    host = begin(bench, STEP | {"wave": slow}, STEP)
    host.run(5, until="contact")
    host.wait(1.5)
    pressed_ns = bench.pico.now_ns
    bench.pico.button.press(200)
    host.wait(0.15)
    trace = bench.pico.trace
    index = next(i for i, t_ns in enumerate(trace.dac_ns) if t_ns > pressed_ns + 100 * MS)
    assert abs(trace.dac_codes[index] - 2048) <= 16  # two looks, and garbage
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


@pytest.mark.rung("stage")
def test_a_host_that_leaves_ends_it_unless_it_may(device: Device) -> None:
    host = begin(device, STEP | {"wave": WAVE | {"duration_ms": 6000}})
    host.renews = False
    assert host.run(8)["ended"] == "lease"
    device.request("clear")
    with pytest.raises(MicrocurrentError, match="host_may_leave is 0"):
        begin(device, STEP, away=True)


@pytest.mark.rung("stage")
def test_nothing_but_the_programme_runs_while_it_does(device: Device) -> None:
    host = begin(device, STEP, STEP)
    for command, arguments in (("arm", {"wave": WAVE}), ("config", {"set": {"lease_ms": 700}}), ("selftest", {})):
        with pytest.raises(MicrocurrentError, match="a programme runs"):
            device.request(command, arguments | ({"wave": WAVE | {"amplitude_ua": 10}} if command == "arm" else {}))
    assert host.run(12)["ended"] == "finished"


# Contact --------------------------------------------------------------------------------------------------------------


def test_a_lifted_electrode_stops_the_time_of_its_step(bench: Bench) -> None:
    host = begin(bench, STEP)
    host.run(5, until="contact")
    host.wait(0.8)
    bench.pico.set_load("open")
    host.wait(3)
    first_s = bench.request("status")["telemetry"][bench.field("elapsed_ms")]
    host.wait(0.5)
    assert bench.request("status")["telemetry"][bench.field("elapsed_ms")] == first_s < 1500
    assert [event["cue"] for event in host.told("cue")] == ["contact-lost"]
    bench.pico.set_load("typical")
    assert host.run(6)["ended"] == "finished"


def test_a_minute_without_contact_pauses_until_somebody_resumes(boot: Callable[..., Bench]) -> None:
    bench = boot(load="open")
    bench.client.hello()
    host = begin(bench, STEP | {"wave": WAVE | {"frequency_mhz": 1000, "duration_ms": 3000}})
    bench.request("telemetry", {"rate_hz": 0})
    host.wait(59)
    assert bench.request("status")["state"] == "RAMP_UP"
    host.wait(2.5)
    assert bench.request("status")["state"] == "PAUSED" and bench.request("faults")["code"] == faults.NONE
    assert bench.pico.gate == 0 and [event["cue"] for event in host.told("cue")] == ["contact-lost"]
    bench.pico.set_load("typical")
    host.wait(1)
    assert bench.request("status")["state"] == "PAUSED"  # by nobody's hand but a hand's
    bench.request("resume")
    assert host.run(8)["ended"] == "finished"


# The contact coach ----------------------------------------------------------------------------------------------------


def test_the_contact_coach_never_leaves_sensing_level_and_ends_by_itself(bench: Bench) -> None:
    """For its whole three minutes, whatever is on the electrodes, and with a request for more than that."""
    bench.request("config", {"set": {"lease_ms": 10_000}})
    wave = {"amplitude_ua": 300, "frequency_mhz": 10_000, "duration_ms": 60_000, "sample_us": 2000}
    number = bench.request("arm", {"wave": wave, "contact": True})["session"]
    began_ns = bench.pico.now_ns
    bench.request("start", {"session": number})
    bench.request("telemetry", {"rate_hz": 1})
    seen = set()
    for seconds in range(session.COACH_MS // 1000 + 2):
        if bench.request("status")["state"] == "READY":
            break
        if seconds % 10 == 0:
            bench.pico.set_load(("open", "typical", "dry", "short", "good")[seconds // 10 % 5])
        if seconds % 7 == 0:
            bench.request("lease", {"session": number})
        bench.pico.run_for_ms(1000)
        while (event := bench.client.next_event(0.01)) is not None:
            if event["ev"] == "telemetry":
                seen.add(event["t"][bench.field("contact")])
    assert session.COACH_MS - 1000 <= (bench.pico.now_ns - began_ns) / MS <= session.COACH_MS + 3000
    assert bench.peak_ua(bench.pico.now_ns - 200 * MS, bench.pico.now_ns) == 0 and bench.pico.gate == 0
    assert max(abs(code - 2048) for code in codes_since(bench, began_ns)) <= 16  # 8 uA
    assert len(seen - {0}) >= 2 and bench.request("faults")["code"] == faults.NONE
    assert bench.request("status")["end"] == "duration"


def codes_since(bench: Bench, from_ns: float) -> list[int]:
    trace = bench.pico.trace
    return [code for t_ns, code in zip(trace.dac_ns, trace.dac_codes, strict=True) if t_ns >= from_ns]


def test_good_contact_begins_nothing_where_only_contact_was_asked_for(bench: Bench) -> None:
    number = bench.request("arm", {"wave": WAVE | {"amplitude_ua": 300}, "contact": True, "lease_ms": 10_000})[
        "session"
    ]
    bench.request("start", {"session": number})
    began_ns = bench.pico.now_ns
    bench.pico.run_for_ms(2500)
    with pytest.raises(RefusedError, match="no treatment current flows"):
        bench.request("felt")
    assert bench.peak_ua(began_ns, bench.pico.now_ns) <= 10
    bench.request("stop")
    bench.pico.run_for_ms(100)
    assert bench.request("status")["state"] == "READY"
    with pytest.raises(MicrocurrentError, match="true or false"):
        bench.request("arm", {"wave": WAVE | {"amplitude_ua": 300}, "contact": 1})


# What ends it ---------------------------------------------------------------------------------------------------------


LONG = STEP | {"wave": WAVE | {"duration_ms": 6000}}


@pytest.mark.parametrize("between", [False, True])
def test_an_emergency_stop_ends_it(bench: Bench, between: bool) -> None:
    host = begin(bench, *((STEP, LONG | {"move_ms": 5000}) if between else (LONG,)))
    host.run(6, until="cue" if between else "contact")
    host.wait(0.5)
    bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 1)
    assert host.run(1)["ended"] == ("fault" if between else "estop")
    assert bench.request("faults")["code"] == faults.ESTOP and bench.pico.gate == 0
    bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 0)
    bench.pico.run_for_ms(1000)
    assert bench.request("status")["state"] == "FAULT"
    with pytest.raises(MicrocurrentError, match="it is FAULT"):
        bench.request("programme_start", {"hash": host.hash})


def test_a_fault_of_the_stage_ends_it(bench: Bench) -> None:
    host = begin(bench, LONG, STEP)
    host.run(5, until="contact")
    host.wait(0.8)
    bench.pico.stage.fail(bench.pico.now_ns, pump_rail="up")
    assert host.run(1)["ended"] == "fault" and len(host.told("step")) == 1
    assert bench.request("faults")["code"] in (faults.OVER_CURRENT, faults.COMPARATOR)


def test_the_lease_holds_between_two_steps(bench: Bench) -> None:
    host = begin(bench, STEP, STEP | {"move_ms": 60_000})
    host.run(8, until="cue")
    host.wait(3)
    assert bench.request("status")["programme"]["state"] == "between"
    host.renews = False
    left_ns = bench.pico.now_ns
    assert host.run(4)["ended"] == "lease" and bench.pico.now_ns - left_ns < 2600 * MS
    assert len(host.told("step")) == 1 and bench.pico.gate == 0


def test_a_host_that_may_leave_is_not_missed(bench: Bench) -> None:
    with pytest.raises(MicrocurrentError, match="host_may_leave would raise a cap"):
        bench.request("config", {"set": {"host_may_leave": 1}})
    bench.pico.run_for_ms(100)
    bench.pico.button.press(1200)
    bench.pico.run_for_ms(1300)
    begin(bench, STEP, STEP | {"side": "right"}, away=True)
    bench.pico.run_for_ms(9000)  # with nobody who renews
    told = bench.request("status")["programme"]
    assert (told["step"], told["state"], told["ended"]) == (2, "idle", "finished")


def test_a_cap_is_not_raised_between_two_steps(bench: Bench) -> None:
    """Asked for before the programme: holding the button in it means stop, and nothing else."""
    with pytest.raises(MicrocurrentError, match="would raise a cap"):
        bench.request("config", {"set": {"usb_isolated": 1}})
    host = begin(bench, STEP, STEP | {"move_ms": 20_000})
    host.run(8, until="cue")
    bench.pico.button.press(2500)
    assert host.run(3)["ended"] == "stopped"
    assert [event["what"] for event in host.told("expired")] == ["confirmation"]
    assert bench.request("config")["set"]["usb_isolated"] == 0


# Power ----------------------------------------------------------------------------------------------------------------


def test_after_a_power_cut_nothing_goes_on_by_itself(bench: Bench) -> None:
    host = begin(bench, LONG, STEP)
    host.run(5, until="contact")
    host.wait(0.6)
    cut_ns = bench.pico.now_ns
    bench.pico.reset("power")
    bench.client.reconnect()
    bench.pico.run_for_ms(3000)
    assert bench.peak_ua(cut_ns + MS, bench.pico.now_ns) == 0
    status = bench.request("status")
    assert status["state"] == "READY" and status["programme"] is None and status["gate"] == 0
    assert bench.request("programme")["stored"]["hash"] == host.hash
    bench.request("programme_start", {"hash": host.hash, "lease_ms": 10_000})
    bench.pico.run_for_ms(600)
    assert bench.request("status")["programme"]["state"] == "step"


def test_power_cut_while_a_programme_is_stored_leaves_the_old_one_or_the_new(bench: Bench) -> None:
    load(bench, STEP, STEP, hash="old0")
    shutter = Shutter(bench.pico)
    load(bench, *[STEP | {"side": "right"}] * 6, hash="new0")
    assert len(shutter.states) > 5
    found = set()
    for flash in shutter.states:
        lines = files.read_files(bytes(files.FILESYSTEM_OFFSET) + flash)["/programme"].splitlines()
        info, steps = framing.decode(lines[0]), [framing.decode(line) for line in lines[1:]]
        assert (info["hash"], len(steps), steps[0]["side"]) in (("old0", 2, "left"), ("new0", 6, "right"))
        found.add(info["hash"])
    assert found == {"old0", "new0"} or found == {"old0"}
    assert bench.request("programme")["stored"]["hash"] == "new0"


def test_the_flash_is_left_alone_while_the_gate_conducts(bench: Bench) -> None:
    host = Host(bench, load(bench, STEP, STEP))
    shutter, conducting = Shutter(bench.pico), []
    stock = bench.pico.mcu.ssi._apply_command

    def apply() -> None:
        before = len(shutter.states)
        stock()
        if len(shutter.states) > before:
            conducting.append(bench.pico.gate)

    bench.pico.mcu.ssi._apply_command = apply
    bench.request("programme_start", {"hash": host.hash})
    assert host.run(12)["ended"] == "finished"
    assert len(conducting) >= 4 and not any(conducting)  # a beginning and an end of each session


# Cues -----------------------------------------------------------------------------------------------------------------


def rhythms(edges: list[tuple[int, int]]) -> list[tuple[int, ...]]:
    """The cues of a pin in ms: times on and off in turn; longer than 300 ms off lies between two cues."""
    found: list[tuple[int, ...]] = []
    current: list[int] = []
    for (from_ns, level), (to_ns, _next) in pairwise([*edges, (10**15, 0)]):
        lasted_ms = (to_ns - from_ns) / MS
        if level or lasted_ms < 300:
            current.append(round(lasted_ms))
        elif current:
            found.append(tuple(current))
            current = []
    return found


@pytest.mark.parametrize("buzzer", [1, 0])
def test_cues_are_heard_and_seen_by_their_rhythm(bench: Bench, buzzer: int) -> None:
    bench.request("config", {"set": {"buzzer": buzzer}})
    from_ns = bench.pico.now_ns
    host = begin(bench, LONG | {"hold_ms": 2000, "wave": WAVE | {"duration_ms": 3000}}, STEP | {"move_ms": 1000})
    host.run(8, until="contact")
    host.wait(2.4)
    bench.request("felt")
    host.run(8, until="step")
    host.run(4, until="contact")
    host.wait(0.6)
    bench.pico.set_load("open")
    host.wait(0.8)
    bench.pico.set_load("typical")
    assert host.run(8)["ended"] == "finished"
    host.wait(1)
    board, trace = bench.pico.board, bench.pico.trace
    lit, heard = ([edge for edge in trace.pin_edges(pin) if edge[0] > from_ns]
                  for pin in (board.CUE_LED_PIN, board.BUZZER_PIN))  # fmt: skip
    names = (cues.HOLD, cues.FELT, cues.RELOCATE, cues.CONTACT_LOST, cues.FINISHED)
    for played, name in zip(rhythms(lit), names, strict=True):
        late_ms = [at - asked for at, asked in zip(played, cues.PATTERNS[name], strict=True)]
        assert all(-45 <= late <= 45 for late in late_ms), (name, played)  # one collection of garbage, or one answer
    assert rhythms(heard) == (rhythms(lit) if buzzer else [])


def test_a_prompt_is_silent(bench: Bench) -> None:
    """Ctrl-C in the middle of a cue: nothing sounds on."""
    host = begin(bench, STEP, STEP | {"move_ms": 20_000})
    host.run(8, until="cue")
    bench.pico.serial_write(b"\x03")
    bench.pico.run_for_ms(500)
    board, trace = bench.pico.board, bench.pico.trace
    assert trace.pin_edges(board.BUZZER_PIN)[-1][1] == 0 and trace.pin_edges(board.CUE_LED_PIN)[-1][1] == 0


# Two channels, and memory ---------------------------------------------------------------------------------------------


def test_two_channels_and_as_many_steps_as_there_may_be(dual: Bench) -> None:
    """Whatever is kept of 48 steps: a host that asks without a pause gets its answers, and the loop looks in time."""
    wave = WAVE | {"shape": "sine"}
    step = STEP | {"wave": wave, "wave2": {"frequency_mhz": 25_000, "shape": "sawtooth"}, "share2_permille": 300}
    host = begin(dual, *[step] * 48)
    dual.request("telemetry", {"rate_hz": 50})
    free = []
    for _ in range(60):
        host.wait(0.05)
        free.append(dual.request("counters")["free_bytes"])
        dual.request("status")
    assert min(free) > 16_000 and dual.request("faults")["code"] == faults.NONE
    assert dual.request("counters")["worst_look_ms"] < 90
