"""The sample engine of the RP2040: one hard timer interrupt for one or two outputs, a second one that watches it.

Main loop only; the interrupts and what belongs to one output are in output_rp2.py.
"""

import time

import machine
from machine import ADC, Pin, Timer
from micropython import const

from ..shared import faults, units
from .mux_rp2 import Mux
from .output_rp2 import ADC_CHANNEL_SHIFT, ADC_RUN, HELD_BITS, NOT_WATCHED, Output, tick, watch
from .outputs import pins_of

_ADC_CONTROL = const(0x4004C000)  # CS, RP2040 data sheet 4.9.6
_ADC_REST = const(0x3)  # EN | TS_EN: single conversions, as machine.ADC does them
_INTERP0_BASE0 = const(0xD0000088)  # data sheet 2.3.1.7: where the interrupt finds the first output's words
_SCRATCH1 = const(0x40058010)  # of the watchdog, data sheet 4.7.6
_SYSTICK_CONTROL = const(0xE000E010)  # ARMv6-M manual B3.3
_SYSTICK_RELOAD = const(0xE000E014)
# Priority of TIMER_IRQ_0..3, ARMv6-M manual B3.4.7. MicroPython's timers use the last one: it may interrupt the USB
# interrupt, which would delay a sample by up to 9 us, but is never interrupted itself.
_TIMER_PRIORITY = const(0xE000E400)
_BEFORE_ALL_OTHERS = const(0xFFFFFF)
_SYSTICK_RUNS = const(5)  # enabled, on the processor's clock, without an interrupt
_SYSTICK_MOST = const(0xFFFFFF)
_DEADMAN_MS = const(100)  # ours: main loop silence after which the interrupt opens the gates
_WATCH_US = const(5000)  # ours: a sample interrupt that stops is off after 10 ms at most
_BUSY_US = (26, 48)  # of a sample's interrupt, with one and two channels: README, make bench
_WATCH_STARTS = const(6)  # ours: the second one meets it, unless a collection of garbage comes in between
_WATCH_WAIT_MS = const(12)  # ours: two of its periods


class Engine:
    """Owns the sample timer, the ADC and the outputs. board: a boards/*/board module; dacs: hw.dac.Dac per output."""

    def __init__(self, board, dacs):
        self._board = board
        self._dummy = Pin(board.DUMMY_PIN, Pin.OUT, value=0)
        self._mux = Mux(board.MUX_PINS)
        self._supply_masks = self._mux.masks(board.SUPPLY_INPUT)
        self.outputs = [Output(board, *each, self._mux) for each in zip(pins_of(board), dacs)]
        self._running = self.outputs[:1]  # those that the interrupt serves
        self._supply = ADC(Pin(board.SUPPLY_PIN))
        self._temperature = ADC(board.TEMPERATURE_CHANNEL)
        self._aux_is_supply = False
        self._supply_mv = self._temperature_c = 0
        self._timer = Timer(-1)
        self._watch_timer = Timer(-1)
        self.armed = False
        self.broken_channel = 0  # 0 or 1: the one that made arm(), run() or disarm() fail
        machine.mem32[_INTERP0_BASE0] = self.outputs[0].address
        machine.mem32[_TIMER_PRIORITY] &= _BEFORE_ALL_OTHERS
        machine.mem32[_SYSTICK_RELOAD] = _SYSTICK_MOST
        machine.mem32[_SYSTICK_CONTROL] = _SYSTICK_RUNS

    @property
    def channels(self):
        """How many outputs the board has."""
        return len(self.outputs)

    @property
    def periods_us(self):
        """The sample periods of the board, longest first, that its buses keep up with."""
        shortest_us = max(output.bus_us(HELD_BITS) for output in self.outputs)
        return tuple(period_us for period_us in self._board.PERIODS_US if period_us >= shortest_us)

    @property
    def bus_errors(self):
        """Transfers outside the interrupt that a DAC did not take, since boot."""
        count = 0
        for output in self.outputs:
            count += output.dac.errors
        return count

    @property
    def gate_closed(self):
        """1 while an output gate conducts."""
        for output in self.outputs:
            if output.gate.value():
                return 1
        return 0

    def calibrate(self, scales):
        """Conversions of each output (shared.calibration.Scale), from the next arm() on. Not while armed."""
        for output, scale in zip(self.outputs, scales):
            output.scale = scale

    def scale(self, channel):
        """The conversions of one output (0 or 1)."""
        return self.outputs[channel].scale

    def open_gate(self):
        """Off, first half: no current can flow from here on. Callable in any state."""
        for output in self.outputs:
            output.gate.value(0)

    def arm(self, plans, amplitudes_ua, left=0):
        """Start the interrupt with the zero codes and the gates open. left: samples before the ramp down, 0 = all.

        plans, amplitudes_ua: one per output that is to run; all with the same sample period and ramp. Returns
        faults.NONE, or what is wrong with a DAC; then the interrupt does not start. Allocates.
        """
        self._running = self.outputs[: len(plans)]
        try:
            self.disarm()
            for index, output in enumerate(self._running):
                self.broken_channel = index
                broken = output.prove_dac()
                if broken:
                    return broken
        except OSError:
            return faults.DAC_NO_ACK
        for index, output in enumerate(self._running):
            self.broken_channel = index
            broken = output.load(plans[index], amplitudes_ua[index], left)
            if broken:
                return broken
        if len(self._running) > 1:
            self._running[0].join(self._running[1])
        self._mux.select(0)
        machine.mem32[_ADC_CONTROL] = self.outputs[0].sense_control
        self.feed()
        self._timer.init(mode=Timer.PERIODIC, freq=1000000 // plans[0].period_us, hard=True, callback=tick)
        self._start_watch(plans[0].period_us)
        self.armed = True
        return faults.NONE

    def _start_watch(self, period_us):
        """Between two sample interrupts, and in step with them, so that neither ever delays the other.

        A third of the period is to be left behind it: the sample's own interrupt takes the first part. How long a start
        takes is not known beforehand, so the first one is measured, and corrected.
        """
        first = self.outputs[0]
        every_us = -(-_WATCH_US // period_us) * period_us
        in_us = {"period": every_us, "tick_hz": 1000000}  # MicroPython's stubs do not know tick_hz
        wanted_us = period_us // 3
        free_us = period_us - _BUSY_US[len(self._running) - 1]
        begin_us = free_us // 2
        for _ in range(_WATCH_STARTS):
            first.wait_until(begin_us)
            self._watch_timer.init(mode=Timer.PERIODIC, hard=True, callback=watch, **in_us)
            first.watch_from_now()
            self.feed()
            off_us = self._watched_us(first) - wanted_us
            if abs(off_us) <= period_us >> 3:
                return
            begin_us = (begin_us - off_us) % free_us

    def _watched_us(self, first):
        """How much of the sample was left at the first of the second interrupts; any time when none came."""
        for _ in range(_WATCH_WAIT_MS):
            if first.watch_left_us != NOT_WATCHED:
                break
            time.sleep_ms(1)
        return first.watch_left_us

    def run(self):
        """Close the gates at contact-sensing level. Only core/session.py calls this, after core/gate.py permitted it.

        What the sense amplifiers showed meanwhile, with the gates open, is their zero. Returns faults.NONE,
        OUTPUT_ASTRAY when that is no zero, or what the interrupt has tripped on; then the gates stay open.
        """
        for index, output in enumerate(self._running):
            self.broken_channel = index
            if not output.take_zero():
                return faults.OUTPUT_ASTRAY
        if not self._tripped():
            for output in self._running:
                output.close()
        tripped = self._tripped()
        if tripped:  # before, or in between: the interrupt must find nothing closed behind it
            for output in self._running:
                output.stop()
        return tripped

    def _tripped(self):
        """What the interrupt has tripped on; faults.NONE."""
        for index, output in enumerate(self._running):
            if output.tripped:
                self.broken_channel = index
                return output.tripped
        return faults.NONE

    def note_state(self, state):
        """Leave the session's state where it survives a reset: the next boot, and a bench, read it there."""
        machine.mem32[_SCRATCH1] = state

    def ramp_up(self):
        """Contact is stable: from zero to the full amplitude, all outputs within the same interrupt."""
        for output in self._running:
            output.begin_treatment()
        self.outputs[0].go()  # last: up to here the interrupt plays the sensing level

    def lift(self):
        """Back to sensing level at once, all outputs; the way up again is ramp_up()."""
        self.outputs[0].lift()

    def change(self, channel, plan, amplitude_ua):
        """Another plan for one output (0 or 1), see Output.change. Allocates."""
        self._running[channel].change(plan, amplitude_ua)

    def ramp_down(self):
        """Begin the ramp to zero from wherever the envelope stands; the interrupt opens the gates at its end."""
        for output in self._running:
            output.ramp_down()

    def disarm(self):
        """Gates open, interrupt off, DACs at the zero code. Raises OSError when a DAC does not answer."""
        self.open_gate()
        self._timer.deinit()
        self._watch_timer.deinit()
        machine.mem32[_ADC_CONTROL] = _ADC_REST
        self.armed = False
        for output in self.outputs:
            output.close_bus()
        broken = None
        for index, output in enumerate(self.outputs):
            try:
                output.dac.write(self._board.ZERO_CODE)
            except OSError as error:  # the other one goes to zero all the same
                if broken is None:
                    self.broken_channel, broken = index, error
        if broken is not None:
            raise broken
        self._dummy.value(0)  # last: while a DAC is not at zero, a stuck gate must not reach the electrodes

    def feed(self):
        """The main loop's heartbeat: without it for 100 ms the interrupt opens the gates."""
        for output in self._running:
            output.feed(_DEADMAN_MS)

    def snapshot(self, channel):
        """The counters of one output (0 or 1), see Output.snapshot."""
        return self.outputs[channel].snapshot()

    def history(self, channel):
        """The last samples of one output (0 or 1), see Output.history."""
        return self.outputs[channel].history()

    # What is proven with the gate closed, into the internal dummy load only -----------------------------------------

    def select_dummy(self, on):
        """Put all outputs on their dummy loads (1) or on the electrodes (0); the gates open first. Not while armed."""
        self.open_gate()
        self._dummy.value(on)

    def inject(self, channel, code):
        """Drive a dummy load with a DAC code. Raises RuntimeError unless it is selected, OSError without the DAC."""
        if not self._dummy.value() or self.armed:
            raise RuntimeError("injection is for the dummy load only")
        output = self.outputs[channel]
        output.dac.write(code)
        output.gate.value(1)

    # Readings of the main loop --------------------------------------------------------------------------------------

    def read_sense(self, channel):
        """(current sense, output voltage) of one output, see Output.read_sense."""
        return self.outputs[channel].read_sense()

    def housekeeping(self):
        """(supply_mv, temperature_c): the newest readings; each call takes another one, in the interrupt if it runs."""
        board, first = self._board, self.outputs[0]
        if not self.armed:
            self._mux.select(board.SUPPLY_INPUT)
            self._take_supply(self._supply.read_u16() >> 4)
            self._take_temperature(self._temperature.read_u16() >> 4)
            return self._supply_mv, self._temperature_c
        counts = first.aux()
        if counts is not None:
            if counts:
                (self._take_supply if self._aux_is_supply else self._take_temperature)(counts)
            self._aux_is_supply = not self._aux_is_supply
            channel = board.SUPPLY_PIN - 26 if self._aux_is_supply else board.TEMPERATURE_CHANNEL
            first.ask_aux(ADC_RUN | channel << ADC_CHANNEL_SHIFT, self._supply_masks)
        return self._supply_mv, self._temperature_c

    def _take_supply(self, counts):
        board = self._board
        self._supply_mv = units.rounded_div(counts * board.ADC_REFERENCE_MV * board.SUPPLY_DIVIDER, units.ADC_STEPS)

    def _take_temperature(self, counts):
        """RP2040 data sheet 4.9.5: 27 degrees at 706 mV, 1.721 mV less per degree."""
        above_mv = units.rounded_div(counts * self._board.ADC_REFERENCE_MV, units.ADC_STEPS) - 706
        self._temperature_c = 27 - units.rounded_div(above_mv * 1000, 1721)
