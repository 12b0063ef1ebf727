"""Tables of one's own: from CSV to the board's points; what does not balance or cannot be read is refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from firmware.shared import shapes
from microcurrent import points
from microcurrent.bench.pico import VirtualPico
from microcurrent.errors import BadValueError

from .conftest import Cli, booted, make_board


def written(folder: Path, text: str) -> str:
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def lines(values: Sequence[float]) -> str:
    return "\n".join(map(str, values)) + "\n"


def test_points_are_stretched_scaled_and_balanced(tmp_path: Path) -> None:
    table = points.read(written(tmp_path, lines([0, 2, 0, -2])))
    assert len(table) == 256 and sum(table) == 0
    assert max(table) == shapes.UNIT and min(table) == -shapes.UNIT
    assert table[:3] == [0, shapes.UNIT // 64, 2 * shapes.UNIT // 64]  # a straight line from point to point
    assert (table[64], table[128], table[192]) == (shapes.UNIT, 0, -shapes.UNIT)


def test_more_points_than_256_take_the_larger_table(tmp_path: Path) -> None:
    table = points.read(written(tmp_path, lines([1] * 150 + [-1] * 150)))
    assert len(table) == 1024 and sum(table) == 0 and {abs(value) for value in table} >= {shapes.UNIT}


@pytest.mark.parametrize("head", ["", "current\n", "# a comment\ntime,current\n"])
def test_a_head_and_a_column_of_times_may_stand_there(tmp_path: Path, head: str) -> None:
    text = head + "".join(f"{index * 0.1},{value}\n" for index, value in enumerate((0, 1, 0, -1)))
    assert points.read(written(tmp_path, text)) == points.read(written(tmp_path, lines([0, 1, 0, -1])))


def test_a_small_imbalance_is_taken_out(tmp_path: Path) -> None:
    table = points.read(written(tmp_path, lines([1] * 128 + [-0.995] * 128)))
    assert sum(table) == 0 and max(abs(value) for value in table) == shapes.UNIT


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (lines([1] * 128 + [-0.9] * 128), "its net charge is 5.3 % of what flows; at most 0.5 % is taken"),
        (lines([1, 2, 3, 4]), "its net charge is 100.0 % of what flows"),
        (lines([0] * 9), "all its points are 0"),
        (lines([0, 1, -1]), "it has 3 points; a period needs at least 4"),
        (lines([1, -1] * 513), "it has 1026 points; at most 1024 are taken"),
        ("1\n-1\nx\n0\n", "point 3 is 'x'"),
        ("1\n-1\nnan\n0\n", "point 3 is 'nan'"),
        ("", "it has 0 points"),
    ],
)
def test_what_is_no_period_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadValueError, match="nothing was sent") as refused:
        points.read(path)
    assert f"{path}: {problem}" in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("own.csv", "none.csv", "."):
        with pytest.raises(BadValueError, match="it cannot be read"):
            points.read(str(tmp_path / name))


@pytest.fixture(scope="module")
def board(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    """A commissioned board, shared by this module's tests: leave it as you found it."""
    return booted(make_board(image, firmware_files))


def test_a_table_is_uploaded_played_and_recorded(mc: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, lines([0, 1, 1, 1, 0, -1, -1, -1]))
    result = mc(f"run table --table {path} --amplitude 100uA --frequency 20Hz --duration 1s --ramp 100ms --json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)["summary"]
    assert summary["commanded_mean_ua"] == 75 and summary["delivered_mean_ua"] == pytest.approx(76, abs=3)
    shown = json.loads(mc("records export last").stdout)
    assert shown["wave"]["points"] == points.read(path) and shown["wave"]["table_crc"] == points.crc_of(
        points.read(path)
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("run table", "a table has no points; nothing was sent; name a CSV file of one period: --table FILE"),
        (
            "run sine --table x.csv",
            "--table x.csv: a sine has no table; nothing was sent; leave --table away, or choose table",
        ),
        ("run sine --width 5ms", "--width 5ms: only a square has a width"),
        ("run square --width 5ms --duty 50%", "both give the length of a phase"),
        ("run sine --second 30Hz", "--frequency is 10Hz, --second 30Hz; the lowest for a sum is 20 Hz"),
        ("run square --sweep 1s", "a sweep needs a time and an end"),
        ("run square --burst 1s", "--burst is 1s and no rest is given"),
        ("run square --sample 61us", "--sample is 61us; this board's shortest is 62us"),
        ("change", "nothing to change was named"),
        ("change --amplitude 100uA", "is not running; the state is READY"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_users_words(mc: Cli, line: str, text: str) -> None:
    result = mc(line)
    assert result.exit_code in (2, 6) and text in result.stderr, result.stderr
