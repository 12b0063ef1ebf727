"""The sample engine of the ESP32: the interface of engine_rp2 on a soft timer.

ESP32 MicroPython runs timer callbacks from the scheduler, so samples come when the interpreter is free: garbage
collection and C calls delay them by milliseconds. That is why the board declares a long sample period. Supervision
happens in the same callback; the hardware limiter and the watchdog hold between callbacks.
It has been type-checked and cross-compiled, but never run on an ESP32.
"""

import time

import esp32
from machine import ADC, Pin, Timer

from ..core import meter, waveplan
from ..shared import faults, limits, shapes, units

_OPEN_MAX = 1  # ours: samples without current in spite of a command; two at 500 S/s are 4 ms
_COMMANDED = 12  # ours: sense counts (6 uA) of a command large enough to tell whether current follows
_NO_CURRENT = 3  # ours: sense counts, 1.6 uA: noise and offset of the sense amplifier
_CONTACT = 11  # ours: sense counts (6 uA of the 8) that count as contact
_FOLLOW_SENSING_UA = 12  # ours: beyond the command while the output looks for contact
_SENSE_HALF = 5  # ours: samples per half wave of contact sensing, 50 Hz at 500 S/s
_CHANCE_BEGIN = 0xACE1  # any number but 0: the same sequence of rests in every session
_HISTORY_LENGTH = 64
_HISTORY_AFTER = 8  # ours: of the 64 samples kept with a fault, those after it
_ZERO_COUNTS_MAX = 40  # as in hw/checks.py: beyond it the sense amplifier is broken
_DEADMAN_MS = 100  # ours: main loop silence after which the callback opens the gate
_ASTRAY_MAX = 1  # ours: samples in a row; one alone may be a late callback that measured the sample before


class Engine:
    """Owns the sample timer, the ADCs and the gate pin. board: a boards/*/board module; dacs: one hw.dac.Dac.

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
        self._sense = ADC(Pin(board.SENSE_PIN), atten=ADC.ATTN_11DB)
        self._voltage = ADC(Pin(board.VOLTAGE_PIN), atten=ADC.ATTN_11DB)
        self._supply = ADC(Pin(board.SUPPLY_PIN), atten=ADC.ATTN_11DB)
        self._timer = Timer(0)
        self._history = [0] * _HISTORY_LENGTH
        self.armed = False
        self._plan = self._next_plan = self._settled = None
        self._changed_halves = 0
        self._window = self._follow = self._follow_sensing = self._phase_limit = self._net_limit = 0
        self._fed_ms = self._period_us = 0
        self._clear()

    def _clear(self):
        self._running = False
        self._sent = self._board.ZERO_CODE
        self._left = self._k = self._fraction = self._phase = self._gain = 0
        self._cycle = self._alternate_left = self._resting = self._burst_left = self._second = 0
        self._next_plan = self._settled = None
        self._chance = _CHANCE_BEGIN
        self._envelope = self._step = 0
        self._ticks = self._samples = self._missed = self._late = self._worst_late_us = 0
        self._sum_net = self._sum_abs = self._active = 0
        self._zero = units.ADC_STEPS // 2
        self._inside = self._sensing = self._good = self._open_run = self._lift_offs = self._sense_k = 0
        self._net = self._net_samples = self._history_at = self._halves = 0
        self._net_begun = self._wrapped = self._wrapped_before = self._skip = False
        self._history_left = _HISTORY_AFTER
        self._step_reading = self._late_reading = self._last = self._end_reading = (0, 0)
        self._peak_command = self._phase_current = self._phase_voltage = 0
        self._step_due = False
        self._peak_current = self._peak_voltage = 0
        self._sign = self._phase_sum = self._phase_command = self._last_phase = 0
        self._phases = self._full_phases = 0
        self._trip = self._trip_reading = self._done = self._astray = 0
        self._worst_cycles = 0
        self._due_us = self._began_us = time.ticks_us()

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
        """Start the timer with the zero code and the gate open. left: samples before the ramp down, 0 = all.

        Returns faults.NONE, or what is wrong with the DAC: it must move and take the zero code, read back, or the
        timer does not start.
        """
        try:
            self.disarm()
            if not self._dac.follows((self._board.ZERO_CODE + 1, self._board.ZERO_CODE)):
                return faults.DAC_READBACK
        except OSError:
            return faults.DAC_NO_ACK
        self._clear()
        plan = plans[0]
        self._plan = plan
        self._period_us = plan.period_us
        self._gain = plan.gain
        self._step = plan.ramp_step
        self._left = left or max(1, plan.total_samples - plan.ramp_samples)
        self._cycle = plan.cycle_samples
        self._alternate_left = plan.alternate_cycles
        board = self._board
        self._follow = self._counts(board.FOLLOW_UA)
        self._follow_sensing = self._counts(_FOLLOW_SENSING_UA)
        self._window, self._phase_limit, self._net_limit = self._limits_of(plan, amplitudes_ua[0])
        self.feed()
        self._due_us = self._began_us = time.ticks_us()
        self._timer.init(mode=Timer.PERIODIC, period=plan.period_us // 1000, callback=self._tick)
        self.armed = True
        return faults.NONE

    def _limits_of(self, plan, amplitude_ua):
        """(window, charge of a phase, net current): what the measured current is held against."""
        window = min(self._counts(amplitude_ua + self._board.TRIP_UA), units.ADC_STEPS // 2 - 48)
        phase = plan.phase_samples * self._counts(amplitude_ua) * 5 // 4 + 4 * self._follow
        phase = max(phase, 2 * _SENSE_HALF * self._counts(self._board.CONTACT_UA))  # more than a short pulse moves
        return window, phase, self._counts(16 * limits.NET_DC_UA) if plan.balanced else 0x3FFF

    def _counts(self, current_ua):
        return units.counts_of_ua(current_ua, self._board.ADC_REFERENCE_MV, self._board.SENSE_UV_PER_UA)

    def run(self):
        """Close the gate at contact-sensing level. Only core/session.py calls this, after core/gate.py permitted it.

        What the sense amplifier showed meanwhile, with the gate open, is its zero. Returns faults.NONE, OUTPUT_ASTRAY
        when that is no zero, or what the callback has tripped on; then the gate stays open.
        """
        zero = units.rounded_div(self._net, max(1, self._net_samples))
        if abs(zero) > _ZERO_COUNTS_MAX:
            return faults.OUTPUT_ASTRAY
        self._zero += zero
        self._sensing = 1
        if not self._trip:
            self._gate.value(1)
            self._running = True
        if self._trip:  # before, or in between: the callback must find nothing closed behind it
            self._gate.value(0)
            self._running = False
        return self._trip

    def note_state(self, state):
        """The state's number survives no reset on this port."""

    def ramp_up(self):
        """Contact is stable: from zero to the full amplitude, at the beginning of a cycle."""
        if self._plan is None:
            return
        if self._next_plan is not None:
            self._take_up(self._next_plan)
        self._envelope = self._phase = self._k = self._fraction = self._open_run = self._resting = 0
        self._burst_left = self._plan.burst_cycles
        self._net_begun = False
        self._cycle = self._plan.cycle_samples
        self._step = self._plan.ramp_step
        self._sensing = 0

    def lift(self):
        """Back to sensing level with the next sample; the way up again is ramp_up()."""
        self._sensing = 1
        self._good = self._envelope = self._sense_k = 0

    def change(self, _channel, plan, amplitude_ua):
        """Go on with another plan of the same polarity and sample period, from the end of the cycle under way on.

        Up to then, and for two phases more, the wider of both plans' limits hold.
        """
        self._next_plan = plan
        self._settled = self._limits_of(plan, amplitude_ua)
        now = (self._window, self._phase_limit, self._net_limit)
        self._window, self._phase_limit, self._net_limit = [max(pair) for pair in zip(self._settled, now)]

    def _settle(self):
        if self._settled and self._next_plan is None and self._halves - self._changed_halves > 2:
            self._window, self._phase_limit, self._net_limit = self._settled
            self._settled = None

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands; the callback opens the gate at its end."""
        if self._plan is not None:
            self._step = -self._plan.ramp_step

    def disarm(self):
        """Gate open, timer off, DAC at the zero code. Raises OSError when the DAC does not answer."""
        self._gate.value(0)
        self._timer.deinit()
        self._running = self.armed = False
        self._dac.write(self._board.ZERO_CODE)
        self._dummy.value(0)  # last: while the DAC is not at zero, a stuck gate must not reach the electrodes

    def feed(self):
        """The main loop's heartbeat: without it for 100 ms the callback opens the gate."""
        self._fed_ms = time.ticks_ms()
        if self._settled:
            self._settle()

    def snapshot(self, _channel):
        """The counters as a tuple of core.meter.SNAPSHOT_FIELDS; peaks start anew."""
        step, late = self._step_reading, self._late_reading
        taken = (
            self._ticks, self._samples, self._missed, self._late, self._worst_late_us, self._sum_net, self._sum_abs,
            self._active, self._peak_current, self._peak_voltage, self._last_phase, self._phases,
            self._full_phases, self._envelope, self._trip, self._trip_reading, self._done, self._left, self._inside,
            self._sensing, self._good, self._lift_offs, self._halves, step[0], step[1], late[0], late[1],
            self._worst_cycles, time.ticks_diff(time.ticks_us(), self._began_us) & meter.CLOCK_MASK,
        )  # fmt: skip
        self._peak_current = self._peak_voltage = 0
        return taken

    def history(self, _channel):
        """The last 64 samples, oldest first, as hex: three digits of DAC code and three of ADC count each.

        No further ones are kept until the engine is armed again: the callback must not overtake the reader.
        """
        self._history_left = 0
        at, kept = self._history_at, self._history
        return "".join("%06x" % kept[(at + index) % _HISTORY_LENGTH] for index in range(_HISTORY_LENGTH))

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

    def housekeeping(self):
        """(supply_mv, temperature_c): present readings."""
        board = self._board
        counts = self._supply.read_u16() >> 4
        supply_mv = units.rounded_div(counts * board.ADC_REFERENCE_MV * board.SUPPLY_DIVIDER, units.ADC_STEPS)
        return supply_mv, (esp32.raw_temperature() - 32) * 5 // 9  # it tells degrees Fahrenheit

    def read_sense(self, _channel):
        """(current sense, electrode voltage) in 12-bit counts, mean of 16, only while not armed."""
        current = sum(self._sense.read_u16() >> 4 for _ in range(16))
        voltage = sum(self._voltage.read_u16() >> 4 for _ in range(16))
        return current // 16, voltage // 16

    def _tick(self, _timer):
        """Output, supervise, account, compute next. An exception opens the gate before it is reported."""
        self._inside = 1
        began = time.ticks_cpu()
        try:
            count = self._sense.read_u16() >> 4
            reading = count - self._zero
            self._remember(count)
            self._supervise(reading)
            self._look_for_contact(reading)
            self._account(reading)
            self._sent = self._next() if self._running else self._board.ZERO_CODE
            self._dac.write(self._sent)
        except OSError:
            self._stop(faults.DAC_NO_ACK, 0)
        except Exception:
            self._stop(faults.SAMPLE_INTERRUPT_RAISED, 0)
            raise
        self._worst_cycles = max(self._worst_cycles, time.ticks_diff(time.ticks_cpu(), began))
        self._inside = 0

    def _remember(self, count):
        """The last samples, for whoever has to understand a fault; they stand still a little after it."""
        if not self._history_left:
            return
        self._history[self._history_at] = self._sent << 12 | count
        self._history_at = (self._history_at + 1) % _HISTORY_LENGTH
        if self._trip:
            self._history_left -= 1

    def _stop(self, trip, reading):
        """Gate open; the first reason stays."""
        self._gate.value(0)
        self._running = False
        if not self._trip:
            self._trip, self._trip_reading = trip, reading

    def _supervise(self, reading):
        trip = self._ledger(reading)
        if self._strays(reading):
            trip = faults.OUTPUT_ASTRAY
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
        self._time()

    def _wanted(self):
        """(sense counts that the sent code should give, without sign; its sign)."""
        board = self._board
        wanted_ua = units.ua_of_code(self._sent, board.FULL_SCALE_UA, board.ZERO_CODE)
        return self._counts(abs(wanted_ua)), (wanted_ua > 0) - (wanted_ua < 0)

    def _strays(self, reading):
        """True when the current exceeds or opposes the command in two samples in a row; it may fall short of it."""
        wanted, sign = self._wanted()
        along = -reading if sign < 0 else reading
        follow = self._follow_sensing if self._sensing else self._follow
        strays = along - wanted > follow or along < -follow
        self._astray = self._astray + 1 if strays else 0
        return self._astray > _ASTRAY_MAX

    def _ledger(self, reading):
        """The phase that runs, and the net of whole cycles at full amplitude: a fault, or NONE."""
        command = self._sent - self._board.ZERO_CODE
        same = (command > 0) - (command < 0) == self._sign
        trip = faults.NONE
        if abs(reading + (self._phase_sum if same else 0)) > self._phase_limit:
            trip = faults.CHARGE_LIMIT
        self._net += reading
        self._net_samples += 1
        if self._wrapped_before and not self._net_begun:
            self._net_begun = True
            self._net = self._net_samples = 0
        elif self._wrapped_before and self._net_samples * self._period_us >= 1000000:
            if abs(self._net) > self._net_samples * self._net_limit >> 4:
                trip = faults.DC_IMBALANCE
            self._net = self._net_samples = 0
        return trip

    def _look_for_contact(self, reading):
        """No current in spite of a command is a lift-off: the next sample is at sensing level already."""
        wanted, _sign = self._wanted()
        if not self._running or wanted < _COMMANDED:
            return
        if self._sensing:
            self._good = self._good + 1 if abs(reading) >= _CONTACT else 0
            return
        self._open_run = self._open_run + 1 if abs(reading) <= _NO_CURRENT + (wanted >> 4) else 0
        if self._open_run > _OPEN_MAX:
            self._sensing = 1
            self._lift_offs += 1
            self._good = self._envelope = self._sense_k = 0

    def _time(self):
        period_us = self._period_us
        late_us = time.ticks_diff(time.ticks_us(), self._due_us)
        self._due_us = time.ticks_add(self._due_us, period_us)
        self._worst_late_us = max(self._worst_late_us, late_us)
        if 2 * late_us > period_us:
            self._late += 1
        self._ticks += 1

    def _account(self, reading):
        command = self._sent - self._board.ZERO_CODE
        sign = (command > 0) - (command < 0)
        if sign != self._sign:
            self._finish_phase()
            self._sign = sign
        self._phase_sum += reading
        self._phase_command += command
        self._sum_net += reading
        self._peak_current = max(self._peak_current, abs(reading))
        voltage = (self._voltage.read_u16() >> 4) - units.ADC_STEPS // 2
        self._last = (reading, voltage)
        if self._step_due:
            self._step_reading = (reading - self._end_reading[0], voltage - self._end_reading[1])
            self._step_due = False
        if abs(command) >= self._peak_command:
            self._peak_command, self._phase_current, self._phase_voltage = abs(command), reading, 0
        if abs(voltage) >= abs(self._phase_voltage):
            self._phase_voltage = voltage
        self._peak_voltage = max(self._peak_voltage, abs(voltage))
        if command and not self._sensing:
            self._sum_abs += abs(reading)
            self._active += 1

    def _finish_phase(self):
        if self._sign:
            self._halves += 1
            self._late_reading, self._end_reading = (self._phase_current, self._phase_voltage), self._last
            self._peak_command = self._phase_voltage = 0
            self._step_due = True
        if self._sensing:
            self._skip = True  # the tail of contact sensing is no phase of the treatment
        elif self._sign and self._skip:
            self._skip = False
        elif self._sign:
            board = self._board
            self._last_phase = self._phase_sum
            self._phases += 1
            wanted = units.ua_of_code(self._phase_command + board.ZERO_CODE, board.FULL_SCALE_UA, board.ZERO_CODE)
            measured = units.ua_of_counts(self._phase_sum, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
            if abs(measured) * 10 >= abs(wanted) * 9:
                self._full_phases += 1
        self._phase_sum = self._phase_command = 0

    def _next(self):
        """The next DAC code of the waveform, with ramp and end of session."""
        self._samples += 1
        self._wrapped_before, self._wrapped = self._wrapped, False
        if self._sensing:
            self._sense_k = (self._sense_k + 1) % (2 * _SENSE_HALF)
            step = self._board.CONTACT_UA * (units.DAC_STEPS // 2) // self._board.FULL_SCALE_UA
            return self._board.ZERO_CODE + (step if self._sense_k < _SENSE_HALF else -step)
        self._left -= 1
        if self._left == 0:
            self.ramp_down()
        self._envelope = min(max(self._envelope + self._step, 0), waveplan.ENVELOPE_ONE)
        if self._envelope == 0 and self._step < 0:
            self._gate.value(0)
            self._running = False
            self._done = 1
            return self._board.ZERO_CODE
        if self._envelope < waveplan.ENVELOPE_ONE:
            self._net_begun = False  # cycles of a ramp do not balance
        gain = (self._gain * (self._envelope >> 16)) >> 12
        code = units.rounded_div(self._unit() * gain, shapes.UNIT << waveplan.GAIN_SHIFT)
        return min(max(self._board.ZERO_CODE + code, 0), units.DAC_STEPS - 1)

    def _unit(self):
        """Value of the shape at this sample, -UNIT..UNIT; advances the cycle."""
        plan = self._plan
        if plan is None:
            return 0
        if self._resting:
            self._resting -= 1
            return 0
        return self._table_unit(plan) if plan.use_table else self._square_unit(plan)

    def _table_unit(self, plan):
        value = _between(plan, self._phase)
        if plan.second_step:
            value = (value + _between(plan, self._second)) >> 1
            self._second = (self._second + plan.second_step) & 0xFFFFFFFF
        self._phase += plan.phase_step
        if self._phase >> 32:
            self._phase &= 0xFFFFFFFF
            self._wrap(plan)
        return value - shapes.OFFSET

    def _square_unit(self, plan):
        k, self._k = self._k, self._k + 1
        if self._k >= self._cycle:
            self._k = 0
            self._fraction += plan.cycle_fraction
            self._cycle = plan.cycle_samples + (self._fraction >> 30)
            self._fraction &= 0x3FFFFFFF
            self._wrap(plan)
        into = k - plan.gap_end if k >= plan.gap_end else k
        if into >= plan.width:
            return 0
        unit = shapes.UNIT
        if plan.slope:
            unit = min(unit, (into + 1) * plan.slope, (plan.width - into) * plan.slope)
        return unit if into == k else -unit * plan.balanced

    def _take_up(self, plan):
        """Play another plan from here on, with the sign that is played."""
        self._plan, self._next_plan = plan, None
        self._gain = -abs(plan.gain) if self._gain < 0 else abs(plan.gain)
        self._cycle = plan.cycle_samples
        self._k = self._fraction = 0
        self._changed_halves = self._halves
        return plan

    def _wrap(self, plan):
        self._wrapped = True
        if self._next_plan is not None:
            plan = self._take_up(self._next_plan)
        if plan.burst_cycles:
            self._burst_left -= 1
            if self._burst_left <= 0:
                self._burst_left = plan.burst_cycles
                self._chance = (self._chance >> 1) ^ (0xB400 if self._chance & 1 else 0)
                self._resting = plan.rest_samples + ((self._chance >> 1) * plan.rest_span >> 15)
        if not plan.alternate_cycles:
            return
        self._alternate_left -= 1
        if self._alternate_left == 0:
            self._alternate_left = plan.alternate_cycles
            self._gain = -self._gain


def _between(plan, phase):
    """A table's value at a phase, on the line between two points; OFFSET stands for zero."""
    place = phase >> (24 - plan.table_bits)
    at, part = place >> 8, place & 0xFF
    value = plan.table[at]
    slope = (plan.table[at + 1] - value) * part
    return value + ((slope + 128 + (slope >> 31)) >> 8)
