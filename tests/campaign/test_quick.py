"""A sample of the fault campaign, another one with every commit, in parts for two cores."""

import pytest

from . import quick, seed, twins
from .campaign import Campaign
from .report import failures

PARTS = 6
SEED = seed.of_commit()


@pytest.mark.parametrize("part", range(PARTS))
def test_faults_are_seen_in_time_latched_told_and_refuse_the_next_session(campaign: Campaign, part: int) -> None:
    wanted = quick.quick_keys(SEED)[part::PARTS]
    results = list(campaign.seeded(SEED).run(wanted, workers=1))
    twins.add_problems(results, wanted)
    assert len(results) == len(wanted) and failures(results, SEED) == [], f"{seed.SEED_ENV}={SEED} repeats it"
