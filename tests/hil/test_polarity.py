"""Every fault of stage, sense and RAM in both polarities: the same code, after the same time.

Two forks of one board are struck at the same place of a phase of either sign, with mirror images of the same fault.
Their times to off may differ by the quantum of what finds it:

- the interrupt: one sample, and 1 us for the branches that it takes;
- the main loop: 38 ms, for a collection of garbage may lie between two supervisor cycles (test_supervisor.py);
- the ledger of direct current, which closes with whole cycles: half a cycle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from firmware.shared import faults, framing
from microcurrent.bench.faults import Value
from microcurrent.errors import FaultError
from tests.campaign.fork import forked
from tests.campaign.ram import Words

from .conftest import CONTACT_MS, Bench

MS = 1_000_000
US = 1_000
PHASE_MS = 50  # of 10 Hz
INTO_PHASE_NS = 20 * MS + 75 * US  # between two interrupts, which begin 27.5 us behind the DAC's update
INTERRUPT_US, SUPERVISOR_US, LEDGER_US = 101, 38_000, PHASE_MS * 1000 + 101
COUNT_MV = 3300 / 4096
RAILS = {1: "up", -1: "down"}
SENSE_MV = {1: 3300.0, -1: 0.0}  # what the amplifier shows at its rails
MID_MV = 1650.0

Strike = Callable[[Bench, int], None]  # sign of the phase and of the fault


def broken(**parts: float | Callable[[int], Value]) -> Strike:
    """Parts of the stage; a function of the sign, or a number that is multiplied with it."""

    def strike(bench: Bench, sign: int) -> None:
        bench.pico.fail(**{name: part(sign) if callable(part) else sign * part for name, part in parts.items()})

    return strike


def stuck_dac(bench: Bench, _sign: int) -> None:
    bench.pico.dac.stuck = True


def endless_phase(bench: Bench, _sign: int) -> None:
    """Flipped bits of RAM."""
    words = Words(bench.pico)
    if words["_K"] < words["_GAP_END"]:
        words["_GAP_END"] = 1 << 20
    words["_WIDTH"] = words["_N_THIS"] = words["_N_BASE"] = 1 << 20


def shifted_zero(bench: Bench, sign: int) -> None:
    """The zero of the sense in RAM, by 150 uA."""
    Words(bench.pico)["_ZERO_SENSE"] += sign * 280


def larger_gain(bench: Bench, _sign: int) -> None:
    """The amplitude in RAM, twice what was asked for."""
    Words(bench.pico)["_GAIN"] *= 2


CASES = {
    "pump at the rail of the phase": (broken(pump_rail=RAILS.get), faults.OVER_CURRENT, INTERRUPT_US),
    "pump at the other rail": (broken(pump_rail=lambda sign: RAILS[-sign]), faults.OVER_CURRENT, INTERRUPT_US),
    "pump and limiter": (broken(pump_rail=RAILS.get, limiter_shorted=RAILS.get), faults.COMPARATOR, INTERRUPT_US),
    "pump adds 110 uA": (broken(offset_ua=110.0), faults.OVER_CURRENT, INTERRUPT_US),
    "pump adds 75 uA": (broken(offset_ua=75.0), faults.OUTPUT_ASTRAY, INTERRUPT_US),
    "pump adds 15 uA": (broken(offset_ua=15.0), faults.DC_IMBALANCE, LEDGER_US),
    "pump turned round": (broken(gain=lambda _sign: -1.0), faults.OUTPUT_ASTRAY, INTERRUPT_US),
    "sense at the rail of the phase": (broken(sense_stuck_mv=SENSE_MV.get), faults.COMPARATOR, INTERRUPT_US),
    "sense at the other rail": (broken(sense_stuck_mv=lambda sign: SENSE_MV[-sign]), faults.COMPARATOR, INTERRUPT_US),
    "sense at rest": (broken(sense_stuck_mv=lambda _sign: MID_MV), faults.SENSE_STUCK, SUPERVISOR_US),
    "sense adds 75 uA": (broken(sense_offset_mv=75 * 1.5), faults.OUTPUT_ASTRAY, INTERRUPT_US),
    "sense adds 15 uA": (broken(sense_offset_mv=15 * 1.5), faults.DC_IMBALANCE, LEDGER_US),
    "DAC stuck": (stuck_dac, faults.OUTPUT_ASTRAY, INTERRUPT_US),
    "RAM: phase without an end": (endless_phase, faults.CHARGE_LIMIT, INTERRUPT_US),
    "RAM: zero of the sense": (shifted_zero, faults.OVER_CURRENT, INTERRUPT_US),
    "RAM: amplitude": (larger_gain, faults.OVER_CURRENT, INTERRUPT_US),
}


@dataclass
class Struck:
    """What followed."""

    code: int
    took_us: float
    reading: int


def struck(bench: Bench, strike: Strike, sign: int, watched_ms: int) -> dict:
    """Strike in the next phase of a sign."""
    codes = bench.pico.trace.dac_codes
    waiting = lambda: not sign * (codes[-1] - 2048) > 0 >= sign * (codes[-2] - 2048)  # noqa: E731
    assert bench.pico.run_while(waiting, 3 * PHASE_MS)
    bench.pico.run_until(bench.pico.now_ns + INTO_PHASE_NS)
    struck_ns = bench.pico.now_ns
    strike(bench, sign)
    bench.pico.run_for_ms(watched_ms)
    latched = bench.request("faults")
    took_us = (bench.gate_dropped_ns(struck_ns) - struck_ns) / US
    return {"code": latched["code"], "took_us": took_us, "reading": latched["reading"]}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_of_either_sign_is_found_as_the_same_after_the_same_time(bench: Bench, case: str) -> None:
    strike, code, quantum_us = CASES[case]
    bench.start(lease_ms=10_000, duration_ms=60_000, ramp_ms=100)
    bench.pico.run_for_ms(CONTACT_MS + 200)
    watched_ms = 200 if quantum_us == INTERRUPT_US else 1900
    plus, minus = (Struck(**forked(partial(struck, bench, strike, sign, watched_ms))) for sign in (1, -1))
    assert (plus.code, minus.code) == (code, code)
    assert abs(plus.took_us - minus.took_us) <= quantum_us, (plus, minus)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_zero_of_the_sense_that_is_none_is_refused_before_the_gate_closes(bench: Bench, sign: int) -> None:
    """It moves once the session's self-test has passed: 50 ADC counts where 40 are tolerated."""
    words = Words(bench.pico)
    terms = bench.request("arm", {"wave": {"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 60_000}})
    before = words["_TICKS"]
    bench.write(framing.encode({"id": 999, "cmd": "start", "args": {"session": terms["session"]}}).encode())
    assert bench.pico.run_while(lambda: words["_TICKS"] in (before, 0), 3000)
    bench.pico.fail(sense_offset_mv=sign * 50 * COUNT_MV)
    from_ns = bench.pico.now_ns
    bench.pico.run_for_ms(500)
    assert bench.request("faults")["code"] == faults.OUTPUT_ASTRAY
    assert not [edge for edge in bench.gate_edges if edge[0] >= from_ns and edge[1]]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_zero_of_the_sense_beyond_its_tolerance_fails_the_self_test(bench: Bench, sign: int) -> None:
    bench.pico.fail(sense_offset_mv=sign * 50 * COUNT_MV)
    failed = [name for name, passed, *_rest in bench.request("selftest")["tests"] if not passed]
    assert failed[0] == "sense-zero"
    with pytest.raises(FaultError):
        bench.start()
