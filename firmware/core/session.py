"""One session from request to OFF: states, lease, faults. The only caller of the gate function and of engine.run().

Time comes in as `now_ms`, readings as engine snapshots. Everything that goes wrong ends in OFF or FAULT with the gate
open; the first fault stays latched until clear().
"""

from ..shared import faults, limits, protocol, units, waveform
from . import contact, gate, meter, waveplan

_STALLED_MS = 20  # ours: interrupt silence that counts as stopped, 200 samples at 10 kS/s
_CONTACT_UA = 10  # ours: below it a few ADC counts and the charge left on the skin decide, not the contact
_SETTLE_MS = 5  # ours: interrupt runs with the gate open before the gate closes, to prove that it runs

# Faults whose cause the boot checks can see: cleared only when these have passed again.
_CHECKED = (faults.DAC_EEPROM_UNSAFE, faults.DAC_NO_ACK, faults.DAC_STUCK, faults.BUS_HUNG, faults.BOARD_MISMATCH)

_WHY = {
    gate.REFUSED_FAULT: (protocol.ERR_FAULT, "a fault is latched: read it with: microcurrent faults"),
    gate.REFUSED_ESTOP: (protocol.ERR_STATE, "the emergency stop is open: close it"),
    gate.REFUSED_CHECKS: (protocol.ERR_STATE, "the boot checks have not passed: run: microcurrent selftest"),
    gate.REFUSED_STATE: (protocol.ERR_STATE, "a session is running: stop it first with: microcurrent stop"),
    gate.REFUSED_AMPLITUDE: (protocol.ERR_LIMIT, "the amplitude is outside the board's hard cap"),
    gate.REFUSED_LIMIT: (protocol.ERR_LIMIT, "the amplitude is above the permitted maximum"),
}


class Refused(Exception):
    """A request that is not carried out. args: (protocol.ERR_* code, sentence with number and limit)."""


class Session:
    """board: constants; engine: hw engine; emit: function taking an event dict without its sequence number."""

    def __init__(self, board, engine, emit):
        self._board = board
        self._engine = engine
        self._emit = emit
        self.meter = meter.Meter(board)
        self.state = protocol.OFF
        self.number = 0
        self.end = protocol.END_NONE
        self.fault = (faults.NONE, 0, 0, 0, 0)  # code, reading, limit, time_ms, session
        self.wave = {}
        self.checks_passed = 0
        self._started_ms = self._ended_ms = 0
        self._lease_ms = self._lease_until_ms = 0
        self._ticks = self._ticks_ms = 0
        self._ending = protocol.END_NONE
        self._estop_kept = 0
        self.contact = protocol.CONTACT_UNKNOWN
        self._plan = None

    # Requests -----------------------------------------------------------------------------------------------------

    def start(self, request, lease_ms, settings, estop, now_ms):
        """Begin a session and return its terms (dict). Raises Refused; OSError when the DAC does not answer."""
        wave, problem = waveform.check(request)
        if wave is None:
            raise Refused(protocol.ERR_VALUE, problem)
        problem = waveplan.problem(wave, self._board.SAMPLE_HZ)
        if problem:
            raise Refused(protocol.ERR_VALUE, problem)
        longest_ms, rule = limits.permitted_ms(wave, settings["session_max_ms"])
        if wave["duration_ms"] > longest_ms:
            text = "duration_ms is %d; rule %s permits %d" % (wave["duration_ms"], rule, longest_ms)
            raise Refused(protocol.ERR_LIMIT, text)
        limit_ua, binding, source = limits.permitted(wave, self._board.HARD_CAP_UA, settings["amplitude_max_ua"])
        verdict = gate.permit(
            wave["amplitude_ua"],
            limit_ua,
            self._board.HARD_CAP_UA,
            self.fault[0],
            estop,
            self.checks_passed,
            1 if self.state == protocol.OFF else 0,
        )
        if verdict == gate.REFUSED_LIMIT:
            raise Refused(
                protocol.ERR_LIMIT,
                "amplitude_ua is %d; rule %s (%s) permits %d" % (wave["amplitude_ua"], binding, source, limit_ua),
            )
        if verdict != gate.PERMITTED:
            raise Refused(*_WHY[verdict])
        self._begin(wave, lease_ms, now_ms)
        phase_us, gap_us, alternate_ms = waveplan.played(wave, self._board.SAMPLE_HZ)
        return {
            "session": self.number,
            "amplitude_ua": wave["amplitude_ua"],
            "limit_ua": limit_ua,
            "binding": binding,
            "lease_ms": lease_ms,
            "duration_ms": wave["duration_ms"],
            "phase_us": phase_us,
            "gap_us": gap_us,
            "alternate_ms": alternate_ms,
        }

    def _begin(self, wave, lease_ms, now_ms):
        board = self._board
        self.wave = wave
        self._plan = waveplan.plan(wave, board.SAMPLE_HZ, board.FULL_SCALE_UA)
        self.meter.begin()
        broken = self._engine.arm(self._plan, wave["amplitude_ua"] + board.TRIP_UA)
        if broken:
            self.checks_passed = 0
            self.raise_fault(broken, 0, 0, now_ms)
            raise Refused(
                protocol.ERR_FAULT, "%s; no current flows; %s" % (faults.meaning_of(broken), faults.hint_of(broken))
            )
        self.number += 1
        self.end = self._ending = protocol.END_NONE
        self.contact = protocol.CONTACT_UNKNOWN
        self._lease_ms = lease_ms
        self._lease_until_ms = now_ms + lease_ms
        self._started_ms = self._ticks_ms = now_ms
        self._ticks = 0
        self._go(protocol.RAMP_UP)

    def stop(self, at_once, now_ms):
        """Ramp down, or open the gate at once. Harmless when nothing runs."""
        if self.state in (protocol.OFF, protocol.FAULT):
            self._engine.open_gate()
            return
        if at_once:
            self._finish(protocol.END_STOPPED, now_ms)
            return
        self._ramp_down(protocol.END_STOPPED)

    def renew(self, number, now_ms):
        """Renew the host's lease. Raises Refused when that session is not the running one."""
        if number != self.number or self.state not in (protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN):
            raise Refused(protocol.ERR_STATE, "session %s is not running; the state is %s" % (number, self.state_name))
        self._lease_until_ms = now_ms + self._lease_ms

    def clear(self, estop):
        """Clear the latched fault. Raises Refused while its cause persists."""
        code = self.fault[0]
        if code == faults.ESTOP and estop:
            raise Refused(
                protocol.ERR_FAULT, "the emergency stop is still open; the fault stays latched; close it first"
            )
        if code in _CHECKED and not self.checks_passed:
            raise Refused(protocol.ERR_FAULT, "the cause persists; the fault stays latched; %s" % faults.hint_of(code))
        self.fault = (faults.NONE, 0, 0, 0, 0)
        if self.state == protocol.FAULT:
            self._go(protocol.OFF)

    @property
    def state_name(self):
        """The state's name, as hosts show it."""
        return protocol.STATE_NAMES[self.state]

    @property
    def running(self):
        """True while the sample interrupt runs for a session."""
        return self.state in (protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN)

    # Supervision --------------------------------------------------------------------------------------------------

    def tick(self, estop, now_ms):
        """Supervise once; call at 50 Hz or faster. estop: 1 = open."""
        if not self.running:
            if estop and not self._estop_kept and self.state == protocol.OFF:
                self.raise_fault(faults.ESTOP, 1, 0, now_ms)
            self._estop_kept = estop
            return
        self._engine.feed()
        snapshot = self._engine.snapshot()
        self.meter.add(snapshot)
        if self._supervise(snapshot, now_ms):
            return
        self._advance(snapshot, now_ms)

    def _supervise(self, snapshot, now_ms):
        """True when a fault ended the session."""
        if snapshot[meter.TRIP]:
            board = self._board
            reading = units.ua_of_counts(snapshot[meter.TRIP_READING], board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
            self.raise_fault(snapshot[meter.TRIP], reading, self.wave["amplitude_ua"] + board.TRIP_UA, now_ms)
        elif snapshot[meter.TICKS] != self._ticks:
            self._ticks = snapshot[meter.TICKS]
            self._ticks_ms = now_ms
            period_us = 1000000 // self._board.SAMPLE_HZ
            if snapshot[meter.WORST_LATE_US] > period_us:  # beyond it the waveform is no longer what was asked for
                self.raise_fault(faults.SAMPLE_INTERRUPT_LATE, snapshot[meter.WORST_LATE_US], period_us, now_ms)
        elif now_ms - self._ticks_ms > _STALLED_MS:
            self.raise_fault(faults.SAMPLE_INTERRUPT_STOPPED, now_ms - self._ticks_ms, _STALLED_MS, now_ms)
        if self.running and now_ms > self._lease_until_ms and self._ending != protocol.END_LEASE:
            self.end = protocol.END_LEASE
            self._ramp_down(protocol.END_LEASE)
        return not self.running

    def _advance(self, snapshot, now_ms):
        if snapshot[meter.DONE] == 1:
            self._finish(self._ending or protocol.END_DURATION, now_ms)
        elif self.state == protocol.RAMP_UP:
            if not self._engine.gate_closed and now_ms - self._started_ms >= _SETTLE_MS and snapshot[meter.TICKS] > 2:
                self._engine.run()
            elif snapshot[meter.ENVELOPE] >= waveplan.ENVELOPE_ONE:
                self._go(protocol.ACTIVE)
        elif self.state == protocol.ACTIVE and snapshot[meter.ENVELOPE] < waveplan.ENVELOPE_ONE:
            self._ramp_down(protocol.END_DURATION)

    def raise_fault(self, code, reading, limit, now_ms):
        """Open the gate, latch the first fault, end the session. Callable in any state."""
        self._engine.open_gate()
        self._latch(code, reading, limit, now_ms)
        if self.running:
            self._finish(protocol.END_ESTOP if code == faults.ESTOP else protocol.END_FAULT, now_ms)
        if self.state != protocol.FAULT:
            self._go(protocol.FAULT)

    def _latch(self, code, reading, limit, now_ms):
        """The first fault stays; later ones are its consequences."""
        if self.fault[0] != faults.NONE:
            return
        self.fault = (code, reading, limit, now_ms, self.number if self.running else 0)
        self._emit({"ev": "fault", "code": code, "name": faults.name_of(code), "reading": reading, "limit": limit,
                    "session": self.fault[4]})  # fmt: skip

    def _ramp_down(self, ending):
        self._ending = ending
        if self.state == protocol.RAMP_UP and not self._engine.gate_closed:
            self._finish(ending, self._ticks_ms)
            return
        if self.state != protocol.RAMP_DOWN:
            self._engine.ramp_down()
            self._go(protocol.RAMP_DOWN)

    def _finish(self, ending, now_ms):
        """Gate open, interrupt off, DAC parked; the state becomes OFF (or FAULT by raise_fault)."""
        self._engine.open_gate()
        self.end = ending
        self._ended_ms = now_ms
        self.meter.add(self._engine.snapshot())
        row = self.telemetry(now_ms)
        try:
            self._engine.disarm()
        except OSError:
            self._latch(faults.DAC_NO_ACK, 0, 0, now_ms)
            self.checks_passed = 0
        if ending == protocol.END_LEASE:
            self._latch(faults.LEASE_LOST, self._lease_ms, self._lease_ms, now_ms)
        self._go(protocol.OFF if self.fault[0] == faults.NONE else protocol.FAULT)
        self._emit({"ev": "end", "session": self.number, "reason": protocol.END_NAMES[ending], "t": row})

    def _go(self, state):
        before, self.state = self.state, state
        self._emit({"ev": "state", "from": protocol.STATE_NAMES[before], "to": self.state_name, "session": self.number})

    # Telemetry ----------------------------------------------------------------------------------------------------

    def telemetry(self, now_ms):
        """One list of TELEMETRY_FIELDS; starts a new measuring interval."""
        latest = self.meter.latest
        delivered_ua, peak_ua, electrode_mv, headroom_mv, impedance_ohm = self.meter.take_interval()
        elapsed_ms = remaining_ms = commanded_ua = 0
        if self.wave:
            elapsed_ms = (now_ms if self.running else self._ended_ms) - self._started_ms
            if self.running:
                remaining_ms = max(0, self.wave["duration_ms"] - elapsed_ms)
                commanded_ua = (self.wave["amplitude_ua"] * (latest[meter.ENVELOPE] >> 16)) >> 12
                if commanded_ua >= _CONTACT_UA:
                    self.contact = contact.judge(impedance_ohm, self.wave["area_mm2"])
                else:
                    impedance_ohm = -1
        return [
            now_ms, self.number, self.state, elapsed_ms, remaining_ms, commanded_ua, delivered_ua, peak_ua,
            electrode_mv, headroom_mv, impedance_ohm, self.contact, self.meter.phase_nc, self.meter.net_nc,
            self.meter.total_nc, latest[meter.PHASES], latest[meter.FULL_PHASES], latest[meter.SAMPLES],
            latest[meter.MISSED], latest[meter.LATE], latest[meter.WORST_LATE_US], self.fault[0],
        ]  # fmt: skip
