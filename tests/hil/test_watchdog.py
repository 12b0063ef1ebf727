"""The watchdog is fed on proof of progress only, and it has patience where a wait is known and safe."""

from collections.abc import Callable

import pytest
from rp2040py.peripherals.ssi import CMD_PAGE_PROGRAM, CMD_SECTOR_ERASE

from microcurrent.bench import flash_chip
from tests.support import changed, changed_stages, library_files, repl

from .conftest import Bench

Boot = Callable[..., Bench]
Files = dict[str, bytes]
MS = 1_000_000
FEEDING = "from firmware.hw.watchdog import Watchdog; import time; w = Watchdog(500); print('UN' + 'DER'); "


@pytest.mark.parametrize(("proofs", "bites"), [("1, 2, 4", False), ("1, 2", True), ("2, 4", True), ("1, 4", True)])
def test_each_loop_must_prove_its_progress(boot: Boot, firmware_files: Files, proofs: str, bites: bool) -> None:
    bench = boot(files=library_files(firmware_files))
    loop = f"[([w.proof(bit) for bit in ({proofs})], w.feed(), time.sleep_ms(20)) for _ in range(100)]"
    repl(bench.pico, FEEDING + loop, until="UNDER", limit_ms=5000)
    bench.pico.run_for_ms(1500)
    assert [cause for _t, cause in bench.pico.trace.resets][:1] == (["watchdog"] if bites else [])


def test_a_dead_interrupt_that_the_supervisor_overlooks_is_no_progress(boot: Boot, firmware_files: Files) -> None:
    """The supervisor's own check is disabled: the proof of the interrupt is all that is left."""
    blind = changed(firmware_files, "core/supervisor.py", "MISSING_MS = 3 ", "MISSING_MS = 99999 ")
    armed = "    timer[ALARM0] = due\n    if clock_difference(timer[TIMERAWL], due) >= 0:\n"
    until_6000 = "    if s.ticks < 6000:\n        timer[ALARM0] = due\n    if s.ticks < 0:\n"
    dead = changed_stages(blind, rp2=(armed, until_6000))
    dead = changed(dead, "hw/engine_rp2.py", "mode=Timer.PERIODIC, freq=_WATCH_HZ", "mode=Timer.ONE_SHOT, period=60000")
    bench = boot(dead)
    bench.client.hello()
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(590)
    assert bench.pico.gate == 1
    bench.pico.run_for_ms(660)
    assert [cause for _t, cause in bench.pico.trace.resets] == ["watchdog"]


def test_a_settings_write_on_the_slowest_flash_is_not_cut_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(flash_chip.BUSY_NS, CMD_SECTOR_ERASE, 400 * MS)  # W25Q16JV, worst case
    monkeypatch.setitem(flash_chip.BUSY_NS, CMD_PAGE_PROGRAM, 3 * MS)
    for lease_ms in (1111, 1222, 1333, 1444):
        assert bench.client.request("config", {"set": {"lease_ms": lease_ms}}, 10.0)["set"]["lease_ms"] == lease_ms
    assert bench.pico.trace.resets == []


def test_after_a_settings_write_the_watchdog_is_as_strict_as_before(bench: Bench) -> None:
    bench.request("config", {"set": {"lease_ms": 1111}})
    bench.pico.mcu.core.enabled_interrupts = 0
    bench.pico.run_for_ms(505)
    assert [cause for _t, cause in bench.pico.trace.resets] == ["watchdog"]


def test_storage_refuses_to_write_while_the_gate_conducts(boot: Boot, firmware_files: Files) -> None:
    bench = boot(files=library_files(firmware_files))
    line = "from firmware.hw.storage import Storage; Storage(lambda: 1).save({})"
    refusal = "RuntimeError: no flash write while the gate conducts"
    assert refusal in repl(bench.pico, line, until=refusal, limit_ms=5000)
    assert "/settings_b" not in bench.pico.read_files()


def test_a_stuck_bus_costs_at_most_three_milliseconds(boot: Boot, firmware_files: Files) -> None:
    """Longer would cost the main loop its heartbeat: eleven such calls still fit into the dead-man's 100 ms."""
    bench = boot(files=library_files(firmware_files))
    opening = "import board, time; from firmware.hw import bus; b = bus.open_bus(board, board); print('RE' + 'ADY')"
    repl(bench.pico, opening, until="READY", limit_ms=5000)
    bench.pico.hold_sda = True
    line = ("def f():\\n t = time.ticks_us()\\n try:\\n  b.writeto(96, bytes(2))\\n except OSError:\\n"
            "  print(time.ticks_diff(time.ticks_us(), t) // 1000)\\n")  # fmt: skip
    output = repl(bench.pico, f"exec('{line}'); f(); print('DO' + 'NE')", until="DONE", limit_ms=5000)
    assert output.splitlines()[1] in ("1", "2", "3"), output
