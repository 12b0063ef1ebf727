"""One session from request to its end: states, lease, faults. The only caller of the gate function and of engine.run().

A session runs one channel or two, which begin, pause and end together; a fault on one ends it for both.

Time comes in as `now_ms`, readings as engine snapshots. Everything that goes wrong ends with the gate open; the first
fault stays latched until clear(). Order everywhere: the gate opens, then it is told and written down.
"""

from ..shared import faults, protocol
from . import channel, gate, latch, meter, pair, points, report, states, supervisor, sweep, waveplan
from .terms import Nothing, Refused, Terms

# What a running session keeps: time, place, sign and sample period; the rest may change.
_FIXED = ("duration_ms", "ramp_ms", "polarity", "alternate_ms", "zone", "area_mm2", "sample_us")
_FIXED_LOCKED = ("frequency_mhz", "shape", "phase_deg")  # beside them, of channels that are locked to each other
# What follows when no contact is found.
SEEK_FAULT = 0  # after supervisor.CONTACT_MS the fault open-electrode
SEEK_PAUSE = 1  # of a programme's step: after SEEK_MS a pause, for a hand that does something else
SEEK_ONLY = 2  # contact is shown and nothing else: never more than sensing level, until stopped or COACH_MS are over
SEEK_MS = 60000  # ours: a minute for gel, or for the next place
COACH_MS = 180000  # ours: three minutes; who needs longer starts again
_CONTACT_MS = (supervisor.CONTACT_MS, SEEK_MS, COACH_MS)
FELT_PERMILLE = 800  # ours: of the amplitude, after somebody felt it; as rules.PERSONAL_PERCENT of the threshold
_FELT_FROM_UA = 10  # an amplitude that is hardly above sensing level is not lowered, but ended
_SETTLE_MS = 5  # ours: interrupt runs with the gate open before the gate closes: proof that it runs, and its zero

_WHY = {
    gate.REFUSED_FAULT: (protocol.ERR_FAULT, "a fault is latched: read it with: microcurrent faults"),
    gate.REFUSED_ESTOP: (protocol.ERR_STATE, "the emergency stop is open: close it"),
    gate.REFUSED_CHECKS: (protocol.ERR_STATE, "the self-test has not passed: run: microcurrent selftest"),
    gate.REFUSED_AMPLITUDE: (protocol.ERR_LIMIT, "the amplitude is outside the board's hard cap"),
    gate.REFUSED_LIMIT: (protocol.ERR_LIMIT, "the amplitude is above the permitted maximum"),
}


class Session:
    """board: constants; engine: hw engine; emit(event): tells; record(kind, detail): writes the journal.

    record is only called with the gate open, and may raise OSError.
    """

    def __init__(self, board, engine, emit, record):
        self._board = board
        self._engine = engine
        self._emit = emit
        self._record = record
        self.channels = [channel.Channel(board, index) for index in range(engine.channels)]  # of the board
        self.used = self.channels[:1]  # those of the last request that was armed
        self.state = protocol.OFF
        self.number = 0
        self.end = protocol.END_NONE
        self.latch = latch.Latch()
        self.points = points.Points()
        self.checks_passed = 0
        self._lease_until_ms = 0
        self._armed_until_ms = self._paused_ms = self._run_ms = 0
        self._flowed_ms = self._left = 0  # of a session that pauses: time and samples so far
        self._ending = protocol.END_NONE
        self._pausing = self._under_way = self._connected = False
        self._swept_ms = 0  # when a sweep has made its last step
        self._seek = SEEK_FAULT
        self._touched = False
        self.lost_contact = False  # it pauses because no contact was found
        self.step = 0  # of a programme, from 1 on; 0: the session belongs to none
        self.charge_before_uc = 0  # of the programme's steps before this one
        self.supply_mv = self.temperature_c = 0

    # Requests -----------------------------------------------------------------------------------------------------

    def arm(self, request, lease_ms, settings, estop, now_ms, request2=None, seek=SEEK_FAULT):
        """Check and remember a request, with request2 for two channels; starts nothing. Returns the session's terms
        (dict). seek: one of SEEK_*. Raises Refused.
        """
        if request2 is not None and len(self.channels) < 2:
            raise Refused(protocol.ERR_VALUE, "this board has one channel; wave2 is for a board with two outputs")
        made = pair.checked(request, request2, lease_ms, settings, self._board, self._engine.periods_us, self.points)
        for index, terms in enumerate(made):
            self._allow(
                terms, estop, protocol.READY, "a session is on its way: stop it first with: microcurrent stop", index
            )
        for terms in made:
            terms.plan_for(self._board)
            terms.plan.locked = int(pair.locked(made))
        self.used = self.channels[: len(made)]
        for each, terms in zip(self.channels, made + [Nothing()]):
            each.take(terms)
        self._armed_until_ms = now_ms + protocol.ARM_MS
        self._seek = seek
        self.step = self.charge_before_uc = 0
        self.number += 1
        self.end = self._ending = protocol.END_NONE
        self._go(protocol.ARMED)
        return self._told()

    def settle(self):
        """Right after arm() and a collection of garbage: what was checked moves to the lowest free memory."""
        for each in self.used:
            each.terms.settle()

    def _told(self):
        """The terms as the host reads them."""
        told = self.terms.told(self.number)
        if len(self.used) > 1:
            told["terms2"] = self.channels[1].terms.told(self.number)
        return told

    def _allow(self, terms, estop, state_needed, state_text, index):
        """Raise Refused unless the gate permits these terms; a limit's own sentence says more than the gate's."""
        verdict = self._permit(terms, estop, state_needed)
        if terms.problem and verdict in (gate.REFUSED_AMPLITUDE, gate.REFUSED_LIMIT, gate.PERMITTED):
            raise pair.named(Refused(protocol.ERR_LIMIT, terms.problem), index)
        self._unless(verdict, state_text)

    def disarm(self):
        """Forget an armed request. Harmless when there is none."""
        if self.state == protocol.ARMED:
            self._go(protocol.READY)

    def start(self, number, utc_s, estop, now_ms):
        """Begin the armed session, at contact-sensing level. Raises Refused."""
        self._unless_all(estop, protocol.ARMED, "nothing is armed; arm a request first")
        if number != self.number:
            raise Refused(protocol.ERR_STATE, "session %s is not the armed one, %d" % (number, self.number))
        self._flowed_ms = self._left = 0
        for each in self.used:
            each.begin()
        wave = self.terms.wave
        written = {
            "session": self.number, "amplitude_ua": wave["amplitude_ua"], "frequency_mhz": wave["frequency_mhz"],
            "duration_ms": wave["duration_ms"], "utc_s": utc_s,
        }  # fmt: skip
        if len(self.used) > 1:
            wave2 = self.channels[1].terms.wave
            written["amplitude2_ua"], written["frequency2_mhz"] = wave2["amplitude_ua"], wave2["frequency_mhz"]
        self.note("session", written)
        self._begin(now_ms)

    def _unless_all(self, estop, state_needed, state_text):
        """Raise Refused unless the gate permits what every channel is to play."""
        for each in self.used:
            self._unless(self._permit(each.terms, estop, state_needed), state_text)

    def pause(self, now_ms):
        """Ramp down and keep the session. Raises Refused unless one runs."""
        if self.state not in (protocol.RAMP_UP, protocol.ACTIVE):
            raise Refused(protocol.ERR_STATE, "there is nothing to pause; the state is %s" % self.state_name)
        self._pausing = True
        self._ramp_down(protocol.END_NONE, now_ms)

    def resume(self, estop, now_ms):
        """Go on with a paused session, from contact sensing. Raises Refused."""
        self._unless_all(estop, protocol.PAUSED, "nothing is paused")
        self._begin(now_ms)

    def change(self, number, changes, settings, estop, index=0, look=None):
        """Go on with another amplitude, frequency or form, from the end of the cycle under way on. Raises Refused.

        changes: dict of waveform fields; what the session was begun with holds for all others. index: 0 or 1, the
        channel. look: supervises once; called in the middle, for the whole takes as long as the dead-man has.
        """
        self._require_flow(number)
        if index >= len(self.used):
            raise Refused(protocol.ERR_VALUE, "this session has one channel; there is no second one to change")
        each = self.used[index]
        terms = self._changed(each, changes, settings)
        if look:
            look()
            self._require_flow(number)  # that look may have ended it
        self._allow(terms, estop, self.state, "nothing runs", index)
        terms.plan_for(self._board, each.terms)
        terms.plan.locked = each.terms.plan.locked
        each.take(terms)
        self._play_at_present(each)
        self._emit({"ev": "changed", "session": self.number, "wave": changes, "channel": each.number})
        return self._told()

    def _require_flow(self, number):
        if number != self.number or self.state not in (protocol.RAMP_UP, protocol.ACTIVE):
            raise Refused(protocol.ERR_STATE, "session %s is not running; the state is %s" % (number, self.state_name))

    def _changed(self, each, changes, settings):
        """A channel's terms with some fields changed. Raises Refused for what cannot change now."""
        fixed = _FIXED + _FIXED_LOCKED if pair.locked([used.terms for used in self.used]) else _FIXED + ("phase_deg",)
        for name in changes:
            if name in fixed:
                raise Refused(protocol.ERR_VALUE, "%s cannot change while a session runs" % name)
        request = dict(each.terms.wave)
        request.update(changes)
        terms = Terms(request, self.terms.lease_ms, settings, self._board, (self.terms.sample_us,), self.points)
        if not waveplan.fits(terms.wave, terms.sample_us, self._board):
            text = "samples of %d us cannot play that; stop the session and begin another"
            raise Refused(protocol.ERR_VALUE, text % self.terms.sample_us)
        pair.check([terms if used is each else used.terms for used in self.used], self._board.HARD_CAP_UA)
        return terms

    def felt(self, by, now_ms):
        """Somebody feels the current: sensing level from the next sample on, then a ramp up to a lower amplitude.

        by: who says so, for the record. An amplitude near sensing level ends the session. Raises Refused where nothing
        flows that could be felt.
        """
        if self.state in (protocol.RAMP_UP, protocol.ACTIVE):
            self._take_snapshots()  # present ones: the electrode may have been lifted a moment ago
        if self.state not in (protocol.RAMP_UP, protocol.ACTIVE) or self.channels[0].latest[meter.SENSING]:
            raise Refused(protocol.ERR_STATE, "no treatment current flows; the state is %s" % self.state_name)
        before_ua = [each.amplitude_ua for each in self.used]
        if max(before_ua) <= _FELT_FROM_UA:
            self._tell_felt(by, before_ua, [0] * len(before_ua))
            self.stop(False, now_ms)
            return
        self._engine.lift()  # first: what follows takes a while
        self._take_snapshots()
        for each in self.used:
            each.terms.lower(FELT_PERMILLE)
            self._play_at_present(each)
        self._tell_felt(by, before_ua, [each.amplitude_ua for each in self.used])
        self._lifted(now_ms)

    def _tell_felt(self, by, before_ua, after_ua):
        self._emit({"ev": "felt", "session": self.number, "step": self.step, "by": by, "from_ua": before_ua,
                    "to_ua": after_ua})  # fmt: skip

    def stop(self, at_once, now_ms):
        """Ramp down and end, or open the gate at once. Harmless when nothing runs."""
        self.disarm()
        self._pausing = False
        if self.state == protocol.PAUSED or (self.running and at_once):
            self._finish(protocol.END_STOPPED, now_ms)
        elif self.running:
            self._ramp_down(protocol.END_STOPPED, now_ms)
        else:
            self._engine.open_gate()

    def renew(self, number, now_ms):
        """Renew the host's lease. Raises Refused when that session is not the running one."""
        if number != self.number or not (self.running or self.state == protocol.PAUSED):
            raise Refused(protocol.ERR_STATE, "session %s is not running; the state is %s" % (number, self.state_name))
        self._lease_until_ms = now_ms + self.terms.lease_ms

    # Self-test and faults -----------------------------------------------------------------------------------------

    def begin_test(self):
        """OFF, READY or FAULT becomes SELF_TEST. Raises Refused in any other state."""
        if not self._go(protocol.SELF_TEST):
            raise Refused(protocol.ERR_STATE, "a self-test is not possible in state %s" % self.state_name)
        self.checks_passed = 0

    def end_test(self, passed):
        """SELF_TEST becomes READY when everything passed and nothing is latched, else FAULT."""
        self.checks_passed = 1 if passed else 0
        if self.state == protocol.SELF_TEST:
            self._go(protocol.READY if passed and self.latch.code == faults.NONE else protocol.FAULT)

    def restore(self, code, reading, limit, number, samples, number_of_channel):
        """A fault that was latched before power was lost, from the journal."""
        self.latch.restore(code, reading, limit, number, samples, number_of_channel)
        self._go(protocol.FAULT)

    def clear(self):
        """Forget the latched fault, within a self-test; the caller has made sure that its cause is gone."""
        if self.latch.code:
            self.note("clear", {"code": self.latch.code})
        self.latch.forget()

    def raise_fault(self, code, reading, limit, now_ms, index=0):
        """Open the gates, latch the first fault, end the session. Callable in any state. index: channel, 0 or 1."""
        self._engine.open_gate()
        self._latch(code, reading, limit, now_ms, index)
        if self.running or self.state == protocol.PAUSED:
            self._finish(protocol.END_ESTOP if code == faults.ESTOP else protocol.END_FAULT, now_ms)
        if self.state != protocol.FAULT:
            self._go(protocol.FAULT)
        self._write_fault()

    def _latch(self, code, reading, limit, now_ms, index=0):
        number = self.number if self.running else 0
        if not self.latch.take(code, reading, limit, now_ms, number, self.state_name, self._engine.history, index):
            return
        self._emit({"ev": "fault", "code": code, "name": faults.name_of(code), "reading": reading, "limit": limit,
                    "session": number, "channel": index + 1})  # fmt: skip

    def _write_fault(self):
        """A fault that was latched goes into the journal once the gate is open and the session has ended."""
        detail = self.latch.take_unwritten()
        if detail:
            self.note("fault", detail)

    @property
    def fault(self):
        """(code, reading, limit, time_ms, session) of what is latched; code faults.NONE = nothing."""
        return self.latch.fault

    def calibrate(self, scales):
        """What outputs and senses make of codes and counts (shared.calibration.Scale per output). Not while it runs."""
        self._engine.calibrate(scales)
        for each, scale in zip(self.channels, scales):
            each.meter.sense_uv_per_ua = scale.sense_uv_per_ua

    @property
    def terms(self):
        """The first channel's terms; time, ramp, lease and sample period are those of all."""
        return self.channels[0].terms

    @property
    def bus_errors(self):
        """Transfers that a DAC did not take, since boot."""
        return self._engine.bus_errors

    @property
    def ticks(self):
        """Sample interrupts since arming, in the newest snapshot."""
        return self.channels[0].latest[meter.TICKS]

    @property
    def state_name(self):
        """The state's name, as hosts show it."""
        return protocol.STATE_NAMES[self.state]

    @property
    def running(self):
        """True while the sample interrupt runs for a session."""
        return states.flows(self.state)

    @property
    def settling(self):
        """True from a start or resumption until the gates close: the engine looks for contact only after that."""
        return self.state == protocol.RAMP_UP and not self._connected

    @property
    def elapsed_ms(self):
        """Time at treatment level of the last session, pauses left out."""
        return self._flowed_ms + (self.channels[0].supervisor.flowed_ms if self.running and self._under_way else 0)

    def _permit(self, terms, estop, state_needed):
        return gate.permit(
            terms.amplitude_ua, terms.limit_ua, self._board.HARD_CAP_UA, self.latch.code, estop, self.checks_passed,
            self.state, state_needed,
        )  # fmt: skip

    def _unless(self, verdict, state_text):
        """Raise Refused for any verdict of the gate but PERMITTED."""
        if verdict == gate.PERMITTED:
            return
        if verdict == gate.REFUSED_STATE:
            raise Refused(protocol.ERR_STATE, "%s; the state is %s" % (state_text, self.state_name))
        raise Refused(*_WHY[verdict])

    # Supervision --------------------------------------------------------------------------------------------------

    def tick(self, estop, now_ms, supply_mv, temperature_c, bare_usb):
        """Supervise once; call at 50 Hz or faster. estop: 1 = open. bare_usb: 1 = USB without declared isolation."""
        self.supply_mv, self.temperature_c = supply_mv, temperature_c
        if self.running:
            self._tick_running(now_ms, bare_usb)
        elif self.state not in (protocol.FAULT, protocol.OFF):
            self._tick_idle(estop, now_ms)

    def _tick_running(self, now_ms, bare_usb):
        self._engine.feed()
        if not self._under_way:
            self._set_off(now_ms)
        self._take_snapshots()
        for each in self.used:
            if self.running:
                self._look_for_trip(each, now_ms)
        for each in self.used:
            if self.running:
                self._supervise(each, now_ms, bare_usb)
        if self.running:
            self._watch_lease(now_ms)
        if self.running:
            self._advance(now_ms)
        if self.state in (protocol.RAMP_UP, protocol.ACTIVE) and now_ms - self._swept_ms >= sweep.STEP_MS:
            self._sweep(now_ms)

    @property
    def sweeps(self):
        """True while amplitude or frequency of a channel move."""
        for each in self.used:
            if self.state in (protocol.RAMP_UP, protocol.ACTIVE) and each.terms.wave["sweep_ms"]:
                return True
        return False

    def _sweep(self, now_ms):
        """The next step of each channel that sweeps."""
        self._swept_ms = now_ms
        for each in self.used:
            if each.terms.wave["sweep_ms"]:
                self._play_at_present(each)

    def _play_at_present(self, each):
        """What a channel's terms ask for at this time of the session, from the next cycle on."""
        amplitude_ua = each.terms.move(self.elapsed_ms, self._board)
        self._engine.change(each.index, each.terms.plan, amplitude_ua)
        each.set_amplitude(amplitude_ua)

    def _tick_idle(self, estop, now_ms):
        """Nothing flows; what would forbid it is latched all the same."""
        if estop:
            self.raise_fault(faults.ESTOP, 1, 0, now_ms)
            return
        watch = self.channels[0].supervisor
        code = watch.surroundings(self.supply_mv, self.temperature_c, 0)
        if code:
            self.raise_fault(code, watch.reading, watch.limit, now_ms)
        elif self.state == protocol.ARMED and now_ms > self._armed_until_ms:
            self._emit({"ev": "expired", "what": "arming", "session": self.number})
            self.disarm()
        elif self.state == protocol.PAUSED:
            self._watch_pause(now_ms)

    def _look_for_trip(self, each, now_ms):
        """The interrupt may have opened the gates because of this channel."""
        snapshot = each.latest
        if not snapshot[meter.TRIP]:
            return
        reading = each.meter.current_ua(snapshot[meter.TRIP_READING])
        limit_ua = each.amplitude_ua + self._board.TRIP_UA if snapshot[meter.TRIP] == faults.OVER_CURRENT else 0
        self.raise_fault(snapshot[meter.TRIP], reading, limit_ua, now_ms, each.index)

    def _supervise(self, each, now_ms, bare_usb):
        watch = each.supervisor
        total_uc = each.meter.total_uc + self.charge_before_uc
        code = watch.look(each.latest, now_ms, self.supply_mv, self.temperature_c, bare_usb, total_uc)
        if code == faults.OPEN_ELECTRODE:  # both look for contact: it is the one without
            each = self._without_contact(each)
            if self._seek != SEEK_FAULT:
                self._give_up_seeking(now_ms)
                return
        if code:
            self.raise_fault(code, watch.reading, watch.limit, now_ms, each.index)

    def _give_up_seeking(self, now_ms):
        """No contact for as long as this session may look for it: the gate opens, and nothing is latched."""
        self._pausing = self.lost_contact = self._seek == SEEK_PAUSE
        self._ramp_down(protocol.END_NONE if self._pausing else protocol.END_DURATION, now_ms)

    def _watch_lease(self, now_ms):
        if now_ms > self._lease_until_ms and self._ending != protocol.END_LEASE:
            self._pausing = False
            self._ramp_down(protocol.END_LEASE, now_ms)

    def _watch_pause(self, now_ms):
        if now_ms > self._lease_until_ms:
            self._finish(protocol.END_LEASE, now_ms)
        elif now_ms - self._paused_ms > protocol.PAUSE_MS:
            self._finish(protocol.END_PAUSE, now_ms)

    # The course of a session ----------------------------------------------------------------------------------------

    def _begin(self, now_ms):
        """The interrupt starts with the gate open; _advance closes it."""
        for each in self.used:
            each.go_on(each.terms.move(self.elapsed_ms, self._board))
        plans, amplitudes_ua = [each.terms.plan for each in self.used], [each.amplitude_ua for each in self.used]
        broken = self._engine.arm(plans, amplitudes_ua, self._left)
        if broken:
            self.checks_passed = 0
            self._latch(broken, 0, 0, now_ms, self._engine.broken_channel)
            self._finish(protocol.END_FAULT, now_ms)
            raise Refused(
                protocol.ERR_FAULT, "%s; no current flows; %s" % (faults.meaning_of(broken), faults.hint_of(broken))
            )
        self._pausing = self._under_way = self._connected = self._touched = False
        self.lost_contact = False
        self._go(protocol.RAMP_UP)

    def _set_off(self, now_ms):
        """The first look at a session: its clocks start here, not at the request (a flash write lies between)."""
        self._under_way = True
        self._swept_ms = now_ms
        left_ms = self.terms.duration_ms - self._flowed_ms
        for each in self.used:
            each.supervisor.begin(each.amplitude_ua, left_ms, self.terms.sample_us, now_ms, _CONTACT_MS[self._seek])
        self._run_ms = now_ms + _SETTLE_MS
        self._lease_until_ms = now_ms + self.terms.lease_ms

    def _advance(self, now_ms):
        """Both channels count the same samples and look for contact together: the first one's snapshot tells."""
        snapshot = self.channels[0].latest
        if snapshot[meter.DONE] == 1:
            self._ended(now_ms)
        elif self._note_lift_offs():
            self._lifted(now_ms)
        elif self.state == protocol.RAMP_UP:
            self._advance_ramp_up(snapshot, now_ms)
        elif self.state == protocol.ACTIVE and snapshot[meter.ENVELOPE] < waveplan.ENVELOPE_ONE:
            self._ending = self._ending or protocol.END_DURATION
            self._go(protocol.RAMP_DOWN)

    def _advance_ramp_up(self, snapshot, now_ms):
        if not self._connected:
            if now_ms >= self._run_ms and snapshot[meter.TICKS] > 2:
                self._connected = True  # once in each part of a session: what opens the gate from here on is a trip
                broken = self._engine.run()
                self._take_snapshots()  # from before it: a row sent now would show no sensing, and tell of treatment
                if broken:
                    self.raise_fault(broken, 0, 0, now_ms, self._engine.broken_channel)
        elif snapshot[meter.SENSING]:
            self._look_for_contact()
        elif snapshot[meter.ENVELOPE] >= waveplan.ENVELOPE_ONE:
            self._go(protocol.ACTIVE)

    def _look_for_contact(self):
        """Stable contact on all channels begins the ramp, unless the session only shows it."""
        touched = self._without_contact(None) is None
        if touched and not self._touched:
            if self._seek != SEEK_ONLY:
                self._engine.ramp_up()
            for each in self.used:
                self._emit({"ev": "contact", "session": self.number,
                            "impedance_ohm": each.meter.impedance_ohm()[0], "channel": each.number})  # fmt: skip
        self._touched = touched and self._seek == SEEK_ONLY

    def _without_contact(self, otherwise):
        """The first channel that has no stable contact; `otherwise` when all have."""
        for each in self.used:
            if not each.supervisor.contact_is_stable(each.latest):
                return each
        return otherwise

    def _note_lift_offs(self):
        """True when a channel has lost contact since the last look."""
        found = False
        for each in self.used:
            count = each.latest[meter.LIFT_OFFS] + each.lift_offs_before
            if count != each.lift_offs:
                found = True
                each.lift_offs = count
                self._emit({"ev": "lift-off", "session": self.number, "count": count, "channel": each.number})
        return found

    def _lifted(self, now_ms):
        """An electrode was lifted: the interrupt is back at sensing level already."""
        if self.state == protocol.RAMP_DOWN or self.channels[0].latest[meter.LEFT] <= 0:  # its time was over
            self._ended(now_ms)
        elif self.state == protocol.ACTIVE:
            self._go(protocol.RAMP_UP)

    def _ramp_down(self, ending, now_ms):
        self._ending = ending
        if self.state == protocol.RAMP_DOWN:
            return
        self._take_snapshots()  # present ones: the interrupt may have lost contact a moment ago
        if not self._engine.gate_closed or self.channels[0].latest[meter.SENSING]:
            self._go(protocol.RAMP_DOWN)
            self._ended(now_ms)
            return
        self._engine.ramp_down()
        self._go(protocol.RAMP_DOWN)

    def _take_snapshots(self):
        for each in self.used:
            each.meter.add(self._engine.snapshot(each.index))

    def _ended(self, now_ms):
        """The ramp down is over: the session pauses, or ends."""
        if not self._pausing:
            self._finish(self._ending or protocol.END_DURATION, now_ms)
            return
        self._engine.open_gate()
        self._stop_clock()
        self._left = max(1, self.channels[0].latest[meter.LEFT])
        self._paused_ms = now_ms
        self._park(now_ms)
        if self.latch.code == faults.NONE:
            self._go(protocol.PAUSED)
        else:
            self._finish(protocol.END_FAULT, now_ms)

    def _finish(self, ending, now_ms):
        """Gate open, interrupt off, DAC parked; the state becomes READY (or FAULT)."""
        self._engine.open_gate()
        self.end = ending
        if self.running:
            self._take_snapshots()
        told = {"ev": "end", "session": self.number, "reason": protocol.END_NAMES[ending]}
        for each, key in zip(self.used, protocol.ROW_KEYS):
            told[key] = report.row(self, each, now_ms)
        self._stop_clock()
        self._park(now_ms)
        if ending == protocol.END_LEASE:
            self._latch(faults.LEASE_LOST, self.terms.lease_ms, self.terms.lease_ms, now_ms)
        self._go(protocol.READY if self.latch.code == faults.NONE else protocol.FAULT)
        self._emit(told)
        self._write_fault()  # first: a power cut between the two records must not leave an ended session without it
        self.note("end", self._written(protocol.END_NAMES[ending]))

    def _written(self, reason):
        """What the journal keeps of a session that has ended (dict)."""
        written = {"session": self.number, "reason": reason, "elapsed_ms": self._flowed_ms}
        for each, suffix in zip(self.used, ("", "2")):
            written["total%s_uc" % suffix] = each.meter.total_nc // 1000
            written["net%s_uc" % suffix] = each.meter.net_nc // 1000
            written["lift_offs%s" % suffix] = each.lift_offs
        return written

    def _stop_clock(self):
        self._flowed_ms = self.elapsed_ms
        self._under_way = False

    def _park(self, now_ms):
        try:
            self._engine.disarm()
        except OSError:
            self._latch(faults.DAC_NO_ACK, 0, 0, now_ms, self._engine.broken_channel)
            self.checks_passed = 0

    def note(self, kind, detail):
        """A record in the journal. What cannot be written down is told, and forbids the next start."""
        try:
            self._record(kind, detail)
        except OSError as error:
            self._emit({"ev": "journal", "text": "the journal cannot be written (%s)" % error})
            self.checks_passed = 0
            if kind == "session":
                self._go(protocol.READY)
                raise

    def _go(self, state):
        """Enter a state. False, and told, when core/states.py does not let it follow the present one."""
        before = self.state
        if not states.permitted(before, state):
            self._emit({"ev": "refused", "from": protocol.STATE_NAMES[before], "to": protocol.STATE_NAMES[state]})
            return False
        self.state = state
        self._engine.note_state(state)
        self._emit({"ev": "state", "from": protocol.STATE_NAMES[before], "to": self.state_name, "session": self.number})
        return True
