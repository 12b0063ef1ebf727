"""The trend picture of a course: none, one and many sessions."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from microcurrent import course, course_plan, personal_thresholds
from microcurrent.course_plot import plot_course
from microcurrent.errors import RecordError
from microcurrent.records import Records

from .conftest import run_cli
from .course_records import PLANNED_MS, add_session

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def records() -> Iterator[Records]:
    with Records() as opened:
        plan = course_plan.make("spring", date(2026, 3, 2), "Europe/Berlin", course_plan.PRESETS["clinic"])
        course.new(opened, "A17", "lift", plan, START)
        yield opened


def draw(records: Records, target: Path, days: int) -> np.ndarray:
    status = course.status(records, course.find(records, None), START + days * DAY)
    plot_course(status, records.rows("thresholds", "A17"), target)
    return imread(target)


def fill(records: Records, weeks: int) -> None:
    """Sessions with gaps and tries, thresholds of two places that drift."""
    for week in range(weeks):
        for day in (0, 3):
            if week % 4 == 2 and day:
                continue
            at = START + timedelta(days=7 * week + day)
            played_ms = PLANNED_MS // 10 if week == 1 and day else PLANNED_MS
            add_session(records, at, played_ms=played_ms, impedance_ohm=5000 - 150 * week + 300 * (day > 0))
        for side, threshold_ua in (("left", 240 - 5 * week), ("right", 300 + 3 * week)):
            at = START + timedelta(days=7 * week)
            personal_thresholds.store(records, "A17", "eye_under", side, threshold_ua, {}, at)


@pytest.mark.parametrize("weeks", [0, 1, 9])
def test_none_few_and_many_sessions(records: Records, tmp_path: Path, weeks: int) -> None:
    fill(records, weeks)
    picture = draw(records, tmp_path / "trend.png", 7 * weeks)
    assert picture.shape[:2] == (1120, 1260)
    assert picture.min() < 0.1  # something is drawn


def test_one_session_without_impedance(records: Records, tmp_path: Path) -> None:
    empty = draw(records, tmp_path / "none.png", 0)
    add_session(records, START, impedance_ohm=-1)
    assert (draw(records, tmp_path / "one.png", 0) != empty).any()


def test_many_places_of_thresholds(records: Records, tmp_path: Path) -> None:
    empty = draw(records, tmp_path / "none.png", 10)
    for number, site in enumerate(("forehead", "cheek", "nasolabial", "mouth", "jaw")):
        for side in ("left", "right"):
            personal_thresholds.store(records, "A17", site, side, 100 + 20 * number, {}, START + number * DAY)
    many = draw(records, tmp_path / "places.png", 10)
    assert many.shape == empty.shape and (many != empty).any()


def test_command_draws_and_tells_where(records: Records, tmp_path: Path) -> None:
    target = tmp_path / "trend.png"
    result = run_cli(f"course show spring --plot {target}")
    assert result.exit_code == 0
    assert result.stderr == f"picture of course spring written to {target}\n"
    assert imread(target).shape[:2] == (1120, 1260)
    with pytest.raises(RecordError, match="cannot be written"):
        draw(records, tmp_path / "no" / "x.png", 0)
    assert run_cli(f"course show spring --plot {tmp_path / 'no' / 'x.png'}").exit_code == 9
