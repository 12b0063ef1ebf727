"""Every check of boot and self-test fails when what it looks at is broken."""

import types
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.shared import faults
from microcurrent.bench.mcp4725 import EEPROM_WRITE_MAX_NS
from microcurrent.bench.trace import ADDRESS, WRITE
from microcurrent.errors import FaultError
from tests.support import compile_for_pico

from .conftest import Bench, Device

FIRMWARE = Path(__file__).parents[2] / "firmware"
Boot = Callable[..., Bench]
Files = dict[str, bytes]


def failed(bench: Bench) -> list[str]:
    result = bench.request("selftest")
    assert result["passed"] == all(test[1] for test in result["tests"])
    return [test[0] for test in result["tests"] if not test[1]]


def changed(files: Files, tmp_path: Path, name: str, old: str, new: str) -> Files:
    """The firmware with one place of one module changed."""
    source = (FIRMWARE / name).read_text()
    assert source.count(old) == 1
    copy = tmp_path / Path(name).name
    copy.write_text(source.replace(old, new))
    return files | {f"/lib/firmware/{name.removesuffix('.py')}.mpy": compile_for_pico(copy)}


def test_a_good_board_passes_all(device: Device) -> None:
    result = device.request("selftest")
    assert result["passed"], result["tests"]
    assert [test[0] for test in result["tests"]] == [
        "dac-answers", "dac-eeprom", "dac-moves", "sense-zero", "gate-opens", "interrupt-runs",
    ]  # fmt: skip
    assert device.request("status")["gate"] == 0


def test_self_test_leaves_no_trace_on_the_gate(bench: Bench) -> None:
    bench.request("selftest")
    assert [level for _t, level in bench.gate_edges] == [0]
    assert bench.peak_ua(0, bench.pico.now_ns) == 0


def test_dac_moves_notices_a_stuck_dac(bench: Bench) -> None:
    bench.pico.dac.stuck = True
    assert failed(bench)[0] == "dac-moves"
    assert bench.request("faults")["code"] == faults.DAC_STUCK


@pytest.mark.parametrize("offset_mv", [-60, 60])
def test_sense_zero_notices_an_amplifier_that_rests_elsewhere(bench: Bench, offset_mv: int) -> None:
    true_mv = bench.pico.stage.sense_mv
    bench.pico.stage.sense_mv = types.MethodType(lambda _stage, t_ns: true_mv(t_ns) + offset_mv, bench.pico.stage)
    assert "sense-zero" in failed(bench)
    assert bench.request("faults")["code"] == faults.SELFTEST_FAILED


def test_gate_opens_notices_a_gate_that_conducts_when_it_should_not(bench: Bench) -> None:
    bench.pico.stage.gate(bench.pico.now_ns, True)
    bench.pico.stage.gate = types.MethodType(lambda _stage, _t_ns, _closed: None, bench.pico.stage)
    assert failed(bench) == ["gate-opens"]
    with pytest.raises(FaultError):
        bench.start()


def test_interrupt_runs_notices_a_timer_at_half_speed(boot: Boot, firmware_files: Files, tmp_path: Path) -> None:
    old = "freq=self._board.SAMPLE_HZ, hard=True"
    bench = boot(changed(firmware_files, tmp_path, "hw/engine_rp2.py", old, "freq=5000, hard=True"))
    bench.client.hello()
    assert failed(bench) == ["interrupt-runs"]


def test_firmware_for_another_board_refuses_output(boot: Boot, firmware_files: Files, tmp_path: Path) -> None:
    source = (FIRMWARE.parent / "boards" / "rp2040_pico" / "board.py").read_text()
    copy = tmp_path / "board.py"
    copy.write_text(source.replace('MACHINE = "Raspberry Pi Pico with RP2040"', 'MACHINE = "Another board"'))
    bench = boot(firmware_files | {"/lib/board.mpy": compile_for_pico(copy)})
    bench.client.hello()
    assert bench.request("faults")["code"] == faults.BOARD_MISMATCH
    with pytest.raises(FaultError, match="the cause persists"):
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
