"""The campaign's own facts: it covers the fault table and the states, and what it measures is right."""

from collections import Counter
from math import inf

import pytest

from firmware.shared import faults, protocol
from microcurrent.bench.parameters import StageParameters
from microcurrent.bench.skin import load_of
from microcurrent.bench.stage import Stage

from . import measure, seed, twins
from .campaign import keys
from .case import IDLE, PLUS, RUNNING, SIGNS, Key
from .quick import OTHER_STATES, quick_keys
from .scenarios import SCENARIOS

MS = 1_000_000


def test_every_fault_has_its_scenario_and_every_scenario_its_fault() -> None:
    assert {row[6]: row[0] for row in faults.TABLE} == {name: each.fault for name, each in SCENARIOS.items()}


def test_every_fault_meets_every_state() -> None:
    wanted = {(name, state) for name in SCENARIOS for state in (*IDLE, *RUNNING)}
    assert {(key.scenario, key.state) for key in keys()} == wanted
    assert {"RAMP_UP" if state == "SENSING" else state for _name, state in wanted} == set(protocol.STATE_NAMES)
    assert len(set(map(str, keys()))) == len(keys())


def test_every_fault_of_stage_sense_and_ram_meets_both_signs_and_both_outputs() -> None:
    every = keys()
    for name, scenario in SCENARIOS.items():
        mine = [key for key in every if key.scenario == name]
        signs = set(SIGNS) if scenario.signed else {PLUS}
        for output in (0, *scenario.outputs):
            assert {key.sign for key in mine if key.output == output and key.state == "ACTIVE"} == signs
        assert {key.output for key in mine} == {0, *scenario.outputs}


@pytest.mark.parametrize("number", range(10))
def test_the_quick_form_has_every_fault_and_state_and_is_even_over_signs_outputs_and_phases(number: int) -> None:
    wanted = quick_keys(number)
    assert {key.scenario for key in wanted if key.state == "ACTIVE"} == set(SCENARIOS)
    assert {key.state for key in wanted} == {"ACTIVE", *OTHER_STATES}
    places = Counter((key.sign, key.output) for key in wanted)
    assert len(places) == 6 and min(places.values()) >= 4
    assert min(Counter(key.phase for key in wanted).values()) >= 4
    assert wanted == quick_keys(number) != quick_keys(number + 1)


def test_the_sample_follows_the_commit_or_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(seed.SEED_ENV, "12")
    assert seed.of_commit() == 12
    monkeypatch.delenv(seed.SEED_ENV)
    assert seed.of_commit() == seed.of_commit()
    monkeypatch.setenv("PATH", "")  # no git
    assert seed.of_commit() == seed.NO_COMMIT


def result_of(key: Key, **changes: object) -> dict:
    usual = {"key": str(key), "outcome": "latched", "latched": "over-current", "took_us": 300.0, "off_us": 100.0}
    return usual | {"mean_ua": 200.0, "problems": []} | changes


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"took_us": 551.0}, ""),  # a sample of 250 us, and 1 us
        ({"took_us": 552.0}, "off after"),
        ({"latched": "output-astray"}, "latched output-astray"),
        ({"took_us": None}, "off after"),
    ],
)
def test_a_mirror_image_that_differs_by_more_than_its_quantum_is_a_problem(changes: dict, problem: str) -> None:
    plus, minus = (Key("pump-at-rail", "along", "ACTIVE", "square", "mid", sign) for sign in SIGNS)
    results = [result_of(plus), result_of(minus, **changes)]
    twins.add_problems(results, [plus, minus])
    assert results[0]["problems"] == []
    assert [text.startswith(problem) for text in results[1]["problems"]] == ([True] if problem else [])


def test_whatever_may_go_unseen_is_a_state_or_a_waveform_with_a_reason() -> None:
    for scenario in SCENARIOS.values():
        states = {name.removesuffix(" late") for name in scenario.unseen}
        assert states <= {*IDLE, *RUNNING, "slow"} and all(scenario.unseen.values())
        assert all({**scenario.others, **scenario.at_rest}.values())


@pytest.fixture
def stage() -> Stage:
    """A stage at zero, gate closed, on 2 kohm, whose limiter is shorted and whose comparator is dead."""
    made = Stage(StageParameters(gain=1.0, offset_ua=0.0), load_of("2k", 1000), 2048, 0)
    made.gate(0, True)
    made.fail(0, limiter_shorted="both", comparator_dead=True)
    return made


def test_the_time_above_the_cap_is_exact(stage: Stage) -> None:
    stage.fail(1 * MS, pump_rail="up")  # 11.95 V over 5.76 kohm
    stage.fail(1.25 * MS, pump_rail="")
    stage.fail(1.5 * MS, pump_rail="down")
    stage.fail(1.6 * MS, pump_rail="")
    seen = measure.Seen(stage, 0, 2 * MS)
    assert seen.peak_ua == pytest.approx(11_950 / 5.76) == measure.peak_ua(stage, 0, 2 * MS)
    assert seen.above_ns == pytest.approx(250_000)
    assert seen.charge_nc == pytest.approx(11_950 / 5.76 * 350_000 * 1e-6)


def test_a_crossing_within_the_dacs_settling_is_found(stage: Stage) -> None:
    stage.dac(1 * MS, 2048 + 1024, 0)  # 500 uA
    crossed_ns = measure.crossing_ns(stage, 0, 2 * MS, 400.0)
    assert 1 * MS < crossed_ns < 1.006 * MS and stage.current_ua(crossed_ns) == pytest.approx(400.0)
    assert measure.crossing_ns(stage, 0, 2 * MS, 600.0) == inf
    stage.dac(2 * MS, 2048, 0)
    assert measure.Seen(stage, 0, 3 * MS).peak_ua == pytest.approx(500.0)


def test_a_falling_current_is_above_the_cap_until_it_crosses_it(stage: Stage) -> None:
    stage.fail(1 * MS, gain=1.5)
    stage.dac(1 * MS, 4095, 0)
    stage.dac(2 * MS, 2048, 0)
    seen = measure.Seen(stage, 0, 3 * MS)
    assert seen.peak_ua == pytest.approx(1499.3, abs=0.1)
    assert 0.995 * MS < seen.above_ns < 1.001 * MS
