"""What is the ESP32's own: late callbacks, a clock that wraps, a noisy ADC, a UART, resets, radios."""

import pytest

from boards.esp32_devkit import board
from firmware.shared import faults, protocol
from tests.hil.conftest import CONTACT_MS, Bench

from .bench import VirtualEsp32
from .conftest import MakeStand, esp32_of

PERIOD_MS = board.PERIODS_US[-1] // 1000
WAVE = {"amplitude_ua": 200, "frequency_mhz": 2000, "duration_ms": 60_000, "ramp_ms": 500, "sample_us": 0}
SETTLED_MS = CONTACT_MS + 1000
UART_BYTES_PER_MS = board.LINK_BAUD / 10_000
UART_FIFO_BYTES = 128


def began(stand: Bench) -> dict:
    """A session at full amplitude; its terms."""
    stand.request("config", {"set": {"lease_ms": 10_000}})
    terms = stand.request("arm", {"wave": WAVE})
    stand.request("start", {"session": terms["session"]})
    stand.pico.run_for_ms(SETTLED_MS)
    assert stand.request("status")["state"] == "ACTIVE"
    return terms


def row(stand: Bench) -> dict[str, int]:
    """The newest telemetry by name."""
    return dict(zip(protocol.TELEMETRY_FIELDS, stand.request("status")["telemetry"], strict=True))


def test_a_collection_of_garbage_delays_a_sample_and_is_counted(stand: MakeStand) -> None:
    """30 ms within C: a late sample, no fault, and no charge that is not accounted for."""
    made = stand()
    began(made)
    for _ in range(4):
        made.pico.run_for_ms(PERIOD_MS * 5 + 7)
        esp32_of(made).stall(30)
    made.pico.run_for_ms(500)
    told = row(made)
    assert told["fault"] == faults.NONE and told["late"] > 0
    assert PERIOD_MS * 1000 // 2 < told["worst_late_us"] < PERIOD_MS * 1000
    # What the record says moved is what the skin got, within 2 %: charge is counted by the time a sample lasted.
    made.request("stop", {"now": True})
    trace = made.pico.trace
    _t, _commanded, delivered, _mv = trace.current(0, made.pico.now_ns, 100_000)
    true_nc = float(abs(delivered).sum()) * 0.1
    assert abs(row(made)["total_charge_nc"] - true_nc) < 0.02 * true_nc + 8 * 1000  # 8 uA of contact sensing for 1 s


def test_a_sample_that_comes_a_period_late_ends_the_session(stand: MakeStand) -> None:
    made = stand()
    began(made)
    esp32_of(made).stall(2 * PERIOD_MS + 5)
    made.pico.run_for_ms(2 * PERIOD_MS + 40)
    code = made.request("faults")["code"]
    assert code in (faults.SAMPLE_INTERRUPT_LATE, faults.SAMPLE_INTERRUPT_STOPPED) and made.pico.gate == 0


@pytest.mark.parametrize("before_us", [1_000_000, 3_500_000])
def test_a_clock_that_wraps_is_no_late_sample(stand: MakeStand, before_us: int) -> None:
    """ticks_us() wraps after 18 minutes: here while the session runs, or while the board tests itself."""
    made = stand(start_us=(1 << 30) - before_us)
    began(made)
    made.pico.run_for_ms(2000)
    told = row(made)
    assert told["fault"] == faults.NONE and told["worst_late_us"] < 5000


def test_a_noisy_adc_neither_fails_the_self_test_nor_finds_contact_lost(stand: MakeStand) -> None:
    """3 mV up and down from one conversion to the next: four counts, a quarter of the sensing current."""
    made = stand(noise_mv=3.0)
    assert made.request("selftest")["passed"]
    began(made)
    told = row(made)
    assert (told["fault"], told["lift_offs"]) == (faults.NONE, 0)
    assert 194 <= told["delivered_ua"] <= 206


def test_the_uart_is_never_given_more_than_it_holds(stand: MakeStand) -> None:
    """At the highest telemetry rate: a write that had to wait would keep the callbacks from running."""
    made = stand()
    began(made)
    made.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
    made.pico.serial_read()
    held, most, sent = 0.0, 0.0, 0
    for _ in range(600):
        made.pico.run_for_ms(2)
        count = len(made.pico.serial_read())
        sent += count
        held = max(0.0, held - 2 * UART_BYTES_PER_MS) + count
        most = max(most, held)
    assert most <= UART_FIFO_BYTES + 2 * UART_BYTES_PER_MS  # one look of this loop
    assert sent > 0.7 * 1200 * UART_BYTES_PER_MS
    assert made.pico.gate == 1


def test_a_bus_that_hangs_ends_the_session(stand: MakeStand) -> None:
    made = stand()
    began(made)
    made.pico.hold_sda = True
    made.pico.run_for_ms(PERIOD_MS + 60)
    assert made.pico.gate == 0 and made.request("faults")["code"] == faults.DAC_NO_ACK


@pytest.mark.parametrize(("cause", "calls"), [("power", 0), ("software", 0), ("watchdog", 0), ("soft", 2)])
def test_wifi_is_off_after_every_reset(stand: MakeStand, cause: str, calls: int) -> None:
    """Only after a soft reset can it be on; then both interfaces are switched off. Else it is not even loaded."""
    made = stand()
    chip = esp32_of(made)
    assert chip.radio_calls == []
    chip.reset(cause)
    made.client.reconnect()
    assert len(chip.radio_calls) == calls and not any(chip.radios.values())


RESTARTS = """
import sys
sys.path.append("/lib")
import machine, time
from firmware.hw import restart_esp32 as r
print(r.reset_cause(), r.take_maintenance(), r.take_watchdog_test(), r.last_state())
if r.reset_cause() == "power":
    r.keep_state(6)
    r.request_maintenance()
    r.keep_state(7)
    machine.reset()
elif r.reset_cause() == "software":
    r.request_watchdog_test()
    machine.WDT(timeout=100)
    time.sleep_ms(1000)
else:
    r.stop_watchdog()
    time.sleep_ms(1500)
    print("still here")
"""


def test_flags_and_state_survive_resets(chip: VirtualEsp32, firmware_of_esp32: dict[str, bytes]) -> None:
    chip.install_files(firmware_of_esp32 | {"/main.py": RESTARTS.encode()})
    chip.run_for_ms(4000)
    assert chip.serial_read().decode().split("\n")[:4] == [
        "power False False 0", "software True False 7", "watchdog False True 7", "still here",
    ]  # fmt: skip


ENGINE = """
import sys, time
sys.path.append("/lib")
import board
from firmware.core import waveplan
from firmware.hw import bus, dac, engine_esp32
from firmware.shared import waveform
part = dac.Dac(bus.open_bus(board, board), board.DAC_ADDRESS)
engine = engine_esp32.Engine(board, [part])
wave, _ = waveform.check({"amplitude_ua": 100, "frequency_mhz": 2000, "duration_ms": 60000, "ramp_ms": 200})
plan = waveplan.plan(wave, board.PERIODS_US[-1], board.FULL_SCALE_UA)
print("armed", engine.arm([plan], [100]))
for _ in range(8):
    time.sleep_ms(30)
    engine.feed()
"""


def test_a_callback_of_a_session_before_does_nothing(chip: VirtualEsp32, firmware_of_esp32: dict[str, bytes]) -> None:
    """The scheduler may still hold one when the engine is disarmed: it must not touch the DAC of a self-test."""
    source = ENGINE + (
        "engine.disarm()\nengine.select_dummy(1)\nengine.inject(0, 3000)\nengine._tick(None)\nengine._watch(None)\n"
        "print(part.read()[1], engine.gate_closed)\n"
    )
    assert _with_library(chip, firmware_of_esp32, source).split("\n")[:2] == ["armed 0", "3000 1"]


def test_an_exception_in_a_callback_opens_the_gate(chip: VirtualEsp32, firmware_of_esp32: dict[str, bytes]) -> None:
    source = ENGINE + (
        "print(engine.run(), engine.gate_closed)\nengine._sense = None\ntime.sleep_ms(100)\n"
        "from firmware.core import meter\nprint(engine.gate_closed, engine.snapshot(0)[meter.TRIP])\n"
    )
    told = _with_library(chip, firmware_of_esp32, source)
    assert "0 1\n" in told and f"0 {faults.SAMPLE_INTERRUPT_RAISED}\n" in told and "Traceback" in told


def test_a_main_loop_that_is_silent_loses_the_output(chip: VirtualEsp32, firmware_of_esp32: dict[str, bytes]) -> None:
    source = ENGINE + (
        "engine.run()\nfrom firmware.core import meter\nbegan = time.ticks_ms()\nwhile engine.gate_closed:\n"
        "    time.sleep_ms(1)\nprint(time.ticks_diff(time.ticks_ms(), began), engine.snapshot(0)[meter.TRIP])\n"
    )
    passed_ms, trip = _with_library(chip, firmware_of_esp32, source).split("\n")[1].split()
    assert 100 <= int(passed_ms) <= 100 + 2 * 10 + 2 and int(trip) == faults.SUPERVISOR_LATE


def test_samples_that_stop_are_found_by_the_other_callback(
    chip: VirtualEsp32, firmware_of_esp32: dict[str, bytes]
) -> None:
    source = ENGINE + (
        "engine.run()\nfrom firmware.core import meter\nengine._timer.deinit()\nbegan = time.ticks_ms()\n"
        "while engine.gate_closed:\n    time.sleep_ms(1)\n    engine.feed()\n"
        "print(time.ticks_diff(time.ticks_ms(), began), engine.snapshot(0)[meter.TRIP])\n"
    )
    passed_ms, trip = _with_library(chip, firmware_of_esp32, source).split("\n")[1].split()
    assert int(passed_ms) <= 2 * PERIOD_MS + 12 and int(trip) == faults.SAMPLE_INTERRUPT_STOPPED


def _with_library(chip: VirtualEsp32, files: dict[str, bytes], source: str) -> str:
    """What a program prints that has the firmware's modules."""
    library = {name: data for name, data in files.items() if name.startswith("/lib/")}
    chip.install_files(library | {"/main.py": source.encode()})
    chip.run_for_ms(3000)
    return chip.serial_read().decode()
