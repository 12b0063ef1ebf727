"""What is told of the engine: what a board can do, and what it measures of itself."""

import pytest

from microcurrent.engine_text import capability_text, cost_text, measured_text
from microcurrent.figures import table_rows
from microcurrent.summary import summarize

from .conftest import run_cli
from .two import FIRST_ROW, WAVE, whole

CAPABILITIES = [
    ({"channels": 1, "sample_us": 62}, "1 output, at most 16.1 kS/s (a sample every 62 us)"),
    ({"channels": 2, "sample_us": 100}, "2 outputs, at most 10.0 kS/s each (a sample every 100 us)"),
    ({"channels": 1, "sample_us": 2000}, "1 output, at most 0.5 kS/s (a sample every 2000 us)"),  # an ESP32
    ({}, "1 output"),
]


@pytest.mark.parametrize(("identity", "text"), CAPABILITIES)
def test_what_a_board_can_do(identity: dict, text: str) -> None:
    assert capability_text(identity) == text


COSTS = [
    (2500, "rp2040_pico", 100, "2500 cycles (20.0 us, 20.0 % of 100 us)"),
    (2500, "rp2040_pico_dual", 250, "2500 cycles (20.0 us, 8.0 % of 250 us)"),
    (2500, "rp2040_pico", None, "2500 cycles (20.0 us)"),
    (2500, "esp32_devkit", 2000, "2500 cycles"),  # its clock changes
    (2500, "", 100, "2500 cycles"),
    (0, "rp2040_pico", 100, "0 cycles"),
]


@pytest.mark.parametrize(("cycles", "board", "sample_us", "text"), COSTS)
def test_what_an_interrupt_costs(cycles: int, board: str, sample_us: int | None, text: str) -> None:
    assert cost_text(cycles, board, sample_us) == text


def test_what_it_measures_of_itself() -> None:
    first = whole(samples=5000, missed=1, late=2, worst_late_us=7, worst_cycles=2500, bus_errors=3)
    assert measured_text([first, whole(missed=4)], "rp2040_pico", 100) == (
        "5000 samples, 1 + 4 missed, 2 late (worst 7 us); longest interrupt 2500 cycles (20.0 us, 20.0 % of 100 us); "
        "bus errors since boot: 3"
    )
    assert measured_text([first], "esp32_devkit", None).startswith("5000 samples, 1 missed, 2 late (worst 7 us); ")


def test_a_record_has_the_longest_interrupt_and_the_errors_of_its_session() -> None:
    rows = [whole(**FIRST_ROW, worst_cycles=cycles, bus_errors=errors) for cycles, errors in ((900, 7), (2500, 9))]
    summary = summarize(WAVE, "duration", rows)
    assert (summary["worst_cycles"], summary["bus_errors"]) == (2500, 2)
    shown = {row[0]: row[2] for row in table_rows(summary, "rp2040_pico", 100)}
    assert shown["longest interrupt"] == "2500 cycles (20.0 us, 20.0 % of 100 us)" and shown["bus errors"] == "2"
    older = [{name: value for name, value in row.items() if name not in ("worst_cycles", "bus_errors")} for row in rows]
    summary = summarize(WAVE, "duration", older)
    assert "worst_cycles" not in summary
    assert not {"longest interrupt", "bus errors"} & {row[0] for row in table_rows(summary)}


def test_help_of_run_is_in_order() -> None:
    text = run_cli("run --help").stdout
    for shape in ("square", "sine", "sawtooth", "ramped", "table"):
        assert f"\n  {shape} " in text
    heads = ["Waveform:", "Form of a square:", "Bursts and sweeps:", "Session:", "Place and limits:", "Virtual Pico, "]
    places = [text.index(f"\n{head}") for head in (*heads, "Other:")]
    assert places == sorted(places)
    for option in (
        "--amplitude uA|mA",
        "--frequency mHz|Hz|kHz",
        "--duty permille|%",
        "--gap us|ms|s",
        "--area mm2|cm2",
    ):
        assert f"\n  {option} " in text
    assert "WAVEFORM\n" not in text.split("Other:")[1]


def test_help_of_change_lists_what_can_change() -> None:
    text = run_cli("change --help").stdout
    assert "--frequency" in text
    assert not [name for name in ("--duration", "--ramp ", "--sample", "--polarity", "10Hz") if name in text]
