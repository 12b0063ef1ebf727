"""`microcurrent characterise`: its numbers against the bench's truth, its pages, and the wrong resistor."""

import json
from pathlib import Path

import pytest

from firmware.shared import settings, waveform
from microcurrent.bench.control_commands import COMMANDS
from microcurrent.bench.pico import VirtualPico
from microcurrent.calibrate import loads

from .conftest import Cli, booted, make_board

DECLARED = {"profile": 1, "zone": waveform.ZONES.index("body"), "area_mm2": 1000}


@pytest.fixture(scope="module")
def board(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    slot = settings.encode_slot(1, settings.defaults() | DECLARED)
    return booted(make_board(image, firmware_files | {"/settings_a": slot}))


def test_a_table_whose_loads_are_set_by_itself(
    mc: Cli, board: VirtualPico, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads, "control_ask", lambda _place: lambda **asked: COMMANDS[asked["do"]](board, asked))
    result = mc(f"characterise --amplitude 200uA --frequency 50Hz --duration 1s --output {tmp_path / 'out'} --json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [each["ohm"] for each in told["loads"]] == [500, 2000, 10000]
    for each in told["loads"]:
        true_ua = 200 * 1.003
        assert each["peak_ua"] == pytest.approx(true_ua, abs=5) and each["full_share"] == 1
        assert each["electrode_mv"] == pytest.approx(true_ua * each["ohm"] / 1000, rel=0.02, abs=7)
        assert each["phase_charge_nc"] == pytest.approx(true_ua * 10, rel=0.02)  # 10 ms
        assert abs(each["net_per_pulse_nc"]) < 20  # 0.5 uA of offset for 20 ms, and what the sense makes of it
        assert each["waveform_source"] == "the virtual Pico's trace, exact"
    assert told["facts"]["Calibration"].startswith("none; the design's numbers hold")
    assert told["notices"] == [
        "The board is not calibrated: currents are those of the design, off by up to 36 uA at 600 uA."
    ]
    page = (tmp_path / "out" / "characterise.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "http" not in page.replace("http-equiv", "")
    text = (tmp_path / "out" / "characterise.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in rows[:11]} == {7} and "| current density | 0.02" in text
    assert all((tmp_path / "out" / f"characterise-{ohm}.png").stat().st_size > 5000 for ohm in (500, 2000, 10000))


def test_a_real_board_tells_by_itself_and_the_wrong_resistor_is_refused(
    mc: Cli, board: VirtualPico, tmp_path: Path
) -> None:
    board.set_load("2k")
    line = f"characterise sine --amplitude 200uA --duration 1s --yes --output {tmp_path}"
    result = mc(f"{line} --load 2k --json")
    assert result.exit_code == 0, result.output
    (only,) = json.loads(result.stdout)["loads"]
    assert only["waveform_source"].startswith("the board's own telemetry") and only["impedance_ohm"] in range(
        1900, 2100
    )
    wrong = mc(f"{line} --load 10k")
    assert wrong.exit_code == 6 and "10000 ohm +-15% were expected" in wrong.stderr
    asked = mc(f"characterise --output {tmp_path}")
    assert asked.exit_code == 2 and "nobody can be asked here; no current has flowed" in asked.stderr
    assert mc(f"{line} --load 2k --output /proc/nowhere").exit_code == 9
