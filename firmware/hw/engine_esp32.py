"""The sample engine of the ESP32: the interface of engine_rp2 on a soft timer.

ESP32 MicroPython runs timer callbacks from the scheduler, so samples come when the interpreter is free: garbage
collection and C calls delay them by milliseconds. That is why the board declares a low SAMPLE_HZ. Supervision happens
in the same callback; the hardware limiter and the watchdog hold between callbacks.
It has been type-checked and cross-compiled, but never run on an ESP32.
"""

import time

from machine import ADC, Pin, Timer

from ..core import waveplan
from ..shared import faults, units

_DEADMAN_MS = 100  # ours: main loop silence after which the callback opens the gate
_ASTRAY_MAX = 1  # ours: samples in a row; one alone may be a late callback that measured the sample before


class Engine:
    """Owns the sample timer, the ADCs and the gate pin. board: a boards/*/board module; dac: hw.dac.Dac."""

    def __init__(self, board, dac):
        self._board = board
        self._dac = dac
        self._gate = Pin(board.GATE_PIN, Pin.OUT, value=0)
        self._estop = Pin(board.ESTOP_PIN, Pin.IN, Pin.PULL_UP)
        self._sense = ADC(Pin(board.SENSE_PIN), atten=ADC.ATTN_11DB)
        self._voltage = ADC(Pin(board.VOLTAGE_PIN), atten=ADC.ATTN_11DB)
        self._timer = Timer(0)
        self.armed = False
        self._plan = None
        self._window = self._follow = 0
        self._fed_ms = 0
        self._clear()

    def _clear(self):
        self._running = False
        self._sent = self._board.ZERO_CODE
        self._left = self._k = self._fraction = self._phase = self._gain = 0
        self._cycle = self._alternate_left = 0
        self._envelope = self._step = 0
        self._ticks = self._samples = self._missed = self._late = self._worst_late_us = 0
        self._sum_net = self._sum_abs = self._sum_voltage = self._active = 0
        self._peak_current = self._peak_voltage = 0
        self._sign = self._phase_sum = self._phase_command = self._last_phase = 0
        self._phases = self._full_phases = 0
        self._trip = self._trip_reading = self._done = self._astray = 0
        self._due_us = time.ticks_us()

    @property
    def gate_closed(self):
        """1 while the output gate conducts."""
        return self._gate.value()

    def open_gate(self):
        """Off, first half: no current can flow from here on. Callable in any state."""
        self._gate.value(0)

    def arm(self, plan, window_ua):
        """Start the timer with the zero code and the gate open. window_ua: |current| that trips at once.

        Returns faults.NONE, or what is wrong with the DAC: it must move and take the zero code, read back, or the
        timer does not start.
        """
        try:
            self.disarm()
            if not self._dac.follows((self._board.ZERO_CODE + 1, self._board.ZERO_CODE)):
                return faults.DAC_STUCK
        except OSError:
            return faults.DAC_NO_ACK
        self._clear()
        self._plan = plan
        self._gain = plan.gain
        self._step = plan.ramp_step
        self._left = max(1, plan.total_samples - plan.ramp_samples)
        self._cycle = plan.cycle_samples
        self._alternate_left = plan.alternate_cycles
        board = self._board
        self._window = min(
            units.counts_of_ua(window_ua, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA), units.ADC_STEPS // 2 - 48
        )
        self._follow = units.counts_of_ua(board.FOLLOW_UA, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
        self.feed()
        self._due_us = time.ticks_us()
        self._timer.init(mode=Timer.PERIODIC, period=1000 // board.SAMPLE_HZ, callback=self._tick)
        self.armed = True
        return faults.NONE

    def run(self):
        """Close the gate and let the ramp begin. Only core/session.py calls this, after core/gate.py permitted it."""
        self._gate.value(1)
        self._running = True

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

    def feed(self):
        """The main loop's heartbeat: without it for 100 ms the callback opens the gate."""
        self._fed_ms = time.ticks_ms()

    def snapshot(self):
        """The counters as a tuple of core.meter.SNAPSHOT_FIELDS; peaks start anew."""
        taken = (
            self._ticks, self._samples, self._missed, self._late, self._worst_late_us, self._sum_net, self._sum_abs,
            self._sum_voltage, self._active, self._peak_current, self._peak_voltage, self._last_phase, self._phases,
            self._full_phases, self._envelope, self._trip, self._trip_reading, self._done,
        )  # fmt: skip
        self._peak_current = self._peak_voltage = 0
        return taken

    def read_sense(self):
        """(current sense, electrode voltage) in 12-bit counts, mean of 16, only while not armed."""
        current = sum(self._sense.read_u16() >> 4 for _ in range(16))
        voltage = sum(self._voltage.read_u16() >> 4 for _ in range(16))
        return current // 16, voltage // 16

    def _tick(self, _timer):
        """Output, supervise, account, compute next. An exception opens the gate before it is reported."""
        try:
            reading = (self._sense.read_u16() >> 4) - units.ADC_STEPS // 2
            self._supervise(reading)
            self._account(reading)
            self._sent = self._next() if self._running else self._board.ZERO_CODE
            self._dac.write(self._sent)
        except OSError:
            self._stop(faults.DAC_NO_ACK, 0)
        except Exception:
            self._stop(faults.SAMPLE_INTERRUPT_STOPPED, 0)
            raise

    def _stop(self, trip, reading):
        """Gate open; the first reason stays."""
        self._gate.value(0)
        self._running = False
        if not self._trip:
            self._trip, self._trip_reading = trip, reading

    def _supervise(self, reading):
        trip = faults.NONE
        if self._strays(reading):
            trip = faults.DAC_STUCK
        if abs(reading) > self._window:
            trip = faults.OVER_CURRENT
        if self._estop.value():
            trip = faults.ESTOP
        if time.ticks_diff(time.ticks_ms(), self._fed_ms) > _DEADMAN_MS:
            trip = faults.SUPERVISOR_LATE
        if trip:
            self._stop(trip, reading)
        self._time()

    def _strays(self, reading):
        """True when the current exceeds or opposes the command in two samples in a row; it may fall short of it."""
        board = self._board
        wanted_ua = units.ua_of_code(self._sent, board.FULL_SCALE_UA, board.ZERO_CODE)
        wanted = units.counts_of_ua(abs(wanted_ua), board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA)
        along = -reading if wanted_ua < 0 else reading
        strays = along - wanted > self._follow or along < -self._follow
        self._astray = self._astray + 1 if strays else 0
        return self._astray > _ASTRAY_MAX

    def _time(self):
        period_us = 1000000 // self._board.SAMPLE_HZ
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
        if not command:
            return
        voltage = abs((self._voltage.read_u16() >> 4) - units.ADC_STEPS // 2)
        self._sum_abs += abs(reading)
        self._sum_voltage += voltage
        self._peak_voltage = max(self._peak_voltage, voltage)
        self._active += 1

    def _finish_phase(self):
        if self._sign:
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
        self._left -= 1
        if self._left == 0:
            self.ramp_down()
        self._envelope = min(max(self._envelope + self._step, 0), waveplan.ENVELOPE_ONE)
        if self._envelope == 0 and self._step < 0:
            self._gate.value(0)
            self._running = False
            self._done = 1
            return self._board.ZERO_CODE
        gain = (self._gain * (self._envelope >> 16)) >> 12
        code = units.rounded_div(self._unit() * gain, waveplan.UNIT << waveplan.GAIN_SHIFT)
        return min(max(self._board.ZERO_CODE + code, 0), units.DAC_STEPS - 1)

    def _unit(self):
        """Value of the shape at this sample, -UNIT..UNIT; advances the cycle."""
        plan = self._plan
        if plan is None:
            return 0
        if plan.use_table:
            value = plan.table[self._phase >> (32 - waveplan.TABLE_BITS)]
            self._phase += plan.phase_step
            if self._phase >> 32:
                self._phase &= 0xFFFFFFFF
                self._wrap(plan)
            return value
        k, self._k = self._k, self._k + 1
        if self._k >= self._cycle:
            self._k = 0
            self._fraction += plan.cycle_fraction
            self._cycle = plan.cycle_samples + (self._fraction >> 30)
            self._fraction &= 0x3FFFFFFF
            self._wrap(plan)
        if k < plan.positive_end:
            return waveplan.UNIT
        return plan.negative_unit if plan.gap_end <= k < plan.negative_end else 0

    def _wrap(self, plan):
        if not plan.alternate_cycles:
            return
        self._alternate_left -= 1
        if self._alternate_left == 0:
            self._alternate_left = plan.alternate_cycles
            self._gain = -self._gain
