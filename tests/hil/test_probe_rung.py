"""What a second board measures of the first: when its gate opens, what its DAC steps to, what current flows.

Nothing of the board under test is in these numbers: not its clock, not its ADC, not its word. Where both are virtual,
the probe is itself held against the truth, which states its error.
"""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from boards.rp2040_pico import board as pico_board
from firmware.shared import faults
from microcurrent.errors import BadValueError
from tests.probe.client import REFERENCE_MV, STEPS, Edge

from .conftest import CONTACT_MS, SQUARE
from .wiring import LOAD_OHM, Wired

MS = 1_000_000
PROBE_ERROR_NS = 500  # ours: two ticks of 200 ns, and the rise of a wire through 1 kohm
TURN_NS = 20_000  # what the virtual pair adds where the probe drives (tests/probe/pair.py); on a real one nothing is
CODE_MV = REFERENCE_MV / STEPS  # a step of either part
COLLECTION_MS = 40  # of garbage: 38 on the bench (tests/hil/test_supervisor.py)
ADC_MV = 8  # ours: the wide codes of RP2040-E11, 9.9 steps, and half of one
LONG = SQUARE | {"duration_ms": 60_000, "ramp_ms": 100}


def started(wired: Wired, **changes: object) -> dict:
    """A session at full amplitude; its terms. What the probe saw before is forgotten."""
    device = wired.device
    terms = device.request("arm", {"wave": LONG | changes, "lease_ms": 10_000})
    device.request("start", {"session": terms["session"]})
    device.wait_ms(CONTACT_MS + 200)
    assert device.state == "ACTIVE"
    wired.probe.edges()
    return terms


def seen(wired: Wired, line: str, level: int) -> Edge:
    """The one edge of that kind since the last look."""
    found = wired.probe.edges()
    edges = [edge for edge in found if (edge.line, edge.level) == (line, level)]
    assert len(edges) == 1, found
    return edges[0]


def both(wired: Wired, first: tuple[str, int], then: tuple[str, int]) -> int:
    """ns from the one edge to the other, each the only one of its kind since the last look."""
    found = wired.probe.edges()
    times = [[edge.t_ns for edge in found if (edge.line, edge.level) == kind] for kind in (first, then)]
    assert [len(each) for each in times] == [1, 1], found
    return times[1][0] - times[0][0]


def opened_within(wired: Wired, limit_us: float) -> None:
    """After the emergency stop: its time to the open gate, and nothing after it."""
    took_ns = both(wired, ("estop", 1), ("gate", 0))
    assert 0 < took_ns <= limit_us * 1000 + PROBE_ERROR_NS + (TURN_NS if wired.pair else 0)


@pytest.mark.rung("probe")
@pytest.mark.parametrize("sample_us", [62, 250])
def test_the_emergency_stop_opens_the_gate_within_a_sample(wired: Wired, sample_us: int) -> None:
    started(wired, sample_us=sample_us)
    wired.probe.estop(is_open=True)
    wired.device.wait_ms(60)
    opened_within(wired, faults.off_us(faults.ESTOP, sample_us))
    assert wired.device.request("faults")["code"] == faults.ESTOP
    wired.probe.estop(is_open=False)
    assert wired.device.request("clear") == {"code": faults.NONE}


@pytest.mark.rung("probe")
def test_the_gate_opens_at_a_stop_and_at_the_end_of_a_lease(wired: Wired) -> None:
    device = wired.device
    started(wired)
    device.request("stop", {"now": True})
    device.wait_ms(20)
    seen(wired, "gate", 0)
    terms = device.request("arm", {"wave": LONG, "lease_ms": 700})
    wired.probe.edges()
    device.request("start", {"session": terms["session"]})
    device.wait_ms(1000)  # the lease, the ramp, and some to spare
    took_ms = both(wired, ("gate", 1), ("gate", 0)) / MS
    assert 600 < took_ms < 700 + LONG["ramp_ms"] + 50, took_ms
    assert device.request("clear") == {"code": faults.NONE}


@pytest.mark.rung("probe")
def test_a_reset_opens_the_gate_before_anything_runs(wired: Wired) -> None:
    device = wired.device
    started(wired)
    wired.probe.request("reset")
    wired.pass_ms(200)
    found = wired.probe.edges()
    fell = next(edge for edge in found if (edge.line, edge.level) == ("run", 0))
    gate = [edge for edge in found if edge.line == "gate"]
    # The pin lets go with the reset, and its pull-down takes it low; boot.py is half a second away.
    assert [edge.level for edge in gate] == [0]
    assert gate[0].t_ns - fell.t_ns < 10_000 + (TURN_NS if wired.pair else 0)
    device.client.reconnect()
    status = device.request("status")
    assert (status["state"], status["gate"]) == ("READY", 0)
    # The self-test of the boot closes the gate for some milliseconds at a time, onto the dummy load; once in a while
    # garbage is collected within one of its steps.
    tested = [edge for edge in wired.probe.edges() if edge.line == "gate"]
    closed_ns = [fell.t_ns - rose.t_ns for rose, fell in zip(tested[::2], tested[1::2], strict=True)]
    longest_ns = sorted(closed_ns)[-2:]
    assert tested[0].level == 1 and longest_ns[0] < 15 * MS and longest_ns[1] < (15 + COLLECTION_MS) * MS


@pytest.mark.rung("probe")
def test_edges_that_nobody_asked_for_are_reported_as_lost_and_forgotten(wired: Wired) -> None:
    """Of the self-tests before a scenario: no scenario shall fail by what came before it, nor trust it."""
    for _ in range(16):
        wired.device.request("selftest")
    with pytest.raises(BadValueError, match="the probe lost edges"):
        wired.probe.edges()
    wired.probe.forget()
    assert wired.probe.edges() == []
    started(wired)
    wired.device.request("stop", {"now": True})
    seen(wired, "gate", 0)


@pytest.mark.rung("probe")
def test_the_dac_steps_between_the_codes_of_the_amplitude(wired: Wired) -> None:
    """200 uA are 410 codes to either side of the middle; each level lasts half a period by the probe's clock."""
    started(wired)
    every_us = 250
    readings = wired.probe.capture("dac", 800, every_us)  # two periods
    middle_mv = pico_board.ZERO_CODE * CODE_MV
    for reading in readings:
        assert abs(abs(reading - middle_mv) - 410 * CODE_MV) <= ADC_MV + CODE_MV, sorted(set(readings))
    signs = [reading > middle_mv for reading in readings]
    changes = [index for index in range(1, len(signs)) if signs[index] != signs[index - 1]]
    assert 3 <= len(changes) <= 4
    for first, second in pairwise(changes):
        assert abs((second - first) * every_us - 50_000) <= 2 * every_us


@pytest.mark.rung("probe")
def test_the_current_is_that_of_the_telemetry(wired: Wired) -> None:
    """By the sense voltage, and by the voltage across the known load: three measurements of one current."""
    device = wired.device
    terms = started(wired, amplitude_ua=400)
    for load_ohm in loads(wired):
        device.request("lease", {"session": terms["session"]})
        device.wait_ms(250)
        told_ua = device.present("delivered_ua")
        assert told_ua == pytest.approx(400, abs=36)  # ours, as of a stage without calibration
        sensed_ua = plateau_mv(wired, "sense") / pico_board.SENSE_UV_PER_UA * 1000
        assert sensed_ua == pytest.approx(told_ua, abs=ADC_MV / pico_board.SENSE_UV_PER_UA * 1000 + 2)
        across_mv = plateau_mv(wired, "voltage") * pico_board.VOLTAGE_DIVIDER
        assert across_mv == pytest.approx(told_ua * load_ohm / 1000, abs=ADC_MV * pico_board.VOLTAGE_DIVIDER)


def loads(wired: Wired) -> Iterator[float]:
    """The load that is there; a virtual board is put on others in its session."""
    yield LOAD_OHM
    if wired.pair is None:
        return
    board = wired.pair.board
    for name in ("2k", "500R"):
        board.set_load(name)
        yield board.stage.load.series_ohm


def plateau_mv(wired: Wired, name: str) -> float:
    """How far an input is from its middle on the plateaus of a square of 10 Hz: an upper quantile, without edges."""
    readings = wired.probe.capture(name, 80, 1250)
    deviations = sorted(abs(reading - REFERENCE_MV / 2) for reading in readings)
    return deviations[3 * len(deviations) // 4]


def test_the_probe_is_as_exact_as_it_says(wired: Wired) -> None:
    """Every edge of a session, against the trace: times within a tick, DAC levels within the steps of its ADC."""
    pair = wired.pair
    assert pair is not None
    started(wired)
    wired.device.request("stop", {"now": True})
    wired.device.wait_ms(5)
    begun = len(pair.board.trace.pin_edges(pico_board.GATE_PIN))
    wired.device.request("selftest")
    truth = pair.board.trace.pin_edges(pico_board.GATE_PIN)[begun:]
    measured = [edge for edge in wired.probe.edges() if edge.line == "gate"][1:]
    assert [level for _t, level in truth] == [edge.level for edge in measured] and len(truth) >= 10
    offset = measured[0].t_ns - truth[0][0]
    errors = [edge.t_ns - t_ns - offset for edge, (t_ns, _level) in zip(measured, truth, strict=True)]
    assert max(map(abs, errors)) <= 200, errors
    levels = wired.probe.levels_mv()
    assert levels["dac"] == pytest.approx(pair.board.dac.code * CODE_MV, abs=ADC_MV)
    assert levels["sense"] == pytest.approx(pair.board.stage.sense_mv(pair.board.now_ns), abs=ADC_MV)
