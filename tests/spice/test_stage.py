"""The stage in ngspice: limits with faults, the self-test, tolerances, and the bench's model against it."""

from pathlib import Path

import numpy as np
import pytest

from boards.rp2040_pico import board
from microcurrent.bench.skin import Load, load_of
from microcurrent.output_stage import dynamics, monte, ngspice, results, self_test, single_faults, suite
from microcurrent.output_stage.parts import Fault, all_faults, parts_of
from microcurrent.output_stage.single_faults import LIMIT_UA, LOADS, run_faults

# One of each kind that could raise the current, or take away what limits it; `make spice` has them all.
DANGEROUS: tuple[Fault, ...] = (
    ("D1", "short"), ("D2", "short"), ("R7", "short"), ("R5", "short"), ("R2", "double"), ("R4", "open"),
    ("R10", "short"),
    ("U1", "out to vp"), ("U1", "out to vn"), ("U4", "out to vn"), ("U2A", "stuck on"), ("U2A", "d to vp"),
    ("U2B", "s to vn"), ("U2C", "d to vp"), ("U3A", "p to vp"), ("U5D", "out high"), ("U6A", "out open"),
    ("K1A", "bridged"),
    ("J1", "minus to ground"), ("V+", "quarter more"), ("V-", "open"), ("3V3", "3.6 V"), ("GATE_PIN", "stuck high"),
)  # fmt: skip
CHARGE_NC = 10.0  # beyond 1 mA: a tenth of what a person gives to a door handle; ours


def test_no_dangerous_fault_lets_more_than_1_ma_flow() -> None:
    for one in run_faults([(fault,) for fault in DANGEROUS], codes=suite.ENDS, loads=LOADS[:1], name="quick"):
        assert one.steady_ua <= LIMIT_UA, one
        assert one.excess_nc <= CHARGE_NC, one


def test_without_the_limiter_and_the_comparators_it_would() -> None:
    """The test above can fail."""
    faults: tuple[Fault, ...] = (("D1", "short"), ("U1", "out to vp"), ("U6A", "out open"))
    assert max(one.steady_ua for one in run_faults([faults], codes=(2048,), loads=LOADS[:1], name="open")) > 3000


def test_the_recorded_faults_are_all_of_them_and_none_exceeds_1_ma() -> None:
    for variant, rows in results.figures("faults").items():
        wanted = {(), *((fault,) for fault in all_faults(parts_of(variant)))}
        assert {tuple((ref, wrong) for ref, wrong in row["fault"]) for row in rows} == wanted
        assert max(row["steady"] for row in rows) <= LIMIT_UA
        assert max(row["nc"] for row in rows) <= CHARGE_NC


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        ((), None),
        (("D1", "short"), "limiter-holds"),
        (("D2", "short"), "limiter-holds"),
        (("U6A", "out open"), "comparator-trips"),
        (("U6B", "out open"), "comparator-trips"),
        (("R32", "half"), "comparator-trips"),
        (("R37", "open"), "dummy-load"),
        (("U5D", "out high"), "gate-opens"),
        (("R10", "short"), "dummy-load"),
        (("K1A", "stuck nc"), "dummy-load"),
    ],
)
def test_the_self_test_finds(fault: Fault | tuple[()], first: str | None, tmp_path: Path) -> None:
    faults = (fault,) if fault else ()
    read = self_test.readings("iso12", faults, tmp_path)
    found = self_test.found_by(read, self_test.limits_of("iso12"))
    assert (found[0] if found else None) == first


def test_a_self_test_that_ngspice_gave_up_counts_by_the_steps_it_reached() -> None:
    limits = self_test.limits_of("iso12")
    supply_v = board.SUPPLY_MIN_MV / 1000 / board.SUPPLY_DIVIDER
    off = {"rest": (1.65 + 2 * limits.zero_v, 1.65, supply_v + 0.1, 0.0, 0.0)}
    assert self_test.found_by(off, limits) == ["sense-zero"]
    assert self_test.found_by({"rest": (1.65, 1.65, supply_v - 0.1, 0.0, 0.0)}, limits) == ["supply"]
    with pytest.raises(ngspice.SpiceError, match=r"gave up after 1 of .* steps .* none of them shows a fault"):
        self_test.found_by({"rest": (1.65, 1.65, supply_v + 0.1, 0.0, 0.0)}, limits)


def test_steps_after_a_corner_that_ngspice_passed_over_do_not_count() -> None:
    end_us = len(self_test.STEPS) * self_test.SLOT_US
    time_us = np.arange(0, end_us + 1, 5.0)
    assert self_test.reached_us({"time": time_us * 1e-6}) == end_us
    passed = time_us[time_us != 10 * self_test.SLOT_US]
    assert 9 * self_test.SLOT_US < self_test.reached_us({"time": passed * 1e-6}) < 10 * self_test.SLOT_US - 2
    given_up = time_us[time_us < 500]
    assert 300 < self_test.reached_us({"time": given_up * 1e-6}) < 500


def test_an_analysis_that_was_given_up_is_not_complete() -> None:
    whole, short = ({"time": np.array([0.0, end_s])} for end_s in (2e-3, 1.9e-3))
    assert single_faults.complete([whole, whole], 2)
    assert not single_faults.complete([whole], 2) and not single_faults.complete([whole, short], 2)


def test_hidden_faults_with_a_second_one_are_recorded_and_stay_below_1_ma() -> None:
    """Each fault that no check finds, with each of SECOND."""
    hidden = {tuple(row["fault"]) for row in results.figures("self_tests") if not row["found"]}
    rows = results.figures("second_faults")["hidden"]
    recorded = {tuple(tuple(fault) for fault in row["fault"]) for row in rows}
    assert recorded == {(first, second) for first in hidden for second in suite.SECOND if first[0] != second[0]}
    assert max(row["steady"] for row in rows) <= LIMIT_UA


@pytest.mark.parametrize("variant", suite.OTHERS)
def test_the_other_variants_too(variant: str) -> None:
    figures = results.figures("other_variants")[variant]
    tested = figures["self_tests"]
    assert {tuple(row["fault"]) for row in tested} == set(all_faults(parts_of(variant)))
    hidden = {tuple(row["fault"]) for row in tested if not row["found"]}
    recorded = {tuple(tuple(fault) for fault in row["fault"]) for row in figures["hidden"]}
    assert recorded == {(first, second) for first in hidden for second in suite.SECOND if first[0] != second[0]}
    assert max(row["steady"] for row in figures["hidden"]) <= LIMIT_UA


def test_a_bridged_bleeder_and_a_rail_at_its_switch_stay_below_1_ma() -> None:
    """The path around the limiter has two resistors; with both bridged it has none, and the test can fail."""
    faults: tuple[Fault, ...] = (("R19", "short"), ("U2B", "s to vp"))
    assert max(one.steady_ua for one in run_faults([faults], codes=(4095,), loads=LOADS[:1], name="bled")) < LIMIT_UA
    both = (*faults, ("R45", "short"))
    assert max(one.steady_ua for one in run_faults([both], codes=(4095,), loads=LOADS[:1], name="bled")) > 5000


def test_checks_are_those_of_the_firmware() -> None:
    text = "".join((self_test.HW / name).read_text() for name in ("checks.py", "output_checks.py"))
    names = {name for row in results.figures("self_tests") for name in row["found"]} - {self_test.IN_USE}
    assert len(names) >= 6 and all(f'"{name}"' in text for name in names)


def test_fifty_units_are_accurate_after_calibration() -> None:
    units = monte.units(50)
    errors = monte.errors(units)
    permitted = 2 + 0.01 * np.abs(np.array(monte.POINTS_UA, float))
    assert np.all(np.abs(errors["output calibrated"]) <= permitted)
    assert np.all(np.abs(errors["sense calibrated"]) <= permitted)
    assert np.abs(errors["output raw"]).max() <= board.FOLLOW_UA
    for unit in units:
        assert max(unit.limit_ua) <= board.LIMITER_MAX_UA < min(unit.trip_ua) and max(unit.trip_ua) < LIMIT_UA


def test_600_ua_into_30_kohm_in_the_isolated_variant() -> None:
    currents = dynamics.compliance("iso21")["600"]
    assert currents[dynamics.COMPLIANCE_OHM.index(30000)] == pytest.approx(600, rel=0.01)


def test_settled_within_the_shortest_sample() -> None:
    for variant in ("iso12", "iso21"):
        plot = dynamics.step(Load("r", 10e3), 10, 600, 250, variant)
        assert max(dynamics.settled_us(plot), dynamics.settled_us(plot, "v(sense)")) < board.PULSE_US


STEPS = [(load_of(name, 1000), 0, to, 400.0) for name in ("500R", "2k", "10k") for to in (600, 999)]
SKIN = [
    (load_of(name, 1000), 0, to, 60e3) for name, to in (("good", -600), ("typical", 600), ("dry", 50), ("dry", -600))
]


@pytest.mark.parametrize("step", [*STEPS, *SKIN], ids=lambda step: f"{step[0].name} {step[2]}")
def test_the_benchs_model_delivers_what_spice_does(step: tuple[Load, int, int, float]) -> None:
    (row,) = suite.bench([step])
    assert abs(row["end"]) <= 1.0, row
    # on the way from pump to rail the limiter's curve is not the model's straight line
    assert row["worst"] <= (1.5 if (row["load"], row["to"]) == ("dry", -600) else 1.0), row


def test_the_recorded_steps_agree_too() -> None:
    assert all(abs(row["end"]) <= 1.0 and row["worst"] <= 1.5 for row in results.figures("bench"))


def test_a_netlist_that_cannot_be_read_is_an_error_with_ngspices_words(tmp_path: Path) -> None:
    with pytest.raises(ngspice.SpiceError, match=r"ngspice calculated nothing .exit code .*run it by hand"):
        ngspice.run("* nothing\nR1 a\n.end\n", tmp_path)
