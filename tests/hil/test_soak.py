"""A session at the wire's limit with telemetry; a minute of it is `make soak`."""

import pytest

from tests.bench.soak import soak, wire_stand
from tests.bench.stand import STOP_PERIOD_US, WIRE_PERIOD_US

SOAK_MS = 2500
# (standard deviation, worst distance) of the updates in us. Held open the bus is full, and its own clock places them;
# START to STOP each is as late as its interrupt, which the second one and those of the USB controller delay.
AWAY_US = {WIRE_PERIOD_US: (0.1, 0.1), STOP_PERIOD_US: (0.5, 12)}


@pytest.mark.parametrize("period_us", AWAY_US)
def test_nothing_is_missed_at_the_limit_of_the_wire(period_us: int) -> None:
    found = soak(wire_stand(), period_us, SOAK_MS)
    assert found["missed"] == found["late"] == found["lost"] == found["lift_offs"] == found["fault"] == 0, found
    assert found["updates"] >= SOAK_MS * 1000 // period_us
    std_us, worst_us = AWAY_US[period_us]
    assert found["std_us"] <= std_us and found["worst_us"] <= worst_us, found
