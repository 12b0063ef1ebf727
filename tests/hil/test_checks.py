"""Every check of boot and self-test fails when what it looks at is broken."""

import types
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.shared import faults
from microcurrent.bench.mcp4725 import EEPROM_WRITE_MAX_NS
from microcurrent.bench.trace import ADDRESS, WRITE
from microcurrent.errors import FaultError
from microcurrent.image import uf2
from tests import frozen
from tests.support import FIRMWARE, changed, changed_stages, compile_for_pico

from .conftest import Bench, Device

Boot = Callable[..., Bench]
Files = dict[str, bytes]


def failed(bench: Bench) -> list[str]:
    result = bench.request("selftest")
    assert result["passed"] == all(test[1] for test in result["tests"])
    return [test[0] for test in result["tests"] if not test[1]]


@pytest.mark.rung("stage")
def test_a_good_board_passes_all(device: Device) -> None:
    result = device.request("selftest")
    assert result["passed"], result["tests"]
    assert [test[0] for test in result["tests"]] == [
        "dac-answers", "dac-moves", "dac-eeprom", "sense-zero", "supply", "temperature", "dummy-load", "gate-opens",
        "dac-range", "sense-follows", "limiter-holds", "comparator-trips", "interrupt-runs", "memory", "firmware-files",
    ]  # fmt: skip
    assert device.request("status")["gate"] == 0


def test_self_test_drives_the_dummy_load_and_nothing_else(bench: Bench) -> None:
    bench.request("selftest")
    assert len(bench.gate_edges) > 10
    assert [level for _t, level in bench.gate_edges_of_sessions()] == [0]
    assert bench.peak_ua(0, bench.pico.now_ns) == 0


def test_dac_moves_notices_a_stuck_dac(bench: Bench) -> None:
    bench.pico.dac.stuck = True
    assert failed(bench)[0] == "dac-moves"
    assert bench.request("faults")["code"] == faults.DAC_READBACK


BROKEN = {
    "sense-zero": {"sense_stuck_mv": 1590.0},
    "gate-opens": {"gate_stuck": True},
    "sense-follows": {"sense_gain": 1.15},
    "limiter-holds": {"limiter_shorted": "up"},
    "comparator-trips": {"comparator_dead": True},
    "dummy-load": {"divider_stuck_mv": 1650.0},
}


@pytest.mark.parametrize("check", BROKEN)
def test_each_check_of_the_output_notices_what_it_looks_for(bench: Bench, check: str) -> None:
    broken_ns = bench.pico.now_ns
    bench.pico.stage.fail(broken_ns, **BROKEN[check])
    assert failed(bench)[0] == check
    assert bench.peak_ua(broken_ns, bench.pico.now_ns) < 1  # the dummy took all of it
    assert bench.request("faults")["code"] == faults.SELFTEST_FAILED
    with pytest.raises(FaultError):
        bench.start()
    with pytest.raises(FaultError, match="the cause persists"):
        bench.request("clear")


@pytest.mark.parametrize("side", ["up", "down", "both"])
def test_a_shorted_limiter_diode_is_noticed_at_boot(boot: Boot, side: str) -> None:
    bench = boot()
    bench.pico.stage.fail(0, limiter_shorted=side)
    bench.client.hello()
    assert bench.request("faults")["name"] == "selftest-failed"
    assert failed(bench)[0] == "limiter-holds"


@pytest.mark.parametrize(("side", "way"), [("up", "positive"), ("down", "negative")])
def test_a_comparator_that_is_dead_in_one_direction_only_is_noticed_at_boot(boot: Boot, side: str, way: str) -> None:
    bench = boot()
    bench.pico.stage.fail(0, comparator_dead_side=side)
    bench.client.hello()
    assert bench.request("faults")["name"] == "selftest-failed"
    tests = {test[0]: test for test in bench.request("selftest")["tests"]}
    assert tests["limiter-holds"][1] and tests["comparator-trips"][1:2] == [False]
    assert tests["comparator-trips"][3].startswith(f"{way}: below 0, above 0, ")


def test_a_dummy_relay_that_does_not_switch_gets_no_more_than_50_ua(bench: Bench) -> None:
    """DUMMY_PIN is cut: the output stays on the electrodes, and the self-test must find out before it injects more."""
    bench.pico.stage.select = types.MethodType(lambda _stage, _t_ns, _dummy: None, bench.pico.stage)
    begun_ns = bench.pico.now_ns
    assert failed(bench)[0] == "dummy-load"
    assert bench.peak_ua(begun_ns, bench.pico.now_ns) < 53


@pytest.mark.parametrize(
    ("setting", "code"), [({"supply_mv": 9000}, "supply"), ({"temperature_c": 70}, "over-temperature")]
)
def test_surroundings_out_of_range_forbid_output(bench: Bench, setting: dict[str, float], code: str) -> None:
    for name, value in setting.items():
        setattr(bench.pico, name, value)
    bench.pico.run_for_ms(100)
    assert bench.request("faults")["name"] == code
    with pytest.raises(FaultError):
        bench.start()
    with pytest.raises(FaultError, match="the cause persists"):
        bench.request("clear")


def test_altered_firmware_files_are_noticed(boot: Boot, firmware_files: Files) -> None:
    bench = boot()
    if frozen.chosen():  # a bit of the image's last page
        _begin, image = uf2.contents(frozen.image_of("rp2040_pico", firmware_files))
        bench.pico.mcu.flash[len(image) - 1] ^= 1
    else:
        name = "/lib/adafruit_mcp4725.mpy"
        bench.pico.install_files({name: firmware_files[name] + b"x"})
    bench.client.hello()
    assert failed(bench) == ["firmware-files"]


def test_the_watchdog_bites_on_demand_and_leaves_no_fault(bench: Bench) -> None:
    assert bench.request("selftest", {"watchdog": True})["passed"]
    asked_ns = bench.pico.now_ns
    bench.pico.run_for_ms(700)
    assert [cause for _t, cause in bench.pico.trace.resets] == ["watchdog"]
    assert bench.pico.trace.resets[0][0] - asked_ns < 520_000_000
    bench.client.reconnect()
    status = bench.request("status")
    assert (status["state"], status["reset"], status["fault"]) == ("READY", "watchdog", 0)


def test_a_watchdog_that_does_not_bite_is_a_fault(bench: Bench) -> None:
    bench.request("selftest", {"watchdog": True})
    bench.pico.mcu.write_uint32(0x4005B000, 1 << 30)  # WATCHDOG.CTRL, clear alias: as if it had no enable
    bench.pico.run_for_ms(1200)
    assert bench.pico.trace.resets == [] and bench.request("faults")["name"] == "selftest-failed"


def test_interrupt_runs_notices_a_timer_at_half_speed(boot: Boot, firmware_files: Files, tmp_path: Path) -> None:
    slow = ("    due = s.due + s.period\n", "    due = s.due + s.period + s.period\n")
    bench = boot(changed_stages(firmware_files, rp2=slow))
    bench.client.hello()
    assert failed(bench)[0] == "interrupt-runs"


def test_memory_that_is_not_there_is_a_fault_and_the_host_hears_at_once(
    boot: Boot, firmware_files: Files, tmp_path: Path
) -> None:
    old = "return device.counters()"
    bench = boot(changed(firmware_files, "core/commands.py", old, "return bytearray(1000000)"))
    bench.client.hello()
    before_ns = bench.pico.now_ns
    with pytest.raises(FaultError, match=r"^MemoryError\(.*\) while it was answered; the output is off; "):
        bench.request("counters")
    assert bench.pico.now_ns - before_ns < 200_000_000
    assert (bench.state, bench.request("faults")["name"]) == ("FAULT", "internal")
    bench.request("clear")
    assert bench.state == "READY"


def test_firmware_for_another_board_refuses_output(boot: Boot, firmware_files: Files, tmp_path: Path) -> None:
    source = (FIRMWARE.parent / "boards" / "rp2040_pico" / "board.py").read_text()
    copy = tmp_path / "board.py"
    copy.write_text(source.replace('MACHINE = "Raspberry Pi Pico with RP2040"', 'MACHINE = "Another board"'))
    bench = boot(firmware_files | {"/lib/board.mpy": compile_for_pico(copy, "board.py")})
    bench.client.hello()
    assert bench.request("faults")["code"] == faults.BOARD_MISMATCH
    with pytest.raises(FaultError, match="still for another board"):
        bench.request("clear")


def test_boot_resets_the_dac_by_general_call_before_anything_is_written(boot: Boot) -> None:
    bench = boot(dac_eeprom=(2048, 0))
    bench.pico.dac.code, bench.pico.dac.power_down = 3000, 2
    bench.client.hello()
    sent = [(kind, byte) for _t, _bit, kind, byte, _ack in bench.pico.trace.bus.between(0, bench.pico.now_ns)
            if kind in (ADDRESS, WRITE)]  # fmt: skip
    assert sent[:2] == [(ADDRESS, 0), (WRITE, 6)]
    assert (bench.pico.dac.code, bench.pico.dac.power_down) == (2048, 0)


def test_commissioning_notices_an_eeprom_that_keeps_its_old_code(boot: Boot) -> None:
    bench = boot(dac_eeprom=(0, 0))
    write = bench.pico.dac._write
    bench.pico.dac._write = lambda code, power_down, eeprom: write(code, power_down, False)
    bench.client.hello()
    with pytest.raises(FaultError, match="does not hold the zero-current code"):
        bench.request("commission")
    assert bench.request("faults")["code"] == faults.DAC_EEPROM_UNSAFE


def test_commissioning_gives_up_on_a_part_that_stays_busy(boot: Boot) -> None:
    bench = boot(dac_eeprom=(0, 0))
    bench.pico.dac.eeprom_write_ns = 10_000_000_000
    bench.client.hello()
    with pytest.raises(FaultError, match="DAC stays busy"):
        bench.request("commission")
    assert bench.pico.trace.resets == []


def test_commissioning_waits_for_the_slowest_part(boot: Boot) -> None:
    bench = boot(dac_eeprom=(0, 0))
    bench.pico.dac.eeprom_write_ns = EEPROM_WRITE_MAX_NS
    bench.client.hello()
    assert bench.request("commission")["written"] is True
