"""Everything that must end the current does, in its time, and says so."""

from collections.abc import Callable

import pytest

from firmware.shared import faults, framing, protocol
from microcurrent.errors import FaultError, RefusedError
from tests import frozen

from .conftest import CONTACT_MS, Bench, Device

MS = 1_000_000


def active(bench: Bench, **changes: object) -> None:
    """Start a long session and bring it to full amplitude."""
    bench.start(**({"duration_ms": 60_000, "ramp_ms": 100} | changes))
    bench.pico.run_for_ms(CONTACT_MS + 200)
    assert bench.pico.gate == 1


def latched(bench: Bench) -> int:
    return bench.request("faults")["code"]


def test_no_current_flows_from_power_on_to_the_first_session(bench: Bench) -> None:
    """The self-test closes the gate, but into the dummy load: nothing reaches the electrodes."""
    assert [level for _t, level in bench.gate_edges_of_sessions()] == [0]
    assert any(level for _t, level in bench.gate_edges)
    assert bench.peak_ua(0, bench.pico.now_ns) == 0


PERIODS_US = [250, 100, 62]


@pytest.mark.parametrize("sample_us", PERIODS_US)
@pytest.mark.parametrize("percent", [0, 13, 37, 61, 88])
def test_over_current_opens_the_gate_in_the_next_interrupt(bench: Bench, percent: int, sample_us: int) -> None:
    """A pump that runs to its positive rail, at five instants within the sample period."""
    active(bench, sample_us=sample_us)
    fault_ns = bench.pico.now_ns + sample_us * (100 + percent) * 10

    bench.pico.at(fault_ns, lambda: bench.pico.stage.fail(fault_ns, pump_rail="up"))
    bench.pico.run_for_ms(50)
    dropped_ns = bench.gate_dropped_ns(fault_ns)
    assert dropped_ns - fault_ns <= faults.off_us(faults.OVER_CURRENT, sample_us) * 1000 == (sample_us + 5) * 1000
    assert bench.peak_ua(fault_ns, dropped_ns) < 1000
    assert bench.peak_ua(dropped_ns + 1000, bench.pico.now_ns) == 0
    assert latched(bench) == faults.OVER_CURRENT
    with pytest.raises(FaultError, match="a fault is latched"):
        bench.start()


@pytest.mark.parametrize("sample_us", PERIODS_US)
def test_a_dac_that_vanishes_ends_the_session(bench: Bench, sample_us: int) -> None:
    active(bench, sample_us=sample_us)
    fault_ns = bench.pico.now_ns
    bench.pico.dac.absent = True
    bench.pico.run_for_ms(60)
    assert bench.gate_dropped_ns(fault_ns) - fault_ns < faults.off_us(faults.DAC_NO_ACK, sample_us) * 1000
    assert latched(bench) == faults.DAC_NO_ACK
    with pytest.raises(FaultError, match="the cause persists"):
        bench.request("clear")
    bench.pico.dac.absent = False
    assert bench.request("clear") == {"code": 0}
    assert bench.run().reason == "duration"


@pytest.mark.parametrize("sample_us", PERIODS_US)
def test_emergency_stop_opens_the_gate_in_the_interrupt(bench: Bench, sample_us: int) -> None:
    active(bench, sample_us=sample_us)
    fault_ns = bench.pico.now_ns
    bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 1)
    bench.pico.run_for_ms(60)
    assert bench.gate_dropped_ns(fault_ns) - fault_ns <= faults.off_us(faults.ESTOP, sample_us) * 1000
    assert latched(bench) == faults.ESTOP
    with pytest.raises(FaultError, match="still open"):
        bench.request("clear")
    bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 0)
    assert bench.request("clear") == {"code": 0}


def test_a_broken_estop_wire_means_stop(bench: Bench) -> None:
    active(bench)
    bench.pico.release_pin(bench.pico.board.ESTOP_PIN)
    bench.pico.run_for_ms(5)
    assert bench.pico.gate == 0 and latched(bench) == faults.ESTOP


@pytest.mark.rung("stage")
def test_a_silent_host_loses_its_lease_and_the_device_ramps_down(device: Device) -> None:
    ran = device.run(renew=False, duration_ms=10_000, ramp_ms=300)
    assert ran.reason == "lease" and "RAMP_DOWN" in ran.states
    assert 2000 - CONTACT_MS <= ran.last["elapsed_ms"] <= 2000 + 300 + 60 - 300  # the lease runs while sensing, too
    lost = device.request("faults")
    assert (lost["code"], lost["session"]) == (faults.LEASE_LOST, ran.terms["session"])
    assert device.request("clear") == {"code": 0}


def test_a_closed_port_is_a_silent_host(bench: Bench) -> None:
    active(bench)
    start_ns = bench.pico.now_ns
    bench.pico.close_port()
    bench.pico.run_for_ms(2500)
    assert bench.gate_dropped_ns(start_ns) - start_ns < 2_200 * MS
    bench.pico.open_port()
    bench.pico.run_for_ms(50)
    assert bench.request("status")["end"] == "lease"


@pytest.mark.rung("stage")
def test_stop_ramps_down_and_stop_now_does_not_wait(device: Device) -> None:
    device.start(duration_ms=60_000, ramp_ms=400)
    began = device.client.transport.now()
    assert device.request("stop")["state"] in ("RAMP_DOWN", "READY")
    while device.request("status")["state"] != "READY":
        assert device.client.transport.now() - began < 2
    device.start(duration_ms=60_000, ramp_ms=400)
    device.request("stop", {"now": True})
    assert device.request("status")["gate"] == 0


# From power-on, so they follow from how long the boot takes: test_the_instants_strike_what_they_are_meant_for.
ARMED_MS, STARTED_MS = 2600, 2800  # when the host's two lines arrive
UPLOADED_MS = (5, 60, 150, 320, 560, 850.9, 1150, 1480.7, 1700, 1850, 1950, 2085, 2150, 2230, 2245, 2262.8, 2290, 2315,
               2326.3, 2337, 2343.7, 2370, 2405)  # fmt: skip
FROZEN_MS = (5, 60, 150, 320, 560, 700.9, 752, 758, 770.8, 777.5, 788, 796.6, 806.7, 813, 840, 870, 890)
BOOTING_MS = FROZEN_MS if frozen.chosen() else UPLOADED_MS
ARMING_MS = (2601, 2622, 2640.7, 2690, 2790)
STARTING_MS = (2801, 2818, 2828.6, 2840, 2870, 2900.3, 2930, 3100)
TREATING_MS = (3250, 3303.7, 3400)


def boot_to_be_asked(boot: Callable[..., Bench]) -> Bench:
    """A board that has not run yet; a host that arms and starts once it will serve."""
    bench = boot()
    bench.pico.open_port()
    bench.pico.at(ARMED_MS * MS, lambda: bench.pico.serial_write(line("arm", wave=WAVE)))
    bench.pico.at(STARTED_MS * MS, lambda: bench.pico.serial_write(line("start", session=1)))
    return bench


def test_the_instants_strike_what_they_are_meant_for(boot: Callable[..., Bench]) -> None:
    """Undisturbed, the board is there where the instants below say; a boot that takes longer must move them."""
    bench = boot_to_be_asked(boot)

    def seen(instants_ms: tuple[float, ...]) -> list[tuple[int, int]]:
        found = []
        for instant_ms in instants_ms:
            bench.pico.run_until(int(instant_ms * MS))
            found.append((bench.pico.device_state, bench.pico.gate))
        return found

    booting, arming, starting, treating = map(seen, (BOOTING_MS, ARMING_MS, STARTING_MS, TREATING_MS))
    assert booting.count((protocol.SELF_TEST, 1)) >= 2 and booting[-1] == (protocol.READY, 0)
    assert (protocol.SELF_TEST, 1) in arming and arming[-1] == (protocol.ARMED, 0)
    assert starting[0] == (protocol.ARMED, 0) and starting[-1] == (protocol.RAMP_UP, 1)
    assert starting.count((protocol.ARMED, 0)) >= 2, "the flash write"
    assert all(gate for _state, gate in treating) and treating[-1] == (protocol.ACTIVE, 1)


@pytest.mark.parametrize("instant_ms", BOOTING_MS + ARMING_MS + STARTING_MS + TREATING_MS)
def test_ctrl_c_at_any_instant_is_off_before_the_prompt(boot: Callable[..., Bench], instant_ms: float) -> None:
    """In boot, self-test, arming, flash writes, contact sensing and treatment; twice in a row, as mpremote does."""
    bench = boot_to_be_asked(boot)
    bench.pico.run_until(instant_ms * MS)
    bench.pico.serial_read()
    bench.pico.serial_write(b"\r\x03\x03")
    heard = bytearray()

    def prompt() -> bool:
        heard.extend(bench.pico.serial_read())
        return heard.rstrip().endswith(b">>>")

    assert bench.pico.run_while(lambda: not prompt(), 3000), bytes(heard)
    assert bench.pico.gate == 0
    treated = instant_ms in TREATING_MS or instant_ms == STARTING_MS[-1]
    assert any(level for _t, level in bench.gate_edges_of_sessions()) >= treated
    bench.pico.run_for_ms(1500)
    assert bench.pico.trace.resets == [], "the watchdog must not bite at the prompt"
    # A start that was being carried out ends its flash write first; then contact sensing may just begin, and is ended.
    last_ms = 200 if instant_ms in STARTING_MS else 50
    assert bench.pico.gate == 0 and bench.peak_ua(int((instant_ms + last_ms) * MS), bench.pico.now_ns) == 0
    if last_ms == 200:
        assert bench.peak_ua(int(instant_ms * MS), bench.pico.now_ns) < 10


@pytest.mark.parametrize("apart_us", [20, 70, 195, 320, 1000, 9000, 16_000, 24_000])
def test_a_second_ctrl_c_cannot_strike_on_the_way_out(bench: Bench, apart_us: int) -> None:
    """A hasty hand, or a host that sends two packets: the way to the prompt is not interrupted."""
    active(bench)
    bench.pico.serial_read()
    bench.pico.at(bench.pico.now_ns + apart_us * 1000, lambda: bench.pico.serial_write(b"\x03"))
    pressed_ns = bench.pico.now_ns
    bench.pico.serial_write(b"\x03")
    bench.pico.run_for_ms(100)
    heard = bench.pico.serial_read()
    assert b"stopped: output off, watchdog off" in heard and b"Traceback" not in heard
    assert heard.rstrip().endswith(b">>>")
    assert bench.gate_dropped_ns(pressed_ns) - pressed_ns < 60 * MS  # a pass in which garbage is collected
    bench.pico.run_for_ms(1500)
    assert bench.pico.trace.resets == [] and bench.pico.gate == 0 and bench.pico.dac.code == 2048


WAVE = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 60000, "ramp_ms": 100}


def line(command: str, **arguments: object) -> bytes:
    return framing.encode({"id": 1, "cmd": command, "args": arguments}).encode()


def test_a_hung_main_loop_is_cut_off_by_the_interrupt_then_reset_by_the_watchdog(bench: Bench) -> None:
    """The CPU loops for ever in the main program: interrupts go on, nothing else does."""
    active(bench)
    hang_ns = bench.pico.now_ns
    hang(bench, interrupts=True)
    bench.pico.run_for_ms(600)
    dropped_ns = bench.gate_dropped_ns(hang_ns)
    assert 80 * MS < dropped_ns - hang_ns < 101 * MS
    assert resets_after(bench, hang_ns) == ["watchdog"]
    bench.client.reconnect()
    status = bench.request("status")
    assert (status["reset"], status["gate"], status["fault"]) == ("watchdog", 0, faults.WATCHDOG_RESET)
    assert [level for t_ns, level in bench.gate_edges_of_sessions() if t_ns > dropped_ns and level] == []


def test_a_cpu_that_does_nothing_at_all_is_reset_by_the_watchdog(bench: Bench) -> None:
    """Interrupts are off and the CPU loops: only the watchdog is left, and the passive limiter until it bites."""
    active(bench)
    hang_ns = bench.pico.now_ns
    hang(bench, interrupts=False)
    bench.pico.run_for_ms(600)
    dropped_ns = bench.gate_dropped_ns(hang_ns)
    assert dropped_ns - hang_ns < 501 * MS
    assert resets_after(bench, hang_ns) == ["watchdog"]
    assert bench.peak_ua(hang_ns, dropped_ns) < 1000
    assert bench.peak_ua(dropped_ns + 1000, bench.pico.now_ns) == 0


def hang(bench: Bench, *, interrupts: bool) -> None:
    """Send the main program into `b .`, placed at the end of the RAM that the firmware does not use."""
    core, address = bench.pico.mcu.core, 0x20041FF0
    while core.ipsr:
        bench.pico.run_until(bench.pico.now_ns + 1000)
    bench.pico.mcu.write_uint32(address, 0xE7FEE7FE)
    core.pc = address
    core.waiting = False
    core.pm = not interrupts


def resets_after(bench: Bench, t_ns: int) -> list[str]:
    return [cause for reset_ns, cause in bench.pico.trace.resets if reset_ns > t_ns]


def test_the_dac_keeps_its_code_through_a_reset_but_no_current_flows(bench: Bench) -> None:
    active(bench)
    reset_ns = bench.pico.now_ns
    code = bench.pico.dac.code
    assert code != 2048
    bench.pico.reset("watchdog")
    assert bench.pico.dac.code == code and bench.pico.gate == 0
    bench.client.reconnect()
    assert bench.peak_ua(reset_ns + 1000, bench.pico.now_ns) == 0
    assert bench.pico.dac.code == 2048


@pytest.mark.rung("stage")
def test_limits_are_refused_by_the_device_itself(device: Device) -> None:
    with pytest.raises(RefusedError, match=r"amplitude is 601uA; rule profile .* permits 600uA"):
        device.start(amplitude_ua=601)
    with pytest.raises(RefusedError, match=r"amplitude is 101uA; rule polarity .* permits 100uA"):
        device.start(amplitude_ua=101, polarity="positive")
    with pytest.raises(RefusedError, match=r"amplitude is 401uA; rule density .* permits 400uA"):
        device.start(amplitude_ua=401, area_mm2=20)
    assert device.request("status")["state"] == "READY"


def test_an_unsafe_eeprom_forbids_output_until_commissioned(boot: Callable[..., Bench]) -> None:
    bench = boot(dac_eeprom=(0, 0))
    assert bench.client.hello()["commissioned"] is False
    assert latched(bench) == faults.DAC_EEPROM_UNSAFE
    with pytest.raises(FaultError):
        bench.start()
    assert bench.request("commission")["written"] is True
    assert bench.request("commission")["written"] is False
    assert (bench.pico.dac.eeprom_code, bench.pico.dac.eeprom_power_down) == (2048, 0)
    assert bench.pico.dac.eeprom_writes == 1
    assert bench.run().reason == "duration"


@pytest.mark.parametrize("offset_us", range(0, 12_000, 500))
def test_a_brief_trip_is_never_followed_by_a_closed_gate(bench: Bench, offset_us: int) -> None:
    """At any instant of the main loop's pass while contact is looked for: also between its reading and its decision."""
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(150)
    assert bench.pico.gate == 1
    fault_ns = bench.pico.now_ns + offset_us * 1000
    for t_ns, level in ((fault_ns, 1), (fault_ns + 150_000, 0)):
        bench.pico.at(t_ns, lambda level=level: bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, level))
    bench.pico.run_for_ms(80)
    dropped_ns = bench.gate_dropped_ns(fault_ns)
    assert [level for t_ns, level in bench.gate_edges if t_ns > dropped_ns] == []
    assert latched(bench) == faults.ESTOP
