"""The count of statements on MicroPython: it sees what did not run, and why it has to be done this way."""

import sys
from pathlib import Path

import pytest

from microcurrent.bench.pico import VirtualPico
from tests.dual import hits, lines
from tests.dual.instrument import HITS, instrumented
from tests.support import repl

GATE = "firmware/core/gate.py"
SOURCE = '''"""Docstring."""

LIMIT = 3


def judged(value):
    """Docstring."""
    if value > LIMIT:
        return "above"
    while value < 0:
        value += 1
    return "zero" if value == 0 else "below"


for value in VALUES:
    judged(value)
'''


@pytest.mark.parametrize(
    "values,missed",
    [
        ([], {"8", "8 -> true", "8 -> false", "9", "10", "10 -> true", "10 -> false", "11", "12", "12 -> true",
              "12 -> false", "16"}),
        ([4], {"8 -> false", "10", "10 -> true", "10 -> false", "11", "12", "12 -> true", "12 -> false"}),
        ([4, 1], {"10 -> true", "11", "12 -> true"}),
        ([4, -2], {"12 -> false"}),
        ([4, -2, 1], set()),
    ],
)  # fmt: skip
def test_every_statement_and_both_ways_are_counted(
    values: list[int], missed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = instrumented(SOURCE)
    monkeypatch.setitem(sys.modules, HITS, hits)
    monkeypatch.setattr(hits, "seen", bytearray(len(made.places)))
    exec(made.source, {"VALUES": values})
    assert {place for number, place in enumerate(made.places) if not hits.seen[number]} == missed


def test_the_board_tells_what_was_not_reached(
    image: Path, firmware_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    count, left = lines.unreached(GATE, image, firmware_files)
    assert count > 20 and left == []
    monkeypatch.setitem(lines.FILES, GATE, "case_states")
    assert len(lines.unreached(GATE, image, firmware_files)[1]) > count // 2


def test_the_image_has_no_tracer(image: Path) -> None:
    assert "False" in repl(
        VirtualPico(image), "import sys; print(hasattr(sys, 'settrace')); print('END')", "END", 2_000
    )
