"""`run` against the real firmware at emulated time: progress, figures, record, limits, faults."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from boards.rp2040_pico import board as constants
from firmware.shared import settings
from microcurrent.bench.pico import VirtualPico

from .conftest import Cli, booted, make_board, run_cli

SHORT = "run square --amplitude 200uA --frequency 50Hz --duration 600ms --ramp 100ms"


# Electrodes of 10 cm2 are declared, so that the zone binds and not the current density of a small tip.
DECLARED = {"/settings_a": settings.encode_slot(1, settings.defaults() | {"area_mm2": 1000})}


@pytest.fixture(scope="module")
def board(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    """A commissioned board with declared electrodes, shared by this module's tests: leave it as you found it."""
    return booted(make_board(image, firmware_files | DECLARED))


def test_a_session_and_its_record(mc: Cli, tmp_path: Path) -> None:
    result = mc(f"{SHORT} --json")
    assert result.exit_code == 0, result.output
    done = json.loads(result.stdout)
    summary = done["summary"]
    assert done["ended"] == "duration"
    assert summary["delivered_mean_ua"] == pytest.approx(200, rel=0.03)
    assert summary["phase_charge_nc"] == pytest.approx(2000, rel=0.05)
    assert summary["contact"] == "good"
    assert summary["missed"] == 0
    notes = (
        "READY -> ARMED",
        "looking for contact at 8 uA",
        "contact found: ",
        "RAMP_UP -> ACTIVE",
        "RAMP_DOWN -> READY",
    )
    places = [result.stderr.index(note) for note in notes]
    assert places == sorted(places)
    assert (summary["lift_offs"], summary["temperature_max_c"] < 60) == (0, True)
    assert constants.SUPPLY_MIN_MV < summary["supply_min_mv"] <= summary["supply_max_mv"] < constants.SUPPLY_MAX_MV
    assert 0 < summary["series_ohm"] < summary["impedance_ohm"]

    shown = mc("records show last").stdout
    assert "waveform   200uA 50Hz square biphasic\n" in shown
    assert f"{done['id'][:8]}" in mc("records list").stdout
    rows = (tmp_path / "out.csv", tmp_path / "out.json", tmp_path / "out.png")
    assert mc(f"records export last -o {rows[0]}").exit_code == 0
    assert mc(f"records export {done['id'][:6]} -o {rows[1]}").exit_code == 0
    assert mc(f"records plot last -o {rows[2]}").exit_code == 0
    assert len(rows[0].read_text().splitlines()) == summary["rows"] + 1
    exported = json.loads(rows[1].read_text())
    assert exported["telemetry"][-1]["samples"] == summary["samples"]
    assert [event["kind"] for event in exported["events"]][-1] in ("end", "state")
    assert rows[2].read_bytes().startswith(b"\x89PNG")


def test_the_final_table(mc: Cli) -> None:
    text = mc(SHORT).stdout
    assert text.splitlines()[0].split() == ["commanded", "delivered"]
    for name in (
        "current, mean of a phase",
        "charge per phase",
        "net charge",
        "impedance",
        "contact",
        "missed deadlines",
        "phases at full current",
    ):
        assert name in text
    assert "ended                                duration\n" in text


BAD = [
    ("run square --amplitude 101mA", "'101mA' is above the largest current, 100mA; nothing was sent; "),
    ("run square --area 0mm2", "'0mm2' is below the smallest area, 1mm2; nothing was sent; "),
    ("run square --zone knee", "'knee' is not one of 'body', 'face', 'eyes', 'chest', 'head'"),
    ("run square --amplitude nan", "'nan' is not a number with a unit; nothing was sent; write for example 250uA"),
    ("run square --amplitude -5uA", "'-5uA' is below the smallest current, 1uA; nothing was sent; "),
    ("run square --frequency 2kHz", "'2kHz' is above the largest frequency, 1kHz; nothing was sent; "),
    ("run square --frequency 0.05Hz", "'0.05Hz' is below the smallest frequency, 100mHz; nothing was sent; "),
    ("run square --duration 2h", "'2h' is above the largest time, 1h; nothing was sent; "),
    ("run square --ramp 0s", "'0s' is below the smallest time, 100ms; nothing was sent; "),
    (
        "run square --ramp 8s",
        "error: --ramp 8s: two ramps need 16s, --duration is 10s (the default); nothing was sent; "
        "use --ramp 5s or less, or a longer --duration\n",
    ),
    (
        "run square --duration 1s",
        "error: --ramp 2s (the default): two ramps need 4s, --duration is 1s; nothing was sent; "
        "use --ramp 500ms or less, or a longer --duration\n",
    ),
    (
        "run square --duration 150ms",
        "error: --ramp 2s (the default): two ramps need 4s, --duration is 150ms; nothing was sent; "
        "use a longer --duration\n",
    ),
    (
        "run sine --gap 1ms",
        "error: --gap 1ms: only a square has a gap; nothing was sent; leave --gap away, or choose square\n",
    ),
    (
        "run sine --duty 50%",
        "error: --duty 50%: only a square has a duty; nothing was sent; leave --duty away, or choose square\n",
    ),
    (
        "run square --duty 60% --gap 30ms",
        "error: --gap 30ms leaves at most 40% for --duty, which is 60%; nothing was sent; "
        "use --duty 40% or less, a shorter --gap, or a lower --frequency\n",
    ),
    (
        "run square --gap 60ms",
        "error: --gap 60ms leaves no room for a phase: half a period of --frequency 10Hz (the default) is 50ms; "
        "nothing was sent; use a shorter --gap, or a lower --frequency\n",
    ),
    (
        "run square --alternate-every 5s",
        "error: --alternate-every 5s does nothing with --polarity biphasic; nothing was sent; "
        "add --polarity alternate, or leave --alternate-every away\n",
    ),
    ("run square --amplitude 1e99uA", "'1e99uA' has an exponent, which is not taken; nothing was sent; "),
    ("run triangle", "'triangle' is not one of 'square', 'sine', 'sawtooth', 'ramped'"),
    ("run square --load dry", "--load, --load2, --board, --image, --vcd and --csv are for a virtual Pico, "),
]


@pytest.mark.parametrize(("line", "text"), BAD)
def test_bad_requests_reach_no_board(mc: Cli, board: VirtualPico, line: str, text: str) -> None:
    before_ns = board.now_ns
    result = mc(line)
    assert result.exit_code == 2
    assert text in result.stderr
    assert board.now_ns == before_ns


REFUSED = [
    (
        "run square --amplitude 301uA --zone body --area 20cm2",
        "error: --amplitude is 301uA; rule zone (face: ours, practice has 200 and home devices 400, excerpts) permits "
        "300uA; no current flows; use --amplitude 300uA or less, or place the electrodes elsewhere: another --zone, or "
        "permit more, with the device's button: microcurrent config set zone body\n",
    ),
    (
        "run square --amplitude 101uA --zone eyes --port bench:0",
        "error: --amplitude is 101uA; rule zone (eyes: ours, a third of the face, outside the orbital rim) permits "
        "100uA; no current flows; use --amplitude 100uA or less, or place the electrodes elsewhere: another --zone, or "
        "permit more, with the device's button: microcurrent config set --port bench:0 zone body\n",
    ),
    (
        "run square --amplitude 101uA --polarity positive",
        "error: --amplitude is 101uA; rule polarity (positive: ours, net charge moves ions) permits 100uA; no current "
        "flows; use --amplitude 100uA or less, or use --polarity biphasic\n",
    ),
    (
        "run square --amplitude 300uA --area 10mm2",
        "error: --amplitude is 300uA; rule density (2 mA/cm2 on 10 mm2: IEC 60601-2-10, 201.7.9.2.101 g, excerpt) "
        "permits 200uA; no current flows; use --amplitude 200uA or less, or permit more, with the device's button: "
        "microcurrent config set area_mm2 10cm2 (the area that your electrodes have)\n",
    ),
    (
        "run square --duration 30min",
        "error: --duration is 30min; rule session-time (setting session_max_ms) permits 20min; no current flows; use "
        "--duration 20min or less, or permit more, with the device's button: microcurrent config set session_max_ms "
        "30min\n",
    ),
    (
        "run square --amplitude 15mA",
        "error: --amplitude is 15mA; rule level (EMS level, from 10 mA: ours, IEC 60601-2-10 201.7.9.2.101 f, excerpt) "
        "permits 1mA, rule zone 300uA; no current flows; this device is none for TENS or EMS: use --amplitude 300uA or "
        "less\n",
    ),
    (
        "run square --zone chest",
        "error: --zone is chest; rule zone (chest: IEC 60601-2-10, 201.7.9.2.101 d-h, excerpt) permits 0uA: current "
        "across the chest can reach the heart; no current flows; place the electrodes elsewhere, with another --zone\n",
    ),
]


@pytest.mark.parametrize(("line", "text"), REFUSED)
def test_limits_are_named(mc: Cli, line: str, text: str) -> None:
    result = mc(line)
    assert (result.exit_code, result.stderr) == (6, text)
    assert "refused" in mc("records list").stdout


def test_a_gap_takes_its_room_from_the_default_duty(mc: Cli) -> None:
    done = json.loads(mc(f"{SHORT} --gap 1ms --json").stdout)
    assert done["ended"] == "duration"
    shown = json.loads(mc("records show last --json").stdout)
    assert (shown["wave"]["duty_permille"], shown["wave"]["gap_us"]) == (900, 1000)


def test_emergency_stop_during_a_session(mc: Cli, board: VirtualPico) -> None:
    board.at(board.now_ns + 500_000_000, lambda: board.drive_pin(constants.ESTOP_PIN, 1))
    result = mc("run square --amplitude 100uA --frequency 50Hz --duration 5s --ramp 100ms")
    assert result.exit_code == 7, result.output
    assert result.stderr.splitlines()[-1].startswith(
        "error: fault 9 e-stop: the emergency stop is open; output is off and latched; Close the emergency stop"
    )
    assert board.gate == 0
    again = mc(SHORT)
    assert (again.exit_code, again.stderr.startswith("error: fault 9 e-stop: ")) == (7, True)
    kept = mc("faults clear")
    assert (kept.exit_code, kept.stderr) == (
        7,
        "error: the emergency stop is still open; the fault stays latched; Close the emergency stop, then run: "
        "microcurrent faults clear\n",
    )
    board.drive_pin(constants.ESTOP_PIN, 0)
    assert mc("faults clear").stdout == "cleared: e-stop\n"


def test_without_contact_nothing_flows_and_the_remedy_is_said(mc: Cli, board: VirtualPico) -> None:
    board.set_load("open")
    result = mc(f"{SHORT} --json")
    board.set_load("typical")
    assert result.exit_code == 7
    assert "looking for contact at 8 uA\n" in result.stderr and "ACTIVE" not in result.stderr
    assert re.fullmatch(
        r"error: fault 19 open-electrode: no stable contact was found for 10 s "
        r"\(looked for 10\d\d\d ms, limit 10000 ms\); output is off and latched; Put both electrodes on the skin with "
        r"gel, then run: microcurrent faults clear",
        result.stderr.splitlines()[-1],
    )
    summary = json.loads(result.stdout)["summary"]
    assert (summary["measured_in"], summary["reached_ua"], summary["phases"]) == ("nothing", 0, 0)
    samples = json.loads(mc("faults --json").stdout)["samples"]
    commanded = [row["commanded_ua"] for row in samples]
    assert len(samples) == 64 and {abs(ua) for ua in commanded} == {constants.CONTACT_UA}
    assert 3 <= sum(before != after for before, after in pairwise(commanded)) <= 4  # half waves of 20 samples, in order
    measured = [abs(row["measured_ua"]) for row in samples]
    assert sum(ua > 1 for ua in measured) <= 6 and max(measured) <= 8  # the leads' capacity, after a change of sign
    assert mc("faults clear").stdout == "cleared: open-electrode\n"


def test_a_lift_off_is_survived_and_counted(mc: Cli, board: VirtualPico) -> None:
    board.at(board.now_ns + 1_100_000_000, lambda: board.set_load("open"))
    board.at(board.now_ns + 1_300_000_000, lambda: board.set_load("typical"))
    result = mc("run square --amplitude 200uA --frequency 50Hz --duration 1s --ramp 100ms --json")
    assert result.exit_code == 0, result.output
    assert "contact lost (lift-off 1)\nACTIVE -> RAMP_UP\nlooking for contact at 8 uA\ncontact found: " in result.stderr
    summary = json.loads(result.stdout)["summary"]
    assert (summary["lift_offs"], summary["ended"], summary["contact"]) == (1, "duration", "good")
    assert summary["delivered_mean_ua"] == pytest.approx(200, rel=0.03)
    assert json.loads(mc("records export last").stdout)["telemetry"][-1]["lift_offs"] == 1


BROKEN_DAC = [
    ({"absent": True}, "run", 7, "fault 2 dac-no-ack: the DAC did not acknowledge on the I2C bus; output is off"),
    ({"address": 0x61}, "run", 7, "fault 2 dac-no-ack: "),
    ({"stuck": True}, "run", 7, "fault 16 dac-readback: "),
    ({"absent": True}, "selftest", 10, "self-test failed: dac-answers"),
    ({"stuck": True}, "selftest", 10, "self-test failed: dac-moves"),
]


@pytest.mark.parametrize(("broken", "command", "exit_code", "text"), BROKEN_DAC)
def test_broken_dac(mc: Cli, board: VirtualPico, broken: dict, command: str, exit_code: int, text: str) -> None:
    whole = {name: getattr(board.dac, name) for name in broken}
    for name, value in broken.items():
        setattr(board.dac, name, value)
    result = mc(SHORT if command == "run" else command)
    gate = board.gate
    for name, value in whole.items():
        setattr(board.dac, name, value)
    assert (result.exit_code, text in result.stderr, gate) == (exit_code, True, 0), result.output
    assert mc("selftest").exit_code == 0
    assert mc("faults clear").exit_code == 0


def test_uncommissioned_dac(
    image: Path, firmware_files: dict[str, bytes], on_port: Callable[[VirtualPico], str]
) -> None:
    pico = make_board(image, firmware_files | DECLARED, dac_eeprom=(0, 0))
    on_port(pico)
    refused = run_cli(SHORT)
    assert (refused.exit_code, refused.stderr.startswith("error: fault 3 dac-eeprom-unsafe: ")) == (7, True)
    assert refused.stderr.endswith("Run: microcurrent commission\n")
    named = run_cli(f"{SHORT} --port bench:0")
    assert named.stderr.endswith("Run: microcurrent commission --port bench:0\n")
    assert "; Run: microcurrent commission --port bench:0\n" in run_cli("faults --port bench:0").stdout
    assert run_cli("commission").stdout.startswith("written and read back\nDAC powers up at code 2048,")
    assert (pico.dac.eeprom_code, pico.dac.eeprom_power_down) == (2048, 0)
    assert run_cli(SHORT).exit_code == 0
