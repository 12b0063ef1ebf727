"""The full-screen view of `microcurrent treat` against a virtual Pico and a scripted hand: keys, figures, contact."""

from pathlib import Path

import pytest

from microcurrent.client import DeviceClient
from microcurrent.errors import FirmwareError
from tests import screens
from tests.screens import THREE_STEPS, Watched, programme

from .conftest import Bench
from .test_treatment_link import Cable


def watched(bench: Bench, folder: Path, text: str = THREE_STEPS) -> Watched:
    return Watched(bench, programme(text, folder))


def on_cable(bench: Bench, folder: Path, cable: Cable) -> Watched:
    client = DeviceClient(cable)
    client.hello()
    return Watched(bench, programme(THREE_STEPS, folder), client)


def test_a_treatment_from_its_first_contact_to_its_end(bench: Bench, tmp_path: Path) -> None:
    bench.pico.set_load("open")

    async def scenario(seen: Watched) -> None:
        seen.until("looking for contact")
        seen.until("Open: put both electrodes on the skin", "box")
        assert "OPEN" not in seen.text("contact") and "open" in seen.text("contact")
        bench.pico.set_load("typical")
        seen.until("current flows")
        assert seen.text("head").split() == "Trial step 1 of 3 current flows".split()
        assert seen.text("place") == "left jaw  (right in the picture)"
        assert seen.text("move") == "from the chin to the ear"
        assert "Glide up, then lift off." in seen.text("box")
        assert seen.text("terms") == "commanded 150 of 300 uA permitted (rule zone)"
        assert "● good" in seen.text("contact") and "lift-offs 0  felt 0" in seen.text("contact")
        seen.until("next movement", "hold")
        assert "NEXT MOVEMENT" in seen.text("box")
        seen.until("move", "head")
        assert seen.text("place") == "next: right cheek  (left in the picture)"
        assert "Lift off and move to: right cheek. Goes on by itself in 1 s." in seen.text("box")
        assert seen.seen.all_left_ms == 8000
        seen.until("step 2 of 3   current flows")
        seen.until("step 3 of 3   current flows")
        assert seen.text("place") == "forehead  (in the middle)"
        assert "✓" in seen.text("map") and "●" in seen.text("map")
        seen.until("finished", "box")
        assert "any key closes" in seen.text("keys") and seen.app.is_running
        seen.run(3)

    trial = watched(bench, tmp_path)
    trial.watch(scenario)
    assert trial.app.over and not trial.app.is_running
    assert [step.ended for step in trial.runner.course.steps] == ["duration"] * 3
    assert bench.request("status")["gate"] == 0


def test_without_contact_all_times_stand_still(bench: Bench, tmp_path: Path) -> None:
    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        seen.run(1.2)
        bench.pico.set_load("open")
        seen.until("contact lost")
        before = (seen.seen.step_left_ms, seen.seen.all_left_ms, seen.text("hold"))
        assert "CONTACT LOST" in seen.text("box") and "The time stands still" in seen.text("box")
        assert "lift-offs 1" in seen.text("contact") and "○ open" in seen.text("contact")
        seen.run(3)
        assert (seen.seen.step_left_ms, seen.seen.all_left_ms, seen.text("hold")) == before
        bench.pico.set_load("typical")
        seen.until("current flows")
        assert "contact lost (lift-off 1)" in seen.text("notes")
        seen.run(0.5)
        assert seen.seen.step_left_ms < before[0]

    watched(bench, tmp_path).watch(scenario)


def test_pause_and_go_on_in_a_step_and_between_two(bench: Bench, tmp_path: Path) -> None:
    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        await seen.press("p")
        seen.until("paused")
        assert bench.request("status")["gate"] == 0
        assert "PAUSED" in seen.text("box") and "go on" in seen.text("keys") and "commanded 0" in seen.text("terms")
        left_ms = seen.seen.step_left_ms
        seen.run(2)
        assert seen.seen.step_left_ms == left_ms and bench.request("status")["gate"] == 0
        await seen.press("p")
        seen.until("current flows")
        seen.until(" move ")
        await seen.press("p")
        assert "paused" in seen.text("head") and "paused between two steps" in seen.text("notes")
        seen.run(3)
        assert bench.request("status")["programme"]["state"] == "held"
        await seen.press("p")
        seen.until("step 2 of 3   current flows")
        assert "goes on" in seen.text("notes")

    treatment = watched(bench, tmp_path)
    treatment.watch(scenario)
    assert 5000 <= treatment.runner.course.paused_ms < 5800  # two seconds in the step, three between


def test_paused_by_another_terminal_between_two_steps(bench: Bench, tmp_path: Path) -> None:
    """The board tells of it, whoever asked."""

    async def scenario(seen: Watched) -> None:
        seen.until(" move ")
        bench.request("pause")
        seen.run(0.2)
        assert "paused" in seen.text("head") and "paused between two steps" in seen.text("notes")
        seen.run(1)
        bench.request("resume")
        seen.until("step 2 of 3   current flows")
        await seen.press("q")

    treatment = watched(bench, tmp_path)
    treatment.watch(scenario)
    assert 1000 <= treatment.runner.course.paused_ms < 1500


def test_i_feel_it_steps_down_at_once(bench: Bench, tmp_path: Path) -> None:
    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        seen.run(0.5)
        await seen.press("d")
        seen.run(0.1)
        assert bench.peak_ua(bench.pico.now_ns - 40_000_000, bench.pico.now_ns) < 12
        seen.until("felt 1", "contact")
        assert "felt (key): 150 uA -> 120 uA" in seen.text("notes")
        seen.until("commanded 120 of 300", "terms")
        seen.run(0.3)
        await seen.press("space")
        seen.until("felt 2", "contact")
        seen.until("step 2 of 3   current flows")
        seen.until("commanded 96 of 300", "terms")

    watched(bench, tmp_path).watch(scenario)


def test_skip_goes_on_with_the_next_step(bench: Bench, tmp_path: Path) -> None:
    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        await seen.press("s")
        seen.until("next: right cheek", "place")
        assert "skipped: step 1" in seen.text("notes") and "»skipped" in seen.text("map")
        seen.until("step 2 of 3   current flows")
        await seen.press("s")
        seen.until("next: forehead", "place")
        await seen.press("s")
        seen.until("finished", "head")

    trial = watched(bench, tmp_path)
    trial.watch(scenario)
    assert [step.ended for step in trial.runner.course.steps] == ["skipped", "skipped"]


def test_q_ramps_down_and_again_is_off_at_once(bench: Bench, tmp_path: Path) -> None:
    long_ramp = THREE_STEPS.replace('"300ms"', '"3s"').replace('"4s"', '"12s"')

    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        await seen.press("q")
        seen.run(0.5)
        assert "RAMPING DOWN" in seen.text("box") and "off now" in seen.text("keys")
        assert bench.request("status")["state"] == "RAMP_DOWN"
        pressed_ns = bench.pico.now_ns
        await seen.press("q")
        seen.until("stopped", "head", 1)
        assert bench.gate_dropped_ns(pressed_ns) - pressed_ns < 200_000_000
        assert "The treatment was stopped; the output is off. Stopped by a key." in " ".join(
            seen.text("box").replace("┃", " ").split()
        )
        await seen.press("x")

    trial = watched(bench, tmp_path, long_ramp)
    trial.watch(scenario)
    assert (trial.runner.course.ended, trial.app.is_running) == ("stopped", False)
    assert trial.interrupts.count == 0


def test_ctrl_c_counts_as_a_signal(bench: Bench, tmp_path: Path) -> None:
    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        await seen.press("question_mark")
        assert "stop: ramp down and end" in seen.text("help")
        await seen.press("ctrl+c")
        assert "RAMPING DOWN" in seen.text("box")
        await seen.press("ctrl+c")
        seen.until("stopped", "head", 1)

    trial = watched(bench, tmp_path)
    trial.watch(scenario)
    assert (trial.interrupts.count, trial.interrupts.name, trial.runner.course.stopped_by) == (2, "Ctrl-C", "Ctrl-C")


def test_a_signal_is_obeyed_and_a_hung_up_terminal_left(bench: Bench, tmp_path: Path) -> None:
    """What the closed screen leaves running is ramped down to its end."""

    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        seen.interrupts.name, seen.interrupts.count = "SIGHUP", 1
        seen.look()

    trial = watched(bench, tmp_path)
    trial.watch(scenario)
    assert not trial.runner.course.ended
    trial.view.wind_up(trial.app, trial.runner, trial.interrupts)
    assert (trial.runner.course.ended, trial.runner.course.stopped_by) == ("stopped", "SIGHUP")
    assert bench.request("status")["gate"] == 0 and not trial.lines


def test_a_fault_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        seen.run(0.5)
        bench.pico.set_load("short")
        seen.until("fault", "head")
        seen.run(0.5)
        told = " ".join(seen.text("box").replace("┃", " ").split())
        assert "FAULT" in told and "output is off and latched" in told and "…" not in told
        await seen.press("space")

    trial = watched(bench, tmp_path)
    trial.watch(scenario)
    assert trial.runner.course.ended == "fault" and not trial.app.is_running


def test_the_emergency_stop_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        bench.pico.drive_pin(bench.pico.board.ESTOP_PIN, 1)
        seen.until("fault", "head")
        box = " ".join(seen.text("box").split())
        assert "fault 9 e-stop: the emergency stop is open; output is off" in box and "faults clear" in box

    watched(bench, tmp_path).watch(scenario)


def test_a_lost_link_is_told_and_comes_back(bench: Bench, tmp_path: Path) -> None:
    cable = Cable(bench.pico)

    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        seen.run(0.5)
        cable.pull()
        seen.until("link lost")
        assert "LINK LOST" in seen.text("box") and "Check the cable" in seen.text("box")
        await seen.press("d")
        assert "the link is lost: felt cannot be sent" in seen.text("notes")
        cable.plugged = True
        seen.until("current flows")
        assert "the link is back" in seen.text("notes")
        await seen.press("q")
        seen.until("stopped")

    trial = on_cable(bench, tmp_path, cable)
    trial.watch(scenario)
    assert trial.runner.course.link_losses == 1


def test_a_stop_that_the_lost_link_swallowed_is_sent_when_it_is_back(bench: Bench, tmp_path: Path) -> None:
    cable = Cable(bench.pico)

    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        cable.pull()
        seen.until("link lost")
        await seen.press("q")
        assert "the stop is sent as soon as it is back" in seen.text("notes")
        cable.plugged = True
        seen.until("stopped")

    trial = on_cable(bench, tmp_path, cable)
    trial.watch(scenario)
    assert trial.runner.course.stopped_by == "a key while the link was lost"


class OddCable(Cable):
    """One behind which something speaks another language from some moment on."""

    odd = False

    def read(self, timeout_s: float) -> bytes:
        if self.odd:
            raise FirmwareError("it is of another version; nothing was read; run: microcurrent flash")
        return super().read(timeout_s)


def test_what_the_runner_raises_ends_the_view_and_is_for_its_caller(bench: Bench, tmp_path: Path) -> None:
    """Who raises it, so that the treatment is stopped and recorded as after any other error."""
    cable = OddCable(bench.pico)

    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        cable.odd = True
        seen.look()

    trial = on_cable(bench, tmp_path, cable)
    with pytest.raises(FirmwareError):
        trial.watch(scenario)
    assert not trial.app.is_running and not trial.runner.course.ended


def test_two_channels_are_both_shown(dual: Bench, tmp_path: Path) -> None:
    text = screens.HEAD + (
        '[[step]]\nsite = "knee"\nside = "left"\nshape = "square"\nfrequency = "20Hz"\namplitude = "50%"\n'
        'ramp = "300ms"\nduration = "4s"\nchannel2 = { shape = "square", frequency = "30Hz", amplitude = "100uA" }\n'
    )

    async def scenario(seen: Watched) -> None:
        seen.until("current flows")
        seen.run(1)
        assert "delivered 1" in seen.text("figures") and "delivered 2" in seen.text("figures")
        assert "1 ● good, 2 ● good" in seen.text("contact") and " and 100 of " in seen.text("terms")
        assert seen.text("impedances").count(".") == 2 and "● " in seen.text("map") and "left knee" in seen.text("map")
        assert "no movement" not in seen.text("move")

    watched(dual, tmp_path, text).watch(scenario)
