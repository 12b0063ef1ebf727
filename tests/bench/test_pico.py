"""The virtual Pico as a whole: time, serial port, pins, resets, flash."""

from pathlib import Path

import pytest

from boards.rp2040_pico import board
from microcurrent.bench.adc import code_of
from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.usb_host import HOST_BUFFER_BYTES
from microcurrent.errors import BadValueError, ImageError

from .conftest import MakePico
from .python_on import boot, run, wait_for

CYCLE_NS = 8
LONGEST_INSTRUCTION_NS = 13 * CYCLE_NS  # POP of nine registers
WATCHDOG_REASON = "import machine; print(machine.reset_cause(), machine.mem32[0x40058008] & 3)"
SETUP = "from machine import I2C, Pin; bus = I2C(0, sda=Pin(4), scl=Pin(5), freq=400000, timeout=2000)"


def test_run_until_is_exact_to_an_instruction(pico: VirtualPico) -> None:
    pico.serial_write(b"while 1: pass\r\n\r\n")
    for step in range(1, 50):
        target = pico.now_ns + step * 1003
        pico.run_until(target)
        assert 0 <= pico.now_ns - target <= LONGEST_INSTRUCTION_NS


def test_an_idle_board_stops_exactly(pico: VirtualPico) -> None:
    pico.run_for_ms(50)
    target = pico.now_ns + 12_345
    pico.run_until(target)
    assert pico.now_ns == target


def test_actions_run_at_their_instant(pico: VirtualPico) -> None:
    seen: list[int] = []
    due = pico.now_ns + 123_457
    pico.at(due, lambda: seen.append(pico.now_ns))
    pico.run_for_ms(1)
    assert seen == [due]
    with pytest.raises(ValueError, match="is before the present"):
        pico.at(due, lambda: None)


def test_running_from_a_callback_is_refused(pico: VirtualPico) -> None:
    pico.at(pico.now_ns + 1000, lambda: pico.run_for_ms(1))
    with pytest.raises(RuntimeError, match="already running"):
        pico.run_for_ms(1)


def test_run_while_stops_at_its_limit(pico: VirtualPico) -> None:
    begin = pico.now_ns
    assert not pico.run_while(lambda: True, 2.5)
    assert pico.now_ns - begin == 2_500_000
    assert pico.run_while(lambda: False, 1)


def test_two_runs_are_the_same(make: MakePico) -> None:
    def told() -> tuple[object, ...]:
        pico = boot(make())
        answer = run(pico, f"{SETUP}\nfor code in range(50): bus.writeto(0x60, bytes((code >> 8, code)))\nprint(1 / 3)")
        trace = pico.trace
        return answer, pico.now_ns, list(trace.dac_ns), list(trace.dac_codes), list(trace.bus.events), trace.pins

    assert told() == told()


def test_dtr_follows_the_port(pico: VirtualPico) -> None:
    """MicroPython overwrites its buffer while no program has the port open, and keeps the end."""
    pico.serial_write(b"import time\r\nfor i in range(40): print(i, '.' * 90); time.sleep_ms(5)\r\n\r\n")
    wait_for(pico, b"\r\n2 ")
    pico.close_port()
    pico.run_for_ms(100)
    pico.open_port()
    heard = wait_for(pico, b"\r\n39 ")
    assert b"\r\n12 " not in heard


def test_a_host_that_does_not_read_loses_nothing(pico: VirtualPico) -> None:
    pico.serial_write(b"for i in range(3000): print(i)\r\n\r\n")
    pico.run_for_ms(100)
    assert len(pico.usb.received) < HOST_BUFFER_BYTES + 512
    heard = wait_for(pico, b"\r\n2999\r\n")
    numbers = [int(line) for line in heard.splitlines() if line.isdigit()]
    assert numbers == list(range(3000))


def test_the_gate_is_open_until_driven_and_opens_at_every_reset(pico: VirtualPico) -> None:
    assert pico.gate == 0
    run(pico, "from machine import Pin; gate = Pin(18, Pin.OUT, value=1)")
    assert pico.gate == 1
    run(pico, "gate.init(Pin.IN, Pin.PULL_UP)")
    assert pico.gate == 0  # the external resistor is stronger
    run(pico, "gate.init(Pin.OUT, value=1)")
    at = pico.now_ns
    pico.reset("watchdog")
    assert pico.gate == 0
    assert pico.trace.pin_edges(board.GATE_PIN)[-1] == (at, 0)
    assert not pico.stage.closed


def test_emergency_stop_contact(pico: VirtualPico) -> None:
    read = "from machine import Pin; print(Pin(19, Pin.IN, Pin.PULL_UP).value())"
    assert run(pico, read) == "0"
    pico.release_pin(board.ESTOP_PIN)
    assert (run(pico, read), pico.pin(board.ESTOP_PIN)) == ("1", 1)
    pico.drive_pin(board.ESTOP_PIN, 0)
    assert run(pico, read) == "0"


def test_the_dac_keeps_its_code_through_a_reset_and_reloads_at_power_on(make: MakePico) -> None:
    pico = boot(make(dac_eeprom=(2048, 0)))
    run(pico, f"{SETUP}\nbus.writeto(0x60, bytes((0x0A, 0xBC)))")
    for cause in ("run", "watchdog"):
        pico.reset(cause)
        pico.run_for_ms(100)
        assert pico.dac.code == 0xABC
    pico.reset("power")
    assert pico.dac.code == 2048


def test_causes_of_resets(pico: VirtualPico) -> None:
    told: list[str] = []
    pico.on_reset.append(told.append)
    pico.reset("run")
    assert run(boot(pico), WATCHDOG_REASON) == "1 0"
    pico.serial_write(b"\x02machine.reset()\r\n")
    assert pico.run_while(lambda: len(told) < 2, 100)
    assert run(boot(pico), WATCHDOG_REASON) == "3 2"
    run(pico, "machine.WDT(timeout=500)")
    fed = pico.now_ns
    assert pico.run_while(lambda: len(told) < 3, 1000)
    assert pico.now_ns - fed == pytest.approx(500_000_000, abs=1_000_000)
    assert run(boot(pico), WATCHDOG_REASON) == "3 1"
    pico.run_for_ms(9000)  # nobody feeds it any more
    assert told == ["run", "watchdog", "watchdog"]
    with pytest.raises(ValueError, match="no reset 'soft'"):
        pico.reset("soft")


def test_the_adc_sees_current_and_voltage(make: MakePico) -> None:
    pico = boot(make(load="2k"))
    read = "print(ADC(26).read_u16() >> 4, ADC(27).read_u16() >> 4)"
    assert run(pico, f"from machine import ADC\n{read}") == "2048 2048"
    run(pico, f"{SETUP}\nPin(18, Pin.OUT, value=1); bus.writeto(0x60, b'\\x09\\x00')")
    ua = 125 * 1.003 + 0.5
    sense, voltage = 2048 + ua * 1.5 / 3300 * 4096, 2048 + ua * 2 / 8 / 3300 * 4096
    assert run(pico, read) == f"{code_of(sense)} {code_of(voltage)}"


def test_loads_change_while_running(pico: VirtualPico) -> None:
    pico.set_load("dry", 500)
    assert (pico.load_name, pico.area_mm2) == ("dry", 500)
    with pytest.raises(BadValueError):
        pico.set_load("wet")
    assert pico.load_name == "dry"


def test_files_are_the_boards_files(make: MakePico) -> None:
    pico = make()
    pico.install_files({"/lib/answer.py": b"value = 42\n", "/note.txt": b"x" * 10000})
    boot(pico)
    assert run(pico, "import answer, os\nprint(answer.value, os.stat('note.txt')[6])") == "42 10000"
    run(pico, "with open('new.txt', 'w') as file: file.write('from the board')")
    assert pico.read_files()["/new.txt"] == b"from the board"
    heir = boot(make(flash=pico.flash_bytes()))
    assert run(heir, "print(open('new.txt').read())") == "from the board"


def test_a_full_filesystem_says_so(make: MakePico) -> None:
    pico = make()
    with pytest.raises(ImageError, match="took not all of 1 files"):
        pico.install_files({"/big": bytes(2_000_000)})
    assert pico.read_files() == {}


def test_writing_a_file_takes_the_flash_its_time(pico: VirtualPico) -> None:
    begin = pico.now_ns
    run(pico, "with open('new.txt', 'w') as file: file.write('x' * 6000)")
    assert pico.now_ns - begin > 2 * 45_000_000


def test_what_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "image.uf2"
    with pytest.raises(OSError):
        VirtualPico(path)
    path.write_bytes(bytes(512))
    with pytest.raises(ValueError, match="magic"):
        VirtualPico(path)
