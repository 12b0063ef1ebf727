"""Two channels on the real firmware at emulated time: what a user sees of them, with sound outputs and broken ones."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from boards.rp2040_pico_dual import board as dual_board
from firmware.shared import settings
from microcurrent.bench.pico import VirtualPico
from microcurrent.build import build_firmware

from .conftest import SAFE_EEPROM, Cli, booted, run_cli

DECLARED = {"/settings_a": settings.encode_slot(1, settings.defaults() | {"area_mm2": 1000})}
RUN = "run sine --frequency 10Hz --amplitude 100uA --duration 1200ms --ramp 200ms"
STEP_NS = 250_000


@pytest.fixture(scope="module")
def board(image: Path) -> VirtualPico:
    """A commissioned board with two outputs and declared electrodes: leave it as you found it."""
    pico = VirtualPico(image, dac_eeprom=SAFE_EEPROM, dac_eeprom2=SAFE_EEPROM, board=dual_board)
    pico.install_files(build_firmware(dual_board.BOARD).files | DECLARED)
    return booted(pico)


def phase_deg(times_ns: np.ndarray, current_ua: np.ndarray) -> float:
    """Where a current of 10 Hz stands in its cycle, by its Fourier component."""
    return float(np.angle(np.sum(current_ua * np.exp(-2j * np.pi * 10 * times_ns * 1e-9)), deg=True))


def test_locked_channels_are_90_degrees_apart(mc: Cli, board: VirtualPico) -> None:
    result = mc(f"{RUN} --channel2 'sine --amplitude 80uA --phase 90' --json")
    assert result.exit_code == 0, result.output
    done = json.loads(result.stdout)
    assert (done["ended"], done["summary"]["contact"], done["summary"]["channel2"]["contact"]) == (
        "duration", "good", "good",
    )  # fmt: skip
    end_ns = board.now_ns
    found = []
    for output in board.outputs:
        times, commanded, _delivered, _mv = output.trace.current(end_ns - 900_000_000, end_ns - 600_000_000, STEP_NS)
        found.append(phase_deg(times[:1200], commanded[:1200]))
    assert (found[1] - found[0]) % 360 == pytest.approx(90, abs=0.5)


def test_what_commands_show_of_a_session(mc: Cli) -> None:
    shown = mc(f"{RUN} --channel2 'square --frequency 40Hz --amplitude 50uA'")
    assert shown.exit_code == 0, shown.output
    for line in ("channel 1\n", "channel 2\n", "both\n", "  late interrupts           0          0 (worst "):
        assert line in shown.stdout
    assert "cycles (" in shown.stdout and "% of 250 us)\n" in shown.stdout
    assert "longest interrupt" in mc("records show last").stdout
    log = mc("log").stdout
    assert ": 100uA, 10Hz and 50uA, 40Hz, for 1.2s\n" in log
    assert log.splitlines()[-2].count("uC moved, net ") == 2 and "; channel 2: " in log.splitlines()[-2]
    status = mc("status").stdout
    assert "outputs      2 outputs, at most 16.1 kS/s each (a sample every 62 us)\n" in status
    assert " samples, 0 + 0 missed, 0 late (worst " in status and "; bus errors since boot: 0\n" in status


def test_both_together_have_a_limit(mc: Cli) -> None:
    refused = mc(f"{RUN} --channel2 'sine --amplitude 950uA'")
    assert refused.exit_code == 6
    assert refused.stderr.splitlines()[-1] == (
        "error: --amplitude is 100uA and 950uA; both channels together may not exceed the board's hard cap of 1mA; no "
        "current flows; ask for less on one of them, or on both"
    )


def test_both_dacs_are_commissioned(mc: Cli) -> None:
    shown = mc("commission").stdout
    assert shown.count("powers up at code 2048") == 2 and "\nsecond DAC powers up at code 2048, " in shown


def test_the_selftest_says_which_output(mc: Cli, board: VirtualPico) -> None:
    lines = mc("selftest").stdout.splitlines()
    places = {(line.split()[0], line[18:33].strip()) for line in lines[2:-1]}
    assert {("gate-opens", "first output"), ("gate-opens", "second output"), ("interrupt-runs", "board")} <= places
    board.output(2).fail(gate_stuck=True)
    failed = mc("selftest")
    board.output(2).fail(gate_stuck=False)
    assert failed.exit_code == 10
    assert failed.stderr.startswith("error: self-test failed: gate-opens of the second output; the output stays off; ")
    assert mc("faults clear").exit_code == 0


def test_a_fault_of_the_second_output(mc: Cli, board: VirtualPico, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its DAC falls silent in mid-session: both outputs are off, and everything names the channel."""
    original = VirtualPico.run_while
    passes = itertools.count()

    def run_while(pico: VirtualPico, predicate: Callable[[], bool], limit_ms: float) -> bool:
        if pico.device_state == 2 and next(passes) == 20:  # ACTIVE
            pico.output(2).dac.absent = True
        return original(pico, predicate, limit_ms)

    monkeypatch.setattr(VirtualPico, "run_while", run_while)
    result = mc(f"{RUN} --channel2 'sine --amplitude 80uA'")
    board.output(2).dac.absent = False
    assert result.exit_code == 7
    assert result.stderr.splitlines()[-1].startswith("error: fault 2 dac-no-ack on channel 2: the DAC did not ")
    assert [output.gate for output in board.outputs] == [0, 0]
    assert " dac-no-ack on channel 2: reading " in mc("log").stdout
    assert mc("faults clear").stdout == "cleared: dac-no-ack\n"


def test_devices_ask(mc: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from microcurrent import ports

    found = [ports.Board("bench:0", "virtual Pico", "duo"), ports.Board("/dev/no-such-port", "CH340", "")]
    monkeypatch.setattr(ports, "find_boards", lambda: found)
    assert mc("devices").stdout == "bench:0  virtual Pico  duo\n/dev/no-such-port  CH340\n"
    lines = mc("devices --ask").stdout.splitlines()
    assert lines[1] == (
        "    rp2040_pico_dual, firmware 0.2.0: 2 outputs, at most 16.1 kS/s each (a sample every 62 us)"
    )
    assert lines[3].startswith("    there is no port /dev/no-such-port")
    told = json.loads(mc("devices --ask --json").stdout)
    assert (told[0]["device"]["channels"], told[0]["problem"], told[1]["device"]) == (2, None, None)


def test_a_reader_that_goes_away_is_no_failure(
    mc: Cli, on_port: Callable[[VirtualPico], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`microcurrent status | head`."""
    from microcurrent.cli import progress

    def gone(*_arguments: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(progress, "row_text", gone)
    with pytest.raises(BrokenPipeError):  # main() takes it, and ends without a word
        run_cli("status")
