"""The window comparators and their latch: exact instants, against a search through the current of a twin."""

import random
from math import inf, log
from typing import Any

import pytest

from microcurrent.bench import latch
from microcurrent.bench.parameters import StageParameters
from microcurrent.bench.segments import TAU_D
from microcurrent.bench.skin import Load, load_of
from microcurrent.bench.stage import Stage

US = 1_000
MS = 1_000_000
PARAMETERS = StageParameters(gain=1.0, offset_ua=0.0)
RESPONSE_NS = 2_000
THRESHOLD_UA = 950.0


def code_for(ua: float) -> int:
    return 2048 + round(ua * 2.048)


def stage_on(load: str | Load = "1k", **faults: Any) -> Stage:
    """A stage at zero current with the gate pin high from 0 on."""
    stage = Stage(PARAMETERS, load_of(load, 1000), 2048, 0)
    stage.fail(0, **faults)
    stage.gate(0, True)
    return stage


def crossing_ns(stage: Stage, from_ns: float, to_ns: float, threshold_ua: float) -> float:
    """Where |current| of a stage that does not trip passes a threshold, once within the interval; by halving."""
    above = abs(stage.current_ua(from_ns)) > threshold_ua
    while to_ns - from_ns > 1e-3:
        middle = (from_ns + to_ns) / 2
        if (abs(stage.current_ua(middle)) > threshold_ua) == above:
            from_ns = middle
        else:
            to_ns = middle
    return to_ns


@pytest.mark.parametrize(("ua", "side"), [(999, "up"), (-999, "down")])
def test_trips_at_the_crossing_and_its_response_time(ua: float, side: str) -> None:
    stage, twin = stage_on(limiter_shorted=side), stage_on(limiter_shorted=side, comparator_dead=True)
    for each in (stage, twin):
        each.dac(5 * US, code_for(ua), 0)
    final_ua = abs(PARAMETERS.commanded_ua(code_for(ua)))
    by_hand_ns = 5 * US + TAU_D * log(final_ua / (final_ua - THRESHOLD_UA))
    assert crossing_ns(twin, 5 * US, 30 * US, THRESHOLD_UA) == pytest.approx(by_hand_ns, abs=0.01)
    trip_ns = stage.latch.due_ns
    assert 0 <= trip_ns - (by_hand_ns + RESPONSE_NS) < 1
    assert abs(stage.current_ua(trip_ns - 1)) > THRESHOLD_UA and stage.closed
    assert stage.current_ua(trip_ns) == 0.0
    assert (stage.closed, stage.latch.set, stage.latch.due_ns) == (False, True, inf)
    assert stage.switch.edges == [(0, False), (0, True), (trip_ns, False)]
    assert stage.current_ua(trip_ns + MS) == 0.0
    assert abs(twin.current_ua(trip_ns + MS)) > THRESHOLD_UA


def test_trips_though_nobody_looks_until_later() -> None:
    stage = stage_on(limiter_shorted="up")
    stage.dac(0, 4095, 0)
    due_ns = stage.latch.due_ns
    stage.dac(MS, 2048, 0)  # far too late
    assert stage.switch.edges[-1] == (due_ns, False)
    assert stage.latch.set
    for measured in (Stage.sense_mv, Stage.divider_mv):
        asked = stage_on(limiter_shorted="up")
        asked.dac(0, 4095, 0)
        assert measured(asked, MS) == PARAMETERS.reference_mv / 2
        assert asked.latch.set


@pytest.mark.parametrize(("dead", "ua"), [("up", -999), ("down", 999)])
def test_a_dead_comparator_leaves_the_other_direction_guarded(dead: str, ua: float) -> None:
    sound, broken = stage_on(limiter_shorted="both"), stage_on(limiter_shorted="both", comparator_dead_side=dead)
    for each in (sound, broken):
        each.dac(0, code_for(ua), 0)
    assert broken.latch.due_ns == sound.latch.due_ns < inf
    broken.dac(100, code_for(-ua), 0)
    assert broken.latch.due_ns == inf
    broken.advance(MS)
    assert not broken.latch.set and abs(broken.current_ua(MS)) > THRESHOLD_UA
    broken.fail(MS, comparator_dead_side="")
    assert broken.latch.due_ns == MS + RESPONSE_NS


def test_both_comparators_are_dead_whichever_fault_says_so() -> None:
    stage = stage_on(limiter_shorted="both", comparator_dead=True, comparator_dead_side="up")
    stage.dac(0, code_for(-999), 0)
    assert stage.latch.due_ns == inf


def test_another_load_can_make_it_trip() -> None:
    stage = stage_on(Load("20k", 20_000), limiter_shorted="up")
    stage.dac(0, 4095, 0)
    assert stage.latch.due_ns == inf  # 10 V over 23 kohm
    stage.connect(MS, load_of("short", 1000))
    assert stage.latch.due_ns == MS + RESPONSE_NS


def test_the_limiter_holds_the_current_below_the_threshold() -> None:
    stage = stage_on(pump_rail="up")
    assert stage.latch.due_ns == inf
    assert stage.current_ua(MS) == PARAMETERS.limiter_ua
    stage.trip_test(MS, True)
    assert stage.latch.due_ns == MS + RESPONSE_NS
    assert stage.current_ua(MS + RESPONSE_NS) == 0


def test_what_passes_sooner_than_the_response_time_does_not_trip() -> None:
    """A pump at its rail charges a small capacity: 11.95 V over 3.86 kohm, falling with tau 3.86 kohm * C."""
    for over_ns, trips in ((RESPONSE_NS - 5, False), (RESPONSE_NS + 5, True)):
        tau_ns = over_ns / log(11_950 / 3.86 / THRESHOLD_UA)
        stage = stage_on(Load("capacity", 100.0, 1e9, tau_ns / 3.86e3), limiter_shorted="up")
        stage.fail(MS, pump_rail="up")
        assert stage.current_ua(MS) == pytest.approx(11_950 / 3.86)
        assert stage.current_ua(MS + over_ns) == pytest.approx(0 if trips else THRESHOLD_UA, rel=1e-3, abs=1e-9)
        assert (stage.latch.set, stage.switch.edges[-1][0]) == ((True, MS + RESPONSE_NS) if trips else (False, 0))


def test_a_new_code_in_time_keeps_it_from_tripping() -> None:
    stage = stage_on(limiter_shorted="both")
    stage.dac(0, code_for(999), 0)
    due_ns = stage.latch.due_ns
    stage.dac(due_ns - 500, code_for(100), 0)
    assert stage.latch.due_ns == inf
    assert stage.current_ua(MS) == pytest.approx(100, abs=0.5)


def test_the_time_counts_anew_after_a_moment_within_the_window() -> None:
    stage = stage_on(limiter_shorted="both")
    stage.dac(0, code_for(999), 0)
    due_ns = stage.latch.due_ns
    stage.dac(due_ns - 1000, 2048, 0)
    stage.fail(due_ns - 500, pump_rail="up")  # at once far above
    assert stage.latch.due_ns == due_ns - 500 + RESPONSE_NS


def test_the_lower_comparator_does_not_go_on_for_the_upper() -> None:
    """From one side to the other the current is inside the window for a moment: the time counts anew."""
    stage = stage_on(limiter_shorted="both")
    stage.dac(0, code_for(999), 0)
    due_ns = stage.latch.due_ns
    turned_ns = due_ns - 100
    stage.dac(turned_ns, code_for(-999), 0)
    low_ns = TAU_D * log((PARAMETERS.commanded_ua(code_for(999)) * 2) / (999 - THRESHOLD_UA))  # about
    assert stage.latch.due_ns == pytest.approx(turned_ns + low_ns + RESPONSE_NS, abs=30)


def test_the_test_pin_halves_the_threshold() -> None:
    stage = stage_on(load="1k")
    stage.dac(0, code_for(480), 0)
    assert stage.latch.due_ns == inf
    stage.trip_test(MS, True)
    assert stage.latch.due_ns == MS + RESPONSE_NS
    stage.trip_test(MS + 1500, False)
    assert stage.latch.due_ns == inf
    stage.trip_test(2 * MS, True)
    assert stage.latch.due_ns == 2 * MS + RESPONSE_NS
    below = stage_on()
    below.trip_test(0, True)
    below.dac(0, code_for(474), 0)
    assert below.latch.due_ns == inf


def test_cleared_while_the_gate_pin_is_low() -> None:
    told: list[bool] = []
    stage = stage_on(limiter_shorted="up")
    stage.on_tripped = told.append
    stage.dac(0, 4095, 0)
    assert stage.current_ua(MS) == 0
    stage.dac(MS, 2048, 0)
    assert told == [True] and stage.latch.set  # the cause is gone, the latch stays
    stage.gate(2 * MS, False)
    assert told == [True, False] and not stage.latch.set
    stage.gate(3 * MS, True)
    assert stage.closed
    stage.dac(4 * MS, 4095, 0)
    stage.advance(5 * MS)
    assert told == [True, False, True]


def test_a_gate_that_sticks_conducts_though_the_latch_has_set() -> None:
    stage = stage_on(limiter_shorted="up", gate_stuck=True)
    stage.dac(0, 4095, 0)
    assert stage.current_ua(MS) == pytest.approx(999.5, abs=0.1)
    assert stage.latch.set and stage.closed
    stage.gate(2 * MS, False)
    assert stage.closed and not stage.latch.set
    assert stage.latch.due_ns == inf  # held clear while the pin is low
    stage.fail(3 * MS, gate_stuck=False)
    assert stage.current_ua(3 * MS) == 0


def test_listeners_know_the_instant_whenever_it_changes() -> None:
    told: list[float] = []
    stage = stage_on(limiter_shorted="up")
    stage.latch.on_due = told.append
    stage.dac(0, code_for(990), 0)
    stage.dac(500, code_for(999), 0)
    stage.dac(1000, code_for(100), 0)
    assert len(told) == 3 and told[0] > told[1] > 1000 and told[2] == inf
    stage.dac(2000, code_for(200), 0)
    assert len(told) == 3
    stage.dac(3000, code_for(999), 0)
    stage.advance(MS)
    assert stage.latch.set and len(told) == 5 and told[-1] == inf


def test_the_comparators_see_what_the_sense_amplifier_shows() -> None:
    cases: list[tuple[dict[str, Any], int, float]] = [
        ({"sense_gain": 2.0}, code_for(400), inf),
        ({"sense_gain": 2.0}, code_for(480), 480),
        ({"sense_gain": -2.0, "limiter_shorted": "both"}, code_for(480), 480),
        ({"sense_gain": 0.0, "limiter_shorted": "both"}, 4095, inf),
        ({"sense_offset_mv": -600.0}, code_for(-540), inf),
        ({"sense_offset_mv": -195.0}, code_for(815), inf),
        ({"sense_stuck_mv": 1650.0, "limiter_shorted": "both"}, 4095, inf),
        ({"comparator_dead": True, "limiter_shorted": "both"}, 4095, inf),
    ]
    for faults, code, due_ns in cases:
        stage = stage_on(**faults)
        stage.dac(0, code, 0)
        if due_ns < inf:
            final_ua = PARAMETERS.commanded_ua(code) * 2
            due_ns = TAU_D * log(final_ua / (final_ua - THRESHOLD_UA)) + RESPONSE_NS
        assert stage.latch.due_ns == pytest.approx(due_ns, abs=1)
    blind: tuple[dict[str, Any], ...] = (
        {"sense_stuck_mv": 3200.0},  # 1033 uA, as far as they know
        {"sense_stuck_mv": 100.0},
        {"sense_offset_mv": 1430.0},  # 953 uA
        {"sense_offset_mv": -1430.0, "sense_gain": 0.0},
    )
    for faults in blind:
        assert stage_on(**faults).latch.due_ns == RESPONSE_NS
    offset = stage_on(sense_offset_mv=-600.0)  # 400 uA
    offset.dac(0, code_for(-560), 0)
    final_ua = -PARAMETERS.commanded_ua(code_for(-560))
    assert offset.latch.due_ns == pytest.approx(TAU_D * log(final_ua / (final_ua - 550)) + RESPONSE_NS, abs=1)


def test_nobody_looks_while_the_current_cannot_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def counted(*arguments: object) -> float:
        looks.append(1)
        return inf

    monkeypatch.setattr(latch, "first_trip", counted)
    stage = stage_on("typical")
    for index in range(200):
        stage.dac(index * 100 * US, code_for(999 * (-1) ** index), 0)
    assert looks == []  # the limiter is whole
    stage.fail(30 * MS, limiter_shorted="both")
    looks.clear()
    for index in range(200):
        stage.dac(30 * MS + index * 100 * US, code_for(900 * (-1) ** index), 0)
    assert len(looks) <= 1  # the first code leaves 999 uA behind
    stage.dac(60 * MS, 4095, 0)
    assert looks[-1:] == [1]


def searched_ns(stage: Stage, end_ns: int, step_ns: int = 4) -> float:
    """The first instant at which |current| has been above the threshold for the response time, looking step by step."""
    since, side = inf, 0
    for t_ns in range(0, end_ns, step_ns):
        current_ua = stage.current_ua(t_ns)
        now_side = (current_ua > THRESHOLD_UA) - (current_ua < -THRESHOLD_UA)
        if now_side != side:
            since, side = t_ns, now_side
        if side and t_ns - since >= RESPONSE_NS:
            return t_ns
    return inf


def random_course(seed: int) -> tuple[Stage, Stage, int]:
    """(stage, twin without comparators, end): codes, a load that charges within microseconds, faults come and go."""
    choose = random.Random(seed)
    load = Load("fast", choose.uniform(0, 500), 10 ** choose.uniform(3, 6), 10 ** choose.uniform(-1, 1.5))
    stage, twin = Stage(PARAMETERS, load, 2048, 0), Stage(PARAMETERS, load, 2048, 0)
    twin.fail(0, comparator_dead=True)
    t_ns, end_ns = 0, 40 * US
    for each in (stage, twin):
        each.fail(0, limiter_shorted="both")
        each.gate(0, True)
    while t_ns < end_ns - 6 * US:
        code, rail = (
            choose.choice((0, 60, 1200, 1500, 2048, 2500, 2900, 3900, 4095)),
            choose.choice(("",) * 9 + ("up", "down")),
        )
        for each in (stage, twin):
            each.fail(t_ns, pump_rail=rail)
            each.dac(t_ns, code, 0)
        t_ns += choose.randrange(300, 4 * US)
    stage.advance(end_ns)
    return stage, twin, end_ns


def test_agrees_with_a_search_on_random_courses() -> None:
    """Regimes follow each other by themselves, and codes stay for less and for more than the response time."""
    tripped = 0
    for seed in range(60):
        stage, twin, end_ns = random_course(seed)
        expected_ns = searched_ns(twin, end_ns)
        tripped_ns = stage.switch.edges[-1][0] if stage.latch.set else inf
        assert tripped_ns == expected_ns == inf or abs(tripped_ns - expected_ns) <= 8, seed
        assert stage.current_ua(end_ns) == (0 if stage.latch.set else twin.current_ua(end_ns))
        tripped += stage.latch.set
    assert 15 <= tripped <= 50
