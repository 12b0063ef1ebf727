"""Programmes as people write them: what is taken, what is refused and how it is said, includes, the user's own."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.shared import limits, programme, settings, sites, waveform
from microcurrent.errors import BadValueError, MicrocurrentError, RecordError, RefusedError
from microcurrent.programme_library import Library
from microcurrent.programme_limits import for_board, granted, require_permitted
from microcurrent.refused_systems import REFUSED, RefusedSystem

from .conftest import run_cli

HEAD = 'title = "T"\nversion = "1"\nsource = "ours"\nevidence = "none"\n'
STEP = '[[step]]\nsite = "cheek"\nside = "left"\nfrequency = "10Hz"\namplitude = "60%"\nduration = "20s"\n'
OPEN = settings.defaults() | {"profile": 1, "area_mm2": 1000}
CAP_UA = 1000


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(str(tmp_path / "data"))


def write(library: Library, name: str, text: str) -> None:
    library.own.mkdir(parents=True, exist_ok=True)
    (library.own / f"{name}.toml").write_text(text, encoding="utf-8")


def refusal(library: Library, text: str) -> str:
    write(library, "trial", text)
    with pytest.raises(BadValueError) as caught:
        library.load("trial")
    return str(caught.value)


def test_every_supplied_programme_is_valid_and_permitted_at_its_profile(library: Library) -> None:
    for name in library.names():
        made = library.load(name)
        profile = ("home", "professional").index(made.profile)
        kept = OPEN | {"profile": profile}
        for channels in require_permitted(made, for_board(made, 1000), kept, CAP_UA):
            for each in channels:
                assert 0 < each.amplitude_ua <= each.limit_ua and not each.refusal
        assert made.evidence and made.source and made.before and made.after
        assert "excerpt" in made.source or "unverified" in made.source or "ours" in made.source
        assert made.duration_ms <= 1_200_000
        for step in made.steps:
            assert sites.zone_of(step.site) and programme.check_step(step.device)[1] is None


def test_a_written_step_becomes_what_the_board_takes(library: Library) -> None:
    write(
        library,
        "trial",
        HEAD + '[defaults]\nramp = "1s"\nhold = "5s"\n' + STEP.replace("left", "both") + 'move = "up"\n',
    )
    made = library.load("trial")
    assert [step.side for step in made.steps] == ["left", "right"]
    assert made.steps[0].device == {
        "site": "cheek", "side": "left", "hold_ms": 5000, "share_permille": 600,
        "wave": {"frequency_mhz": 10_000, "duration_ms": 20_000, "ramp_ms": 1000},
    }  # fmt: skip
    assert made.info() | {"hash": ""} == {
        "name": "trial", "hash": "", "steps": 2, "duration_ms": 40_000, "profile": 0, "unipolar_ms": 0,
    }  # fmt: skip
    assert made.hash == made.sha256[:16] and made.steps[0].move == "up"


def test_the_hash_is_that_of_what_is_played(library: Library) -> None:
    write(library, "trial", HEAD + STEP)
    before = library.load("trial").sha256
    write(library, "trial", HEAD.replace("none", "other words") + STEP + 'move = "up"\n')
    assert library.load("trial").sha256 == before
    write(library, "trial", HEAD + STEP.replace("60%", "59%"))
    assert library.load("trial").sha256 != before


def test_condition_and_tissue_are_frequencies_of_two_channels(library: Library) -> None:
    pair = STEP.replace('frequency = "10Hz"\n', 'condition = "inflammation"\ntissue = "nerve"\n')
    write(library, "trial", HEAD + pair)
    step = library.load("trial").steps[0]
    assert step.device["wave"]["frequency_mhz"] == 40_000 and step.device["wave2"]["frequency_mhz"] == 396_000
    assert step.labels == ("inflammation", "nerve") and step.device["share2_permille"] == 600
    assert "there is no 'sadness' among the conditions" in refusal(
        library, HEAD + pair.replace("inflammation", "sadness")
    )
    assert "belong together" in refusal(library, HEAD + pair.replace('tissue = "nerve"\n', ""))
    assert "beside condition and tissue" in refusal(library, HEAD + pair + 'frequency = "5Hz"\n')


def test_the_users_table_of_frequencies_counts_first(library: Library, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "signature_frequencies.toml").write_text('[conditions]\n"x" = "7Hz"\n[tissues]\n"y" = "8Hz"\n')
    own = Library(str(tmp_path / "data"))
    write(own, "trial", HEAD + STEP.replace('frequency = "10Hz"\n', 'condition = "x"\ntissue = "y"\n'))
    assert own.load("trial").steps[0].device["wave"]["frequency_mhz"] == 7000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD, "it has no [[step]]"),
        (HEAD + STEP + 'colour = "red"\n', "there is no key 'colour'"),
        ('colour = "red"\n' + HEAD + STEP, "there is no key 'colour' at its top"),
        (HEAD.replace('version = "1"\n', "") + STEP, "version is missing"),
        (HEAD + STEP.replace('"60%"', "60"), "60 has no unit"),
        (HEAD + STEP.replace('"60%"', '"60"'), "has no unit"),
        (HEAD + STEP.replace('amplitude = "60%"\n', ""), "it has no amplitude"),
        (HEAD + STEP.replace('"60%"', '"0%"'), "below the smallest share"),
        (HEAD + STEP.replace('"60%"', '"101%"'), "above the largest share"),
        (HEAD + STEP.replace('"20s"', '"2h"'), "above the largest time"),
        (HEAD + STEP.replace('"10Hz"', '"2kHz"'), "above the largest frequency"),
        (HEAD + STEP.replace('"cheek"', '"temple"'), "site is 'temple'; it must be one of"),
        (HEAD + STEP.replace('"left"', '"upper"'), "side is 'upper'"),
        (HEAD + STEP.replace('"20s"', '"1s"'), "two ramps must fit"),
        (HEAD + STEP + 'hold = "10ms"\n', "hold is 10ms; it must be at least 1000"),
        (HEAD + STEP + "repeat = 0\n", "repeat is 0"),
        (HEAD + STEP + "repeat = 49\n", "repeat is 49"),
        (HEAD + STEP + "repeat = 30\n" + STEP + "repeat = 30\n", "it has 60 steps, the limit is 48"),
        (HEAD + STEP + 'shape = "table"\n', "is a table"),
        (HEAD + STEP + 'shape = "noise"\n', "shape is 'noise'"),
        (HEAD + STEP + 'duty = "50%"\nwidth = "1ms"\n', "give one of them"),
        (HEAD + STEP + 'channel2 = "sine"\n', "channel2 is no table"),
        (HEAD + STEP + 'channel2 = { amplitude = "50%", duration = "1s" }\n', "is the same for both channels"),
        (HEAD + 'profile = "hospital"\n' + STEP, "profile is 'hospital'"),
        (HEAD + STEP + 'move = "a\\u0007b"\n', "printable"),
        (HEAD + STEP + f'cue = "{"x" * 401}"\n', "400 printable"),
        (HEAD + 'before = "gel"\n' + STEP, "before is no list"),
        (HEAD + "step = 3\n", "is no table"),
        (HEAD + "[[step]]\ninclude = 3\n", "include has nothing else"),
        ("title = ", "it is no TOML"),
        (HEAD + STEP + "# " + "x" * 200_001, "more than 200 kB"),
        ("a = " + "[" * 3000 + "]" * 3000, "it is no TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(library: Library, text: str, words: str) -> None:
    found = refusal(library, text)
    assert words in found and found.startswith("trial.toml") and "nothing was started" in found
    assert len(found.split("; ")) >= 3  # what, state, what to do


def test_unipolar_time_is_limited_over_all_steps(library: Library) -> None:
    write(library, "trial", HEAD + STEP.replace('"20s"', '"25s"') + 'polarity = "positive"\nrepeat = 48\n')
    assert library.load("trial").info()["unipolar_ms"] == 1_200_000
    text = HEAD + STEP.replace('"20s"', '"5min"') + 'polarity = "positive"\nrepeat = 5\n'
    assert "does not reverse for longer than 20min" in refusal(library, text)


def test_includes_stand_in_their_place_and_may_not_go_round(library: Library) -> None:
    write(library, "a", HEAD + STEP + '[[step]]\ninclude = "b"\n')
    write(library, "b", HEAD + STEP.replace("cheek", "jaw"))
    assert library.load("a").sites == ("cheek", "jaw")
    write(library, "b", HEAD + STEP + '[[step]]\ninclude = "a"\n')
    with pytest.raises(BadValueError, match="includes itself: a > b > a; nothing was started; break the circle"):
        library.load("a")
    write(library, "c", HEAD + '[[step]]\ninclude = "c"\n')
    with pytest.raises(BadValueError, match="c > c"):
        library.load("c")
    write(library, "d", HEAD + '[[step]]\ninclude = "nowhere"\n')
    with pytest.raises(BadValueError, match="there is no programme 'nowhere'"):
        library.load("d")
    write(library, "e", HEAD + '[[step]]\ninclude = "tens"\n')
    with pytest.raises(RefusedError, match="TENS is refused"):
        library.load("e")


def test_a_file_that_cannot_be_read(library: Library) -> None:
    with pytest.raises(RecordError, match="No such file"):
        library.load("./missing.toml")


@given(st.binary(max_size=300))
def test_no_bytes_make_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    place = tmp_path_factory.mktemp("fuzz")
    (place / "x.toml").write_bytes(HEAD.encode() + STEP.encode() + data)
    try:
        Library(str(place)).load(str(place / "x.toml"))
    except MicrocurrentError as error:
        assert "nothing was started" in str(error)


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=5), st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(
        st.sampled_from(["site", "side", "wave", "wave2", "share_permille", "hold_ms", "move_ms", "x"]), _VALUES
    )
)
def test_the_schema_takes_or_refuses_with_a_sentence(step: dict) -> None:
    found, problem = programme.check_step(step)
    assert (found is None) != (problem is None)
    assert problem is None or isinstance(problem, str)


@pytest.mark.parametrize("system", REFUSED, ids=lambda system: system.names[0])
def test_refused_systems_say_why_and_what_is_offered(library: Library, system: RefusedSystem) -> None:
    for name in system.names:
        with pytest.raises(RefusedError) as caught:
            library.find(name)
        text = str(caught.value)
        assert "is refused: " in text and "ours" not in text.split(";")[0] and "offered instead" in text


def test_an_amplitude_above_a_limit_is_refused_with_step_and_rule(library: Library) -> None:
    write(library, "trial", HEAD + STEP + STEP.replace('"60%"', '"301uA"'))
    made = library.load("trial")
    with pytest.raises(RefusedError, match=r"trial, step 2 \(cheek, left\): amplitude is 301uA; rule zone .* 300uA"):
        require_permitted(made, for_board(made, 1000), OPEN, CAP_UA)
    with pytest.raises(RefusedError, match="session_max_ms permits 30s"):
        require_permitted(made, for_board(made, 1000), OPEN | {"session_max_ms": 30_000}, CAP_UA)


def test_a_professional_programme_needs_the_profile(library: Library) -> None:
    made = library.load("nerve-pain")
    with pytest.raises(RefusedError, match="is for the profile professional, the board's is home"):
        require_permitted(made, for_board(made, 1000), OPEN | {"profile": 0}, CAP_UA)


def test_a_threshold_counts_at_its_own_site_and_side() -> None:
    made = Library("/nowhere").load("eyes")
    steps = for_board(made, 1000, lambda site, side: 50 if (site, side) == ("brow", "left") else None)
    for step in steps:
        found = granted(step, OPEN, CAP_UA)[0]
        own = (step["site"], step["side"]) == ("brow", "left")
        assert (found.limit_ua, found.binding) == ((40, "personal") if own else (100, "zone"))


def test_two_channels_share_the_boards_cap() -> None:
    made = Library("/nowhere").load("muscle-pain")
    first, second = granted(for_board(made, 20_000)[0], OPEN | {"zone": 0, "area_mm2": 20_000}, CAP_UA)
    assert first.limit_ua == second.limit_ua == 500 and first.amplitude_ua + second.amplitude_ua <= CAP_UA


def test_new_validate_export_import_and_list(tmp_path: Path) -> None:
    assert run_cli("programs new mine").exit_code == 0
    assert "is valid: 2 steps, 60s" in run_cli("programs validate mine").output.replace("1min", "60s")
    again = run_cli("programs new mine")
    assert again.exit_code == 9 and "exists; nothing was written" in again.output
    assert run_cli(f"programs export lift -o {tmp_path}/lift2.toml").exit_code == 0
    assert run_cli(f"programs import {tmp_path}/lift2.toml").exit_code == 0
    rows = {row["name"]: row for row in json.loads(run_cli("programs list --json").output)}
    assert rows["lift2"]["own"] and not rows["lift"]["own"] and rows["lift"]["channels"] == 1
    bad = run_cli("programs new ../evil")
    assert bad.exit_code == 2 and "is no name of a programme" in bad.output


def test_a_damaged_one_of_ones_own_is_listed_with_what_is_wrong() -> None:
    run_cli("programs new mine")
    path = next(iter(Library(None).own.glob("mine.toml")))
    path.write_text("title = 3")
    rows = {row["name"]: row for row in json.loads(run_cli("programs list --json").output)}
    assert "error" in rows["mine"] and "error" not in rows["lift"]


def test_show_explains_a_programme_and_what_is_refused() -> None:
    shown = run_cli("programs show lift").output
    assert "No effect is claimed" in shown and "step" in shown and "left jaw" in shown
    refused = run_cli("programs show iontophoresis")
    assert refused.exit_code == 0 and "penetration" in refused.output
    assert run_cli("programs show nope").exit_code == 2
    assert "396Hz" in run_cli("programs frequencies").output


def test_permitted_shares_are_never_above_the_limit() -> None:
    """What a share grants passes the rules once more."""
    for name in Library("/nowhere").names():
        made = Library("/nowhere").load(name)
        for area_mm2 in (0, 7, 100, 1000):
            kept = OPEN | {"area_mm2": area_mm2, "profile": 1}
            for step in for_board(made, area_mm2):
                for each in granted(step, kept, CAP_UA):
                    assert limits.refusal(each.wave, kept, CAP_UA) is None
                    assert waveform.check(each.wave)[1] is None
