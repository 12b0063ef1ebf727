"""The campaign fails when the firmware does not do what it must."""

from collections.abc import Callable

from . import variants
from .campaign import Campaign, keys


def problems(firmware: Callable[[], dict[str, bytes]], wanted: str) -> list[str]:
    campaign = Campaign(firmware={"real": firmware})
    (result,) = campaign.run([key for key in keys() if str(key) == wanted], workers=1)
    return result["problems"]


def test_a_window_that_is_not_compared_is_noticed() -> None:
    found = problems(variants.without_window, "pump-at-rail/up:ACTIVE:square:mid")
    assert "latched output-astray" in found and any("limit 255" in problem for problem in found)


def test_a_fault_that_is_not_written_down_is_noticed() -> None:
    assert problems(variants.without_record, "estop-open/open:ACTIVE:sine:mid") == ["the journal does not tell of it"]
