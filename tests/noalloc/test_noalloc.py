"""On the emulated RP2040: the interrupt allocates nothing, its heap locked; a sweep's steps take only small pieces."""

from pathlib import Path

from microcurrent.bench.pico import VirtualPico
from tests.support import compile_for_pico, library_files, repl


def test_nothing_allocates_in_the_interrupt(image: Path, firmware_files: dict[str, bytes]) -> None:
    pico = VirtualPico(image, dac_eeprom=(2048, 0))
    probe = compile_for_pico(Path(__file__).with_name("probe.py"))
    pico.install_files(library_files(firmware_files) | {"/probe.mpy": probe})
    output = repl(pico, "import probe; probe.run()", until="END", limit_ms=20_000)
    verdicts = [line for line in output.splitlines() if line.startswith(("PASS", "FAIL"))]
    assert verdicts[:3] == ["PASS locked_calls", "PASS allocation_is_noticed", "PASS sweep_steps"], output
    assert [line[:14] for line in verdicts[3:]] == ["PASS interrupt"] * 6, output
