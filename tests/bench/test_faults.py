"""Dummy load and faults of the output stage, by hand calculation."""

from math import exp, inf

import pytest

from microcurrent.bench.faults import NAMES, StageFaults, Value
from microcurrent.bench.parameters import StageParameters
from microcurrent.bench.skin import Load, load_of
from microcurrent.bench.stage import Stage
from microcurrent.bench.trace import Trace
from microcurrent.errors import BadValueError

MS = 1_000_000
SETTLED_NS = 30_000
PARAMETERS = StageParameters(gain=1.0, offset_ua=0.0)
LIMITER_UA = PARAMETERS.limiter_ua
REST_MV = 1650.0


def code_for(ua: float) -> int:
    return 2048 + round(ua * 2.048)


def stage_on(load: str = "1k", ua: float = 0) -> Stage:
    """A stage with the gate pin high from 0 on, settled at a current."""
    stage = Stage(PARAMETERS, load_of(load, 1000), code_for(ua), 0)
    stage.gate(0, True)
    return stage


def settled_ua(stage: Stage, t_ns: float, code: int) -> float:
    stage.dac(t_ns, code, 0)
    return stage.current_ua(t_ns + SETTLED_NS)


# --- dummy load


def test_on_the_dummy_load_the_electrodes_get_exactly_nothing() -> None:
    stage = Stage(PARAMETERS, load_of("1k", 1000), 2048, 0)
    stage.select(0, True)
    stage.gate(MS, True)
    ua = PARAMETERS.commanded_ua(code_for(600))
    stage.dac(2 * MS, code_for(600), 0)
    at = 2 * MS + SETTLED_NS
    assert (stage.current_ua(at), stage.electrode_mv(at)) == (0.0, 0.0)
    assert stage.sense_mv(at) == pytest.approx(REST_MV + ua * 1.5)
    assert stage.divider_mv(at) == pytest.approx(REST_MV + ua * 4.7 / 8)
    trace = Trace(stage, lambda: 5 * MS, {}, {})
    trace.dac_ns.append(0)
    trace.dac_codes.append(2048)
    assert trace.charge_nc(0, 5 * MS) == 0.0
    assert not trace.current(0, 5 * MS, 10_000)[2].any()
    stage.gate(5 * MS, False)
    assert (stage.sense_mv(5 * MS), stage.divider_mv(5 * MS)) == (REST_MV, REST_MV)


def test_full_scale_into_the_dummy_load_stays_within_compliance_and_limiter() -> None:
    stage = stage_on("1k")
    stage.select(0, True)
    stage.dac(0, 4095, 0)
    assert stage.sense_mv(SETTLED_NS) == pytest.approx(REST_MV + LIMITER_UA * 1.5)
    stage.fail(MS, limiter_shorted="up", comparator_dead=True)
    full_ua = PARAMETERS.commanded_ua(4095)
    assert stage.sense_mv(MS + SETTLED_NS) == pytest.approx(REST_MV + full_ua * 1.5)


def test_back_on_the_electrodes_their_capacity_has_what_is_left_of_its_voltage() -> None:
    stage = stage_on("typical", ua=400)
    charged_mv = stage.electrode_mv(20 * MS) - PARAMETERS.commanded_ua(code_for(400)) * 0.05
    stage.select(20 * MS, True)
    assert stage.current_ua(20 * MS) == 0.0
    stage.dac(21 * MS, code_for(-300), 0)  # only the dummy load sees it
    ua = PARAMETERS.commanded_ua(code_for(-300))
    assert stage.divider_mv(22 * MS) == pytest.approx(REST_MV + ua * 4.7 / 8)
    stage.select(23 * MS, False)
    tau_ns = 400_000 * (10 * 1000.05 / 1010.05)  # 400 nF, 10 kohm beside the bleeder
    left_mv = charged_mv * exp(-3 * MS / tau_ns)
    assert stage.current_ua(23 * MS) == pytest.approx(ua)
    assert stage.electrode_mv(23 * MS) == pytest.approx(left_mv + ua * 0.05, rel=1e-6)
    assert stage.divider_mv(23 * MS) == pytest.approx(REST_MV + stage.electrode_mv(23 * MS) / 8)


def test_what_was_measured_before_a_change_over_stays_so() -> None:
    """An ADC conversion is of the instant it ended, whenever somebody reads it."""
    stage = stage_on("2k", ua=300)
    seen = [(t_ns, stage.sense_mv(t_ns), stage.divider_mv(t_ns)) for t_ns in (1000, MS, 2 * MS - 1)]
    stage.select(2 * MS, True)
    seen += [(t_ns, stage.sense_mv(t_ns), stage.divider_mv(t_ns)) for t_ns in (2 * MS, 3 * MS - 1)]
    stage.fail(3 * MS, sense_stuck_mv=REST_MV, divider_stuck_mv=0.0)
    assert (stage.sense_mv(3 * MS), stage.divider_mv(3 * MS)) == (REST_MV, 0.0)
    assert [(t_ns, stage.sense_mv(t_ns), stage.divider_mv(t_ns)) for t_ns, *_ in seen] == seen
    stage.forget(2 * MS + 1)
    assert [(t_ns, stage.sense_mv(t_ns), stage.divider_mv(t_ns)) for t_ns, *_ in seen[-1:]] == seen[-1:]


def test_the_past_of_the_dummy_load_takes_memory_only_until_it_is_forgotten() -> None:
    stage = stage_on("1k")
    before = stage.size_bytes
    stage.select(0, True)
    for index in range(1000):
        stage.dac(index * 100_000, 2048 + index % 2, 0)
    assert stage.size_bytes > before + 900 * 40
    stage.forget(100 * MS)
    assert stage.size_bytes <= before


def test_a_load_put_on_while_the_dummy_is_selected_waits_there() -> None:
    stage = stage_on("1k", ua=300)
    stage.select(MS, True)
    stage.connect(2 * MS, Load("20k", 20_000))
    assert stage.electrode_mv(3 * MS) == 0
    stage.select(4 * MS, False)
    assert stage.electrode_mv(4 * MS) == pytest.approx(6000, abs=5)


# --- passive limiter


@pytest.mark.parametrize(
    ("shorted", "down_ua", "up_ua"),
    [("", -820, 820), ("up", -820, 999.5), ("down", -1000, 820), ("both", -1000, 999.5)],
)
def test_a_shorted_diode_no_longer_limits_its_direction(shorted: str, down_ua: float, up_ua: float) -> None:
    stage = stage_on("500R")
    stage.fail(0, limiter_shorted=shorted, comparator_dead=True)
    assert settled_ua(stage, 0, 0) == pytest.approx(down_ua, abs=0.1)
    assert settled_ua(stage, MS, 4095) == pytest.approx(up_ua, abs=0.1)


def test_a_diode_that_shorts_while_it_limits_lets_go_at_that_instant() -> None:
    stage = stage_on("500R")
    stage.dac(0, 4095, 0)
    assert stage.current_ua(MS - 1) == 820
    stage.fail(MS, limiter_shorted="up", comparator_dead=True)
    assert stage.current_ua(MS - 1) == 820
    assert stage.current_ua(MS) == pytest.approx(999.5, abs=0.1)
    stage.fail(2 * MS, limiter_shorted="")
    assert stage.current_ua(2 * MS) == 820


# --- pump


@pytest.mark.parametrize(("side", "sign"), [("up", 1), ("down", -1)])
@pytest.mark.parametrize("shorted", [False, True])
def test_pump_at_a_rail(side: str, sign: int, shorted: bool) -> None:
    stage = stage_on("10k", ua=100)
    stage.fail(MS, pump_rail=side, limiter_shorted=side if shorted else "", comparator_dead=True)
    assert stage.current_ua(MS - 1) == pytest.approx(100, abs=0.3)
    compliance_ua = 11_950 / (13.2 + (0.56 if shorted else 2.0))
    assert stage.current_ua(MS) == pytest.approx(sign * compliance_ua)
    stage.connect(2 * MS, load_of("short", 1000))
    assert stage.current_ua(2 * MS) == pytest.approx(sign * (11_950 / 3.76 if shorted else LIMITER_UA))
    stage.dac(3 * MS, code_for(-200), 0)  # it does not listen
    assert stage.current_ua(4 * MS) == pytest.approx(sign * (11_950 / 3.76 if shorted else LIMITER_UA))
    stage.fail(5 * MS, pump_rail="")
    assert stage.current_ua(5 * MS) == pytest.approx(-200, abs=0.3)


def test_pump_offset_and_gain() -> None:
    stage = stage_on("1k", ua=300)
    ua = PARAMETERS.commanded_ua(code_for(300))
    stage.fail(MS, offset_ua=-40.0)
    assert stage.current_ua(MS) == pytest.approx(ua - 40)
    stage.fail(2 * MS, gain=1.5)
    assert stage.current_ua(2 * MS) == pytest.approx(1.5 * ua - 40)
    assert stage.sense_mv(2 * MS) == pytest.approx(REST_MV + (1.5 * ua - 40) * 1.5)
    assert settled_ua(stage, 3 * MS, 2048) == pytest.approx(-40)


def test_a_fault_in_mid_settling_does_not_disturb_what_it_does_not_touch() -> None:
    stage, twin = stage_on("typical"), stage_on("typical")
    for each in (stage, twin):
        each.dac(0, code_for(400), 0)
    stage.fail(700, sense_gain=0.5)
    stage.fail(900, divider_stuck_mv=REST_MV)
    for t_ns in (700, 1_000, 5_000, MS):
        assert stage.current_ua(t_ns) == pytest.approx(twin.current_ua(t_ns), rel=1e-12)
        assert stage.electrode_mv(t_ns) == pytest.approx(twin.electrode_mv(t_ns), rel=1e-12)


# --- sense amplifier, divider, gate


@pytest.mark.parametrize("stuck_mv", [0.0, REST_MV, 3300.0])
def test_a_sense_amplifier_that_is_stuck(stuck_mv: float) -> None:
    stage = stage_on("1k", ua=200)
    stage.fail(0, sense_stuck_mv=stuck_mv, comparator_dead=True)
    assert stage.sense_mv(MS) == stuck_mv
    assert stage.current_ua(MS) == pytest.approx(200, abs=0.3)
    stage.fail(2 * MS, sense_stuck_mv=None)
    assert stage.sense_mv(2 * MS) == pytest.approx(REST_MV + 300, abs=0.5)


def test_a_sense_amplifier_that_disagrees() -> None:
    stage = stage_on("1k", ua=200)
    stage.fail(0, sense_gain=0.5)
    assert stage.sense_mv(MS) == pytest.approx(REST_MV + 150, abs=0.3)
    stage.fail(MS, sense_gain=1.0, sense_offset_mv=-60)
    assert stage.sense_mv(MS) == pytest.approx(REST_MV + 300 - 60, abs=0.5)


def test_a_divider_that_is_dead() -> None:
    stage = stage_on("2k", ua=200)
    assert stage.divider_mv(MS) == pytest.approx(REST_MV + 50, abs=0.2)
    stage.fail(MS, divider_stuck_mv=REST_MV)
    assert stage.divider_mv(MS) == REST_MV
    assert stage.electrode_mv(MS) == pytest.approx(400, abs=1)


def test_a_gate_that_sticks_conducts_from_that_instant_on() -> None:
    stage = stage_on("1k", ua=200)
    stage.gate(MS, False)
    assert stage.current_ua(2 * MS) == 0
    stage.fail(2 * MS, gate_stuck=True)
    assert stage.current_ua(2 * MS) == pytest.approx(200, abs=0.3)
    stage.gate(3 * MS, True)
    stage.gate(4 * MS, False)
    assert stage.current_ua(5 * MS) == pytest.approx(200, abs=0.3)
    assert stage.switch.edges == [(0, False), (0, True), (MS, False), (2 * MS, True)]
    stage.fail(6 * MS, gate_stuck=False)
    assert stage.current_ua(6 * MS) == 0


# --- names


def test_what_is_present_is_what_was_broken() -> None:
    stage = stage_on()
    assert stage.faults.present() == {}
    stage.fail(0, pump_rail="up", sense_stuck_mv=0, gate_stuck=True)
    assert stage.faults.present() == {"pump_rail": "up", "gate_stuck": True, "sense_stuck_mv": 0}
    stage.fail(0, pump_rail="", gate_stuck=False)
    assert stage.faults.present() == {"sense_stuck_mv": 0}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "pump_dead",
            True,
            "no fault 'pump_dead' of the stage; nothing was changed; choose from: pump_rail, off",
        ),
        ("pump_rail", "left", "pump_rail cannot be 'left'; nothing was changed; give one of: '', 'up', 'down'"),
        ("limiter_shorted", True, "limiter_shorted cannot be True; .* give one of: '', 'up', 'down', 'both'"),
        ("comparator_dead_side", "both", "comparator_dead_side cannot be 'both'; .* give one of: '', 'up', 'down'"),
        ("gate_stuck", 1, "gate_stuck cannot be 1; nothing was changed; give true or false"),
        ("offset_ua", "7", "offset_ua cannot be '7'; nothing was changed; give a finite number"),
        ("gain", inf, "gain cannot be inf"),
        ("gain", None, "gain cannot be None"),
        ("sense_stuck_mv", True, "sense_stuck_mv cannot be True"),
    ],
)
def test_what_cannot_be_broken_is_refused_and_nothing_changes(name: str, value: Value, text: str) -> None:
    stage = stage_on()
    with pytest.raises(BadValueError, match=text):
        stage.fail(MS, **{"comparator_dead": True, name: value})
    assert stage.faults == StageFaults()


def test_every_fault_can_be_broken_and_mended() -> None:
    for name in NAMES:
        sound = getattr(StageFaults(), name)
        broken = {"pump_rail": "up", "limiter_shorted": "both", "comparator_dead_side": "down"}.get(
            name, True if sound is False else 0.5
        )
        faults = StageFaults().changed(**{name: broken})
        assert faults.present() == {name: broken}
        assert faults.changed(**{name: sound}) == StageFaults()
