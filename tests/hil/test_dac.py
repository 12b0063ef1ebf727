"""The DAC driver against the part: writes seen by Adafruit's library, refusals, a stuck bus, a busy EEPROM."""

from collections.abc import Callable

import pytest

from firmware.shared import faults
from tests.support import library_files, repl

from .conftest import Bench

Boot = Callable[..., Bench]
Files = dict[str, bytes]
SETUP = (
    "import board; from firmware.hw import bus, dac, commission; b = bus.open_bus(board, board); "
    "d = dac.Dac(b, board.DAC_ADDRESS)"
)


def at_repl(boot: Callable[..., Bench], image_files: dict[str, bytes], **keywords: object) -> Bench:
    bench = boot(files=library_files(image_files), **keywords)
    repl(bench.pico, f"{SETUP}; print('RE' + 'ADY')", until="READY", limit_ms=5000)
    return bench


def ask(bench: Bench, line: str) -> str:
    """Run a statement that prints its result, return what it printed."""
    output = repl(bench.pico, f"{line}; print('DO' + 'NE')", until="DONE", limit_ms=5000)
    return output[output.index("\n") + 1 :].removesuffix("DONE\r\n>>> ").removesuffix("DONE\r\n").strip()


def test_adafruits_library_reads_what_our_driver_wrote(boot: Boot, firmware_files: Files) -> None:
    bench = at_repl(boot, firmware_files)
    ask(bench, "from adafruit_mcp4725 import MCP4725; w = MCP4725(commission.BusAdapter(d.bus), address=0x60)")
    for code in (0, 1, 2047, 2048, 4094, 4095, 1234):
        assert ask(bench, f"d.write({code}); print(w.raw_value, d.read()[1:3])") == f"{code} ({code}, 0)"
        assert bench.pico.dac.code == code


def test_codes_out_of_range_are_errors_and_move_nothing(boot: Boot, firmware_files: Files) -> None:
    bench = at_repl(boot, firmware_files)
    ask(bench, "d.write(1000)")
    ask(bench, "f = lambda c: d.write(c)")
    for code in (-1, 4096, 0x1800, 65535):
        refusal = f"ValueError: DAC code {code} is outside 0..4095"
        assert refusal in repl(bench.pico, f"f({code})", until=refusal, limit_ms=2000)
        assert bench.pico.dac.code == 1000


def test_a_busy_eeprom_ignores_writes_and_commissioning_waits_for_it(boot: Boot, firmware_files: Files) -> None:
    bench = at_repl(boot, firmware_files, dac_eeprom=(0, 0))
    assert ask(bench, "print(commission.commission(d, 2048, 0), d.read())") == "True (1, 2048, 0, 2048, 0)"
    assert bench.pico.dac.eeprom_writes == 1 and bench.pico.dac.ignored_writes == 0
    assert ask(bench, "print(commission.commission(d, 2048, 0))") == "False"
    refusal = "RuntimeError: no EEPROM write while the gate conducts"
    assert refusal in repl(bench.pico, "commission.commission(d, 2047, 1)", until=refusal, limit_ms=2000)
    assert bench.pico.dac.eeprom_writes == 1
    # A write of DAC and EEPROM, then at once a fast write: the part is busy and ignores the second.
    ask(bench, "d.bus.writeto(0x60, bytes((0x60, 0x80, 0))); d.write(5)")
    assert bench.pico.dac.ignored_writes == 1 and bench.pico.dac.code == 2048


def test_general_call_reset_loads_the_eeprom(boot: Boot, firmware_files: Files) -> None:
    bench = at_repl(boot, firmware_files, dac_eeprom=(777, 0))
    assert ask(bench, "d.write(9); d.reset(); print(d.read())") == "(1, 777, 0, 777, 0)"


def test_a_stuck_bus_is_freed_at_boot(boot: Callable[..., Bench]) -> None:
    bench = boot()
    bench.pico.hold_sda = True
    bench.client.hello()
    assert bench.request("faults")["code"] == faults.NONE
    assert bench.run().reason == "duration"


@pytest.mark.parametrize("address", [0x60, 0x62])
def test_a_dac_at_another_address_is_reported(boot: Callable[..., Bench], address: int) -> None:
    bench = boot()
    bench.pico.dac.address = address
    bench.client.hello()
    assert bench.request("faults")["code"] == (faults.NONE if address == 0x60 else faults.DAC_NO_ACK)
