"""Signal quality of what the engine plays, from the DAC's trace and through the output stage."""

from collections.abc import Callable

import pytest

from tests.bench import quality
from tests.bench.stand import Stand
from tests.campaign.fork import forked

OUTPUT_OFFSET_UA = 0.5  # of the bench's output stage: no engine can take it away


@pytest.fixture(scope="module")
def stand() -> Stand:
    """A booted board; every test plays on a copy of it."""
    return Stand()


def on_copy(work: Callable[[], dict]) -> dict:
    found = forked(work)
    assert "crash" not in found, found
    return found


@pytest.mark.parametrize("frequency_mhz, amplitude_ua", [(10_000, 600), (100_000, 50), (1_000_000, 200)])
def test_a_sine_is_as_pure_as_the_ideal_quantiser_makes_it(stand: Stand, frequency_mhz: int, amplitude_ua: int) -> None:
    found = on_copy(lambda: quality.sine(stand, frequency_mhz, amplitude_ua))
    ours, worst = found["ours"], found["ideal_worst"]
    assert ours["sinad_db"] >= found["ideal"]["sinad_db"] - 1
    assert ours["sfdr_db"] >= worst["sfdr_db"] - 1 and ours["thd_db"] <= worst["thd_db"] + 1, found
    assert abs(found["amplitude_error_steps"]) < 0.5


@pytest.mark.parametrize("frequency_mhz", [20_000, 41_700, 99_990, 128_341, 333_333, 491_000, 640_007, 800_000])
def test_a_square_carries_no_charge_in_any_cycle_and_its_edges_are_within_half_a_sample(
    stand: Stand, frequency_mhz: int
) -> None:
    found = on_copy(lambda: quality.square(stand, frequency_mhz, amplitude_ua=137))
    assert found["net_steps_worst"] == found["overshoot_steps"] == 0 and found["cycles"] > 10
    assert found["edge_worst_us"] <= found["sample_us"] / 2
    # Both phases have the same whole number of samples, so each may be almost one short of half a cycle.
    assert found["duty_error_percent"] <= 100 * found["sample_us"] * frequency_mhz / 1e9


@pytest.mark.parametrize("frequency_mhz", [10_000, 100_000, 1_000_000])
def test_what_rounding_leaves_of_a_sine_is_carried_and_does_not_grow(stand: Stand, frequency_mhz: int) -> None:
    found = on_copy(lambda: quality.carried(stand, frequency_mhz, 3))
    assert found["stretches"] >= 10 and found["net_steps_worst"] <= 1, found


@pytest.mark.parametrize("frequency_mhz", [77_000, 320_000])
def test_where_no_sample_mirrors_another_the_table_itself_is_off_by_less_than_a_tenth_of_a_nanoampere(
    stand: Stand, frequency_mhz: int
) -> None:
    found = on_copy(lambda: quality.carried(stand, frequency_mhz, 3))
    assert abs(found["mean_na"]) < 0.1, found


def test_a_thousandth_of_a_hertz_is_played(stand: Stand) -> None:
    below, above = (on_copy(lambda mhz=mhz: quality.frequency(stand, mhz, 3)) for mhz in (333_333, 333_334))
    assert abs(below["error_ppm"]) < 1 and abs(above["error_ppm"]) < 1  # they are 3 ppm apart


def test_steps_between_settings_stay_within_the_larger_envelope(stand: Stand) -> None:
    found = on_copy(lambda: quality.excursions(stand))
    assert set(found) == {name for name, _changes in quality.CHANGES} and max(found.values()) <= 0, found


@pytest.mark.parametrize("load", ["500R", "10k", "typical"])
def test_delivered_current_is_what_was_commanded(stand: Stand, load: str) -> None:
    found = on_copy(lambda: quality.delivered(stand, load, "sine"))
    assert abs(found["mean_ua"] - OUTPUT_OFFSET_UA) < 0.05 and found["rms_percent"] < 1, found
