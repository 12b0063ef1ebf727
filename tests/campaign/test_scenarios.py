"""The campaign's own facts: it covers the fault table and the states, and what it measures is right."""

from math import inf

import pytest

from firmware.shared import faults, protocol
from microcurrent.bench.parameters import StageParameters
from microcurrent.bench.skin import load_of
from microcurrent.bench.stage import Stage

from . import measure
from .campaign import keys, quick_keys
from .case import IDLE, RUNNING
from .scenarios import SCENARIOS

MS = 1_000_000


def test_every_fault_has_its_scenario_and_every_scenario_its_fault() -> None:
    assert {row[6]: row[0] for row in faults.TABLE} == {name: each.fault for name, each in SCENARIOS.items()}


def test_every_fault_meets_every_state() -> None:
    wanted = {(name, state) for name in SCENARIOS for state in (*IDLE, *RUNNING)}
    assert {(key.scenario, key.state) for key in keys()} == wanted
    assert {"RAMP_UP" if state == "SENSING" else state for _name, state in wanted} == set(protocol.STATE_NAMES)
    assert len(set(map(str, keys()))) == len(keys())


def test_the_quick_form_has_every_fault_and_is_the_same_every_time() -> None:
    assert {key.scenario for key in quick_keys(1) if key.state == "ACTIVE"} == set(SCENARIOS)
    assert quick_keys(1) == quick_keys(1) != quick_keys(2)


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
