"""The protecting hardware around the chip: latch, change-over, button, supply, temperature, as programs see them."""

import hashlib
import os
from math import log

import pytest

from boards.rp2040_pico import board
from microcurrent.bench.adc import CONVERSION_NS, code_of
from microcurrent.bench.control_commands import COMMANDS
from microcurrent.bench.faults import Value
from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.segments import TAU_D
from microcurrent.errors import BadValueError

from .conftest import MakePico
from .python_on import boot, run

MS = 1_000_000
RESPONSE_NS = 2_000
SETUP = """
from machine import ADC, I2C, Pin
bus = I2C(0, sda=Pin(4), scl=Pin(5), freq=400000, timeout=2000)
gate, dummy, test = (Pin(number, Pin.OUT, value=0) for number in (18, 20, 21))
tripped = Pin(22, Pin.IN)
def dac(code): bus.writeto(0x60, bytes((code >> 8, code & 255)))
dac(2048)
"""
CODE = 3277  # 600 uA


def true_ua(pico: VirtualPico, code: int) -> float:
    p = pico.stage.parameters
    return p.gain * p.commanded_ua(code) + p.offset_ua


@pytest.fixture
def ready(pico: VirtualPico) -> VirtualPico:
    run(pico, SETUP)
    return pico


# --- pins


def test_control_pins_are_low_while_nobody_drives_them(pico: VirtualPico) -> None:
    assert (pico.gate, pico.stage.on_dummy, pico.pin(board.TRIP_TEST_PIN), pico.pin(board.TRIPPED_PIN)) == (
        0,
        False,
        0,
        0,
    )
    run(pico, "from machine import Pin\nfor number in (18, 20, 21): Pin(number, Pin.IN, Pin.PULL_UP)")
    assert (pico.gate, pico.stage.on_dummy, pico.pin(board.TRIP_TEST_PIN)) == (0, False, 0)  # external resistors
    run(pico, "for number in (20, 21): Pin(number, Pin.OUT, value=1)")
    assert (pico.stage.on_dummy, pico.pin(board.TRIP_TEST_PIN)) == (True, 1)
    pico.reset()
    assert (pico.stage.on_dummy, pico.pin(board.TRIP_TEST_PIN)) == (False, 0)


def test_a_battery_supplies_it_unless_a_cable_does(pico: VirtualPico) -> None:
    read = "from machine import Pin; print(Pin(24, Pin.IN).value())"
    assert run(pico, read) == "0"
    pico.drive_pin(board.VBUS_PIN, 1)
    assert run(pico, read) == "1"


def test_button(pico: VirtualPico) -> None:
    read = "from machine import Pin; print(Pin(14, Pin.IN, Pin.PULL_UP).value())"
    assert (run(pico, read), pico.button.held) == ("1", False)
    pico.button.hold()
    assert (run(pico, read), pico.button.held) == ("0", True)
    pico.button.release()
    assert (run(pico, read), pico.button.held) == ("1", False)
    pressed_ns = pico.now_ns
    pico.button.press(25)
    pico.run_for_ms(10)
    pico.button.press(30)  # replaces the first
    pico.run_for_ms(50)
    assert pico.trace.pin_edges(board.BUTTON_PIN)[-2:] == [(pressed_ns, 0), (pressed_ns + 40 * MS, 1)]
    pico.button.press(5)
    pico.button.hold()
    pico.run_for_ms(10)
    assert pico.button.held


def test_device_state_is_beside_the_watchdog(pico: VirtualPico) -> None:
    assert pico.device_state == 0
    run(pico, "from machine import mem32; mem32[0x40058010] = 0xABCD0207")
    assert pico.device_state == 7
    pico.reset("watchdog")
    assert pico.device_state == 7
    pico.reset("run")
    assert pico.device_state == 0


# --- ADC


def test_supply_and_temperature_on_the_adc(pico: VirtualPico) -> None:
    read = "print(ADC(28).read_u16() >> 4, ADC(4).read_u16() >> 4)"
    run(pico, "from machine import ADC")
    for supply_mv, temperature_c in ((12_000, 27), (10_799, 61.5), (0, -20), (20_000, 100)):
        pico.supply_mv, pico.temperature_c = supply_mv, temperature_c
        supply, sensor = map(int, run(pico, read).split())
        assert supply == code_of(supply_mv / 5 / 3300 * 4096)
        volts = 0.706 - (temperature_c - 27) * 0.001721  # RP2040 data sheet 4.9.5
        assert sensor == code_of(volts / 3.3 * 4096)
    pico.supply_mv, pico.temperature_c = 12_000, 27
    supply, sensor = map(int, run(pico, read).split())
    assert supply * 3300 / 4096 * board.SUPPLY_DIVIDER == pytest.approx(12_000, abs=50)
    assert 27 - (sensor * 3.3 / 4096 - 0.706) / 0.001721 == pytest.approx(27, abs=4)  # RP2040-E11 is most of it


def test_the_adc_sees_the_dummy_load(ready: VirtualPico) -> None:
    run(ready, f"dummy(1); gate(1); dac({CODE})")
    sense, voltage = map(int, run(ready, "print(ADC(26).read_u16() >> 4, ADC(27).read_u16() >> 4)").split())
    ua = true_ua(ready, CODE)
    assert sense == code_of(2048 + ua * 1.5 / 3300 * 4096)
    assert voltage == code_of(2048 + ua * 4.7 / 8 / 3300 * 4096)
    assert ready.stage.current_ua(ready.now_ns) == 0
    assert ready.trace.charge_nc(0, ready.now_ns) == 0
    run(ready, "dummy(0)")
    assert ready.stage.current_ua(ready.now_ns) == pytest.approx(ua)


# --- latch


def test_the_latch_opens_the_switch_and_tells_the_chip_at_the_exact_instant(ready: VirtualPico) -> None:
    run(ready, "seen = []\ntripped.irq(lambda pin: seen.append(pin.value()), Pin.IRQ_RISING, hard=False)")
    run(ready, f"dummy(1); test(1); gate(1); dac({CODE})")
    ua = true_ua(ready, CODE)
    dac_ns = next(t_ns for t_ns, code in zip(*ready.trace.dac(), strict=True) if code == CODE)
    # The DAC has been settled at 2048 for long, so the current starts at the stage's offset.
    offset_ua = true_ua(ready, 2048)
    due_ns = dac_ns + TAU_D * log((ua - offset_ua) / (ua - board.COMPARATOR_UA / 2)) + RESPONSE_NS
    at_ns, level = ready.trace.pin_edges(board.TRIPPED_PIN)[-1]
    assert level == 1 and 0 <= at_ns - due_ns < 1
    assert ready.trace.switch[-1] == (at_ns, False)
    assert (ready.gate, ready.stage.closed, ready.pin(board.TRIPPED_PIN)) == (1, False, 1)
    assert run(ready, "print(seen, tripped.value(), ADC(26).read_u16() >> 4)") == "[1] 1 2048"
    run(ready, "gate(0)")
    assert run(ready, "print(tripped.value())") == "0"
    assert ready.trace.pin_edges(board.TRIPPED_PIN)[-1] == ready.trace.pin_edges(board.GATE_PIN)[-1]
    run(ready, "test(0); gate(1)")
    assert ready.stage.closed  # 600 uA are below the whole threshold


def test_the_latch_sets_whatever_the_chip_is_doing(ready: VirtualPico) -> None:
    """Interrupts off, in an endless loop, and nobody asks the stage: its pin moves in mid-instruction stream."""
    run(ready, f"gate(1); dac({CODE})")
    ready.serial_write(b"import machine\nmachine.disable_irq()\nwhile True: pass\n\x04")
    ready.run_for_ms(20)
    fault_ns = ready.now_ns + 12_345
    ready.at(fault_ns, lambda: ready.fail(limiter_shorted="up", pump_rail="up"))
    assert ready.run_while(lambda: not ready.pin(board.TRIPPED_PIN), 5)
    assert ready.trace.switch[-1] == (fault_ns + RESPONSE_NS, False)
    assert ready.trace.pin_edges(board.TRIPPED_PIN)[-1] == (fault_ns + RESPONSE_NS, 1)
    ready.run_for_ms(5)
    assert ready.stage.current_ua(fault_ns + RESPONSE_NS - 1) > board.COMPARATOR_UA
    assert ready.trace.charge_nc(fault_ns + RESPONSE_NS, ready.now_ns) == 0
    assert ready.gate == 1
    ready.reset("watchdog")
    assert (ready.gate, ready.pin(board.TRIPPED_PIN)) == (0, 0)


def test_what_is_over_before_the_response_time_leaves_no_alarm_behind(ready: VirtualPico) -> None:
    run(ready, f"gate(1); dac({CODE})")
    fault_ns = ready.now_ns + MS
    ready.at(fault_ns, lambda: ready.fail(limiter_shorted="up", pump_rail="up"))
    ready.at(fault_ns + RESPONSE_NS - 100, lambda: ready.fail(limiter_shorted="", pump_rail=""))
    ready.run_for_ms(5)
    assert ready.trace.pin_edges(board.TRIPPED_PIN) == [(0, 0)]
    assert ready.stage.closed
    assert ready.stage.current_ua(fault_ns + RESPONSE_NS - 101) > board.COMPARATOR_UA


def test_a_conversion_that_ended_before_the_fault_does_not_show_it(ready: VirtualPico) -> None:
    run(ready, f"gate(1); dac({CODE})\nfrom machine import mem32\nADC(26)")
    began_ns = int(run(ready, "import time\nmem32[0x4004C000] = 1 | 1 << 2\nprint(time.ticks_us())")) * 1000
    ready.fail(sense_stuck_mv=0.0)
    assert run(ready, "print(mem32[0x4004C004])") == str(code_of(2048 + true_ua(ready, CODE) * 1.5 / 3300 * 4096))
    assert began_ns + CONVERSION_NS < ready.now_ns
    assert run(ready, "print(ADC(26).read_u16() >> 4)") == "0"


# --- control socket


def ask(pico: VirtualPico, do: str, **request: Value) -> dict[str, object]:
    return COMMANDS[do](pico, {"do": do, **request})


def test_what_the_control_socket_can_do(ready: VirtualPico) -> None:
    begin = ask(ready, "status")
    assert {name: begin[name] for name in ("faults", "button", "usb", "supply_mv", "temperature_c", "state")} == {
        "faults": {},
        "button": False,
        "usb": False,
        "supply_mv": 12_000,
        "temperature_c": 27,
        "state": 0,
    }
    held = ask(ready, "button", ms=30)
    assert held == {"button": True, "until_ns": ready.now_ns + 30 * MS}
    assert ask(ready, "usb", on=True) == {"usb": True}
    assert ask(ready, "supply", mv=9_500) == {"supply_mv": 9_500}
    assert ask(ready, "temperature", c=70) == {"temperature_c": 70}
    broken = {"offset_ua": 5, "limiter_shorted": "up"}
    assert ask(ready, "fail", **broken) == {"faults": broken}
    run(ready, "dummy(1); gate(1); dac(4095)")
    now = ask(ready, "status")
    assert {name: now[name] for name in ("gate", "switch", "dummy", "tripped", "button", "usb", "supply_mv")} == {
        "gate": 1,
        "switch": False,
        "dummy": True,
        "tripped": True,
        "button": True,
        "usb": True,
        "supply_mv": 9_500,
    }
    assert now["faults"] == broken
    assert ask(ready, "button", ms=0)["button"] is False
    assert ask(ready, "fail", limiter_shorted="", offset_ua=0) == {"faults": {}}


@pytest.mark.parametrize(
    ("do", "request_", "text"),
    [
        ("button", {"ms": -1}, "ms cannot be -1; nothing was changed; give a number from 0 to 600000"),
        ("button", {"ms": True}, "ms cannot be True"),
        ("supply", {"mv": 16_501}, "mv cannot be 16501; nothing was changed; give a number from 0 to 16500"),
        ("supply", {"mv": float("nan")}, "mv cannot be nan"),
        ("temperature", {"c": "hot"}, "c cannot be 'hot'; nothing was changed; give a number from -40 to 125"),
        ("fail", {"pump": "up"}, "there is no fault 'pump' of the stage"),
    ],
)
def test_what_the_control_socket_refuses(pico: VirtualPico, do: str, request_: dict[str, Value], text: str) -> None:
    before = ask(pico, "status")
    with pytest.raises(BadValueError, match=text):
        ask(pico, do, **request_)
    assert ask(pico, "status") == before


# --- fork


def fingerprint(pico: VirtualPico) -> bytes:
    """Of everything the run has led to: memory, registers, trace, current."""
    trace, stage = pico.trace, pico.stage
    digest = hashlib.sha256(bytes(pico.mcu.sram))
    for kept in (trace.dac_ns, trace.dac_codes, trace.bus.events, stage.electrodes.segments, stage.dummy.segments):
        digest.update(kept.tobytes())
    state = (pico.now_ns, list(pico.mcu.core.registers), trace.pins, trace.switch, stage.current_ua(pico.now_ns))
    digest.update(repr(state).encode())
    return digest.digest()


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the test runner's threads, none of ours
def test_a_fork_in_mid_session_goes_on_as_its_parent_does(make: MakePico) -> None:
    pico = boot(make(load="typical"))
    run(pico, SETUP)
    pico.serial_write(b"gate(1)\nwhile True:\n for code in range(1000, 3000, 7): dac(code); ADC(26).read_u16()\n\x04")
    pico.run_for_ms(20)
    assert pico.stage.closed
    pico.run_until(pico.now_ns + 3_333)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            pico.run_for_ms(5)
            os.write(writer, fingerprint(pico))
        finally:
            os._exit(0)
    os.close(writer)
    before = fingerprint(pico)
    pico.run_for_ms(5)
    ours = fingerprint(pico)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == ours != before
    os.waitpid(child, 0)
