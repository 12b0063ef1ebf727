"""The quick form of the fault campaign, in parts for two cores."""

import pytest

from .campaign import Campaign, quick_keys
from .report import failures

PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_faults_are_seen_in_time_latched_told_and_refuse_the_next_session(campaign: Campaign, part: int) -> None:
    wanted = quick_keys(campaign.seed)[part::PARTS]
    results = list(campaign.run(wanted, workers=1))
    assert len(results) == len(wanted) and failures(results) == []
