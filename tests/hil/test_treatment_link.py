"""A treatment whose link comes and goes, whose disk is full, whose board is reset: what the record and the view say."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from microcurrent.client import DeviceClient
from microcurrent.errors import FaultError, PortError, RecordError
from microcurrent.programme import Programme
from microcurrent.programme_library import Library
from microcurrent.programme_treatment import Treated, Treatment, plan, verdict
from microcurrent.records import Records
from microcurrent.transport import BenchTransport
from microcurrent.treatment_runner import LEASE_MS, STOP, STOP_NOW, TreatmentRunner

from .conftest import Bench
from .test_treatments import CLEAR, NOW, Hand, shortened
from .test_treatments import records as records

Act = Callable[[TreatmentRunner, "Cable", Records], None]


class Cable(BenchTransport):
    """A serial line that can be pulled out: nothing passes, and it cannot be opened, until it is plugged in again."""

    plugged = True

    def read(self, timeout_s: float) -> bytes:
        self._require()
        return super().read(timeout_s)

    def write(self, data: bytes) -> None:
        self._require()
        super().write(data)

    def reopen(self, timeout_s: float) -> None:
        if not self.plugged:
            self._pico.run_for_ms(timeout_s * 1000)
        self._require()
        super().reopen(timeout_s)

    def pull(self) -> None:
        self.plugged = False
        self._pico.close_port()

    def _require(self) -> None:
        if not self.plugged:
            raise PortError("the port is gone; nothing passes; plug it in")


def two_steps() -> Programme:
    """A short step, and one that is long enough for something to happen in it."""
    loaded = Library("/nowhere").load("redness")
    steps = (shortened(loaded, 1200).steps[0], shortened(loaded, 4000).steps[1])
    return replace(loaded, steps=steps)


def run(bench: Bench, records: Records, act: Act, *, away: bool = False) -> tuple[Treated, Hand]:
    """A treatment of two steps; act is called in every tick."""
    cable = Cable(bench.pico)
    client = DeviceClient(cable)
    client.hello()
    programme = two_steps()
    hand = Hand(bench, 0)
    made = plan(client, records, programme, "anon", NOW)
    with Treatment(client, records, made, hand, subject="anon", screening=CLEAR, course=None) as begun:
        begun.begin(away=away)
        while begun.runner.tick(0.05):
            assert client.transport.now() < 200, hand.notes
            act(begun.runner, cable, records)
        return begun.finish(), hand


class Pull:
    """Pull the cable in the second step, and plug it in again after a time; None: never."""

    def __init__(self, for_s: float | None) -> None:
        self._for_s = for_s
        self._pulled_s: float | None = None

    def __call__(self, runner: TreatmentRunner, cable: Cable, _records: Records) -> None:
        steps = runner.course.steps
        now_s = cable.now()
        if self._pulled_s is None and len(steps) == 2 and len(steps[1].rows) > 12:
            self._pulled_s = now_s
            cable.pull()
        elif self._pulled_s is not None and self._for_s is not None and now_s - self._pulled_s > self._for_s:
            cable.plugged = True


def test_a_link_that_comes_back_within_the_lease_costs_nothing(bench: Bench, records: Records) -> None:
    treated, hand = run(bench, records, Pull(2.0))
    assert treated.course.ended == "finished" and verdict(treated) is None, hand.notes
    assert treated.summary["link_losses"] == 1 and hand.notes.count("link False") == hand.notes.count("link True") == 1
    kept = {row["seq"] for row in records.telemetry(treated.number) if row["step"] == 2}
    missing = set(range(min(kept), max(kept))) - kept  # other events, and what no ring holds
    held = {row[0] for seq in missing for row in bench.request("replay", {"from_seq": seq, "count": 1})["rows"]}
    assert not missing & held and len(kept) > 35


def test_a_link_that_stays_away_ends_it_on_the_board_and_here(bench: Bench, records: Records) -> None:
    treated, hand = run(bench, records, Pull(None))
    assert treated.course.ended == "link-lost" and isinstance(verdict(treated), PortError)
    assert bench.pico.gate == 0 and "the board stops after 4 s" in " ".join(hand.notes)
    assert records.session("last")["ended"] == "link-lost" and treated.summary["steps"][1]["ended"] == "link-lost"


def test_a_link_that_comes_back_after_the_lease_finds_how_it_ended(bench: Bench, records: Records) -> None:
    treated, _hand = run(bench, records, Pull(LEASE_MS / 1000 + 4))
    assert treated.course.ended == "lease"
    assert bench.pico.gate == 0


def test_a_stop_while_the_link_is_down_is_sent_when_it_is_back(bench: Bench, records: Records) -> None:
    pull = Pull(2.0)

    def act(runner: TreatmentRunner, cable: Cable, kept: Records) -> None:
        pull(runner, cable, kept)
        if runner.lost and not runner.course.stopped_by:
            runner.ask(STOP)

    treated, hand = run(bench, records, act)
    assert treated.course.ended == "stopped" and any("the stop is sent when it is back" in note for note in hand.notes)


def test_a_second_stop_gives_the_search_up(bench: Bench, records: Records) -> None:
    pull = Pull(None)

    def act(runner: TreatmentRunner, cable: Cable, kept: Records) -> None:
        pull(runner, cable, kept)
        if runner.lost:
            runner.ask(STOP_NOW)

    treated, _hand = run(bench, records, act)
    assert treated.course.ended == "link-lost"
    bench.pico.run_for_ms(LEASE_MS + 1500)
    assert bench.pico.gate == 0


def test_a_board_that_is_reset_ends_the_record_with_a_word(bench: Bench, records: Records) -> None:
    done: list[int] = []

    def act(runner: TreatmentRunner, _cable: Cable, _records: Records) -> None:
        if not done and len(runner.course.steps) == 2 and len(runner.course.steps[1].rows) > 12:
            done.append(1)
            bench.pico.reset("power")
            bench.pico.open_port()

    treated, _hand = run(bench, records, act)
    assert treated.course.ended == "device-reset" and isinstance(verdict(treated), FaultError)
    assert bench.pico.gate == 0


def test_a_fault_ends_it_and_is_told_with_its_reading(bench: Bench, records: Records) -> None:
    def act(runner: TreatmentRunner, _cable: Cable, _records: Records) -> None:
        if len(runner.course.steps) == 1 and len(runner.course.steps[0].rows) > 12:
            bench.pico.release_pin(bench.pico.board.ESTOP_PIN)

    treated, hand = run(bench, records, act)
    problem = verdict(treated)
    assert isinstance(problem, FaultError) and "emergency stop" in str(problem)
    assert treated.summary["steps"][0]["ended"] in ("estop", "fault") and bench.pico.gate == 0, hand.notes


def test_a_disk_that_takes_no_more_ramps_down(bench: Bench, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    from microcurrent.record_writer import SessionRecord

    flush = SessionRecord.flush

    def full(record: SessionRecord) -> None:
        if bench.pico.now_ns > began_ns + 3_500_000_000 and bench.pico.gate:
            raise RecordError("the disk is full; earlier sessions are kept; free some space")
        flush(record)

    began_ns = bench.pico.now_ns
    monkeypatch.setattr(SessionRecord, "flush", full)
    treated, hand = run(bench, records, lambda *_: None)
    assert isinstance(verdict(treated), RecordError) and treated.course.ended == "stopped"
    assert any("cannot be written" in note for note in hand.notes) and bench.pico.gate == 0


def test_only_one_treatment_runs_on_a_board(bench: Bench, records: Records) -> None:
    refused: list[str] = []

    def act(runner: TreatmentRunner, _cable: Cable, again: Records) -> None:
        if refused or len(runner.course.steps) != 1 or len(runner.course.steps[0].rows) < 12:
            return
        try:
            runner.begin([step.device for step in shortened(Library("/nowhere").load("redness")).steps])
        except Exception as error:
            refused.append(str(error))

    treated, _hand = run(bench, records, act)
    assert treated.course.ended == "finished"
    assert len(refused) == 1 and "a programme runs" in refused[0]


def test_a_host_that_may_leave_is_not_missed(bench: Bench, records: Records) -> None:
    bench.pico.button.press(1)  # seen released: a change that raises a cap needs the button
    bench.pico.run_for_ms(100)
    with pytest.raises(Exception, match="hold"):
        bench.request("config", {"set": {"host_may_leave": 1}})
    bench.pico.run_for_ms(100)
    bench.pico.button.press(1500)
    bench.pico.run_for_ms(2500)
    assert bench.request("config")["set"]["host_may_leave"] == 1
    treated, _hand = run(bench, records, Pull(LEASE_MS / 1000 + 6), away=True)
    assert treated.course.ended == "finished"
    times = [row["time_ms"] for row in records.telemetry(treated.number) if row["step"] == 2]
    assert times and bench.pico.gate == 0
