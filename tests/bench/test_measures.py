"""What the figures of `make bench` are made of notices what it is for."""

import numpy as np
import pytest

from . import quality, results, writers
from .spectrum import angles, fitted, ideal, purity, whole_cycles
from .timing import spread


def test_a_lost_update_and_a_late_one_are_told() -> None:
    times = np.arange(1000, dtype=np.int64) * 100_000
    assert spread(times, 100).figures() == {
        "updates": 1000, "lost": 0, "std_us": 0, "worst_us": 0, "beyond_0.1_us": 0,
    }  # fmt: skip
    times[500] += 7000
    found = spread(np.delete(times, 200), 100)
    assert (found.updates, found.lost, found.worst_us, found.over) == (999, 1, 7.0, 1)


def test_a_spectrum_finds_harmonics_noise_and_a_wrong_frequency() -> None:
    samples, cycles = whole_cycles(100_000, 100, 1)
    assert (samples, cycles) == (10_000, 100)
    angle = angles(samples, 100, 100)
    clean = 400 * np.sin(angle)
    assert purity(clean + 4 * np.sin(3 * angle), cycles).thd_db == pytest.approx(-40)
    assert purity(clean + 0.4 * np.sin(3.7 * angle), cycles).sfdr_db == pytest.approx(60)
    assert 58 < purity(ideal(angle, 400, 0.1), cycles).sinad_db < 61
    assert fitted(angle, 400 * np.sin(angle + 0.5) + 3).phase == pytest.approx(0.5)


def test_a_square_that_is_off_is_told() -> None:
    codes = np.tile(np.repeat([100, -100], 50), 20)
    times = np.arange(len(codes), dtype=np.int64) * 100_000
    good = quality.square_figures(times, codes, 10e6, 100)
    assert good == {
        "cycles": 18, "edge_worst_us": 0, "duty_error_percent": 0, "overshoot_steps": 0, "net_steps_worst": 0,
    }  # fmt: skip
    codes[930] = 101
    times[1000:] += 100_000
    bad = quality.square_figures(times, codes, 10e6, 100)
    assert (bad["overshoot_steps"], bad["net_steps_worst"], bad["edge_worst_us"]) == (1, 1, 50)


def test_a_figure_that_changed_is_named() -> None:
    before = {"a": [1, {"b": 2}], "c": 3}
    assert results.differences(before, {"a": [1, {"b": 2}], "c": 3}) == []
    assert results.differences(before, {"a": [1, {"b": 4}], "d": 5}) == [
        "/a/1/b: 2 -> 4",
        "/c: 3 -> None",
        "/d: None -> 5",
    ]


def test_what_was_kept_makes_the_table() -> None:
    made = writers.rows(results.everything())
    assert all(len(row) == len(writers.COLUMNS) for row in made)
    assert {row[-1].startswith("never") for row in made if row[0] != "microcurrent"} >= {True}
    assert all(float(row[2]) >= 10 for row in made if row[0] == "microcurrent")
