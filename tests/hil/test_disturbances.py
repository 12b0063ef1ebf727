"""Nothing that a board or its host does moves or takes a sample: at 10 kS/s and at the fastest."""

import pytest

from tests.bench import disturb
from tests.bench.stand import OPEN_PERIOD_US

from .conftest import not_frozen

# ours: an alarm of the main loop that falls due just before a sample delays it by so much, now and then
WORST_US = 4
STD_US = 0.1


def check(name: str, period_us: int) -> dict[str, float]:
    found = disturb.ALL[name](period_us)
    assert found["missed"] == found["late"] == found["lost"] == 0, found
    assert found["std_us"] <= STD_US and found["worst_us"] <= WORST_US, found
    assert found["updates"] >= disturb.HOLD_MS * 1000 // period_us
    return found


@pytest.fixture(params=[100, OPEN_PERIOD_US], ids=["10kS/s", "fastest"])
def period_us(request: pytest.FixtureRequest) -> int:
    return request.param


def test_garbage_collection_with_more_than_100_kb_live(period_us: int) -> None:
    found = check("garbage collection", period_us)
    assert found["live_bytes"] > 150_000 and found["done"] >= 15  # five a second, since before the session


def test_imports_from_source(period_us: int) -> None:
    not_frozen()
    assert check("imports", period_us)["done"] >= 15


def test_requests_without_a_pause_and_telemetry_at_its_highest_rate(period_us: int) -> None:
    assert check("requests and telemetry", period_us)["answered"] > 35


def test_a_host_that_holds_the_port_open_and_does_not_read(period_us: int) -> None:
    assert check("deaf host", period_us)["dropped_lines"] > 20


@pytest.mark.parametrize("name", ["settings", "table upload"])
def test_commands_that_a_session_refuses(period_us: int, name: str) -> None:
    found = check(name, period_us)
    assert found["asked"] == found["refused"] > 20
