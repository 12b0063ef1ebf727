"""Runs of a programme: its download, each state with each request, leases, limits over all steps, and every end."""

from boards.rp2040_pico import board
from firmware.core import cues, programme, session, supervisor, waveplan
from firmware.shared import faults, limits, protocol, settings
from firmware.shared import programme as schema
from tests.dual.session_bench import OPEN, STABLE, Bench, File, refusal

WAVE = {"amplitude_ua": 100, "frequency_mhz": 10000, "duration_ms": 5000}
SHARED = {"frequency_mhz": 10000, "duration_ms": 5000}
STEP = {"site": "wrist", "side": "left", "wave": WAVE, "move_ms": 1000}
HASH = "00ff00ff00ff00ff"


def changed(base, **changes):
    made = dict(base)
    made.update(changes)
    return made


class Device:
    """What firmware/app.py offers a programme."""

    hard_cap_ua = board.HARD_CAP_UA

    def __init__(self, bench):
        self.bench = bench
        self.session = bench.made
        self.settings = dict(OPEN)
        self.broken = faults.NONE  # what the next proof finds
        self.seek = None
        self.writes = self.rooms = 0

    def estop(self):
        return self.bench.estop

    def make_room(self):
        assert not self.bench.engine.gate_closed  # it takes a collection of garbage
        self.rooms += 1

    def arm(self, request, lease_ms, request2=None, seek=session.SEEK_FAULT):
        bench, self.seek = self.bench, seek
        if self.broken:
            bench.made.raise_fault(self.broken, 0, 0, bench.now_ms)
        return bench.made.arm(request, lease_ms, self.settings, bench.estop, bench.now_ms, request2, seek)

    def store(self, write, data):
        self.writes += 1
        write(data)


class Rig(Bench):
    """A programme around a session whose readings the test dictates."""

    def __init__(self, channels=1):
        Bench.__init__(self, channels)
        self.file = File()
        self.cues = []
        self.device = Device(self)
        self.programme = programme.Programme(self.device, self.file, self.events.append, self.cues.append)

    def load(self, *steps, **info):
        total_ms = sum(step["wave"]["duration_ms"] for step in steps)
        told = {"name": "trial", "hash": HASH, "steps": len(steps), "duration_ms": total_ms}
        told.update(info)
        answers = [self.programme.upload(at, None if at else told, step) for at, step in enumerate(steps)]
        assert answers == [""] * (len(steps) - 1) + [told["hash"]]

    def run(self, *steps, away=False, lease_ms=2000, **info):
        self.load(*steps, **info)
        self.programme.start(HASH, lease_ms, 1770000000, away, self.now_ms)

    def go(self, ms=10, renew=True):
        """One pass of the main loop."""
        if renew and self.programme.active:
            self.programme.renew(HASH, self.now_ms)
        self.tick(ms)
        if self.programme.active:
            self.programme.look(self.now_ms)

    def wait(self, ms, renew=True):
        step_ms = 1000 if ms >= 50000 else 100
        for _ in range(ms // step_ms):
            self.go(step_ms, renew)

    def to_step(self):
        """From between two steps until the current of the next one flows."""
        for _ in range(1000):
            if self.programme.state == programme.STEP:
                break
            self.go(200)
        self.go(0)
        self.go(5)
        self.engine.values["good"] = STABLE
        self.go()
        self.engine.values["envelope"] = waveplan.ENVELOPE_ONE
        self.go()
        assert self.made.state == protocol.ACTIVE and self.programme.state == programme.STEP

    def end_step(self):
        """The interrupt has played the step to its end."""
        self.engine.values.update(done=1, envelope=0)
        self.go()

    def to_held(self):
        self.run(STEP, STEP)
        assert self.programme.pause(self.now_ms)

    @property
    def ended(self):
        found = self.told("programme")
        assert len(found) == 1 and not self.programme.active and self.made.step == 0
        return found[0]["ended"]


# Download -------------------------------------------------------------------------------------------------------------


def test_a_download_is_stored_when_it_is_whole():
    rig = Rig()
    info = {"name": "trial", "hash": HASH, "steps": 2, "duration_ms": 10000}
    assert rig.programme.stored() is None
    assert rig.programme.upload(0, info, STEP) == "" and rig.file.lines == []
    assert rig.programme.upload(1, None, STEP) == HASH and rig.device.writes == 1
    assert rig.programme.stored() == changed(info, profile=0, unipolar_ms=0)
    assert [rig.file.line(number)["side"] for number in (1, 2)] == ["left", "left"]
    assert refusal(rig.programme.upload, 2, None, STEP) == ("value", "step 2 does not follow 0 uploaded ones")


def test_steps_out_of_order_are_refused_and_those_before_stay():
    rig = Rig()
    info = {"name": "trial", "hash": HASH, "steps": 3, "duration_ms": 15000}
    assert refusal(rig.programme.upload, 1, info, STEP) == ("value", "step 1 does not follow 0 uploaded ones")
    rig.programme.upload(0, info, STEP)
    assert refusal(rig.programme.upload, 2, None, STEP) == ("value", "step 2 does not follow 1 uploaded ones")
    assert rig.programme.upload(1, None, STEP) == ""
    assert refusal(rig.programme.upload, 1, None, STEP) == ("value", "step 1 does not follow 2 uploaded ones")
    assert refusal(rig.programme.upload, 2, None, changed(STEP, side="up"))[1].startswith("side is 'up'")
    assert rig.programme.upload(2, None, STEP) == HASH


def test_a_download_that_begins_anew_forgets_the_one_before():
    rig = Rig()
    info = {"name": "trial", "hash": HASH, "steps": 2, "duration_ms": 10000}
    rig.programme.upload(0, info, STEP)
    assert rig.programme.upload(0, changed(info, steps=1), STEP) == HASH
    assert rig.programme.stored()["steps"] == 1 and len(rig.file.lines) == 2
    assert refusal(rig.programme.upload, 0, changed(info, steps=49), STEP)[1].startswith("steps is 49")
    assert refusal(rig.programme.upload, 0, None, STEP) == ("value", "info must be an object")


def test_as_many_steps_as_there_may_be():
    rig = Rig()
    rig.load(*[STEP] * schema.MAX_STEPS)
    assert len(rig.file.lines) == 49


def test_steps_that_take_longer_than_their_info_says_are_refused():
    for steps, declared in (
        ((STEP, STEP), {"duration_ms": 9999}),
        ((STEP, changed(STEP, wave=changed(WAVE, polarity="positive"))), {"unipolar_ms": 4999}),
        ((changed(STEP, wave2=changed(SHARED, amplitude_ua=50, polarity="alternate")),), {"unipolar_ms": 4999}),
    ):
        for step in steps:
            step.get("wave2", {}).pop("duration_ms", 0)
        rig = Rig(2)
        for name, too_short_ms in declared.items():
            found = refusal(rig.load, *steps, **declared)
            assert found[0] == "value" and found[1] == "%s is %d; the steps take %d together" % (
                name, too_short_ms, too_short_ms + 1
            )  # fmt: skip
            assert rig.file.lines == [] and rig.device.writes == 0
            rig.load(*steps, **{name: too_short_ms + 1})
            rig.load(*steps, **{name: too_short_ms + 2})


def test_a_damaged_file_is_none():
    rig = Rig()
    rig.load(STEP)
    rig.file.lines[0] = rig.file.lines[0].replace("trial", "tryal")
    assert rig.programme.stored() is None
    assert refusal(rig.programme.start, HASH, 2000, 0, False, 0) == (
        "value", "that programme is not on the board; upload it again"
    )  # fmt: skip


# The start ------------------------------------------------------------------------------------------------------------


def test_only_the_programme_that_was_meant_starts():
    rig = Rig()
    for meant in (HASH, None):
        assert refusal(rig.programme.start, meant, 2000, 0, False, 0)[0] == "value"
    rig.load(STEP)
    for meant in ("", "x", None, 3, [], HASH[:15]):
        assert refusal(rig.programme.start, meant, 2000, 0, False, 0)[0] == "value"
    assert not rig.programme.active and rig.programme.told() is None
    rig.programme.start(HASH, 2000, 0, False, 0)
    assert rig.programme.told() == {
        "hash": HASH, "name": "trial", "step": 1, "steps": 1, "state": "between", "ended": ""
    }  # fmt: skip
    assert refusal(rig.programme.start, HASH, 2000, 0, False, 0) == (
        "state", "a programme needs the state READY; it is READY"
    )  # fmt: skip


def test_a_start_needs_the_state_ready():
    for prepare in (
        Rig.arm, Rig.to_active, Rig.to_paused, lambda rig: rig.made.raise_fault(faults.ESTOP, 1, 0, 0)
    ):  # fmt: skip
        rig = Rig()
        rig.load(STEP)
        prepare(rig)
        assert refusal(rig.programme.start, HASH, 2000, 0, False, rig.now_ms)[0] == "state"


def test_what_no_step_by_itself_would_show():
    for info, kept, found in (
        ({"profile": 1}, {"profile": 0}, "this programme is for the profile professional; the board's is home"),
        ({"duration_ms": 1200001}, {}, "duration_ms is 1200001; all steps together may take 1200000"),
        ({"duration_ms": 60001}, {"session_max_ms": 60000}, "duration_ms is 60001; all steps together may take 60000"),
        ({"unipolar_ms": 1200001}, {"session_max_ms": 3600000},
         "unipolar_ms is 1200001; all steps together may take 1200000"),
    ):  # fmt: skip
        rig = Rig()
        rig.device.settings.update(kept)
        rig.load(STEP, **info)
        assert refusal(rig.programme.start, HASH, 2000, 0, False, 0) == ("limit", found)
        assert not rig.programme.active
    for info, kept in (
        ({"profile": 1}, {"profile": 1}), ({"profile": 0}, {"profile": 1}), ({"duration_ms": 1200000}, {}),
        ({"duration_ms": 60000}, {"session_max_ms": 60000}),
        ({"unipolar_ms": 1200000}, {"session_max_ms": 3600000}),
    ):  # fmt: skip
        rig = Rig()
        rig.device.settings.update(kept)
        rig.load(STEP, **info)
        rig.programme.start(HASH, 2000, 0, False, 0)
        assert rig.programme.active
    assert limits.UNIPOLAR_MAX_MS == 1200000


def test_a_host_may_leave_only_where_setting_and_start_both_say_so():
    for setting, away, ended in ((0, False, "lease"), (1, False, "lease"), (1, True, "")):
        rig = Rig()
        rig.device.settings["host_may_leave"] = setting
        rig.run(changed(STEP, move_ms=0), away=away)
        rig.to_step()
        rig.wait(3000, renew=False)
        assert (rig.made.state == protocol.RAMP_DOWN) == (ended != "")
        rig.engine.values.update(done=1 if ended else 0)
        rig.go(renew=False)
        assert rig.programme.ended == ended, (setting, away)
    rig = Rig()
    rig.load(STEP)
    assert refusal(rig.programme.start, HASH, 2000, 0, True, 0) == (
        "limit", "the host may not leave: the setting host_may_leave is 0"
    )  # fmt: skip


# The course -----------------------------------------------------------------------------------------------------------


def test_from_the_first_step_to_the_end():
    rig = Rig()
    rig.run(STEP, changed(STEP, side="right", wave=SHARED, share_permille=500))
    rig.go()
    assert rig.programme.state == programme.ARMING and rig.made.state == protocol.ARMED  # the first one: at once
    assert rig.device.seek == session.SEEK_PAUSE and rig.made.step == 1
    rig.go()
    assert rig.programme.state == programme.STEP and rig.written("session")[0]["utc_s"] == 1770000000
    rig.to_step()
    rig.end_step()
    assert rig.programme.state == programme.BETWEEN and rig.cues == [cues.RELOCATE]
    assert rig.programme.told()["step"] == 2
    moved_ms = rig.now_ms
    rig.wait(900)
    assert rig.programme.state == programme.BETWEEN and rig.made.state == protocol.READY
    rig.go(99)
    assert rig.programme.state == programme.BETWEEN
    rig.go(1)
    assert rig.programme.state == programme.ARMING and rig.now_ms == moved_ms + 1000
    rig.to_step()
    rig.end_step()
    assert rig.ended == "finished" and rig.cues == [cues.RELOCATE, cues.FINISHED]
    steps = rig.told("step")
    assert [(event["step"], event["steps"], event["session"]) for event in steps] == [(1, 2, 1), (2, 2, 2)]
    assert [event["terms"]["amplitude_ua"] for event in steps] == [100, 300]
    assert rig.device.rooms == 2  # once before each step is kept
    assert rig.told("cue") == [{"ev": "cue", "cue": "relocate", "step": 2}]
    assert rig.told("programme") == [
        {"ev": "programme", "ended": "finished", "step": 2, "elapsed_ms": rig.now_ms}
    ]  # fmt: skip
    assert rig.written("session")[1]["utc_s"] == 1770000000 + moved_ms // 1000 + 1
    rig.programme.look(rig.now_ms)
    assert rig.programme.state == programme.IDLE and rig.programme.told()["ended"] == "finished"
    rig.programme.start(HASH, 2000, 0, False, rig.now_ms)  # once more
    assert rig.programme.told()["step"] == 1 and rig.programme.told()["ended"] == ""


def test_without_the_time_of_day_none_is_written():
    rig = Rig()
    rig.load(STEP)
    rig.programme.start(HASH, 2000, 0, False, 0)
    rig.go()
    rig.go()
    assert rig.written("session")[0]["utc_s"] == 0


def test_without_time_to_move_the_next_step_follows_at_once():
    rig = Rig()
    rig.run(STEP, changed(STEP, move_ms=0))
    rig.to_step()
    rig.end_step()
    assert rig.programme.state == programme.BETWEEN and rig.cues == []
    rig.go()
    assert rig.programme.state == programme.ARMING


def test_the_longest_time_to_move():
    rig = Rig()
    rig.run(STEP, changed(STEP, move_ms=schema.MOVE_MS_MAX))
    rig.to_step()
    rig.end_step()
    rig.wait(schema.MOVE_MS_MAX - 1000)
    rig.go(999)
    assert rig.programme.state == programme.BETWEEN
    rig.go(1)
    assert rig.programme.state == programme.ARMING


def test_shares_are_those_of_the_lowest_limit():
    eyes = changed(STEP, site="eye_under", wave=SHARED, share_permille=1000)
    for step, expected_ua in (
        (eyes, 100), (changed(eyes, share_permille=500), 50), (changed(eyes, share_permille=1), 1),
        (changed(eyes, site="cheek"), 300), (changed(eyes, site="wrist"), 600),
        (changed(eyes, site="wrist", wave=changed(SHARED, polarity="positive")), 100),
        (changed(eyes, site="wrist", wave=changed(SHARED, threshold_ua=200)), 160),
    ):  # fmt: skip
        rig = Rig()
        rig.run(step, unipolar_ms=5000)
        rig.go()
        assert rig.told("step")[0]["terms"]["amplitude_ua"] == expected_ua


def test_two_channels_share_the_cap():
    rig = Rig(2)
    step = changed(STEP, wave=SHARED, share_permille=1000, share2_permille=500, wave2={"frequency_mhz": 20000})
    rig.run(step)
    rig.go()
    terms = rig.told("step")[0]["terms"]
    assert (terms["amplitude_ua"], terms["terms2"]["amplitude_ua"]) == (500, 250)
    assert rig.made.channels[1].terms.wave["ramp_ms"] == rig.made.terms.wave["ramp_ms"]
    rig = Rig()
    rig.run(step)
    rig.go()
    assert rig.ended == "refused" and "one channel" in rig.told("programme")[0]["text"]


def test_a_sweep_is_lowered_at_both_ends():
    rig = Rig()
    sweep = changed(WAVE, amplitude_end_ua=50, sweep_ms=1000)
    rig.run(STEP, changed(STEP, wave=sweep), changed(STEP, wave=changed(sweep, amplitude_end_ua=1)))
    rig.to_step()
    rig.programme.felt("button", rig.now_ms)
    rig.programme.skip(rig.now_ms)
    rig.end_step()
    for ends in ((80, 40), (80, 1)):
        rig.to_step()
        assert (rig.made.terms.wave["amplitude_ua"], rig.made.terms.wave["amplitude_end_ua"]) == ends
        rig.end_step()


def test_holds_are_told_while_current_flows():
    rig = Rig()
    rig.run(changed(STEP, hold_ms=1000))
    rig.to_step()
    began_ms = rig.made.elapsed_ms
    rig.wait(900)
    rig.go(99 - began_ms)
    assert rig.made.elapsed_ms == 999 and rig.cues == []
    rig.go(1)
    assert rig.cues == [cues.HOLD] and rig.told("cue")[0] == {"ev": "cue", "cue": "hold", "step": 1}
    rig.go(1)
    assert rig.cues == [cues.HOLD]
    rig.engine.values["sensing"] = 1  # time stands still
    rig.wait(3000)
    assert rig.cues == [cues.HOLD]
    rig.engine.values["sensing"] = 0
    rig.wait(3900)
    assert rig.cues == [cues.HOLD] * 4  # the last one ends with the step, which has its own cue
    rig.wait(200)
    assert rig.cues == [cues.HOLD] * 4


def test_a_lift_off_is_told_but_not_one_of_the_end():
    rig = Rig(2)
    rig.run(changed(STEP, wave2={"amplitude_ua": 50, "frequency_mhz": 20000}))
    rig.to_step()
    rig.engine.values["lift_offs"] = 1  # of both, for values2 tells nothing else
    rig.go()
    assert rig.cues == [cues.CONTACT_LOST]
    rig.go()
    assert rig.cues == [cues.CONTACT_LOST]
    rig.engine.values2["lift_offs"] = 2
    rig.go()
    assert rig.cues == [cues.CONTACT_LOST] * 2
    rig = Rig()
    rig.run(STEP)
    rig.to_step()
    rig.made.stop(False, rig.now_ms)
    rig.engine.values["lift_offs"] = 1
    rig.tick()
    assert rig.made.state == protocol.READY and rig.cues == []
    rig = Rig()
    rig.run(STEP)
    rig.to_step()
    rig.made.stop(False, rig.now_ms)
    rig.made.channels[0].lift_offs = 1
    rig.programme.look(rig.now_ms)
    assert rig.made.state == protocol.RAMP_DOWN and rig.cues == []


# No contact -----------------------------------------------------------------------------------------------------------


def test_a_minute_without_contact_pauses_and_it_goes_on():
    rig = Rig()
    rig.run(STEP)
    rig.go()
    rig.go()
    rig.go(0)
    rig.go(5)
    rig.engine.values["late_voltage"] = 2000  # an open electrode
    rig.wait(session.SEEK_MS)
    assert rig.made.state == protocol.RAMP_UP and rig.cues == []
    rig.go(1)
    assert rig.made.state == protocol.PAUSED and rig.made.latch.code == faults.NONE and not rig.engine.gate_closed
    assert rig.cues == [cues.CONTACT_LOST] and rig.programme.state == programme.STEP
    rig.wait(1000)
    assert rig.cues == [cues.CONTACT_LOST]
    assert not rig.programme.resume(rig.now_ms)
    rig.made.resume(0, rig.now_ms)
    rig.to_step()
    assert not rig.made.lost_contact
    rig.end_step()
    assert rig.ended == "finished"


def test_a_pause_of_the_hand_is_no_lost_contact():
    rig = Rig()
    rig.run(STEP)
    rig.to_step()
    assert not rig.programme.pause(rig.now_ms)
    rig.made.pause(rig.now_ms)
    rig.engine.values.update(done=1, left=50000)
    rig.wait(1000)
    assert rig.made.state == protocol.PAUSED and rig.cues == [] and rig.programme.state == programme.STEP


def test_the_times_of_seeking():
    assert (session.SEEK_MS, session.COACH_MS, supervisor.CONTACT_MS) == (60000, 180000, 10000)
    assert session.FELT_PERMILLE == 800 and settings.defaults()["host_may_leave"] == 0


# Requests in each state -----------------------------------------------------------------------------------------------


def test_stop_ends_it_in_every_state():
    for prepare in (
        lambda rig: None,
        lambda rig: rig.go(),  # arming
        lambda rig: rig.to_step(),
        lambda rig: rig.programme.pause(rig.now_ms),
        to_pause,
        lambda rig: (rig.to_step(), rig.end_step()),
    ):
        rig = Rig()
        rig.run(STEP, STEP)
        prepare(rig)
        rig.made.stop(False, rig.now_ms)
        rig.programme.stop(rig.now_ms)
        if rig.made.running:
            rig.engine.values.update(done=1)
        rig.go(renew=False)
        rig.go()
        assert rig.ended == "stopped" and rig.made.state == protocol.READY and not rig.engine.gate_closed


def to_pause(rig):
    rig.to_step()
    rig.made.pause(rig.now_ms)
    rig.engine.values.update(done=1, left=50000)
    rig.go()
    assert rig.made.state == protocol.PAUSED


# What brings a programme that was started into each of its states.
PREPARED = (
    lambda rig: None,
    lambda rig: rig.go(),  # arming
    lambda rig: rig.to_step(),
    lambda rig: rig.programme.pause(rig.now_ms),
    to_pause,
)


def test_a_stop_after_a_skip_is_a_stop():
    rig = Rig()
    rig.run(STEP, STEP)
    rig.to_step()
    rig.programme.skip(rig.now_ms)
    rig.made.stop(False, rig.now_ms)
    rig.programme.stop(rig.now_ms)
    rig.end_step()
    assert rig.ended == "stopped"


def test_a_stop_in_the_moment_of_a_step_s_end_is_a_stop():
    """The session has ended, and the programme has not looked at it yet."""
    rig = Rig()
    rig.run(STEP, STEP)
    rig.to_step()
    rig.engine.values.update(done=1, envelope=0)
    rig.tick()
    assert rig.made.state == protocol.READY and rig.made.end == protocol.END_DURATION
    rig.made.stop(False, rig.now_ms)
    rig.programme.stop(rig.now_ms)
    rig.programme.look(rig.now_ms)
    assert rig.ended == "stopped" and len(rig.told("step")) == 1


def test_a_stop_of_one_programme_is_none_of_the_next():
    rig = Rig()
    rig.programme.stop(0)
    rig.run(STEP)
    rig.to_step()
    rig.end_step()
    assert rig.ended == "finished"


def test_skip_in_every_state():
    for prepare in PREPARED:
        rig = Rig()
        rig.run(STEP, changed(STEP, side="right"))
        prepare(rig)
        rig.programme.skip(rig.now_ms)
        if rig.made.running:
            rig.engine.values.update(done=1)
        rig.go()
        assert rig.programme.state == programme.BETWEEN and rig.programme.told()["step"] == 2
        assert rig.cues == [cues.RELOCATE] and not rig.engine.gate_closed
        rig.to_step()
        assert rig.told("step")[-1]["step"] == 2
        rig.programme.skip(rig.now_ms)
        rig.end_step()
        assert rig.ended == "finished"
    assert refusal(rig.programme.skip, rig.now_ms) == ("state", "no programme runs")


def test_a_skip_out_of_a_pause_tells_that_the_pause_is_over():
    rig = Rig()
    rig.to_held()
    rig.programme.skip(rig.now_ms)
    assert [event["held"] for event in rig.told("held")] == [True, False]


def test_a_step_that_ends_by_its_time_while_it_is_skipped_ends_once():
    rig = Rig()
    rig.run(STEP, STEP, STEP)
    rig.to_step()
    rig.engine.values.update(done=1, envelope=0)
    rig.tick()
    rig.programme.skip(rig.now_ms)
    rig.programme.look(rig.now_ms)
    assert rig.programme.told()["step"] == 2
    rig.to_step()
    rig.made.stop(False, rig.now_ms)  # not a skip
    rig.end_step()
    assert rig.ended == "stopped"


def test_pause_and_resume_between_two_steps():
    rig = Rig()
    rig.run(STEP, STEP)
    assert not rig.programme.resume(rig.now_ms) and rig.programme.pause(rig.now_ms)
    assert not rig.programme.pause(rig.now_ms) and rig.programme.told()["state"] == "held"
    rig.wait(protocol.PAUSE_MS)
    assert rig.programme.state == programme.HELD and rig.made.state == protocol.READY
    assert rig.programme.resume(rig.now_ms) and rig.programme.state == programme.BETWEEN
    assert rig.told("held") == [{"ev": "held", "held": held, "step": 1} for held in (True, False)]
    rig.to_step()
    assert len(rig.told("held")) == 2
    rig = Rig()
    rig.to_held()
    rig.wait(protocol.PAUSE_MS)
    assert rig.programme.state == programme.HELD
    rig.go(1)
    assert rig.ended == "pause"
    for state in (programme.ARMING, programme.STEP, programme.IDLE):
        rig.programme.state = state
        assert not rig.programme.pause(0) and not rig.programme.resume(0)


def test_felt_is_for_what_flows_and_for_all_that_follows():
    rig = Rig()
    assert refusal(rig.programme.felt, "button", 0)[0] == "state"
    rig.run(STEP, changed(STEP, wave=SHARED, share_permille=500), STEP)
    for _ in range(2):
        assert refusal(rig.programme.felt, "button", 0)[0] == "state"  # between, arming
        rig.go()
    assert rig.cues == []
    rig.to_step()
    rig.programme.felt("button", rig.now_ms)
    assert rig.cues == [cues.FELT] and rig.engine.asked[-2] == "lift"
    assert rig.told("felt") == [
        {"ev": "felt", "session": 1, "step": 1, "by": "button", "from_ua": [100], "to_ua": [80]}
    ]  # fmt: skip
    assert refusal(rig.programme.felt, "button", rig.now_ms)[0] == "state"  # at sensing level
    rig.to_step()
    rig.programme.felt("key", rig.now_ms)
    assert rig.made.channels[0].amplitude_ua == 64
    rig.to_step()
    rig.end_step()
    rig.to_step()
    assert rig.made.channels[0].amplitude_ua == 300 * 64 // 100
    rig.end_step()
    rig.to_step()
    assert rig.made.channels[0].amplitude_ua == 64
    rig.end_step()
    assert rig.ended == "finished"
    rig.programme.start(HASH, 2000, 0, False, rig.now_ms)
    rig.to_step()
    assert rig.made.channels[0].amplitude_ua == 100  # another run


def test_felt_near_sensing_level_ends_it():
    for amplitude_ua, ends in ((10, True), (11, False)):
        rig = Rig()
        rig.run(changed(STEP, wave=changed(WAVE, amplitude_ua=amplitude_ua)), STEP)
        rig.to_step()
        rig.programme.felt("key", rig.now_ms)
        assert (rig.made.state == protocol.RAMP_DOWN) == ends
        assert rig.told("felt")[0]["to_ua"] == ([0] if ends else [8])
        if ends:
            rig.end_step()
            assert rig.ended == "stopped"


# Leases ---------------------------------------------------------------------------------------------------------------


def test_the_lease_holds_in_every_state():
    for prepare in (
        lambda rig: None,
        lambda rig: rig.programme.pause(rig.now_ms),
        lambda rig: rig.to_step(),
        to_pause,
        lambda rig: (rig.to_step(), rig.end_step()),
    ):
        rig = Rig()
        rig.run(STEP, changed(STEP, move_ms=60000))
        prepare(rig)
        rig.programme.renew(HASH, rig.now_ms)
        if rig.programme.state == programme.BETWEEN:
            rig.programme._due_ms = rig.now_ms + 60000
        for _ in range(20):
            rig.go(100, renew=False)
        assert rig.programme.active
        rig.go(1, renew=False)
        if rig.made.running:
            rig.engine.values.update(done=1)
            rig.go(renew=False)
        assert rig.ended == "lease" and not rig.engine.gate_closed


def test_only_the_host_of_this_programme_renews():
    rig = Rig()
    assert refusal(rig.programme.renew, HASH, 0) == ("state", "programme '%s' does not run" % HASH)
    rig.run(STEP)
    for named in ("x", None, 3, [], {}):
        assert refusal(rig.programme.renew, named, 0)[0] == "state"
    rig.to_step()
    for _ in range(30):
        rig.go(100)
    assert rig.made.running


def test_who_may_leave_still_ends_after_a_long_pause():
    for prepare in (lambda rig: rig.programme.pause(rig.now_ms), to_pause):
        rig = Rig()
        rig.device.settings["host_may_leave"] = 1
        rig.run(STEP, STEP, away=True)
        prepare(rig)
        rig.wait(protocol.PAUSE_MS, renew=False)
        assert rig.programme.active
        rig.wait(200, renew=False)
        assert rig.ended == "pause"


def test_who_may_leave_goes_on_over_all_steps():
    rig = Rig()
    rig.device.settings["host_may_leave"] = 1
    rig.run(STEP, changed(STEP, move_ms=10000), away=True)
    for _ in range(2):
        while rig.programme.state != programme.STEP:
            rig.go(200, renew=False)
        rig.go(0, renew=False)
        rig.go(5, renew=False)
        rig.engine.values["good"] = STABLE
        rig.wait(4000, renew=False)
        rig.engine.values.update(done=1, envelope=0)
        rig.go(renew=False)
    assert rig.ended == "finished"


# What ends it ---------------------------------------------------------------------------------------------------------


def test_a_fault_ends_it_in_every_state():
    for prepare in PREPARED:
        for code, ended in ((faults.OVER_CURRENT, "fault"), (faults.ESTOP, "estop")):
            rig = Rig()
            rig.run(STEP, STEP)
            prepare(rig)
            in_session = rig.made.running or rig.made.state == protocol.PAUSED
            rig.made.raise_fault(code, 1, 0, rig.now_ms)
            rig.go(renew=False)
            assert rig.ended == (ended if in_session else "fault") and rig.made.state == protocol.FAULT


def test_a_proof_that_fails_is_a_fault():
    rig = Rig()
    rig.run(STEP)
    rig.device.broken = faults.DAC_NO_ACK
    rig.go()
    assert rig.ended == "fault" and rig.told("programme")[0]["text"]


def test_an_engine_that_does_not_begin_is_a_fault():
    rig = Rig()
    rig.run(STEP)
    rig.go()
    rig.engine.unfit = faults.DAC_READBACK
    rig.go()
    assert rig.ended == "fault" and rig.made.state == protocol.FAULT


def test_a_step_that_is_not_permitted_ends_it():
    rig = Rig()
    rig.run(changed(STEP, wave=changed(WAVE, amplitude_ua=601)))
    rig.go()
    assert rig.ended == "refused" and "permits 600" in rig.told("programme")[0]["text"]
    assert rig.made.state == protocol.READY and rig.told("programme")[0]["step"] == 1


def test_a_step_that_is_damaged_ends_it():
    rig = Rig()
    rig.run(STEP, STEP, STEP)
    rig.file.lines[2] = rig.file.lines[2].replace("left", "lift")
    rig.to_step()
    rig.end_step()
    assert rig.programme.state == programme.BETWEEN and rig.cues == []  # nobody need move for it
    rig.go()
    assert rig.ended == "damaged" and rig.told("programme")[0]["text"] == "step 2 cannot be read: checksum mismatch"
    rig = Rig()
    rig.run(STEP)
    rig.file.absent = True
    rig.go()
    assert rig.ended == "damaged"
    rig = Rig()
    rig.run(STEP, STEP)
    rig.file.lines.pop()
    rig.to_step()
    rig.end_step()
    rig.go()
    assert rig.ended == "damaged"


def test_a_stored_step_that_another_firmware_took_is_refused():
    rig = Rig()
    rig.run(STEP)
    rig.file.lines[1] = rig.file.lines[0]
    rig.go()
    assert rig.ended == "refused" and rig.told("programme")[0]["text"].startswith("site is None")
    rig = Rig()
    rig.run(STEP, STEP)
    rig.file.lines[2] = rig.file.lines[0]
    rig.to_step()
    rig.end_step()
    rig.go()
    assert rig.ended == "refused"


def test_a_journal_that_takes_nothing_ends_it():
    rig = Rig()
    rig.run(STEP)
    rig.go()
    rig.full_flash = True
    rig.go()
    assert rig.ended == "damaged" and "journal" in rig.told("programme")[0]["text"] and not rig.engine.asked


def test_an_emergency_stop_before_a_start_of_a_step():
    rig = Rig()
    rig.run(STEP)
    rig.estop = 1
    rig.programme.look(rig.now_ms)
    assert rig.ended == "refused" and rig.made.state == protocol.READY
    rig = Rig()
    rig.run(STEP)
    rig.programme.look(rig.now_ms)
    rig.estop = 1
    rig.programme.look(rig.now_ms)
    assert rig.ended == "refused" and not rig.engine.asked


# The charge of all steps ----------------------------------------------------------------------------------------------


def charged(rig, total_uc):
    """The step's meter as after so much charge."""
    each = rig.made.channels[0]
    each.meter._absolute = total_uc * each.meter._counts_per_uc


def test_the_charge_of_all_steps_counts_in_each():
    for more_uc, code in ((0, faults.NONE), (1, faults.CHARGE_LIMIT)):
        rig = Rig()
        rig.run(STEP, STEP)
        rig.to_step()
        charged(rig, limits.SESSION_CHARGE_UC - 1000)
        rig.end_step()
        rig.to_step()
        assert rig.made.charge_before_uc == limits.SESSION_CHARGE_UC - 1000
        charged(rig, 1000 + more_uc)
        rig.go()
        assert rig.made.latch.code == code
        if code:
            rig.go()
            assert rig.ended == "fault" and rig.made.latch.fault[1:3] == (720001, 720000)
        else:
            rig.end_step()
            assert rig.ended == "finished"


def test_no_step_follows_beyond_the_charge_of_a_session():
    for total_uc, ended in ((limits.SESSION_CHARGE_UC, ""), (limits.SESSION_CHARGE_UC + 1, "refused")):
        rig = Rig(2)
        rig.run(changed(STEP, wave2={"amplitude_ua": 50, "frequency_mhz": 20000}), STEP)
        rig.to_step()
        charged(rig, total_uc - 1000)
        each = rig.made.channels[1]
        each.meter._absolute = 1000 * each.meter._counts_per_uc
        rig.end_step()
        assert rig.programme.ended == ended
        if ended:
            assert rig.told("programme")[0]["text"] == "all steps together moved 720001 uC; the limit is 720000"


def test_another_session_begins_with_no_charge():
    rig = Rig()
    rig.run(STEP, STEP)
    rig.to_step()
    charged(rig, 5000)
    rig.end_step()
    rig.to_step()
    rig.made.stop(False, rig.now_ms)
    rig.end_step()
    rig.made.arm(WAVE, 2000, OPEN, 0, rig.now_ms)
    assert rig.made.charge_before_uc == 0 and rig.made.step == 0
