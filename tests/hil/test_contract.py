"""What both boards promise, in the same words: one list of scenarios, run on the virtual Pico and on the ESP32's files.

The ESP32 side is tests/esp32: the firmware's own .mpy files on MicroPython's unix port, against a strict fake of the
port's machine module, with the same DAC, output stage and skin as the virtual Pico. Nothing here has run on an ESP32.
What needs neither injection nor exact truth runs on a real board too, with --port: with 10 kΩ in the place of skin.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from boards.esp32_devkit import board as esp32_board
from boards.rp2040_pico import board as pico_board
from firmware.shared import faults, framing, protocol
from microcurrent import journal
from microcurrent.build import board_constants, build_firmware
from microcurrent.errors import BadValueError, FaultError, RefusedError
from tests.esp32.stand import ended, made_esp32
from tests.support import compile_for_pico

from .conftest import Bench, Device, code_of, made_bench

MS = 1_000_000
# 2 Hz is what both play. The ESP32's one sample period, and one of the Pico's that takes little emulation.
WAVE = {"amplitude_ua": 200, "frequency_mhz": 2000, "duration_ms": 1500, "ramp_ms": 500}
SAMPLE_US = {pico_board.BOARD: 1000, esp32_board.BOARD: esp32_board.PERIODS_US[-1]}
CONTACT_MS = 700  # the longer of both: settling, 300 ms of stable contact, and the samples in which it is seen
# From a fault to the open gate, where the interrupt or the callbacks find it. Pico: one sample and 5 us, as its table
# says. ESP32: two looks of its second callback, and the conversions of one.
OFF_MS = {pico_board.BOARD: 1.005, esp32_board.BOARD: 21.0}
COMMANDS = Path(__file__).parents[2] / "firmware" / "core" / "commands.py"
HANG = 'def counters(device, _arguments):\n    """Running counters of link and memory."""\n'
HANGS = HANG.replace("_arguments", "arguments") + (
    '    if arguments.get("ms"):\n        import time\n\n        time.sleep_ms(arguments["ms"])\n'
)
Scenario = Callable[[Bench], None]


def wave(stand: Bench, **changes: object) -> dict[str, Any]:
    """What is asked for, in samples of the board."""
    return WAVE | {"sample_us": SAMPLE_US[stand.pico.board.BOARD]} | changes


def tolerance_ua(stand: Bench) -> int:
    """How far delivered may be from commanded."""
    return getattr(stand.pico, "tolerance_ua", 6)


def start(stand: Bench, **changes: object) -> dict:
    """A session whose current flows at full amplitude; its terms."""
    stand.request("config", {"set": {"lease_ms": 10_000}})
    terms = stand.request("arm", {"wave": wave(stand, duration_ms=60_000, **changes)})
    stand.request("start", {"session": terms["session"]})
    stand.pico.run_for_ms(CONTACT_MS + 700)
    status = stand.request("status")
    assert (status["state"], status["gate"], stand.pico.gate) == ("ACTIVE", 1, 1), status
    return terms


def latched(stand: Bench) -> int:
    return stand.request("faults")["code"]


def recorded(stand: Bench) -> list[str]:
    """The kinds of the journal's records."""
    return [record["kind"] for record in journal.read(stand.client).records if record]


def off_after_ms(stand: Bench, hurt: Callable[[], None], wait_ms: float = 150) -> float:
    """How long after `hurt()` the gate opened for good."""
    hurt_ns = stand.pico.now_ns
    hurt()
    stand.pico.run_for_ms(wait_ms)
    dropped_ns = stand.gate_dropped_ns(hurt_ns)
    assert stand.pico.gate == 0
    assert stand.peak_ua(dropped_ns + 1000, stand.pico.now_ns) == 0
    return (dropped_ns - hurt_ns) / MS


def boots_from_off_to_ready(stand: Bench) -> None:
    """Nothing reached the electrodes, and the board says what it is and which sample period it keeps."""
    hello = stand.request("hello")
    board = stand.pico.board
    assert (hello["board"], hello["state"], hello["commissioned"]) == (board.BOARD, protocol.READY, True)
    assert hello["sample_us"] == board.PERIODS_US[-1]
    assert [level for _t, level in stand.gate_edges_of_sessions()] == [0]
    assert stand.peak_ua(0, stand.pico.now_ns) == 0


def self_test_passes(stand: Bench) -> None:
    result = stand.request("selftest")
    assert result["passed"] and len(result["tests"]) == 15, result["tests"]


def a_session_delivers_what_was_asked_for(stand: Bench) -> None:
    ran = stand.run(**wave(stand))
    assert ran.reason == "duration", ran.events
    assert ran.states[ran.states.index("ARMED") :] == ["ARMED", "RAMP_UP", "ACTIVE", "RAMP_DOWN", "READY"]
    delivered = ran.plateau("delivered_ua")
    assert delivered and all(abs(value - 200) <= tolerance_ua(stand) for value in delivered)
    assert ran.last["full_phases"] == ran.last["phases"] > 0 and ran.last["missed"] == 0
    assert abs(ran.last["phase_charge_nc"]) <= 250 * (200 + tolerance_ua(stand))
    assert stand.pico.gate == 0


def stop_ramps_down_and_stop_now_does_not_wait(stand: Bench) -> None:
    start(stand)
    stand.request("stop")
    assert stand.request("status")["state"] == "RAMP_DOWN"
    stand.pico.run_for_ms(1000)
    assert stand.request("status")["state"] == "READY" and stand.pico.gate == 0
    start(stand)
    stand.request("stop", {"now": True})
    assert stand.pico.gate == 0 and stand.request("status")["end"] == "stopped"


def pause_and_resume(stand: Bench) -> None:
    start(stand)
    stand.request("pause")
    stand.pico.run_for_ms(700)
    assert stand.request("status")["state"] == "PAUSED" and stand.pico.gate == 0
    stand.request("resume")
    stand.pico.run_for_ms(CONTACT_MS + 700)
    assert stand.request("status")["state"] == "ACTIVE"


def over_current_trips(stand: Bench) -> None:
    start(stand)
    after_ms = off_after_ms(stand, lambda: stand.pico.fail(pump_rail="up"))
    assert after_ms <= OFF_MS[stand.pico.board.BOARD]
    assert latched(stand) == faults.OVER_CURRENT
    with pytest.raises(FaultError, match="a fault is latched"):
        stand.request("arm", {"wave": wave(stand)})
    stand.pico.fail(pump_rail="")
    assert stand.request("clear") == {"code": 0}
    assert stand.request("status")["state"] == "READY"


def comparator_is_told(stand: Bench) -> None:
    """Past a shorted limiter diode, the hardware opens the gate and the firmware latches that it did."""
    start(stand)
    stand.pico.fail(pump_rail="up", limiter_shorted="up")
    stand.pico.run_for_ms(150)
    assert latched(stand) in (faults.COMPARATOR, faults.OVER_CURRENT) and stand.pico.gate == 0


def emergency_stop_opens_the_gate(stand: Bench) -> None:
    start(stand)
    board = stand.pico.board
    assert off_after_ms(stand, lambda: stand.pico.drive_pin(board.ESTOP_PIN, 1)) <= OFF_MS[board.BOARD]
    assert latched(stand) == faults.ESTOP
    with pytest.raises(FaultError, match="still open"):
        stand.request("clear")
    stand.pico.drive_pin(board.ESTOP_PIN, 0)
    assert stand.request("clear") == {"code": 0}


def a_broken_estop_wire_means_stop(stand: Bench) -> None:
    stand.pico.release_pin(stand.pico.board.ESTOP_PIN)
    stand.pico.run_for_ms(50)
    assert latched(stand) == faults.ESTOP


def a_dac_that_vanishes_ends_the_session(stand: Bench) -> None:
    start(stand)

    def vanish() -> None:
        stand.pico.dac.absent = True

    board = stand.pico.board.BOARD
    assert off_after_ms(stand, vanish) <= OFF_MS[board] + SAMPLE_US[board] / 1000  # not before a sample is sent
    assert latched(stand) == faults.DAC_NO_ACK
    with pytest.raises(FaultError, match="the cause persists"):
        stand.request("clear")
    stand.pico.dac.absent = False
    assert stand.request("clear") == {"code": 0}


def an_open_electrode_never_gets_more_than_sensing(stand: Bench) -> None:
    stand.pico.set_load("open")
    terms = stand.request("arm", {"wave": wave(stand)})
    stand.request("start", {"session": terms["session"]})
    for _ in range(8):
        stand.pico.run_for_ms(1400)
        if stand.pico.gate:
            stand.request("lease", {"session": terms["session"]})
    assert max(abs(code - 2048) for code in list(stand.pico.trace.dac_codes)[-40:]) <= 16
    assert latched(stand) == faults.OPEN_ELECTRODE and stand.pico.gate == 0


def lifting_brings_no_shock_on_contact_again(stand: Bench) -> None:
    start(stand)
    stand.pico.set_load("open")
    stand.pico.run_for_ms(100)
    touched_ns = stand.pico.now_ns
    stand.pico.set_load("typical")
    stand.pico.run_for_ms(100)
    assert stand.peak_ua(touched_ns, stand.pico.now_ns) <= 10.5
    stand.pico.run_for_ms(CONTACT_MS + 700)
    status = stand.request("status")
    assert (status["state"], status["fault"]) == ("ACTIVE", faults.NONE)
    assert status["telemetry"][stand.field("lift_offs")] == 1


def lease_expiry_ramps_down(stand: Bench) -> None:
    ran = stand.run(renew=False, **wave(stand, duration_ms=10_000))
    assert ran.reason == "lease" and "RAMP_DOWN" in ran.states
    assert latched(stand) == faults.LEASE_LOST
    assert stand.request("clear") == {"code": 0}


def felt_lowers_the_current(stand: Bench) -> None:
    start(stand)
    asked_ns = stand.pico.now_ns
    assert stand.request("felt", {"by": "key"})["amplitude_ua"] == [160]
    stand.pico.run_for_ms(60)
    assert stand.peak_ua(asked_ns + 60 * MS, stand.pico.now_ns) <= 10.5
    stand.pico.run_for_ms(CONTACT_MS + 1200)
    from_ns = stand.pico.now_ns - 500 * MS
    assert 155 <= stand.peak_ua(from_ns, stand.pico.now_ns) <= 168
    assert stand.request("status")["state"] == "ACTIVE"


def a_change_is_taken_up(stand: Bench) -> None:
    terms = start(stand)
    stand.request("change", {"session": terms["session"], "wave": {"amplitude_ua": 100}})
    stand.pico.run_for_ms(1100)
    from_ns = stand.pico.now_ns - 500 * MS
    assert 96 <= stand.peak_ua(from_ns, stand.pico.now_ns) <= 105


def a_threshold_binds(stand: Bench) -> None:
    stand.request("config", {"set": {"threshold_ua": 250}})
    with pytest.raises(RefusedError, match=r"rule personal .* permits 200"):
        stand.request("arm", {"wave": wave(stand, amplitude_ua=201)})


def what_the_samples_cannot_play_is_refused(stand: Bench) -> None:
    """The declared rate is enforced."""
    sample_us = SAMPLE_US[stand.pico.board.BOARD]
    with pytest.raises(BadValueError, match=f"samples of {sample_us} us permit"):
        stand.request("arm", {"wave": wave(stand, frequency_mhz=1_000_000_000 // (9 * sample_us))})
    with pytest.raises(BadValueError, match="this board's shortest is"):
        stand.request("arm", {"wave": wave(stand, sample_us=stand.pico.board.PERIODS_US[-1] - 1)})
    with pytest.raises(BadValueError, match="one channel"):
        stand.request("arm", {"wave": wave(stand), "wave2": wave(stand)})


SHAPES: tuple[dict[str, Any], ...] = (
    {"shape": "sine", "frequency_mhz": 1000},
    {"polarity": "alternate", "alternate_ms": 1000, "amplitude_ua": 90},
    {"burst_ms": 500, "rest_ms": 200, "rest_random_ms": 100},
    {"sweep_ms": 600, "amplitude_end_ua": 120},
)


def every_kind_of_waveform_runs(stand: Bench) -> None:
    for changes in SHAPES:
        ran = stand.run(**(wave(stand, duration_ms=1300, ramp_ms=200) | changes))
        assert ran.reason == "duration", (changes, ran.events)
        assert ran.last["phases"] > 0 and ran.last["total_charge_nc"] > 15_000, changes


def the_gate_is_read_back(stand: Bench) -> None:
    assert stand.request("status")["gate"] == stand.pico.gate == 0
    start(stand)
    assert stand.request("status")["gate"] == stand.pico.gate == 1
    stand.request("stop", {"now": True})
    assert stand.request("status")["gate"] == stand.pico.gate == 0 and stand.pico.dac.code == 2048


def settings_survive_a_loss_of_power(stand: Bench) -> None:
    stand.request("config", {"set": {"lease_ms": 1234}})
    stand.pico.reset("power")
    stand.client.reconnect()
    assert stand.request("config")["set"]["lease_ms"] == 1234


def a_fault_survives_a_loss_of_power(stand: Bench) -> None:
    start(stand)
    stand.pico.fail(pump_rail="up")
    stand.pico.run_for_ms(150)
    stand.pico.fail(pump_rail="")
    stand.pico.reset("power")
    stand.client.reconnect()
    kinds = recorded(stand)
    assert latched(stand) == faults.OVER_CURRENT and stand.request("status")["state"] == "FAULT"
    assert kinds[:1] == ["session"] and "fault" in kinds
    assert stand.request("clear") == {"code": 0}


def a_session_cut_off_by_a_loss_of_power_is_told(stand: Bench) -> None:
    start(stand)
    stand.pico.reset("power")
    hello = stand.client.reconnect()
    assert hello["state"] == protocol.READY and stand.pico.gate == 0
    assert "interrupted" in recorded(stand)


def a_watchdog_that_bites_is_proven(stand: Bench) -> None:
    stand.request("selftest", {"watchdog": True})
    stand.pico.run_for_ms(2500)
    stand.client.reconnect()
    assert stand.pico.trace.resets[-1][1] == "watchdog"
    status = stand.request("status")
    assert (status["reset"], status["fault"], status["state"]) == ("watchdog", faults.NONE, "READY")


def a_programme_runs(stand: Bench) -> None:
    part = {"frequency_mhz": 2000, "duration_ms": 1000, "ramp_ms": 200}
    step = {"site": "cheek", "side": "left", "share_permille": 500, "wave": part, "move_ms": 300}
    told = {"name": "trial", "hash": "0123456789abcdef", "steps": 2, "duration_ms": 2000}
    stand.request("programme", {"at": 0, "step": step, "info": told})
    name_hash = stand.request("programme", {"at": 1, "step": step})["hash"]
    stand.request("programme_start", {"hash": name_hash, "away": False})
    ended = _until(stand, "programme", lambda: stand.request("lease", {"hash": name_hash}))
    assert ended["ended"] == "finished" and ended["step"] == 2


def _until(stand: Bench, kind: str, renew: Callable[[], object]) -> dict:
    ends_s = stand.client.transport.now() + 15
    due_s = 0.0
    while stand.client.transport.now() < ends_s:
        event = stand.client.next_event(0.05)
        if event is not None and event["ev"] == kind:
            return event
        if stand.client.transport.now() >= due_s:
            due_s = stand.client.transport.now() + 0.7
            try:
                renew()
            except RefusedError as error:  # it ended a moment ago
                assert "does not run" in str(error)
    raise AssertionError(kind)


def ctrl_c_leaves_a_prompt_with_the_output_off(stand: Bench) -> None:
    start(stand)
    stand.pico.serial_write(b"\x03")
    stand.pico.run_for_ms(3000)  # and no watchdog that ends the prompt
    assert b"output off, watchdog off" in stand.pico.serial_read()
    assert stand.pico.gate == 0 and stand.pico.dac.code == 2048
    assert stand.pico.trace.resets == []


def maintenance_boots_to_the_prompt(stand: Bench) -> None:
    stand.request("maintenance")
    stand.pico.run_for_ms(3000)
    assert b"maintenance: output off" in stand.pico.serial_read()
    assert stand.pico.gate == 0 and len(stand.pico.trace.resets) == 1


# What the link alone can tell: on a real board too.
BY_LINK: tuple[Scenario, ...] = (
    self_test_passes, a_session_delivers_what_was_asked_for, stop_ramps_down_and_stop_now_does_not_wait,
    pause_and_resume, lease_expiry_ramps_down, a_threshold_binds, what_the_samples_cannot_play_is_refused,
    every_kind_of_waveform_runs, a_programme_runs,
)  # fmt: skip
# What needs injection, or the truth about pins and current.
BY_TRUTH: tuple[Scenario, ...] = (
    boots_from_off_to_ready, over_current_trips, comparator_is_told, emergency_stop_opens_the_gate,
    a_broken_estop_wire_means_stop, a_dac_that_vanishes_ends_the_session,
    an_open_electrode_never_gets_more_than_sensing, lifting_brings_no_shock_on_contact_again,
    felt_lowers_the_current, a_change_is_taken_up, the_gate_is_read_back, settings_survive_a_loss_of_power,
    a_fault_survives_a_loss_of_power, a_session_cut_off_by_a_loss_of_power_is_told, a_watchdog_that_bites_is_proven,
    ctrl_c_leaves_a_prompt_with_the_output_off, maintenance_boots_to_the_prompt,
)  # fmt: skip


class Outside:
    """Stands where the bench's board stands, for a real one: what the link tells of it, in real time."""

    tolerance_ua = 36  # ours: offset and gain of a stage without calibration, as hw/output_checks.py permits

    def __init__(self, device: Device) -> None:
        self._device = device
        self.board = board_constants(device.request("hello")["board"])

    @property
    def gate(self) -> int:
        return self._device.request("status")["gate"]

    def run_for_ms(self, ms: float) -> None:
        self._device.wait_ms(ms)


@pytest.fixture
def esp32(tmp_path: Path) -> Iterator[Bench]:
    """The ESP32's files, booted, DAC commissioned, typical skin under 10 cm2."""
    stand = made_esp32(tmp_path)
    stand.pico.run_for_ms(2500)
    stand.pico.serial_read()
    stand.client.hello()
    yield stand
    ended(stand)


@pytest.mark.rung("stage")
@pytest.mark.parametrize("scenario", BY_LINK, ids=lambda scenario: scenario.__name__)
def test_board(device: Device, scenario: Scenario) -> None:
    """The virtual Pico, or the board on --port."""
    stand = cast(Any, device)
    if not isinstance(device, Bench):
        stand.pico = Outside(device)
    scenario(stand)
    assert device.request("status")["gate"] == 0 or device.request("stop", {"now": True})


@pytest.mark.parametrize("scenario", BY_TRUTH, ids=lambda scenario: scenario.__name__)
def test_pico(bench: Bench, scenario: Scenario) -> None:
    scenario(bench)
    assert bench.pico.gate == 0 or bench.request("stop", {"now": True})


@pytest.mark.parametrize("scenario", BY_LINK + BY_TRUTH, ids=lambda scenario: scenario.__name__)
def test_esp32(esp32: Bench, scenario: Scenario) -> None:
    scenario(esp32)
    assert esp32.pico.gate == 0 or esp32.request("stop", {"now": True})


@pytest.fixture(params=[pico_board.BOARD, esp32_board.BOARD])
def hanging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A board whose main loop hangs for as long as `counters` asks for."""
    source = COMMANDS.read_text()
    assert source.count(HANG) == 1
    copy = tmp_path / "commands.py"
    copy.write_text(source.replace(HANG, HANGS))
    # No machine code: it runs on both.
    changed = {"/lib/firmware/core/commands.mpy": compile_for_pico(copy, "firmware/core/commands.py")}
    if request.param == pico_board.BOARD:
        stand = made_bench(*code_of(pico_board.BOARD, build_firmware(pico_board.BOARD).files | changed), {})
        stand.pico.open_port()
    else:
        stand = made_esp32(tmp_path, changed)
    stand.pico.run_for_ms(2500)
    stand.pico.serial_read()
    stand.client.hello()
    yield stand
    if request.param == esp32_board.BOARD:
        ended(stand)


def test_a_main_loop_that_hangs_loses_the_output_then_the_board(hanging: Bench) -> None:
    """The dead-man opens the gate 100 ms after the last look; a longer hang is ended by the watchdog, gate open.

    Some 40 ms before that look the request was sent.
    """
    start(hanging)
    began_ns = hanging.pico.now_ns
    hanging.request("counters", {"ms": 200})
    after_ms = (hanging.gate_dropped_ns(began_ns) - began_ns) / MS
    assert 100 <= after_ms <= 100 + 45 + OFF_MS[hanging.pico.board.BOARD]
    hanging.pico.run_for_ms(50)
    assert latched(hanging) == faults.SUPERVISOR_LATE and hanging.request("clear") == {"code": 0}
    assert hanging.pico.trace.resets == []
    hanging.client.transport.write(_line({"id": 1000, "cmd": "counters", "args": {"ms": 3000}}))
    hanging.pico.run_for_ms(2500)
    assert [cause for _t, cause in hanging.pico.trace.resets] == ["watchdog"] and hanging.pico.gate == 0
    hanging.client.reconnect()
    assert latched(hanging) == faults.WATCHDOG_RESET


def _line(message: dict) -> bytes:
    return framing.encode(message).encode()
