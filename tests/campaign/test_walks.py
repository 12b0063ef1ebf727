"""A few random walks and one plug pull; `python -m tests.campaign random` and `pulls` do thousands."""

from random import Random

from firmware.shared import protocol

from . import wander
from .campaign import Campaign
from .fork import forked
from .judge import stray_ua
from .plant import Plant
from .records import records
from .torn import FlashWatch
from .waves import WAVES

STEP_NS = 1_000_000
FINE_NS = 100_000  # a program takes 700 us


def test_random_walks_find_no_current_where_none_may_flow(campaign: Campaign) -> None:
    plant = campaign.booted("real")
    walks = [walk for number in range(60) if (walk := wander.Walk(number, campaign.seed)).base == wander.BASES[0]]
    results = list(wander.walk_from(plant, wander.BASES[0], walks))
    assert len(results) == len(walks) > 3 and [result for result in results if result["problems"]] == []


def test_a_walk_repeats_itself(campaign: Campaign) -> None:
    walk = wander.Walk(3, campaign.seed)
    first, second = (list(wander.run(campaign, range(3, 4), 1)) for _ in range(2))
    assert first == second and first[0]["base"] == "/".join(walk.base)


def test_a_plug_pulled_while_a_session_is_written_down_leaves_a_whole_journal(campaign: Campaign) -> None:
    plant = campaign.booted("real")
    result = forked(lambda: pulled_at_the_first_write(plant))
    assert result["torn"] and result["states"][-1] == protocol.READY
    assert result["stray"] == [] and result["problem"] is None
    assert result["kinds"][:2] == ["session", "end"]


def pulled_at_the_first_write(plant: Plant) -> dict:
    """Power fails in the middle of the first flash operation, erase or program, of the record of a session."""
    watch = FlashWatch(plant.pico)
    plant.host.arm(WAVES["square"].request)
    plant.host.send("start", session=plant.host.session)
    latest_ns = plant.pico.now_ns + 500 * STEP_NS
    while not watch.operations and plant.pico.now_ns < latest_ns:
        plant.pico.run_until(plant.pico.now_ns + FINE_NS)
    plant.pico.run_until(int(watch.operations[0].start_ns + watch.operations[0].takes_ns / 2))
    plant.began_ns = plant.pico.now_ns
    torn = watch.tear(plant.pico.now_ns, Random(1))
    plant.lose_power()
    plant.boot()
    told, problem = records(plant.pico)
    return {
        "torn": torn,
        "states": [state for _t, state in plant.states],
        "stray": stray_ua(plant, 0.0),
        "problem": problem,
        "kinds": [record["kind"] for record in told],
    }
