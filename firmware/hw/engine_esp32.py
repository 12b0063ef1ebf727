"""The sample engine of the ESP32: the interface of engine_rp2 on two soft timers.

MicroPython on the ESP32 runs timer callbacks from its scheduler (ports/esp32/machine_timer.c): they come when the
interpreter is free, late by as much as one collection of garbage takes. So the board declares sample periods that are
longer than that, charge is counted by the time that each sample really lasted, and a second callback, several times
per sample, supervises: what flows, the emergency stop, the comparator's latch, the main loop, and that samples come.
The hardware limiter, the comparator and the watchdog hold between callbacks. Never run on an ESP32.

Nothing here decides whether current may flow: that is core/gate.py, asked by core/session.py.
"""

import time

import esp32
from machine import ADC, Pin, Timer
from micropython import const

from ..core import meter, waveplan
from ..shared import calibration, faults, limits, units
from . import radio_esp32, restart_esp32
from .player_esp32 import Player

# Ours: between two looks of the supervising callback. The scheduler keeps eight callbacks (ports/esp32/mpconfigport.h);
# what waits through the longest sample period must fit in.
_WATCH_MS = const(10)
_COMMANDED = const(12)  # ours: sense counts (6 uA) of a command large enough to tell whether current follows
_NO_CURRENT = const(3)  # ours: sense counts, 1.6 uA: noise and offset of the sense amplifier
_CONTACT = const(11)  # ours: sense counts (6 uA of the 8) that count as contact
_FOLLOW_SENSING_UA = const(12)  # ours: beyond the command while the output looks for contact
_SENSE_HALF_US = const(10000)  # ours: half wave of contact sensing, where the samples are that short
_SETTLED_US = const(2000)  # ours: a code that stands for less than this is not measured yet
_HISTORY_LENGTH = const(64)
_HISTORY_AFTER = const(8)  # ours: of the 64 samples kept with a fault, those after it
_ZERO_COUNTS_MAX = const(40)  # as in hw/checks.py: beyond it the sense amplifier is broken
_DEADMAN_MS = const(100)  # ours: main loop silence after which the callback opens the gate
_ASTRAY_MAX = const(1)  # ours: looks in a row; one alone may be a disturbed conversion
_OPEN_MAX = const(1)  # ours: looks in a row without current in spite of a command
_NO_NET_LIMIT = const(0x3FFF)  # 1/16 counts: above what unipolar phases may be
_TRIM_FROM = const(4)  # ours: sense counts of net current, 2 uA, up to which nothing is taken back
_TRIM_MAX_UA = const(5)  # ours: half of limits.NET_DC_UA
_ONE = const(64)  # weight of a sample that lasted exactly its period
_READINGS = const(4)  # ours: conversions of which one reading is the mean; a single one is noisy
_READINGS_AT_REST = const(16)


class Engine:
    """Owns the timers, the ADCs and the gate pin. board: a boards/*/board module; dacs: one hw.dac.Dac.

    Where other engines take or give something per channel, this one knows channel 0 alone.
    """

    channels = 1
    broken_channel = 0

    def __init__(self, board, dacs):
        self._board = board
        self._dac = dacs[0]
        self._gate = Pin(board.GATE_PIN, Pin.OUT, value=0)
        self._dummy = Pin(board.DUMMY_PIN, Pin.OUT, value=0)
        self._estop = Pin(board.ESTOP_PIN, Pin.IN, Pin.PULL_UP)
        self._tripped = Pin(board.TRIPPED_PIN, Pin.IN)
        # 11 dB: the sense amplifier's 0.15 to 3.15 V need the widest range there is
        self._sense = ADC(Pin(board.SENSE_PIN), atten=ADC.ATTN_11DB)
        self._voltage = ADC(Pin(board.VOLTAGE_PIN), atten=ADC.ATTN_11DB)
        self._supply = ADC(Pin(board.SUPPLY_PIN), atten=ADC.ATTN_11DB)
        radio_esp32.silence()
        self._timer = Timer(0)
        self._watch_timer = Timer(1)
        self._history = [0] * _HISTORY_LENGTH
        self.armed = False
        self._plan = waveplan.Plan()
        self.calibrate([calibration.Scale(board)])
        self._player = Player(board.ZERO_CODE, self._scale)
        self._window = self._phase_limit = self._net_limit = 0
        self._fed_ms = self._period_us = 0
        self._clear()

    def _clear(self):
        """Everything that belongs to one armed session."""
        self._running = self._ending = False
        self._settled = None
        self._sent = self._board.ZERO_CODE
        self._wanted = self._sign_wanted = 0
        self._ticks = self._samples = self._late = self._worst_late_us = 0
        self._sum_net = self._rest_net = self._sum_abs = self._rest_abs = self._active = self._rest_active = 0
        self._zero = units.ADC_STEPS // 2
        self._zero_sum = self._zero_count = 0
        self._inside = self._sensing = self._good = self._open_run = self._lift_offs = self._sense_k = 0
        self._net = self._net_weight = self._history_at = self._halves = 0
        self._net_begun = self._skip = False
        self._history_left = _HISTORY_AFTER
        self._step_current = self._step_voltage = self._late_current = self._late_voltage = 0
        self._last_current = self._last_voltage = self._end_current = self._end_voltage = 0
        self._peak_command = self._phase_current = self._phase_voltage = 0
        self._step_due = False
        self._peak_current = self._peak_voltage = 0
        self._sign = self._phase_sum = self._phase_command = self._last_phase = 0
        self._phases = self._full_phases = 0
        self._trip = self._trip_reading = self._done = self._astray = 0
        self._worst_cycles = 0

    def calibrate(self, scales):
        """Conversions of the output (shared.calibration.Scale), from the next arm() on. Not while armed."""
        board = self._board
        self._scale = scale = scales[0]
        self._follow = scale.counts_of_ua(board.FOLLOW_UA)
        self._follow_sensing = scale.counts_of_ua(_FOLLOW_SENSING_UA)
        self._sense_step = scale.gain(board.CONTACT_UA * (units.DAC_STEPS // 2) // board.FULL_SCALE_UA)
        self._sense_of_code = scale.sense_of_code
        self._full_sense, self._full_command = scale.full_share

    def scale(self, _channel):
        """The conversions of the output."""
        return self._scale

    @property
    def bus_errors(self):
        """Transfers that the DAC did not take, since boot."""
        return self._dac.errors

    @property
    def periods_us(self):
        """The sample periods that this port keeps, longest first."""
        return self._board.PERIODS_US

    @property
    def gate_closed(self):
        """1 while the output gate conducts."""
        return self._gate.value()

    def open_gate(self):
        """Off, first half: no current can flow from here on. Callable in any state."""
        self._gate.value(0)

    def arm(self, plans, amplitudes_ua, left=0):
        """Start the timers with the zero code and the gate open. left: samples before the ramp down, 0 = all.

        Returns faults.NONE, or what is wrong with the DAC: it must move and take the zero code, read back, or the
        timers do not start.
        """
        try:
            self.disarm()
            if not self._dac.follows((self._board.ZERO_CODE + 1, self._board.ZERO_CODE)):
                return faults.DAC_READBACK
        except OSError:
            return faults.DAC_NO_ACK
        plan = plans[0]
        self._clear()
        self._plan = plan
        self._period_us = plan.period_us
        self._sense_half = max(1, _SENSE_HALF_US // plan.period_us)
        self._player.begin(plan, self._scale, left or max(1, plan.total_samples - plan.ramp_samples))
        self._window, self._phase_limit, self._net_limit = self._limits_of(plan, amplitudes_ua[0])
        self.feed()
        self._began_us = self._ticked_us = time.ticks_us()
        self._due_us = time.ticks_add(self._began_us, plan.period_us)
        self.armed = True  # first: a callback that finds the engine not armed is one of before
        self._timer.init(mode=Timer.PERIODIC, period=plan.period_us // 1000, callback=self._tick)
        self._watch_timer.init(mode=Timer.PERIODIC, period=_WATCH_MS, callback=self._watch)
        return faults.NONE

    def _limits_of(self, plan, amplitude_ua):
        """(window, charge of a phase, net current): what the measured current is held against.

        Charge in sense counts times 1/64 samples. A phase may last a sample longer where a callback is late.
        """
        counts_of_ua = self._scale.counts_of_ua
        window = min(counts_of_ua(amplitude_ua + self._board.TRIP_UA), units.ADC_STEPS // 2 - 48)
        phase = (plan.phase_samples + 1) * counts_of_ua(amplitude_ua) * 5 // 4 + self._follow
        sensed = (2 * max(1, _SENSE_HALF_US // plan.period_us) + 1) * counts_of_ua(self._board.CONTACT_UA)
        net = counts_of_ua(16 * limits.NET_DC_UA) if plan.balanced else _NO_NET_LIMIT
        return window, max(phase, sensed) * _ONE, net

    def run(self):
        """Close the gate at contact-sensing level. Only core/session.py calls this, after core/gate.py permitted it.

        What the sense amplifier showed meanwhile, with the gate open, is its zero. Returns faults.NONE, OUTPUT_ASTRAY
        when that is no zero, or what a callback has tripped on; then the gate stays open.
        """
        zero = units.rounded_div(self._zero_sum, max(1, self._zero_count))
        if abs(zero) > _ZERO_COUNTS_MAX:
            return faults.OUTPUT_ASTRAY
        self._zero += zero
        self._sensing = 1
        if not self._trip:
            self._gate.value(1)
            self._running = True
        if self._trip:  # before, or in between: a callback must find nothing closed behind it
            self._gate.value(0)
            self._running = False
        return self._trip

    def note_state(self, state):
        """Leave the session's state where it survives a reset: the next boot reads it there."""
        restart_esp32.keep_state(state)

    def ramp_up(self):
        """Contact is stable: from zero to the full amplitude, at the beginning of a cycle."""
        self._player.from_zero()
        self._open_run = 0
        self._net_begun = False
        self._sensing = 0

    def lift(self):
        """Zero at once, then sensing level; the way up again is ramp_up()."""
        self._sensing = 1  # first: a callback in between computes no further sample of the treatment
        self._good = self._player.envelope = self._sense_k = 0
        try:
            self._send(self._board.ZERO_CODE)
        except OSError:
            self._stop(faults.DAC_NO_ACK, 0)

    def change(self, _channel, plan, amplitude_ua):
        """Go on with another plan of the same polarity and sample period, from the end of the cycle under way on.

        Up to then, and for two phases more, the wider of both plans' limits hold.
        """
        self._player.change(plan)
        self._settled = self._limits_of(plan, amplitude_ua)
        now = (self._window, self._phase_limit, self._net_limit)
        self._window, self._phase_limit, self._net_limit = [max(pair) for pair in zip(self._settled, now)]

    def _settle(self, limits_alone):
        """The limits of a change hold alone once two phases have been measured since it was taken up."""
        player = self._player
        if not player.changes and self._halves - player.halves_at_change > 2:
            self._window, self._phase_limit, self._net_limit = limits_alone
            self._settled = None

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands; the callback opens the gate at its end."""
        self._player.ramp_down()

    def disarm(self):
        """Gate open, timers off, DAC at the zero code. Raises OSError when the DAC does not answer."""
        self._gate.value(0)
        self._running = self.armed = False  # callbacks that are scheduled already still come, and do nothing
        self._timer.deinit()
        self._watch_timer.deinit()
        self._dac.write(self._board.ZERO_CODE)
        self._dummy.value(0)  # last: while the DAC is not at zero, a stuck gate must not reach the electrodes

    def feed(self):
        """The main loop's heartbeat: without it for 100 ms a callback opens the gate."""
        self._fed_ms = time.ticks_ms()
        if self._settled is not None:
            self._settle(self._settled)

    def snapshot(self, _channel):
        """The counters as a tuple of core.meter.SNAPSHOT_FIELDS; peaks start anew.

        No sample is ever missed: a late one is played late, which `late` and `worst_late_us` tell.
        """
        player = self._player
        taken = (
            self._ticks, self._samples, 0, self._late, self._worst_late_us, self._sum_net, self._sum_abs,
            self._active, self._peak_current, self._peak_voltage, self._last_phase, self._phases,
            self._full_phases, player.envelope, self._trip, self._trip_reading, self._done, player.left, self._inside,
            self._sensing, self._good, self._lift_offs, self._halves, self._step_current, self._step_voltage,
            self._late_current, self._late_voltage, self._worst_cycles,
            time.ticks_diff(time.ticks_us(), self._began_us) & meter.CLOCK_MASK,
        )  # fmt: skip
        self._peak_current = self._peak_voltage = 0
        return taken

    def history(self, _channel):
        """The last 64 samples, oldest first, as hex: three digits of DAC code and three of ADC count each.

        No further ones are kept until the engine is armed again: a callback must not overtake the reader.
        """
        self._history_left = 0
        at, kept = self._history_at, self._history
        return "".join("%06x" % kept[(at + index) % _HISTORY_LENGTH] for index in range(_HISTORY_LENGTH))

    # What is proven with the gate closed, into the internal dummy load only -----------------------------------------

    def select_dummy(self, on):
        """Put the output on the dummy load (1) or on the electrodes (0); the gate opens first. Not while armed."""
        self._gate.value(0)
        self._dummy.value(on)

    def inject(self, _channel, code):
        """Drive the dummy load with a DAC code. Raises RuntimeError unless it is selected, OSError without the DAC."""
        if not self._dummy.value() or self.armed:
            raise RuntimeError("injection is for the dummy load only")
        self._dac.write(code)
        self._gate.value(1)

    # Readings -------------------------------------------------------------------------------------------------------

    def housekeeping(self):
        """(supply_mv, temperature_c): present readings."""
        board = self._board
        supply_mv = units.rounded_div(
            self._mean(self._supply, 1) * board.ADC_REFERENCE_MV * board.SUPPLY_DIVIDER, units.ADC_STEPS
        )
        return supply_mv, (esp32.raw_temperature() - 32) * 5 // 9  # it tells degrees Fahrenheit

    def read_sense(self, _channel):
        """(current sense, electrode voltage) in 12-bit counts, mean of 16, only while not armed."""
        current = self._scale.linear(self._mean(self._sense, _READINGS_AT_REST))
        return current, self._mean(self._voltage, _READINGS_AT_REST)

    def _mean(self, part, readings):
        """What an input shows, in 1/4096 of the board's reference.

        read_uv() applies the calibration that every chip carries in its fuses (ports/esp32/adc.c); the bare count is
        off by up to 6 % and begins only at some 0.1 V.
        """
        total = 0
        for _ in range(readings):
            total += part.read_uv() // 100
        return total // readings * units.ADC_STEPS // (self._board.ADC_REFERENCE_MV * 10)

    # The callbacks --------------------------------------------------------------------------------------------------

    def _watch(self, _timer):
        """Several times per sample: whatever must open the gate. It trusts neither main loop nor sample callback."""
        if not self.armed:
            return
        try:
            reading = self._scale.linear(self._mean(self._sense, _READINGS)) - self._zero
            since_us = time.ticks_diff(time.ticks_us(), self._ticked_us)
            self._supervise(reading, since_us)
            if since_us > 2 * self._period_us:  # one period, and as much lateness as the supervisor permits
                self._stop(faults.SAMPLE_INTERRUPT_STOPPED, reading)
        except Exception:
            self._stop(faults.SAMPLE_INTERRUPT_RAISED, 0)
            raise

    def _tick(self, _timer):
        """One sample: what the last one did is measured and accounted for, then the next one is sent."""
        now_us = time.ticks_us()
        if not self.armed or 2 * time.ticks_diff(self._due_us, now_us) > self._period_us:
            return  # of a session before this one: the scheduler keeps what a stopped timer has left there
        began = time.ticks_cpu()
        self._inside = 1
        try:
            lasted_us = time.ticks_diff(now_us, self._ticked_us)
            self._time(now_us)
            count = self._mean(self._sense, _READINGS)
            reading = self._scale.linear(count) - self._zero
            self._remember(count)
            self._supervise(reading, lasted_us)
            weight = (lasted_us << 6) // self._period_us
            self._ledger(reading, weight)
            self._account(reading, weight)
            self._send(self._next())
        except OSError:
            self._stop(faults.DAC_NO_ACK, 0)
        except Exception:
            self._stop(faults.SAMPLE_INTERRUPT_RAISED, 0)
            raise
        self._worst_cycles = max(self._worst_cycles, time.ticks_diff(time.ticks_cpu(), began))
        self._inside = 0

    def _send(self, code):
        """Write a code to the DAC, and note what current it should give. Raises OSError.

        All codes here count from the middle; this unit's zero may be beside it.
        """
        self._dac.write(code + self._scale.shift)
        self._sent = code
        command = code - self._board.ZERO_CODE
        self._wanted = abs(command) * self._sense_of_code >> 12
        self._sign_wanted = (command > 0) - (command < 0)

    def _time(self, now_us):
        late_us = time.ticks_diff(now_us, self._due_us)
        self._due_us = time.ticks_add(self._due_us, self._period_us)
        self._ticked_us = now_us
        self._worst_late_us = max(self._worst_late_us, late_us)
        if 2 * late_us > self._period_us:
            self._late += 1
        self._ticks += 1

    def _stop(self, trip, reading):
        """Gate open; the first reason stays."""
        self._gate.value(0)
        self._running = False
        if not self._trip:
            self._trip, self._trip_reading = trip, reading

    def _supervise(self, reading, since_us):
        """since_us: how long the present sample stands."""
        trip = faults.NONE
        if since_us >= _SETTLED_US:
            if self._strays(reading):
                trip = faults.OUTPUT_ASTRAY
            self._look_for_lift_off(reading)
        if abs(reading) > self._window:
            trip = faults.OVER_CURRENT
        if self._estop.value():
            trip = faults.ESTOP
        if self._tripped.value():
            trip = faults.COMPARATOR
        if time.ticks_diff(time.ticks_ms(), self._fed_ms) > _DEADMAN_MS:
            trip = faults.SUPERVISOR_LATE
        if trip:
            self._stop(trip, reading)

    def _strays(self, reading):
        """True when the current exceeds or opposes the command; it may fall short of it."""
        along = -reading if self._sign_wanted < 0 else reading
        follow = self._follow_sensing if self._sensing else self._follow
        strays = along - self._wanted > follow or along < -follow
        self._astray = self._astray + 1 if strays else 0
        return self._astray > _ASTRAY_MAX

    def _look_for_lift_off(self, reading):
        """No current in spite of a command: the output is at zero from here on, then at sensing level."""
        if not self._running or self._sensing or self._wanted < _COMMANDED:
            return
        self._open_run = self._open_run + 1 if abs(reading) <= _NO_CURRENT + (self._wanted >> 4) else 0
        if self._open_run > _OPEN_MAX:
            self._lift_offs += 1
            self._open_run = 0
            self.lift()

    def _remember(self, count):
        """The last samples, for whoever has to understand a fault; they stand still a little after it."""
        if not self._history_left:
            return
        self._history[self._history_at] = self._sent << 12 | count
        self._history_at = (self._history_at + 1) % _HISTORY_LENGTH
        if self._trip:
            self._history_left -= 1

    def _ledger(self, reading, weight):
        """The charge of the phase that runs, and the net of whole cycles at full amplitude."""
        if not self._running:
            self._zero_sum += reading
            self._zero_count += 1
            return
        charge = reading * weight
        if abs(charge + (self._phase_sum if self._sign_wanted == self._sign else 0)) > self._phase_limit:
            self._stop(faults.CHARGE_LIMIT, reading)
        self._net += charge
        self._net_weight += weight
        if self._sensing or not self._player.wrapped:
            return
        if not self._net_begun:
            self._net_begun = True
            self._net = self._net_weight = 0
        elif (self._net_weight >> 6) * self._period_us >= 1000000:
            self._close_net(reading)

    def _close_net(self, reading):
        """A second of whole cycles: too much net current ends the session, a little is taken back by half."""
        if abs(self._net) > self._net_weight * self._net_limit >> 4:
            self._stop(faults.DC_IMBALANCE, reading)
        if self._plan.balanced:  # of unipolar phases the net is the treatment itself
            board = self._board
            mean = units.rounded_div(self._net, self._net_weight)
            if abs(mean) > _TRIM_FROM:
                most = _TRIM_MAX_UA * (units.DAC_STEPS // 2 << 18) // board.FULL_SCALE_UA
                half = (mean << 29) // self._sense_of_code
                self._player.trim = min(max(self._player.trim - half, -most), most)
        self._net = self._net_weight = 0

    def _account(self, reading, weight):
        command = self._sent - self._board.ZERO_CODE
        if self._sign_wanted != self._sign:
            self._finish_phase()
            self._sign = self._sign_wanted
        charge = reading * weight
        self._phase_sum += charge
        self._phase_command += command * weight
        self._rest_net += charge
        self._sum_net += self._rest_net >> 6
        self._rest_net &= 63
        size = abs(reading)
        self._peak_current = max(self._peak_current, size)
        voltage = self._mean(self._voltage, 2) - units.ADC_STEPS // 2
        self._note_voltage(command, reading, voltage)
        if not self._sensing:
            if command:
                self._rest_abs += size * weight
                self._sum_abs += self._rest_abs >> 6
                self._rest_abs &= 63
                self._rest_active += weight
                self._active += self._rest_active >> 6
                self._rest_active &= 63
        elif self._running and self._wanted >= _COMMANDED:
            self._good = self._good + 1 if size >= _CONTACT else 0

    def _note_voltage(self, command, reading, voltage):
        """The phase's impedance: the current of its largest command, and the largest voltage since."""
        self._last_current, self._last_voltage = reading, voltage
        if self._step_due:
            self._step_current, self._step_voltage = reading - self._end_current, voltage - self._end_voltage
            self._step_due = False
        if abs(command) >= self._peak_command:
            self._peak_command, self._phase_current, self._phase_voltage = abs(command), reading, 0
        if abs(voltage) >= abs(self._phase_voltage):
            self._phase_voltage = voltage
        self._peak_voltage = max(self._peak_voltage, abs(voltage))

    def _finish_phase(self):
        if self._sign:
            self._halves += 1
            self._late_current, self._late_voltage = self._phase_current, self._phase_voltage
            self._end_current, self._end_voltage = self._last_current, self._last_voltage
            self._peak_command = self._phase_voltage = 0
            self._step_due = True
        if self._sensing:
            self._skip = True  # the tail of contact sensing is no phase of the treatment
        elif self._sign and self._skip:
            self._skip = False
        elif self._sign:
            self._last_phase = self._phase_sum >> 6
            self._phases += 1
            if abs(self._phase_sum) * self._full_sense >= abs(self._phase_command) * self._full_command:
                self._full_phases += 1
        self._phase_sum = self._phase_command = 0

    def _next(self):
        """The next code: zero with the gate open, contact sensing, or the waveform."""
        zero_code = self._board.ZERO_CODE
        if self._ending:  # the zero code has been out for a sample
            self._gate.value(0)
            self._running = self._ending = False
            self._done = 1
        if not self._running:
            return zero_code
        self._samples += 1
        if self._sensing:
            self._sense_k = (self._sense_k + 1) % (2 * self._sense_half)
            return zero_code + (self._sense_step if self._sense_k < self._sense_half else -self._sense_step)
        code = self._player.next(self._halves)
        if self._player.envelope < waveplan.ENVELOPE_ONE:
            self._net_begun = False  # cycles of a ramp do not balance
        if code < 0:
            self._ending = True
            return zero_code
        return code
