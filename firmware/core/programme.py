"""Runs a downloaded programme: one session per step, with time to move the electrodes in between. Main loop only.

Each step is a session like any other, with its own limits, proofs, contact sensing and ramps; nothing here lets current
out. The host's lease holds between steps too, unless the setting host_may_leave and the start both say otherwise.
Whatever ends a session in another way than by its time ends the programme. Events: "step" when one begins, "cue",
"held" when it waits between two steps and when it goes on, "programme" at the end.
"""

from ..shared import faults, framing, limits, programme, protocol
from . import cues, no_programme, sweep
from .session import FELT_PERMILLE, SEEK_PAUSE
from .terms import Refused

IDLE = 0
ARMING = 1  # a step's session is armed, and starts at the next look
STEP = 2
BETWEEN = 3  # time to move the electrodes
HELD = 4  # paused between two steps
NAMES = ("idle", "arming", "step", "between", "held")

FINISHED = "finished"
SKIPPED = "skipped"
DAMAGED = "damaged"
REFUSED = "refused"
_LIMIT = 1000  # permille


class Programme(no_programme.NoProgramme):
    """device: what app.Device offers (arm, session, settings, estop, hard_cap_ua, store); file: hw.programme_file;
    emit(event); cue(name): sounds and light.
    """

    def __init__(self, device, file, emit, cue):
        super().__init__(device, cue)
        self._file = file
        self._emit = emit
        self._uploaded = []  # encoded lines of an upload that is not whole yet
        self._expected = 0
        self.state = IDLE
        self.info = {}
        self.index = 0  # of the step that runs or comes next, from 0 on
        self.ended = ""
        self.away = False
        self._due_ms = self._lease_ms = self._lease_until_ms = self._held_ms = self._began_ms = 0
        self._utc_s = self._holds = self._lift_offs = self._scale = self._charge_uc = 0
        self._uploaded_ms = self._unipolar_ms = 0  # of the uploaded steps
        self._step = {}
        self._skipping = self._stopping = self._told_pause = False

    # Download -------------------------------------------------------------------------------------------------------

    def upload(self, at, info, step):
        """Take step `at` (from 0 on) of a programme; info: with the first one. The hash once it is whole, else "".

        Raises Refused for what the schema does not allow, RuntimeError and OSError as the file does.
        """
        if at == 0:
            checked, problem = programme.check_info(info)
            if checked is None:
                raise Refused(protocol.ERR_VALUE, problem)
            self._uploaded, self._expected = [framing.encode(checked)], checked["steps"]
            self._uploaded_ms = self._unipolar_ms = 0
        if not self._uploaded or at != len(self._uploaded) - 1:
            text = "step %d does not follow %d uploaded ones" % (at, max(0, len(self._uploaded) - 1))
            raise Refused(protocol.ERR_VALUE, text)
        checked, problem = programme.check_step(step)
        if checked is None:
            raise Refused(protocol.ERR_VALUE, problem)
        self._uploaded.append(framing.encode(step))
        self._add_up(checked)
        if len(self._uploaded) <= self._expected:
            return ""
        lines, self._uploaded = self._uploaded, []
        info = framing.decode(lines[0])
        for name, sum_ms in (("duration_ms", self._uploaded_ms), ("unipolar_ms", self._unipolar_ms)):
            if sum_ms > info[name]:
                text = "%s is %d; the steps take %d together" % (name, info[name], sum_ms)
                raise Refused(protocol.ERR_VALUE, text)
        self._device.store(self._file.save, lines)
        return info["hash"]

    def _add_up(self, step):
        """The time of a checked step, and whether its current reverses."""
        duration_ms = step["wave"]["duration_ms"]
        self._uploaded_ms += duration_ms
        if limits.is_unipolar(step["wave"]) or ("wave2" in step and limits.is_unipolar(step["wave2"])):
            self._unipolar_ms += duration_ms

    def stored(self):
        """The info of the programme in flash; None when there is none, or it is damaged."""
        try:
            return programme.check_info(self._file.line(0))[0]
        except (OSError, framing.FrameError):
            return None

    # Requests -------------------------------------------------------------------------------------------------------

    @property
    def active(self):
        """True from start() to its end."""
        return self.state != IDLE

    def start(self, name_hash, lease_ms, utc_s, away, now_ms):
        """Begin the programme with this hash. away: the host may leave. Raises Refused."""
        info = self.stored()
        if info is None or info["hash"] != name_hash:
            raise Refused(protocol.ERR_VALUE, "that programme is not on the board; upload it again")
        self._may_run(info, away)
        self.info, self.away, self._lease_ms, self._utc_s = info, away, lease_ms, utc_s
        self.index, self.ended, self._scale, self._charge_uc = 0, "", _LIMIT, 0
        self._began_ms = self._due_ms = now_ms
        self._lease_until_ms = now_ms + lease_ms
        self._skipping = self._stopping = False
        self.state = BETWEEN

    def _may_run(self, info, away):
        """Raise Refused for what no step by itself would show."""
        settings, session = self._device.settings, self._device.session
        if self.active or session.state != protocol.READY:
            raise Refused(protocol.ERR_STATE, "a programme needs the state READY; it is %s" % session.state_name)
        if info["profile"] > settings["profile"]:
            raise Refused(protocol.ERR_LIMIT, "this programme is for the profile professional; the board's is home")
        if away and not settings["host_may_leave"]:
            raise Refused(protocol.ERR_LIMIT, "the host may not leave: the setting host_may_leave is 0")
        for name, most_ms in (("duration_ms", settings["session_max_ms"]), ("unipolar_ms", limits.UNIPOLAR_MAX_MS)):
            if info[name] > most_ms:
                raise Refused(
                    protocol.ERR_LIMIT, "%s is %d; all steps together may take %d" % (name, info[name], most_ms)
                )

    def renew(self, name_hash, now_ms):
        """The host of this programme is there. Raises Refused when another one runs, or none."""
        super().renew(name_hash, now_ms)
        self._lease_until_ms = now_ms + self._lease_ms
        session = self._device.session
        if session.running or session.state == protocol.PAUSED:
            session.renew(session.number, now_ms)

    def skip(self, now_ms):
        """Go on with the next step, after a ramp down. Raises Refused when no programme runs."""
        super().skip(now_ms)
        if self.state in (STEP, ARMING):
            self._skipping = True
            self._device.session.stop(False, now_ms)
        else:
            self.resume(now_ms)
            self._next(now_ms)

    def pause(self, now_ms):
        """Between two steps: wait there. False where the session is to be paused instead."""
        if self.state != BETWEEN:
            return False
        self.state, self._held_ms = HELD, now_ms
        self._tell_held(True)
        return True

    def resume(self, now_ms):
        """Go on after pause(). False where the session is to go on instead."""
        if self.state != HELD:
            return False
        self.state, self._due_ms = BETWEEN, now_ms
        self._tell_held(False)
        return True

    def _tell_held(self, held):
        self._emit({"ev": "held", "held": held, "step": self.index + 1})

    def felt(self, by, now_ms):
        """Somebody feels the current: lower now, and in all steps that follow. Raises Refused where nothing flows."""
        super().felt(by, now_ms)
        self._scale = self._scale * FELT_PERMILLE // _LIMIT

    def stop(self, now_ms):
        """End it, at once between two steps; a step's own session is stopped by its caller, and no step follows."""
        self._stopping = True
        if self.state in (BETWEEN, HELD):
            self._finish(protocol.END_NAMES[protocol.END_STOPPED], now_ms)

    def told(self):
        """What status says of it (dict), None before the first one."""
        if not self.info:
            return None
        return {"hash": self.info["hash"], "name": self.info["name"], "step": self.index + 1,
                "steps": self.info["steps"], "state": NAMES[self.state], "ended": self.ended}  # fmt: skip

    # The course -----------------------------------------------------------------------------------------------------

    def look(self, now_ms):
        """Every pass of the main loop, after the session's own supervision."""
        if self.state in (BETWEEN, HELD):
            self._look_between(now_ms)
        elif self.state == ARMING:
            self._start_step(now_ms)
        elif self.state == STEP:
            self._look_at_step(now_ms)

    def _lease_is_over(self, now_ms):
        if self.away or now_ms <= self._lease_until_ms:
            return False
        self._finish(protocol.END_NAMES[protocol.END_LEASE], now_ms)
        return True

    def _look_between(self, now_ms):
        if self._device.session.state != protocol.READY:
            self._finish(protocol.END_NAMES[protocol.END_FAULT], now_ms)
        elif self._lease_is_over(now_ms):
            return
        elif self.state == BETWEEN:
            if now_ms >= self._due_ms:
                self._arm_step(now_ms)
        elif now_ms - self._held_ms > protocol.PAUSE_MS:
            self._finish(protocol.END_NAMES[protocol.END_PAUSE], now_ms)

    def _arm_step(self, now_ms):
        self._device.make_room()  # the step is kept until it is over
        try:
            step, problem = programme.check_step(self._file.line(self.index + 1))
            if step is None:
                raise Refused(protocol.ERR_VALUE, problem)
            self._step = step
            waves = [self._granted(step, name) for name in ("wave", "wave2") if name in step]
            terms = self._device.arm(waves[0], self._lease_ms, waves[1] if len(waves) > 1 else None, SEEK_PAUSE)
        except (OSError, framing.FrameError) as error:
            self._finish(DAMAGED, now_ms, "step %d cannot be read: %s" % (self.index + 1, error))
        except Refused as error:
            self._refused(error, now_ms)
        else:
            self._device.session.step = self.index + 1
            self._device.session.charge_before_uc = self._charge_uc
            self._holds = self._lift_offs = 0
            self._told_pause = False
            self.state = ARMING
            self._emit({"ev": "step", "step": self.index + 1, "steps": self.info["steps"], "terms": terms,
                        "session": terms["session"]})  # fmt: skip

    def _refused(self, error, now_ms):
        """A step that is not permitted; when its proof latched a fault, that is what ends the programme."""
        latched = self._device.session.latch.code != faults.NONE
        self._finish(protocol.END_NAMES[protocol.END_FAULT] if latched else REFUSED, now_ms, error.args[1])

    def _granted(self, step, name):
        """A step's wave as it is asked of the session: its share of what is permitted, as large as it is now."""
        wave = dict(step[name])
        cap_ua = self._device.hard_cap_ua
        permitted_ua = min(
            limits.permitted(extreme, self._device.settings, cap_ua)[0] for extreme in sweep.extremes(wave)
        )
        if "wave2" in step:  # both together stay within the cap
            permitted_ua = min(permitted_ua, cap_ua // 2)
        share = step["share_permille" if name == "wave" else "share2_permille"]
        wave["amplitude_ua"] = programme.granted(wave, share, self._scale, permitted_ua)
        if wave["amplitude_end_ua"]:
            wave["amplitude_end_ua"] = max(1, wave["amplitude_end_ua"] * self._scale // _LIMIT)
        if name == "wave2":
            for common in ("duration_ms", "ramp_ms", "sample_us"):
                del wave[common]
        return wave

    def _start_step(self, now_ms):
        device = self._device
        session = device.session
        if session.state != protocol.ARMED:  # skipped, stopped, or a fault came in between
            self._step_ended(now_ms)
            return
        try:
            utc_s = self._utc_s and self._utc_s + (now_ms - self._began_ms) // 1000
            session.start(session.number, utc_s, device.estop(), now_ms)
        except Refused as error:
            self._refused(error, now_ms)
        except OSError as error:
            self._finish(DAMAGED, now_ms, "the journal cannot be written: %s" % error)
        else:
            self.state = STEP

    def _look_at_step(self, now_ms):
        session = self._device.session
        if self.away and (session.running or session.state == protocol.PAUSED):
            session.renew(session.number, now_ms)
        if session.running:
            self._told_pause = False
            self._give_cues(session)
        elif session.state == protocol.PAUSED:
            if session.lost_contact and not self._told_pause:
                self._told_pause = True
                self._say(cues.CONTACT_LOST)
        else:
            self._step_ended(now_ms)

    def _give_cues(self, session):
        lift_offs = session.channels[0].lift_offs + (session.channels[1].lift_offs if len(session.used) > 1 else 0)
        if lift_offs != self._lift_offs:
            self._lift_offs = lift_offs
            if session.state != protocol.RAMP_DOWN:
                self._say(cues.CONTACT_LOST)
        hold_ms = self._step["hold_ms"]
        if not hold_ms or session.elapsed_ms >= session.terms.duration_ms:
            return
        holds = session.elapsed_ms // hold_ms
        if holds > self._holds:
            self._holds = holds
            self._say(cues.HOLD)

    def _say(self, name):
        self._cue(name)
        self._emit({"ev": "cue", "cue": name, "step": self.index + 1})

    def _step_ended(self, now_ms):
        session = self._device.session
        if self.state == STEP:
            for each in session.used:
                self._charge_uc += each.meter.total_uc
        if session.state != protocol.READY:
            self._finish(protocol.END_NAMES[session.end or protocol.END_FAULT], now_ms)
        elif not self._stopping and (self._skipping or session.end == protocol.END_DURATION):
            self._skipping = False
            self._next(now_ms)
        elif self._stopping:
            self._finish(protocol.END_NAMES[protocol.END_STOPPED], now_ms)
        else:
            self._finish(protocol.END_NAMES[session.end or protocol.END_STOPPED], now_ms)

    def _next(self, now_ms):
        """The next step comes, after the time that its electrodes need; behind the last one it is finished."""
        self.index += 1
        if self.index >= self.info["steps"]:
            self.index -= 1
            self._finish(FINISHED, now_ms)
        elif self._charge_uc > limits.SESSION_CHARGE_UC:
            text = "all steps together moved %d uC; the limit is %d" % (self._charge_uc, limits.SESSION_CHARGE_UC)
            self._finish(REFUSED, now_ms, text)
        else:
            self._move(now_ms)

    def _move(self, now_ms):
        try:
            step, _problem = programme.check_step(self._file.line(self.index + 1))
        except (OSError, framing.FrameError):
            step = None
        move_ms = step["move_ms"] if step else 0  # a damaged one is told when it is armed
        self.state, self._due_ms = BETWEEN, now_ms + move_ms
        if move_ms:
            self._say(cues.RELOCATE)

    def _finish(self, ended, now_ms, text=""):
        self.state, self.ended = IDLE, ended
        self._step = {}
        self._device.session.step = 0
        if ended == FINISHED:
            self._cue(cues.FINISHED)
        told = {"ev": "programme", "ended": ended, "step": self.index + 1, "elapsed_ms": now_ms - self._began_ms}
        if text:
            told["text"] = text
        self._emit(told)
