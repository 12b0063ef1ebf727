"""Limits as people meet them: the table of `limits`, and what a refusal says to do."""

import json

import pytest
from click.testing import CliRunner, Result

from boards.rp2040_pico.board import HARD_CAP_UA
from firmware.shared import limits, protocol, rules, settings, waveform
from microcurrent import explained, ports, preferences
from microcurrent.cli import cli
from microcurrent.errors import BadValueError, RefusedError
from microcurrent.refusals import data_of, limit_sentence
from microcurrent.treatment import checked_wave

from .conftest import Cli

DEFAULT = {"amplitude_ua": 1, "frequency_mhz": 10_000, "duration_ms": 10_000}
WIDE = settings.defaults() | {"profile": 1, "zone": 0, "area_mm2": 20_000, "session_max_ms": 3_600_000}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No board is connected."""
    monkeypatch.setattr(ports, "find_boards", list)


def explain(line: str) -> Result:
    return CliRunner().invoke(cli, ["limits", *line.split()], prog_name="microcurrent", catch_exceptions=False)


@pytest.mark.usefixtures("alone")
def test_the_table_of_the_defaults() -> None:
    result = explain("")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["rule", "permits", "verdict", "source"]
    assert [line[0] for line in lines[2:13]] == [
        "hard-cap", "profile", "zone", "density", "polarity", "net-dc", "session-charge", "session-time", "personal",
        "level", "phase-charge",
    ]  # fmt: skip
    assert [line[1] for line in lines[2:13]] == [
        "1mA", "400uA", "300uA", "140uA", "-", "10uA", "72mA", "20min", "-", "1mA", "-"]  # fmt: skip
    for text in (
        "density         140uA      not evaluated  2 mA/cm2 on 7 mm2, at most a 3 mm tip as none is declared: IEC ",
        "with the default settings (no board was found)\n",
        "permitted peak    140uA, by rule density\n",
        "permitted time    20min, by rule session-time\n",
        "charge per phase  7 uC at 140uA in a phase of 50ms\n",
        "Shannon's criterion does not apply to skin ",
    ):
        assert text in result.stdout


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("line", "peak"),
    [
        ("--area 10cm2", "300uA, by rule zone"),
        ("--area 10cm2 --zone body", "400uA, by rule profile"),
        ("--area 10cm2 --zone body --profile professional", "600uA, by rule profile"),
        ("--area 10cm2 --zone eyes", "100uA, by rule zone"),
        ("--area 19mm2", "300uA, by rule zone"),
        ("--area 6mm2", "120uA, by rule density"),
        ("sine --area 10cm2 --polarity alternate", "100uA, by rule polarity"),
        ("--threshold 0.1mA", "80uA, by rule personal"),
    ],
)
def test_suppositions(line: str, peak: str) -> None:
    result = explain(line)
    assert result.exit_code == 0, result.output
    assert f"permitted peak    {peak}\n" in result.stdout
    assert f"permitted peak    {peak}\n" in explain(f"{line} --amplitude {peak.split(',')[0]}").stdout


@pytest.mark.usefixtures("alone")
def test_a_supposition_that_permits_more_is_marked() -> None:
    assert (
        "zone body, area_mm2 10cm2: to set it needs the device's button\n" in explain("--zone body --area 10cm2").stdout
    )
    assert "button" not in explain("--zone eyes --area 7mm2 --threshold 1mA --profile home").stdout


@pytest.mark.usefixtures("alone")
def test_the_printed_maximum_is_permitted_and_one_more_is_not() -> None:
    for options in ("", "--area 13mm2", "--polarity positive", "--threshold 99uA", "sawtooth --area 3cm2"):
        limit_ua = json.loads(explain(f"{options} --json").stdout)["permitted_ua"]
        good = explain(f"{options} --amplitude {limit_ua}uA")
        assert (good.exit_code, f"verdict           {limit_ua}uA is permitted\n" in good.stdout) == (0, True)
        bad = explain(f"{options} --amplitude {limit_ua + 1}uA")
        assert (bad.exit_code, "is permitted" in bad.stdout) == (6, False)
        assert f" permits {limit_ua}uA; " in bad.stderr


@pytest.mark.usefixtures("alone")
def test_limits_as_json() -> None:
    found = json.loads(explain("sine --frequency 8.3Hz --json").stdout)
    assert found["settings_of"] == "the default settings (no board was found)"
    assert found["settings"]["profile"] == "home"
    assert (found["wave"]["shape"], found["wave"]["amplitude_ua"]) == ("sine", None)
    assert [row["limit_ua"] for row in found["rules"]][3:5] == [140, None]
    assert found["rules"][5]["verdict"] == "supervised"
    assert (found["permitted_ua"], found["binding"], found["permitted_ms"]) == (140, "density", 1_200_000)
    assert (found["phase_us"], found["phase_charge_nc"]) == (60241, 5398)
    refused = explain("--amplitude 5mA --json")
    assert refused.exit_code == 6
    assert f"error: {json.loads(refused.stdout)['refusal']}\n" == refused.stderr


def test_several_boards_and_none_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "find_boards", lambda: [ports.Board(name, "", "") for name in "ab"])
    assert "with the default settings (2 boards were found and none was named)" in explain("").stdout


@pytest.mark.usefixtures("alone")
def test_options_that_do_not_fit_are_refused_as_by_run() -> None:
    result = explain("sine --gap 1ms")
    assert (result.exit_code, "only a square has a gap" in result.stderr) == (2, True)


def test_the_board_is_asked(mc: Cli) -> None:
    """Its settings count, and `limits` and `run` agree on them."""
    mc("config reset")
    assert "with the settings of the board on bench:0\n" in mc("limits").stdout
    mc("config set threshold_ua 100uA")
    refused = mc("limits --amplitude 81uA")
    assert refused.exit_code == 6
    assert " rule personal (80 % of the threshold 100 uA: ours) permits 80uA; " in refused.stderr
    assert mc("run square --amplitude 81uA").stderr == refused.stderr
    assert "permitted peak    80uA, by rule personal\n" in mc("limits").stdout


SENTENCES = [
    (
        settings.defaults(),
        {"amplitude_ua": 141},
        "--amplitude is 141uA; rule density (2 mA/cm2 on 7 mm2, at most a 3 mm tip as none is declared: IEC "
        "60601-2-10, 201.7.9.2.101 g, excerpt) permits 140uA; no current flows; use --amplitude 140uA or less, or "
        "permit more, with the device's button: microcurrent config set area_mm2 10cm2 (the area that your "
        "electrodes have)",
    ),
    (
        WIDE | {"profile": 0},
        {"amplitude_ua": 401},
        "--amplitude is 401uA; rule profile (home: ours, top of cleared home devices, excerpt) permits 400uA; no "
        "current flows; use --amplitude 400uA or less, or permit more, with the device's button: microcurrent config "
        "set profile professional",
    ),
    (
        WIDE,
        {"amplitude_ua": 601},
        "--amplitude is 601uA; rule profile (professional: ours, top of practice, excerpts) permits 600uA; no current "
        "flows; use --amplitude 600uA or less, there is no wider profile",
    ),
    (
        WIDE,
        {"amplitude_ua": 200, "zone": "eyes"},
        "--amplitude is 200uA; rule zone (eyes: ours, a third of the face, outside the orbital rim) permits 100uA; no "
        "current flows; use --amplitude 100uA or less, or place the electrodes elsewhere: another --zone, or permit "
        "more, with the device's button: microcurrent config set zone body",
    ),
    (
        WIDE,
        {"amplitude_ua": 101, "polarity": "positive"},
        "--amplitude is 101uA; rule polarity (positive: ours, net charge moves ions) permits 100uA; no current flows; "
        "use --amplitude 100uA or less, or use --polarity biphasic",
    ),
    (
        WIDE,
        {"amplitude_ua": 201, "duration_ms": 3_600_000},
        "--amplitude is 201uA; rule session-charge (720 mC: ours, 600 uA for 20 min) permits 200uA; no current flows; "
        "use --amplitude 200uA or less, or a shorter --duration",
    ),
    (
        WIDE | {"threshold_ua": 300},
        {"amplitude_ua": 241},
        "--amplitude is 241uA; rule personal (80 % of the threshold 300 uA: ours) permits 240uA; no current flows; use "
        "--amplitude 240uA or less, or measure the threshold again, or permit more, with the device's button: "
        "microcurrent config set threshold_ua 250uA (what you measured)",
    ),
    (
        WIDE | {"threshold_ua": 1},
        {"amplitude_ua": 1},
        "--amplitude is 1uA; rule personal (80 % of the threshold 1 uA: ours) permits 0uA; no current flows; measure "
        "the threshold again, or permit more, with the device's button: microcurrent config set threshold_ua 250uA "
        "(what you measured)",
    ),
    (
        WIDE | {"session_max_ms": 600_000},
        {"duration_ms": 1_800_000},
        "--duration is 30min; rule session-time (setting session_max_ms) permits 10min; no current flows; use "
        "--duration 10min or less, or permit more, with the device's button: microcurrent config set "
        "session_max_ms 30min",
    ),
    (
        WIDE,
        {"duration_ms": 1_800_000, "polarity": "alternate"},
        "--duration is 30min; rule session-time (alternate: ours, net charge grows with time) permits 20min; no "
        "current flows; use --duration 20min or less, or use --polarity biphasic",
    ),
    (
        settings.defaults(),
        {"amplitude_ua": 20_000},
        "--amplitude is 20mA; rule level (EMS level, from 10 mA: ours, IEC 60601-2-10 201.7.9.2.101 f, excerpt) "
        "permits 1mA, rule density 140uA; no current flows; this device is none for TENS or EMS: use "
        "--amplitude 140uA or less",
    ),
    (
        WIDE,
        {"amplitude_ua": 1000, "frequency_mhz": 500_000},
        "--amplitude is 1mA; rule phase-charge (TENS level, from 1 uC in up to 1 ms: ours, what skin first feels) "
        "permits 999uA, rule profile 600uA; no current flows; this device is none for TENS or EMS: use "
        "--amplitude 600uA or less",
    ),
    (
        WIDE,
        {"zone": "head"},
        "--zone is head; rule zone (head: IEC 60601-2-10, 201.7.9.2.101 d-h, excerpt) permits 0uA: current through the "
        "head reaches the brain; no current flows; place the electrodes elsewhere, with another --zone",
    ),
]


@pytest.mark.parametrize(("held", "request_", "sentence"), SENTENCES)
def test_every_refusal_names_number_limit_source_and_remedy(held: dict, request_: dict, sentence: str) -> None:
    text = limits.refusal(checked_wave(DEFAULT | request_), held, HARD_CAP_UA)
    assert text is not None
    assert limit_sentence(text) == sentence
    with pytest.raises(RefusedError) as caught:
        data_of({"ok": False, "err": protocol.ERR_LIMIT, "text": text})
    assert str(caught.value) == sentence


def test_the_hard_cap_of_another_board() -> None:
    text = limits.refusal(checked_wave(DEFAULT | {"amplitude_ua": 51}), WIDE, 50)
    assert text is not None
    assert limit_sentence(text) == (
        "--amplitude is 51uA; rule hard-cap (constant of the board: ours, TENS begins there) permits 50uA; no current "
        "flows; use --amplitude 50uA or less, the hard cap is a constant of the board"
    )


def test_what_a_newer_firmware_says_is_passed_on() -> None:
    assert limit_sentence("the moon is full") == "the moon is full; no current flows; ask for less"


@pytest.mark.parametrize("shape", waveform.SHAPES)
def test_charge_per_phase(shape: str) -> None:
    wave = checked_wave(DEFAULT | {"shape": shape})
    assert (
        explained.phase_charge_nc(wave, 100)
        == {"square": 5000, "sine": 3200, "sawtooth": 2500, "ramped": 4375, "table": 5000}[shape]
    )


READ = [
    ("profile", "professional", 1),
    ("zone", "body", 0),
    ("zone", "face", 1),
    ("zone", "eyes", 2),
    ("area_mm2", "10cm2", 1000),
    ("area_mm2", "none", 0),
    ("threshold_ua", "250uA", 250),
    ("threshold_ua", "none", 0),
    ("usb_isolated", "yes", 1),
    ("usb_isolated", "1", 1),
    ("usb_isolated", "0", 0),
    ("session_max_ms", "20min", 1_200_000),
]


@pytest.mark.parametrize(("name", "text", "value"), READ)
def test_settings_by_name_and_unit(name: str, text: str, value: int) -> None:
    assert preferences.parse(name, text) == value
    assert preferences.parse(name, preferences.shown(name, value)) == value


UNREADABLE = [
    ("profile", "boss", "profile 'boss': no such value; nothing was sent; choose one of: home, professional"),
    ("profile", "1", "profile '1': no such value; nothing was sent; choose one of: home, professional"),
    (
        "zone",
        "chest",
        "zone 'chest': current across the chest can reach the heart; nothing was sent; choose one of: body, face, eyes",
    ),
    ("zone", "knee", "zone 'knee': no such zone; nothing was sent; choose one of: body, face, eyes"),
    ("usb_isolated", "2", "usb_isolated '2': no such value; nothing was sent; choose one of: no, yes"),
    ("session_max_ms", "none", "session_max_ms: 'none' is not a number with a unit; nothing was sent; "),
]


@pytest.mark.parametrize(("name", "text", "sentence"), UNREADABLE)
def test_settings_that_cannot_be_read(name: str, text: str, sentence: str) -> None:
    with pytest.raises(BadValueError) as caught:
        preferences.parse(name, text)
    assert str(caught.value).startswith(sentence)


def test_settings_as_a_table() -> None:
    rows = {row[0]: row[1:3] for row in preferences.table(settings.defaults())}
    assert rows == {
        "profile": ("home", "home, professional"),
        "zone": ("face", "body, face, eyes"),
        "area_mm2": ("none", "none, 1mm2 .. 200cm2"),
        "threshold_ua": ("none", "none, 1uA .. 1mA"),
        "session_max_ms": ("20min", "1s .. 1h"),
        "lease_ms": ("2s", "500ms .. 10s"),
        "telemetry_hz": ("10Hz", f"0Hz .. {protocol.TELEMETRY_RATE_MAX_HZ}Hz"),
        "usb_isolated": ("no", "no, yes"),
        "host_may_leave": ("no", "no, yes"),
        "buzzer": ("yes", "no, yes"),
    }
    assert len(rules.PROFILES) == len(rules.PROFILE_UA)
    assert len(waveform.ZONES) == len(rules.ZONE_UA)
