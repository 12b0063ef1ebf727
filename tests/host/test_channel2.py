"""The value of --channel2 in the user's words: what it may hold, and what is refused before anything is sent."""

from pathlib import Path

import pytest

from microcurrent import transport

from .conftest import run_cli
from .test_session import ScriptedDevice
from .two import board

RUN = "run square --frequency 10Hz --amplitude 200uA"
POINTS = ("0\n1\n0\n-1\n", "0\n1\n0.5\n-0.5\n-1\n0\n")


@pytest.fixture
def dual(monkeypatch: pytest.MonkeyPatch) -> ScriptedDevice:
    """A board with two channels behind the port that the command line uses."""
    device = board()
    monkeypatch.setitem(transport.OPENERS, "bench", lambda _name: device)
    return device


def asked(device: ScriptedDevice, line: str) -> dict:
    """What the board was asked to arm: the session that the line starts is ended by a button at once."""
    device.end_at_start = True
    result = run_cli(line)
    assert result.exit_code == 0, result.output
    return device.asked["arm"]


def test_its_options_are_those_of_run(dual: ScriptedDevice) -> None:
    arm = asked(
        dual, f"{RUN} --sample 250us --channel2 'square --frequency 40Hz --amplitude 50uA --width 2ms --gap 1ms'"
    )
    second = arm["wave2"]
    found = [second[name] for name in ("shape", "frequency_mhz", "amplitude_ua", "width_us", "gap_us", "phase_deg")]
    assert found == ["square", 40_000, 50, 2000, 1000, -1]
    assert (arm["wave"]["sample_us"], arm["wave"]["phase_deg"]) == (250, -1)
    assert not {"duration_ms", "ramp_ms", "sample_us", "points"} & second.keys()
    assert second["area_mm2"] == arm["wave"]["area_mm2"] == dual.answers["config"]["set"]["area_mm2"]


def test_its_defaults_are_those_of_run_and_it_has_a_place_of_its_own(dual: ScriptedDevice) -> None:
    second = asked(dual, f"{RUN} --area 10cm2 --channel2 'sine --area 2cm2 --zone face'")["wave2"]
    found = [second[name] for name in ("frequency_mhz", "amplitude_ua", "area_mm2", "zone", "polarity")]
    assert found == [10_000, 100, 200, "face", "biphasic"]


@pytest.mark.parametrize("phase", ["90", "90deg", "0"])
def test_a_locked_channel(dual: ScriptedDevice, phase: str) -> None:
    second = asked(dual, f"{RUN} --channel2 'sine --phase {phase}'")["wave2"]
    assert second["phase_deg"] == int(phase.removesuffix("deg"))


@pytest.mark.parametrize("both", [False, True])
def test_one_table_is_sent_once(dual: ScriptedDevice, tmp_path: Path, both: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_text(POINTS[0])
    dual.answers["table"] = {"crc": 1}
    first = f"run table --table {path}" if both else RUN
    arm = asked(dual, f"{first} --channel2 'table --table {path}'")
    crc = arm["wave2"]["table_crc"]
    assert crc and arm["wave"]["table_crc"] == (crc if both else 0)
    assert len(dual.asked["table"]["values"]) and "points" not in arm["wave2"]


SESSIONS = "time, ramp and sample period are the session's, the same for both channels; nothing was sent; give"
REFUSED = [
    ("", "it is empty; nothing was sent; name a waveform and its options, as in --channel2 'sine --frequency 40Hz"),
    ("--amplitude 50uA", "Missing argument 'WAVEFORM'"),
    ("triangle", "Invalid value for 'WAVEFORM': 'triangle' is not one of 'square', 'sine', "),
    ("sine --frequency 40", "Invalid value for '--frequency': '40' has no unit (mHz, Hz, kHz); nothing was sent; "),
    ("sine --amplitude", "Option '--amplitude' requires an argument"),
    ("sine --amplitud 5uA", "No such option '--amplitud'"),
    ("sine --phase 360", "Invalid value for '--phase': '360deg' is above the largest angle, 359deg; nothing was"),
    ("sine --phase -1", "Invalid value for '--phase': '-1deg' is below the smallest angle, 0deg; nothing was sent; "),
    ("sine --phase x", "Invalid value for '--phase': 'x' is not a number with a unit"),
    ("sine square", "Got unexpected extra argument (square)"),
    ("sine --port sim", "No such option '--port'"),
    ("sine \"", "No closing quotation: sine \"; nothing was sent; close the quotation\n"),
    ("sine --duration 5s", f"--duration 5s: {SESSIONS} --duration beside --channel2, not within it\n"),
    ("sine --ramp 1s", f"--ramp 1s: {SESSIONS} --ramp beside --channel2, not within it\n"),
    ("sine --sample 100us", f"--sample 100us: {SESSIONS} --sample beside --channel2, not within it\n"),
    ("sine --gap 1ms", "--gap 1ms: only a square has a gap; nothing was sent; leave --gap away, or choose square\n"),
    ("square --gap 60ms", "--gap 60ms leaves no room for a phase: half a period of --frequency 10Hz (the default) is "),
    ("table", "a table has no points; nothing was sent; name a CSV file of one period: --table FILE\n"),
    ("sine --table a.csv", "--table a.csv: a sine has no table; nothing was sent; leave --table away, or "),
    (
        "sine --frequency 40Hz --phase 90",
        "--phase 90deg locks it to the first channel: --frequency is 40Hz, the first channel's 10Hz; nothing was sent; "
        "give both the same --frequency, or leave --phase away\n",
    ),
    (
        "sine --phase 90 --burst 1s --rest 1s",
        "--phase 90deg: channels that are locked have neither bursts nor sweeps; nothing was sent; leave --burst away "
        "in both, or --phase\n",
    ),
    ("sine --burst 1s", "--burst is 1s and no rest is given; give --rest or --rest-random; nothing was sent; "),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), REFUSED)
def test_what_is_wrong_within_it_says_where(dual: ScriptedDevice, value: str, text: str) -> None:
    result = run_cli(f"{RUN} --channel2 '{value}'")
    assert result.exit_code == 2
    assert f"rror: in --channel2: {text}" in result.stderr
    assert not dual.asked


def test_sweeps_of_the_first_channel_lock_nothing(dual: ScriptedDevice) -> None:
    result = run_cli(f"{RUN} --amplitude-end 100uA --sweep 2s --channel2 'sine --phase 0'")
    assert (result.exit_code, dual.asked) == (2, {})
    assert "leave --sweep away in both, or --phase\n" in result.stderr


def test_the_board_holds_one_table(dual: ScriptedDevice, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.csv", "b.csv")]
    for path, points in zip(paths, POINTS, strict=True):
        path.write_text(points)
    result = run_cli(f"run table --table {paths[0]} --channel2 'table --table {paths[1]}'")
    assert (result.exit_code, dual.asked) == (2, {})
    assert result.stderr == (
        f"error: in --channel2: --table {paths[1]}: the board holds one table, and the first channel's is another; "
        f"nothing was sent; give both the same file\n"
    )


def test_phase_is_of_the_second_channel_alone(dual: ScriptedDevice) -> None:
    for command in ("run", "change", "limits"):
        result = run_cli(f"{command} sine --phase 90")
        assert (result.exit_code, dual.asked) == (2, {})
        assert "No such option '--phase'" in result.stderr


@pytest.mark.parametrize("channels", [None, 1])
def test_a_board_with_one_channel(dual: ScriptedDevice, channels: int | None) -> None:
    dual.answers["hello"] |= {"channels": channels} if channels else {}
    if channels is None:
        del dual.answers["hello"]["channels"]
    result = run_cli(f"{RUN} --channel2 sine")
    assert (result.exit_code, list(dual.asked)) == (2, ["hello"])
    assert result.stderr == (
        "error: this board has one channel; nothing was sent; leave --channel2 away, or use a board with two outputs "
        "(rp2040_pico_dual)\n"
    )
    assert "no sessions yet" in run_cli("records list").stdout


def test_it_explains_itself(dual: ScriptedDevice) -> None:
    result = run_cli(f"{RUN} --channel2 'sine --help'")
    assert (result.exit_code, dual.asked) == (0, {})
    assert result.stdout.startswith("Usage: --channel2 [OPTIONS] WAVEFORM\n")
    assert "--phase deg" in result.stdout and "--duration" not in result.stdout


TOGETHER = "amplitude_ua is 600 and 500; both channels together may not exceed the board's hard cap of 1000"
REFUSALS = [
    (
        "limit",
        TOGETHER,
        "--amplitude is 600uA and 500uA; both channels together may not exceed the board's hard cap of 1mA; no current "
        "flows; ask for less on one of them, or on both\n",
    ),
    (
        "value",
        "channel 2: a phase of 20 us is shorter than half a sample, 31 us",
        "channel 2: a phase of 20 us is shorter than half a sample, 31 us; nothing was changed; use a longer --width "
        "or --duty, or a shorter --sample\n",
    ),
    (
        "value",
        "channel 2: frequency_mhz is 100000; samples of 2000 us permit 50000",
        "channel 2: --frequency is 100Hz; samples of 2000 us permit 50Hz; nothing was changed; use a lower --frequency"
        ", or a shorter --sample (see the board's shortest with: microcurrent status)\n",
    ),
    (
        "value",
        "frequency_mhz is 100; samples of 62 us play it exactly from 94",
        "--frequency is 100mHz; samples of 62 us play it exactly from 94mHz; nothing was changed; use a higher "
        "--frequency, or a longer --sample\n",
    ),
]


@pytest.mark.parametrize(("code", "text", "shown"), REFUSALS)
def test_refusals_come_out_in_options(dual: ScriptedDevice, code: str, text: str, shown: str) -> None:
    dual.refuse("arm", code, text)
    result = run_cli(f"{RUN} --channel2 sine")
    assert result.stderr.splitlines(keepends=True)[-1] == f"error: {shown}"


LIMIT = "amplitude_ua is 301; rule zone (face: ours) permits 300"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"channel 2: {LIMIT}", "channel 2: --amplitude is 301uA; rule zone (face: ours) permits 300uA; no current"),
        (LIMIT, "--amplitude is 301uA; rule zone (face: ours) permits 300uA; no current flows; "),
    ],
)
def test_a_limit_of_the_second_channel(dual: ScriptedDevice, text: str, shown: str) -> None:
    dual.refuse("arm", "limit", text)
    result = run_cli(f"{RUN} --channel2 'sine --amplitude 301uA'")
    assert (result.exit_code, result.stderr.startswith(f"error: {shown}")) == (6, True)


def test_a_board_is_chosen_for_virtual_ports_alone(dual: ScriptedDevice) -> None:
    for option in ("--load2 dry", "--board rp2040_pico_dual"):
        result = run_cli(f"{RUN} {option}")
        assert (result.exit_code, dual.asked) == (2, {})
        assert "--load, --load2, --board, --image, --vcd and --csv are for a virtual Pico, " in result.stderr
