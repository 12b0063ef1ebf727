"""A session at the wire's limit with telemetry; a minute of it is `make soak`."""

import pytest

from tests.bench.soak import soak, wire_stand
from tests.bench.stand import STOP_PERIOD_US, WIRE_PERIOD_US

SOAK_MS = 2500
AWAY_US = 0.1  # of every single update from its grid


@pytest.mark.parametrize("period_us", [WIRE_PERIOD_US, STOP_PERIOD_US])
def test_nothing_is_missed_at_the_limit_of_the_wire(period_us: int) -> None:
    found = soak(wire_stand(), period_us, SOAK_MS)
    assert found["missed"] == found["late"] == found["lost"] == found["lift_offs"] == found["fault"] == 0, found
    assert found["updates"] >= SOAK_MS * 1000 // period_us
    assert found["worst_us"] <= AWAY_US, found
