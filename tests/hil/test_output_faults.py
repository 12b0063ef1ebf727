"""A DAC or bus that fails during a session: the output must follow the command, or it ends."""

from collections.abc import Callable

import pytest

from boards.rp2040_pico import board as pico_board
from firmware.shared import faults
from microcurrent.errors import FaultError

from .conftest import CONTACT_MS, Bench

MS = 1_000_000
US = 1_000
FOLLOW_CODES = pico_board.FOLLOW_UA * 2048 // pico_board.FULL_SCALE_UA


def active(bench: Bench, **changes: object) -> None:
    bench.start(**({"duration_ms": 60_000, "ramp_ms": 100} | changes))
    bench.pico.run_for_ms(CONTACT_MS + 200)
    assert bench.pico.gate == 1


def latched(bench: Bench) -> str:
    return bench.request("faults")["name"]


@pytest.mark.parametrize(("sample_us", "within_us"), [(250, 1300), (100, 550), (62, 500)])
def test_a_bus_that_hangs_in_mid_session_opens_the_gate(bench: Bench, sample_us: int, within_us: int) -> None:
    active(bench, sample_us=sample_us)
    hung_ns = bench.pico.now_ns
    bench.pico.hold_sda = True
    bench.pico.run_for_ms(60)
    assert bench.gate_dropped_ns(hung_ns) - hung_ns < within_us * US
    assert latched(bench) in ("bus-hung", "dac-no-ack")
    with pytest.raises(FaultError):
        bench.start()
    assert bench.pico.hold_sda
    assert bench.request("clear") == {"code": 0}  # nine clocks have freed the bus
    assert not bench.pico.hold_sda
    assert bench.run().reason == "duration"


def test_a_bus_held_for_two_samples_is_counted_as_missed(bench: Bench) -> None:
    active(bench)
    idle_ns = next_sample_ns(bench) - 10 * US  # within a byte it would be an arbitration lost, and a fault
    bench.pico.at(idle_ns, lambda: setattr(bench.pico, "hold_sda", True))
    bench.pico.at(idle_ns + 180 * US, lambda: setattr(bench.pico, "hold_sda", False))
    bench.pico.run_for_ms(150)
    assert bench.pico.gate == 1 and latched(bench) == "none"
    status = bench.request("status")
    missed = status["telemetry"][bench.field("missed")]
    assert 1 <= missed <= 3


def test_an_interrupt_delayed_within_the_period_is_counted_late(bench: Bench) -> None:
    active(bench)
    core = bench.pico.mcu.core
    due_ns = next_sample_ns(bench)
    timer_interrupt = 1 << 0

    def enable() -> None:
        core.enabled_interrupts |= timer_interrupt
        core.interrupts_updated = True
        core.waiting = False  # nothing else would wake a sleeping core

    bench.pico.at(
        due_ns - 10 * US, lambda: setattr(core, "enabled_interrupts", core.enabled_interrupts & ~timer_interrupt)
    )
    bench.pico.at(due_ns + 60 * US, enable)
    bench.pico.run_for_ms(150)
    row = bench.request("status")["telemetry"]
    assert row[bench.field("late")] >= 1 and 50 <= row[bench.field("worst_late_us")] <= 75
    assert bench.pico.gate == 1 and latched(bench) == "none"


def next_sample_ns(bench: Bench) -> int:
    """The instant of a coming interrupt: it sends 72.5 us of bits before the DAC takes its code."""
    return bench.pico.trace.dac_ns[-1] + 200 * US - 72_500


@pytest.mark.parametrize(
    ("wave", "within_ms"),
    [
        ({"amplitude_ua": 200}, 51),  # at the next change of sign of 10 Hz
        ({"amplitude_ua": 70}, 51),
        ({"amplitude_ua": 200, "shape": "sine"}, 51),
        ({"amplitude_ua": 200, "duty_permille": 400, "gap_us": 5000}, 51),
        ({"amplitude_ua": 200, "frequency_mhz": 1_000_000}, 1),
    ],
)
def test_a_dac_that_keeps_its_code_is_found_when_the_command_moves_away(
    bench: Bench, wave: dict, within_ms: int
) -> None:
    active(bench, **wave)
    stuck_ns = stick_beyond(bench, FOLLOW_CODES + 4)  # stuck at less it opposes no command: see the next test
    bench.pico.run_for_ms(within_ms + 20)
    assert bench.gate_dropped_ns(stuck_ns) - stuck_ns < within_ms * MS
    assert latched(bench) == "output-astray"
    with pytest.raises(FaultError, match="the cause persists"):
        bench.request("clear")
    bench.pico.dac.stuck = False
    assert bench.request("clear") == {"code": 0}


@pytest.mark.parametrize("codes", [40, FOLLOW_CODES - 12])
def test_a_dac_that_keeps_a_code_within_what_may_deviate_is_found_by_its_direct_current(
    bench: Bench, codes: int
) -> None:
    active(bench, amplitude_ua=200, shape="sine")
    while not codes <= abs(bench.pico.dac.code - 2048) <= codes + 6:
        bench.pico.run_until(bench.pico.now_ns + 100 * US)
    stuck_ns = bench.pico.now_ns
    bench.pico.dac.stuck = True
    bench.pico.run_for_ms(2400)
    assert bench.gate_dropped_ns(stuck_ns) - stuck_ns < 2300 * MS
    assert latched(bench) == "dc-imbalance"


def stick_beyond(bench: Bench, codes: int) -> int:
    """Stop the DAC once its code is so far from zero; the instant."""
    while abs(bench.pico.dac.code - 2048) < codes:
        bench.pico.run_until(bench.pico.now_ns + 100 * US)
    bench.pico.dac.stuck = True
    return bench.pico.now_ns


def test_a_dac_that_sticks_in_the_ramp_down_is_found(bench: Bench) -> None:
    active(bench, frequency_mhz=100, ramp_ms=1000, amplitude_ua=300)
    bench.pico.run_for_ms(1500)
    bench.pico.dac.stuck = True
    stopped_ns = bench.pico.now_ns
    bench.request("stop")
    bench.pico.run_for_ms(1200)
    assert bench.gate_dropped_ns(stopped_ns) - stopped_ns < 400 * MS  # 60 uA of 300 after a fifth of the ramp
    assert latched(bench) == "output-astray"


@pytest.mark.parametrize("code", [2048, 2662])
def test_a_dac_that_is_stuck_before_the_start_refuses_it(bench: Bench, code: int) -> None:
    """2662 are 300 uA: nothing of it may reach the electrodes."""
    bench.pico.dac.code = code
    bench.pico.dac.stuck = True
    bench.pico.stage.dac(bench.pico.now_ns, code, 0)
    with pytest.raises(FaultError, match="a fault is latched"):
        bench.start()
    assert latched(bench) == "dac-readback"
    assert [level for _t, level in bench.gate_edges_of_sessions()] == [0]
    bench.pico.dac.stuck = False
    assert bench.request("clear") == {"code": 0}
    assert bench.run().reason == "duration"


def test_a_stuck_dac_is_found_at_boot(boot: Callable[..., Bench]) -> None:
    bench = boot()
    bench.pico.dac.stuck = True
    bench.client.hello()
    assert bench.request("faults")["code"] == faults.DAC_READBACK


@pytest.mark.parametrize("load", ["dry", "short", "500R"])
def test_a_load_that_takes_less_or_any_current_is_no_stuck_dac(bench: Bench, load: str) -> None:
    bench.pico.set_load(load)
    assert bench.run(amplitude_ua=500, frequency_mhz=200_000).reason == "duration"
