"""The campaign fails when the firmware does not do what it must."""

from functools import partial

import pytest

from . import variants
from .campaign import Campaign, keys


def problems(change: str, wanted: str) -> list[str]:
    campaign = Campaign(firmware={"real": partial(variants.feared, change)})
    (result,) = campaign.run([key for key in keys() if str(key) == wanted], workers=1)
    return result["problems"]


@pytest.mark.parametrize(
    ("change", "case", "problem"),
    [
        ("no window", "pump-at-rail/along:ACTIVE:square:mid", "latched output-astray"),
        ("a window for positive current", "pump-at-rail/along:ACTIVE:square:mid:minus", "latched output-astray"),
        ("a charge limit for positive phases", "phase-too-long:ACTIVE:square:mid:minus", "nothing was latched"),
        ("a net limit for positive current", "offset-drifts:ACTIVE:square:mid:minus", "nothing was latched"),
        ("a watch that opens the first gate", "interrupt-dead:ACTIVE:sine:late:output-1", "gates opened"),
        (
            "an interrupt that opens the gate of its own output",
            "pump-at-rail/along:ACTIVE:square:mid:output-2",
            "gates opened",
        ),
        (
            "a second comparator on the first one's pin",
            "limiter-and-pump:ACTIVE:square:mid:output-2",
            "nothing was latched",
        ),
        ("faults that are not written down", "estop-open/open:ACTIVE:sine:mid", "the journal does not tell of it"),
    ],
)
def test_a_feared_change_is_noticed(change: str, case: str, problem: str) -> None:
    found = problems(change, case)
    assert any(text.startswith(problem) for text in found), found
