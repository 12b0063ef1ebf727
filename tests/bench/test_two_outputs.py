"""A virtual Pico with two outputs, driven by small programs on the emulated board: each output does its own."""

from collections.abc import Callable
from typing import Any

import pytest
from rp2040py.rp2040 import RP2040

from boards.rp2040_pico_dual import board
from microcurrent.bench.adc import code_of
from microcurrent.bench.corrections import adc_converts_when_read
from microcurrent.bench.multiplexer import Multiplexer
from microcurrent.bench.output import Output
from microcurrent.bench.pico import VirtualPico
from microcurrent.errors import BadValueError

from .conftest import MakePico
from .python_on import boot, run

SETUP = """
from machine import ADC, I2C, Pin, mem32
import time
buses = (I2C(0, sda=Pin(4), scl=Pin(5), freq=400000, timeout=2000),
         I2C(1, sda=Pin(6), scl=Pin(7), freq=400000, timeout=2000))
gates = (Pin(18, Pin.OUT, value=0), Pin(17, Pin.OUT, value=0))
mux = (Pin(10, Pin.OUT, value=0), Pin(11, Pin.OUT, value=0))
dummy, trip_test = Pin(20, Pin.OUT, value=0), Pin(21, Pin.OUT, value=0)
def put(bus, code): buses[bus].writeto(0x60, bytes((code >> 8, code & 255)))
def select(n):
    for bit, pin in enumerate(mux): pin(n >> bit & 1)
def read(gpio): return ADC(gpio).read_u16() >> 4
def through(n):
    select(n)
    return read(28)
"""
CS, RESULT = 0x4004C000, 0x4004C004
EN, START_ONE, START_MANY, CHANNEL_2 = 1, 1 << 2, 1 << 3, 2 << 12
MS = 1_000_000


@pytest.fixture
def dual(make: MakePico) -> VirtualPico:
    """At its prompt, both DACs at zero current, 1 kohm and 2 kohm on the outputs."""
    pico = boot(make(board=board, load="1k", load2="2k", dac_eeprom=(2048, 0)))
    run(pico, SETUP)
    return pico


def volts_code(ua: float, ohm: float) -> int:
    return code_of(2048 + ua * ohm / 1000 / board.VOLTAGE_DIVIDER / 3300 * 4096)


def sense_code(ua: float) -> int:
    return code_of(2048 + ua * board.SENSE_UV_PER_UA / 1000 / 3300 * 4096)


def real_ua(code: int) -> float:
    """What the bench's unit with its own gain and offset makes of a code."""
    return (code - 2048) * 1000 / 2048 * 1.003 + 0.5


def present_ua(output: Output, pico: VirtualPico) -> float:
    return output.stage.current_ua(pico.now_ns)


def test_each_bus_has_its_own_dac(dual: VirtualPico) -> None:
    run(dual, "put(0, 2100); put(1, 1900); put(1, 1950)")
    first, second = dual.outputs
    assert (dual.dac, dual.stage, dual.bus, dual.trace) == (first.dac, first.stage, first.bus, first.trace)
    assert (list(first.trace.dac_codes), list(second.trace.dac_codes)) == ([2048, 2100], [2048, 1900, 1950])
    written = [[byte for *_, byte, _ in each.trace.bus.between(0, dual.now_ns)] for each in dual.outputs]
    assert written == [[0, 0xC0, 8, 0x34, 0], [0, 0xC0, 7, 0x6C, 0, 0, 0xC0, 7, 0x9E, 0]]
    assert not first.trace.wires and not second.trace.wires
    assert run(dual, "print(buses[1].scan())") == "[96]"
    assert {number for _, number, _ in second.trace.wires} == {6, 7} and not first.trace.wires


def test_gates_currents_and_voltages_are_each_outputs_own(dual: VirtualPico) -> None:
    everything = "print(read(26), read(27), [through(n) for n in range(4)])"
    supply = code_of(12_000 / board.SUPPLY_DIVIDER / 3300 * 4096)
    run(dual, "put(0, 2304); put(1, 1536)")
    assert run(dual, everything) == f"2048 2048 [2048, 2048, {supply}, 0]"
    assert [each.gate for each in dual.outputs] == [0, 0]
    one, two = real_ua(2304), real_ua(1536)
    assert run(dual, "gates[1](1)\n" + everything) == (
        f"2048 {sense_code(two)} [2048, {volts_code(two, 2000)}, {supply}, 0]"
    )
    assert [each.gate for each in dual.outputs] == [0, 1] and (dual.gate, dual.stage.closed) == (0, False)
    assert run(dual, "gates[0](1)\n" + everything) == (
        f"{sense_code(one)} {sense_code(two)} [{volts_code(one, 1000)}, {volts_code(two, 2000)}, {supply}, 0]"
    )
    dual.supply_mv = 11_000
    assert run(dual, "print(through(2))") == str(code_of(11_000 / board.SUPPLY_DIVIDER / 3300 * 4096))
    assert [present_ua(each, dual) for each in dual.outputs] == pytest.approx([one, two])
    commanded = [each.trace.current(dual.now_ns - MS, dual.now_ns, MS)[1][0] for each in dual.outputs]
    assert commanded == [125.0, -250.0]


def first_beside(pico: VirtualPico, disturb: Callable[[Output], None]) -> tuple[object, ...]:
    """What the first output does and shows while something happens to the second, which drives current too."""
    second = pico.outputs[1]
    run(pico, "put(0, 2304); put(1, 2304); gates[0](1); gates[1](1)")
    begin = pico.now_ns
    pico.at(begin + 5 * MS, lambda: disturb(second))
    pico.run_for_ms(20)
    told = [run(pico, f"put(0, {code}); print(read(26), through(0))") for code in (2500, 2048, 1600)]
    trace = pico.trace
    samples = [column.tolist() for column in trace.current(begin, begin + 20 * MS, 10_000)]
    return samples, trace.pins, trace.wires, list(trace.dac_ns), list(trace.bus.events), trace.switch, told


def drop_the_load(second: Output) -> None:
    second.set_load("open", 500)


def break_the_stage(second: Output) -> None:
    second.fail(pump_rail="up", limiter_shorted="up", sense_stuck_mv=100.0, divider_stuck_mv=1.0)


def hang_the_bus(second: Output) -> None:
    second.hold_sda = second.dac.absent = True


@pytest.mark.parametrize("disturb", [drop_the_load, break_the_stage, hang_the_bus])
def test_what_happens_to_the_second_does_not_reach_the_first(make: MakePico, disturb: Callable[[Output], None]) -> None:
    def told(event: Callable[[Output], None]) -> tuple[object, ...]:
        pico = boot(make(board=board, dac_eeprom=(2048, 0)))
        run(pico, SETUP)
        first = first_beside(pico, event)
        second = pico.outputs[1]
        changed.append((second.load_name, second.stage.faults.present(), second.hold_sda, present_ua(second, pico)))
        return first

    changed: list[object] = []
    assert told(disturb) == told(lambda _second: None)
    assert changed[0] != changed[1]


def test_faults_and_loads_of_the_first_do_not_reach_the_second(dual: VirtualPico) -> None:
    run(dual, "put(0, 2304); put(1, 2304); gates[0](1); gates[1](1)")
    second = dual.outputs[1]
    before = present_ua(second, dual)
    dual.fail(pump_rail="up", limiter_shorted="up")
    dual.run_for_ms(1)
    dual.set_load("open", 400)
    dual.hold_sda = True
    assert dual.stage.latch.set and not second.stage.latch.set
    assert present_ua(second, dual) == before == pytest.approx(real_ua(2304))
    assert (second.load_name, second.area_mm2, dual.load_name, dual.area_mm2) == ("2k", 1000, "open", 400)
    assert (second.hold_sda, second.stage.faults.present()) == (False, {})
    run(dual, "put(1, 2100)")
    assert (dual.dac.code, second.dac.code) == (2304, 2100)


def test_the_latch_of_the_second_opens_its_switch_alone(dual: VirtualPico) -> None:
    run(dual, "put(0, 2304); put(1, 2304); gates[0](1); gates[1](1)")
    first, second = dual.outputs
    at = dual.now_ns + 12_345
    dual.at(at, lambda: second.fail(pump_rail="up", limiter_shorted="up"))
    dual.run_for_ms(1)
    opened = at + 2_000
    assert second.trace.switch[-1] == (opened, False) and second.trace.pin_edges(13) == [(0, 0), (opened, 1)]
    assert first.stage.closed and first.trace.pin_edges(22) == [(0, 0)]
    assert [present_ua(each, dual) for each in dual.outputs] == [pytest.approx(real_ua(2304)), 0.0]
    assert run(dual, "print([Pin(n, Pin.IN).value() for n in (22, 13)])") == "[0, 1]"
    second.fail(pump_rail="", limiter_shorted="")
    assert run(dual, "gates[0](0); print(Pin(13).value())") == "1"  # the other's gate does not clear it
    assert run(dual, "gates[1](0); print(Pin(13).value())") == "0"


def test_dummy_and_trip_test_switch_both(dual: VirtualPico) -> None:
    run(dual, "put(0, 3072); put(1, 3072); gates[0](1); gates[1](1); dummy(1)")
    assert [present_ua(each, dual) for each in dual.outputs] == [0.0, 0.0]
    code = volts_code(real_ua(3072), board.DUMMY_OHM)
    assert run(dual, "print(through(0), through(1))") == f"{code} {code}"
    run(dual, "trip_test(1); time.sleep_ms(1)")  # 502 uA, threshold 475
    assert [each.stage.latch.set for each in dual.outputs] == [True, True]
    for each in dual.outputs:
        assert [level for _, level in each.trace.pin_edges(board.DUMMY_PIN)] == [0, 1]
        assert set(each.trace.pin_names.values()) == {
            "gate", "tripped", "dummy", "trip_test", "estop", "led", "button", "buzzer", "cue_led",
        }  # fmt: skip
    assert dual.outputs[1].trace.pin_names[17] == "gate" and dual.outputs[1].trace.pin_names[13] == "tripped"


@pytest.mark.parametrize("start", [START_ONE, START_MANY])
def test_a_value_is_that_of_the_input_selected_when_its_conversion_ended(dual: VirtualPico, start: int) -> None:
    """The ADC is stopped, then the multiplexer moves on, and only then somebody reads."""
    run(dual, "put(1, 3072); gates[1](1)")
    seen = run(
        dual,
        f"""
read(28)
told = []
for n in (1, 2, 3, 1):
    select(n)
    mem32[{CS}] = {EN | start | CHANNEL_2}
    time.sleep_us(50)
    mem32[{CS}] = {EN | CHANNEL_2}
    time.sleep_us(10)
    select(3 - n)
    time.sleep_us(10)
    told.append(mem32[{RESULT}])
    told.append(mem32[{RESULT}])
print(told)
""",
    )
    voltage, supply = volts_code(real_ua(3072), 2000), code_of(12_000 / board.SUPPLY_DIVIDER / 3300 * 4096)
    assert seen == str([voltage, voltage, supply, supply, 0, 0, voltage, voltage])


def test_conversions_and_select_to_the_nanosecond() -> None:
    """Input n reads 1000 * n + microseconds. A change counts for conversions that end after it, and for its channel."""
    mcu = RP2040()
    adc = adc_converts_when_read(mcu)
    mux = Multiplexer((10, 11), lambda: adc.settle(2))
    adc.analog = lambda channel, t_ns: (1000.0 * mux.selected if channel == 2 else 3500.0) + t_ns / 1000
    clock = mcu.clock

    def result() -> int:
        return adc.read_uint32(4)

    adc.write_uint32(0, EN | START_MANY | CHANNEL_2)
    clock.tick(5_999)
    mux.pin_edge(10, 1)
    assert result() == code_of(4.0)
    clock.tick(1)  # the third ends at 6 us
    mux.pin_edge(11, 1)
    clock.tick(100)
    mux.pin_edge(10, 0)
    assert (mux.selected, result()) == (2, code_of(1006.0))
    clock.tick(1_900)
    assert result() == code_of(2008.0)
    adc.write_uint32(0, EN | START_MANY)
    clock.tick(10_000)
    mux.pin_edge(10, 1)
    assert result() == code_of(3500.0 + 18)


def test_at_a_reset_both_gates_open_and_the_multiplexer_falls_back(dual: VirtualPico) -> None:
    run(dual, "put(0, 2304); put(1, 2500); gates[0](1); gates[1](1); select(3); dummy(1)")
    assert dual._mux.selected == 3
    second = dual.outputs[1]
    second.dac.eeprom_code = 2047
    at = dual.now_ns
    dual.reset("watchdog")
    assert [each.gate for each in dual.outputs] == [0, 0] and dual._mux.selected == 0
    assert second.trace.pin_edges(17)[-1] == (at, 0) and second.trace.switch[-1] == (at, False)
    assert [each.stage.on_dummy for each in dual.outputs] == [False, False]
    assert [each.trace.resets for each in dual.outputs] == [[(at, "watchdog")]] * 2
    assert [each.dac.code for each in dual.outputs] == [2304, 2500]
    boot(dual)
    run(dual, "from machine import Pin; Pin(17, Pin.IN, Pin.PULL_UP); Pin(10, Pin.IN, Pin.PULL_UP)")
    assert (second.gate, dual._mux.selected) == (0, 1)  # the gate has an external resistor
    dual.reset("power")
    assert [each.dac.code for each in dual.outputs] == [2048, 2047]


def test_run_while_looks_at_the_second_output_too(dual: VirtualPico) -> None:
    second = dual.outputs[1]
    dual.serial_write(b"\x01time.sleep_us(250); put(1, 2500)\x04")
    assert dual.run_while(lambda: second.dac.code != 2500, 100)
    assert dual.now_ns == second.trace.dac_ns[-1]


def test_what_the_second_powers_on_with(make: MakePico) -> None:
    same = make(board=board, load="dry", area_mm2=500, dac_eeprom=(2048, 0)).outputs[1]
    assert (same.number, same.load_name, same.area_mm2, same.dac.code) == (2, "dry", 500, 2048)
    own = make(board=board, load2="open", dac_eeprom=(2048, 0), dac_eeprom2=(100, 1))
    assert (own.load_name, own.outputs[1].load_name) == ("typical", "open")
    assert (own.dac.code, own.outputs[1].dac.code, own.outputs[1].dac.power_down) == (2048, 100, 1)


def test_a_board_with_one_output_has_one(make: MakePico) -> None:
    pico = make()
    assert [each.number for each in pico.outputs] == [1] and pico.output(1) is pico.outputs[0]
    with pytest.raises(BadValueError, match="rp2040_pico has one output; nothing was changed; use channel 1"):
        pico.output(2)
    with pytest.raises(BadValueError, match="has one output"):
        make(load2="dry")
    numbers: list[Any] = [0, 3, "2", None, True, 1.0]
    for wrong in numbers:
        with pytest.raises(BadValueError, match=r"no channel .*; nothing was changed; give 1 or 2"):
            make(board=board).output(wrong)
