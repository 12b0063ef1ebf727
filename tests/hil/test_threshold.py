"""Contact coach and threshold finder on the virtual Pico, with a person whose skin feels from a certain current on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.shared import protocol
from microcurrent.coach import coach
from microcurrent.errors import FaultError, RefusedError
from microcurrent.live import LiveSession, recorded
from microcurrent.records import Records
from microcurrent.staircase import Staircase
from microcurrent.threshold_finder import ThresholdFinder
from microcurrent.treatment import checked_wave

from .conftest import Bench

WAVE = {"frequency_mhz": 10_000, "duration_ms": 600_000, "ramp_ms": 300, "zone": "face"}


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(str(tmp_path / "data")) as opened:
        yield opened


class Person:
    """Feels the current from `from_ua` on, and presses a key or the board's button after a moment."""

    def __init__(self, bench: Bench, from_ua: int, *, button: bool) -> None:
        self._bench = bench
        self._from_ua = from_ua
        self._button = button
        self._pressed_s = 0.0
        self.told: list[str] = []

    def feel(self, live: LiveSession, finder: ThresholdFinder) -> None:
        row = live.rows[-1] if live.rows else None
        now_s = self._bench.client.transport.now()
        if row is None or row["sensing"] or row["commanded_ua"] < self._from_ua or now_s - self._pressed_s < 0.3:
            return
        self._pressed_s = now_s
        if self._button:
            self._bench.pico.button.press(120)
        else:
            finder.press()


def find(bench: Bench, person: Person, records: Records) -> Staircase:
    record = records.begin(
        checked_wave(WAVE | {"amplitude_ua": 1}), bench.client.identity, port="p", image=None, load=None
    )
    live = LiveSession(bench.client, record)
    finder = ThresholdFinder(live, bench.client.transport.now, person.told.append, dwell_s=0.4)
    with recorded(
        live, record, WAVE | {"amplitude_ua": 1, "shape": "square", "duty_permille": 1000, "polarity": "biphasic"}
    ):
        finder.begin(WAVE)
        while finder.tick():
            assert bench.client.transport.now() < 300, person.told
            person.feel(live, finder)
    return finder.stairs


@pytest.mark.parametrize(("from_ua", "button"), [(60, False), (25, True)])
def test_the_staircase_finds_the_level_and_errs_below(
    bench: Bench, records: Records, from_ua: int, button: bool
) -> None:
    stairs = find(bench, Person(bench, from_ua, button=button), records)
    assert 0.8 * from_ua <= stairs.threshold_ua <= 1.25 * from_ua
    assert stairs.ever_felt and len(stairs.turns) == 6
    assert bench.pico.gate == 0
    session = records.session("last")
    assert session["ended"] == "stopped" and {"felt", "changed"} <= {
        event["kind"] for event in records.events(session["id"])
    }


def test_nothing_felt_up_to_the_limit_is_said_so(bench: Bench, records: Records) -> None:
    bench.request("config", {"set": {"zone": 2}})  # around the eyes: 100 uA at most
    stairs = find(bench, Person(bench, 2000, button=False), records)
    assert (stairs.threshold_ua, stairs.ever_felt) == (100, False)
    assert max(level for level, _felt in stairs.trials) == 100


def test_a_fault_in_the_middle_stores_nothing(bench: Bench, records: Records) -> None:
    class Clumsy(Person):
        def feel(self, live: LiveSession, finder: ThresholdFinder) -> None:
            if len(live.rows) == 30:
                self._bench.pico.release_pin(self._bench.pico.board.ESTOP_PIN)

    with pytest.raises(FaultError, match="emergency stop"):
        find(bench, Clumsy(bench, 50, button=False), records)
    assert bench.pico.gate == 0 and records.session("last")["ended"] in ("estop", "fault")


def test_the_coach_ends_when_contact_is_good_and_stays(bench: Bench) -> None:
    told: list[str] = []
    bench.pico.set_load("open")
    bench.pico.at(bench.pico.now_ns + 3_000_000_000, lambda: bench.pico.set_load("typical"))
    begun_s = bench.client.transport.now()
    coach(bench.client, 1, lambda text, _row: told.append(text), lambda: False)
    took_s = bench.client.transport.now() - begun_s
    assert 5 <= took_s < 8 and any("open: put both" in text for text in told) and told[-1].endswith("good")
    assert bench.pico.gate == 0 and bench.request("status")["state"] == "READY"
    assert bench.peak_ua(int(begun_s * 1e9), bench.pico.now_ns) < 10


def test_the_coach_gives_up_when_told_to(bench: Bench) -> None:
    bench.pico.set_load("open")
    ends_s = bench.client.transport.now() + 2
    with pytest.raises(RefusedError, match="given up"):
        coach(bench.client, 1, lambda *_: None, lambda: bench.client.transport.now() > ends_s)
    assert bench.request("faults")["code"] == 0 and bench.pico.gate == 0


def test_the_coach_of_two_channels_waits_for_both(dual: Bench) -> None:
    told: list[str] = []
    dual.pico.outputs[1].set_load("open")
    dual.pico.at(dual.pico.now_ns + 3_000_000_000, lambda: dual.pico.outputs[1].set_load("typical"))
    coach(dual.client, 2, lambda text, _row: told.append(text), lambda: False)
    assert any("good | " in text and "open" in text for text in told) and told[-1].count("good") == 2
    assert protocol.STATE_NAMES[dual.pico.device_state] == "READY"
