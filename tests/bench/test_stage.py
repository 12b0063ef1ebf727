"""The output stage's closed forms, against plain numeric integration and against hand calculation."""

from itertools import pairwise
from math import exp, inf, log

import pytest

from microcurrent.bench.parameters import StageParameters
from microcurrent.bench.segments import TAU_D
from microcurrent.bench.skin import PRESETS, Load, load_of
from microcurrent.bench.stage import Stage
from microcurrent.bench.trace import Trace
from microcurrent.errors import BadValueError

from .integration import integrated

IDEAL = StageParameters(gain=1.0, offset_ua=0.0, limiter_ua=1e9, comparator_ua=1e9)
MS = 1_000_000
SETTLED_NS = 30_000


def stage_with(load: str | Load, parameters: StageParameters = IDEAL, code: int = 2048, area_mm2: float = 100) -> Stage:
    return Stage(parameters, load_of(load, area_mm2), code, 0)


def code_for(ua: float) -> int:
    return 2048 + round(ua * 2048 / 1000)


@pytest.mark.parametrize(
    ("load", "ua"),
    [("good", 200), ("typical", 400), ("typical", 800), ("typical", -900), ("dry", 300), ("open", 100), ("open", -700)],
)
@pytest.mark.parametrize(
    ("limiter_ua", "shorted"), [(1e9, ""), (500.0, ""), (500.0, "up"), (500.0, "down"), (500.0, "both")]
)
def test_agrees_with_numeric_integration(load: str, ua: float, limiter_ua: float, shorted: str) -> None:
    parameters = StageParameters(gain=1.003, offset_ua=0.5, limiter_ua=limiter_ua)
    stage = stage_with(load, parameters)
    stage.fail(0, limiter_shorted=shorted)
    limits_ua = {
        "": (-limiter_ua, limiter_ua),
        "up": (-limiter_ua, inf),
        "down": (-inf, limiter_ua),
        "both": (-inf, inf),
    }[shorted]
    stage.gate(0, True)
    changes = {0: code_for(ua), 40_000: code_for(-ua / 2), 100_000: code_for(ua)}
    for t_ns, code in changes.items():
        stage.dac(t_ns, code, 0)
    for end in (45_000, 100_000, 160_000):
        delivered, electrode = integrated(stage, limits_ua, changes, end, 5.0)
        # at a DAC update the sum below has the change already
        assert stage.current_ua(end) == pytest.approx(delivered, abs=0.05)
        assert stage.electrode_mv(end) == pytest.approx(electrode, abs=0.5)


def test_resistor_gets_what_the_pump_drives() -> None:
    stage = stage_with("10k")
    stage.gate(0, True)
    stage.dac(0, code_for(500), 0)
    assert stage.current_ua(SETTLED_NS) == pytest.approx(500)
    assert stage.electrode_mv(SETTLED_NS) == pytest.approx(5000)


def test_gain_and_offset() -> None:
    stage = stage_with("1k", StageParameters(gain=1.01, offset_ua=2))
    stage.gate(0, True)
    stage.dac(0, code_for(500), 0)
    assert stage.current_ua(SETTLED_NS) == pytest.approx(507)


def test_compliance_limits_a_resistor() -> None:
    stage = stage_with(Load("20k", 20e3))
    stage.gate(0, True)
    stage.dac(0, code_for(800), 0)
    assert stage.current_ua(SETTLED_NS) == pytest.approx(11_950 / 25.2)  # 20 k, 3.2 k, and 2 k of the stage at its rail


def test_passive_limiter() -> None:
    stage = stage_with("500R", StageParameters(gain=1.0, offset_ua=0.0))
    stage.gate(0, True)
    stage.dac(0, 0, 0)
    assert stage.current_ua(SETTLED_NS) == pytest.approx(-820)


def test_powered_down_dac_is_full_negative_current() -> None:
    stage = stage_with("1k")
    stage.gate(0, True)
    stage.dac(0, 2048, 1)
    assert stage.current_ua(SETTLED_NS) == pytest.approx(-1000)


def test_transition_into_compliance_is_exact() -> None:
    """100 uA into a capacity alone: the rail is reached at a time that arithmetic gives."""
    load = Load("capacity", 1000.0, 1e12, 10.0)
    stage = stage_with(load, code=code_for(100))
    ua = IDEAL.commanded_ua(code_for(100))
    stage.gate(0, True)
    expected_ns = (11_950 - ua * 6.2) / ua * 10_000  # mV left for the capacity, over uA, times pF
    segments = list(stage.walk(0, 2 * MS))
    assert segments[-1].start_ns == pytest.approx(expected_ns, abs=0.5)
    assert len(segments) == 2  # pump, rail
    assert stage.current_ua(expected_ns - 1) == pytest.approx(ua)
    assert stage.current_ua(expected_ns + 62_000) == pytest.approx(ua * exp(-1), rel=1e-3)  # 6.2 kohm * 10 nF


def test_leaves_compliance_exactly_when_the_pump_can() -> None:
    stage = stage_with("dry", code=code_for(500))
    stage.gate(0, True)
    stage.dac(5 * MS, code_for(-500), 0)
    segments = list(stage.walk(0, 20 * MS))
    assert len(segments) >= 4  # pump, rail, pump, other rail
    for before, after in pairwise(segments):
        at = after.start_ns
        assert before.at(before.current, at) == pytest.approx(after.at(after.current, at), abs=1e-3)
        assert before.at(before.electrode, at) == pytest.approx(after.at(after.electrode, at), abs=1e-3)


def test_open_gate_is_exactly_zero_and_the_electrodes_discharge() -> None:
    stage = stage_with("typical", area_mm2=1000)
    stage.gate(0, True)
    stage.dac(0, code_for(400), 0)
    charged_mv = stage.electrode_mv(20 * MS) - 400 * 0.05
    stage.gate(20 * MS, False)
    assert stage.current_ua(20 * MS) == 0.0
    tau_ns = 400_000 * (10 * 1000.05 / 1010.05)  # 400 nF with 10 kohm beside the bleeder
    assert stage.electrode_mv(20 * MS + tau_ns) == pytest.approx(charged_mv * exp(-1), rel=2e-3)
    assert stage.current_ua(25 * MS) == 0.0


def test_the_past_stays_exact() -> None:
    stage = stage_with("typical", area_mm2=1000)
    stage.gate(0, True)
    seen = {}
    for index in range(200):
        t_ns = index * 100_000
        stage.dac(t_ns, code_for((-1) ** (index // 20) * 300), 0)
        seen[t_ns + 50_000] = (stage.current_ua(t_ns + 50_000), stage.electrode_mv(t_ns + 50_000))
    for t_ns, (current, electrode) in seen.items():
        assert (stage.current_ua(t_ns), stage.electrode_mv(t_ns)) == (current, electrode)


def test_trace_samples_and_charge_agree_with_the_stage() -> None:
    stage = stage_with("dry")
    trace = Trace(stage, lambda: 30 * MS, {}, {})
    trace.dac_ns.extend((0, 10 * MS, 20 * MS))
    trace.dac_codes.extend((2048, code_for(300), code_for(-300)))
    stage.gate(1 * MS, True)
    for t_ns, code in zip(trace.dac_ns[1:], trace.dac_codes[1:], strict=True):
        stage.dac(t_ns, code, 0)
    t_ns, commanded, delivered, electrode = trace.current(0, 40 * MS, 1000)
    assert len(t_ns) == 30_000  # up to the present
    assert commanded[15_000] == pytest.approx(IDEAL.commanded_ua(code_for(300)))
    for index in (500, 12_345, 29_999):
        assert delivered[index] == pytest.approx(stage.current_ua(t_ns[index]))
        assert electrode[index] == pytest.approx(stage.electrode_mv(t_ns[index]))
    middle = (delivered[1:] + delivered[:-1]) / 2
    assert trace.charge_nc(0, 29_999_000) == pytest.approx(middle.sum() * 1e-3, abs=0.5)  # uA * us = 1e-3 nC
    parts = [trace.charge_nc(start, start + 7 * MS) for start in range(0, 28 * MS, 7 * MS)]
    assert sum(parts) == pytest.approx(trace.charge_nc(0, 28 * MS))


def test_settling_reaches_half_a_step_in_6_us() -> None:
    stage = stage_with("1k", code=1024)
    stage.gate(0, True)
    stage.dac(10_000, 3072, 0)
    lsb_ua = 1000 / 2048
    assert stage.current_ua(16_000) == pytest.approx(500 - lsb_ua / 2, abs=lsb_ua / 50)
    assert TAU_D == pytest.approx(6000 / log(4096))


def test_another_load_starts_uncharged() -> None:
    stage = stage_with("typical")
    stage.gate(0, True)
    stage.dac(0, code_for(200), 0)
    stage.connect(20 * MS, PRESETS["2k"])
    assert stage.electrode_mv(20 * MS) == pytest.approx(2 * IDEAL.commanded_ua(code_for(200)))


def test_skin_scales_with_area_and_resistors_do_not() -> None:
    typical = load_of("typical", 1000)
    assert (typical.series_ohm, typical.parallel_ohm, typical.capacity_nf) == pytest.approx((50, 10e3, 400))
    assert load_of("10k", 1000) == PRESETS["10k"]


def test_unknown_load_names_the_known_ones() -> None:
    with pytest.raises(
        BadValueError, match=r"no load 'wet'.*unchanged.*good, typical, dry, open, short, 500R, 1k, 2k, 4k7, 10k"
    ):
        load_of("wet", 100)
    with pytest.raises(BadValueError, match="area of 0 mm2 is not positive"):
        load_of("dry", 0)
