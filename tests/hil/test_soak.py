"""A session at the wire's limit with telemetry; a minute of it is `make soak`."""

import pytest

from tests.bench.soak import soak, wire_stand
from tests.bench.stand import STOP_PERIOD_US, WIRE_PERIOD_US

SOAK_MS = 2500


@pytest.mark.parametrize(
    "period_us, std_us, worst_us",
    [
        (WIRE_PERIOD_US, 0.1, 0.1),  # 22.2 kS/s: the bus is full, so its own clock places the updates
        (STOP_PERIOD_US, 0.5, 12),  # 13.7 kS/s: a USB interrupt under way delays a sample by so much
    ],
)
def test_nothing_is_missed_at_the_limit_of_the_wire(period_us: int, std_us: float, worst_us: float) -> None:
    found = soak(wire_stand(), period_us, SOAK_MS)
    assert found["missed"] == found["late"] == found["lost"] == found["lift_offs"] == found["fault"] == 0, found
    assert found["updates"] >= SOAK_MS * 1000 // period_us
    assert found["std_us"] <= std_us and found["worst_us"] <= worst_us, found
