"""Every supplied programme to its end on the virtual Pico, guided and recorded as `microcurrent treat` does it.

A scripted hand moves the probes when the buzzer asks for it, lifts off in the middle of steps, and its gel dries. The
steps are shortened, for the whole of them takes an hour of emulated time; everything else is what people run. At full
length: `make programs`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.shared import programme as schema
from microcurrent import personal_thresholds
from microcurrent.programme import Programme
from microcurrent.programme_library import Library
from microcurrent.programme_treatment import Treated, Treatment, plan, verdict
from microcurrent.records import Records
from microcurrent.treatment_runner import FELT, PAUSE, RESUME, SKIP, STOP

from .conftest import Bench

NOW = "2026-03-02T10:00:00+00:00"
MS = 1_000_000
CLEAR = {"id": "s", "subject": "anon", "at_utc": NOW, "answers": {}, "outcome": "clear", "acknowledged": None}
NAMES = sorted(Library("/nowhere").names())
PAIRS = [name for name in NAMES if Library("/nowhere").load(name).channels == 2]
SINGLES = [name for name in NAMES if name not in PAIRS]


def shortened(programme: Programme, duration_ms: int = 1800) -> Programme:
    steps = []
    for step in programme.steps:
        wave = step.device["wave"] | {"duration_ms": duration_ms, "ramp_ms": 300}
        wave |= {"sweep_ms": 1000} if "sweep_ms" in wave else {}
        hold = {"hold_ms": 1000} if step.device.get("hold_ms") else {}
        steps.append(
            replace(step, device=step.device | {"wave": wave, "move_ms": step.device.get("move_ms", 800)} | hold)
        )
    return replace(programme, steps=tuple(steps))


class Hand:
    """The view of who holds the probes: does what it is told, lifts off once per step, and runs out of gel."""

    def __init__(self, bench: Bench, steps: int) -> None:
        self._pico = bench.pico
        self._steps = steps
        self._index = 0
        self.cues: list[str] = []
        self.notes: list[str] = []
        self.rows: list[dict[str, int]] = []
        self.begun: list[int] = []

    @property
    def _gel(self) -> str:
        return "good" if 2 * self._index < self._steps else "typical"  # it dries

    def _put(self, load: str) -> None:
        for output in self._pico.outputs:
            output.set_load(load)

    def _later(self, ms: float, load: str) -> None:
        self._pico.at(self._pico.now_ns + ms * MS, lambda: self._put(load))

    def step(self, index: int, terms: dict) -> None:
        self._index = index
        self.begun.append(index)
        self._later(1500, "open")
        self._later(1700, self._gel)

    def cue(self, name: str, index: int) -> None:
        self.cues.append(name)
        if name == "relocate":
            self._later(100, "open")
            self._later(700, self._gel)

    def row(self, row: dict[str, int], second: dict[str, int] | None) -> None:
        self.rows.append(row)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def link(self, up: bool) -> None:
        self.notes.append(f"link {up}")


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", str(tmp_path / "run"))
    with Records(str(tmp_path / "data")) as opened:
        yield opened


_MOVE_MS = next(default for name, _low, _high, default in schema.STEP_FIELDS if name == "move_ms")
Moment = Callable[[Hand], bool]


def in_step(index: int, elapsed_ms: int) -> Moment:
    """Once a step has run for so long."""
    return lambda hand: hand.begun[-1:] == [index] and bool(hand.rows) and hand.rows[-1]["elapsed_ms"] >= elapsed_ms


def treat(bench: Bench, records: Records, programme: Programme, hand: Hand, *asked: tuple[Moment, str]) -> Treated:
    """Run it to the end; asked: when a key is pressed, and what it says, one after the other."""
    made = plan(bench.client, records, programme, "anon", NOW)
    waiting = list(asked)
    with Treatment(bench.client, records, made, hand, subject="anon", screening=CLEAR, course=None) as begun:
        begun.begin()
        began_s = bench.client.transport.now()
        while begun.runner.tick(0.05):
            passed_s = bench.client.transport.now() - began_s
            assert passed_s < 8 * len(programme.steps) + 20 + programme.duration_ms / 1000, (
                begun.runner.course,
                hand.notes,
            )
            if waiting and waiting[0][0](hand):
                begun.runner.ask(waiting.pop(0)[1])
        return begun.finish()


def judge(treated: Treated, hand: Hand, programme: Programme) -> None:
    """What holds of every treatment that went to its end."""
    assert verdict(treated) is None and treated.course.ended == "finished", (treated.course, hand.notes)
    assert hand.begun == list(range(len(programme.steps)))
    steps = treated.summary["steps"]
    assert [step["ended"] for step in steps] == ["duration"] * len(steps)
    for step, written in zip(steps, programme.steps, strict=True):
        assert (step["site"], step["side"]) == (written.site, written.side)
        second = step.get("channel2", {"lift_offs": 0})  # the one that notices it counts it; both go back to sensing
        assert step["lift_offs"] + second["lift_offs"] >= 1
        assert step["missed"] == 0 and step["total_charge_nc"] > 0
        assert step["elapsed_ms"] == pytest.approx(written.duration_ms, abs=80)  # without contact the time stands still
    moves = sum(1 for step in programme.steps[1:] if step.device.get("move_ms", _MOVE_MS))
    assert hand.cues.count("relocate") == moves and hand.cues.count("contact-lost") >= len(steps)


@pytest.mark.parametrize("name", SINGLES)
def test_every_programme_of_one_channel(bench: Bench, records: Records, name: str) -> None:
    programme = shortened(Library("/nowhere").load(name))
    hand = Hand(bench, len(programme.steps))
    judge(treat(bench, records, programme, hand), hand, programme)
    held = records.session("last")
    limit_ua = {step["zone"]: step["limit_ua"] for step in held["programme"]["steps"]}
    assert all(0 < step["amplitude_ua"] <= step["limit_ua"] for step in held["programme"]["steps"]), limit_ua
    assert held["subject"] == "anon" and held["ended"] == "finished"
    assert len(records.telemetry(held["id"])) >= 12 * len(programme.steps)


@pytest.mark.parametrize("name", PAIRS)
def test_every_programme_of_two_channels(dual: Bench, records: Records, name: str) -> None:
    programme = shortened(Library("/nowhere").load(name))
    hand = Hand(dual, len(programme.steps))
    treated = treat(dual, records, programme, hand)
    judge(treated, hand, programme)
    for step in treated.summary["steps"]:
        assert step["channel2"]["total_charge_nc"] > 0
    assert len(records.telemetry(treated.number, 2)) == len(records.telemetry(treated.number, 1))


def test_keys_pause_step_down_skip_and_stop(bench: Bench, records: Records) -> None:
    programme = shortened(Library("/nowhere").load("eyes"), 4000)
    hand = Hand(bench, len(programme.steps))
    asked = (
        (in_step(0, 600), PAUSE),
        (lambda hand: any("paused" in note for note in hand.notes), RESUME),
        (in_step(0, 2500), FELT),
        (in_step(1, 1500), SKIP),
        (in_step(2, 1500), STOP),
    )
    treated = treat(bench, records, programme, hand, *asked)
    summary = treated.summary
    assert treated.course.ended == "stopped" and treated.course.stopped_by == "a key" and verdict(treated) is None
    assert [step["ended"] for step in summary["steps"]] == ["duration", "skipped", "stopped"]
    assert summary["felt"] == 1 and summary["steps"][0]["felt"] == 1 and 0 < summary["paused_ms"] < 1000
    amplitudes_ua = [step["amplitude_ua"] for step in records.session("last")["programme"]["steps"]]
    assert amplitudes_ua == [60, 48, 48, 0, 0, 0]  # lower in all that follow
    events = [event["kind"] for event in records.events(treated.number)]
    assert {"step", "felt", "cue", "state", "programme"} <= set(events)


def test_a_personal_threshold_caps_its_site_alone(bench: Bench, records: Records) -> None:
    personal_thresholds.store(records, "anon", "eye_under", "left", 50, {}, NOW)
    programme = shortened(Library("/nowhere").load("eyes"))
    made = plan(bench.client, records, programme, "anon", NOW)
    granted = {(step.site, step.side): each[0] for step, each in zip(programme.steps, made.granted, strict=True)}
    assert (granted["eye_under", "left"].limit_ua, granted["eye_under", "left"].binding) == (40, "personal")
    assert granted["eye_under", "left"].amplitude_ua == 24 and granted["eye_under", "right"].amplitude_ua == 60
    treat(bench, records, programme, Hand(bench, len(programme.steps)), (in_step(2, 500), STOP))
    steps = {(step["site"], step["side"]): step for step in records.session("last")["programme"]["steps"]}
    assert steps["eye_outer", "left"]["amplitude_ua"] == 60  # as planned, and granted by the board
