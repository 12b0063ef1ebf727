"""The sample engine of the RP2040: one sample interrupt for one or two outputs, a second one that watches it.

Main loop only; the interrupts are in interrupt/, what belongs to one output is in output_rp2.py.
"""

import machine
from machine import ADC, Pin, Timer
from micropython import const

from ..shared import faults, units
from .adc_rp2 import RoundRobin
from .interrupt.rp2 import start, tick, watch
from .mux_rp2 import Mux
from .output_rp2 import HELD_BITS, Output
from .outputs import pins_of
from .vector_rp2 import Interrupt

_INTERP0_BASE0 = const(0xD0000088)  # data sheet 2.3.1.7: where the interrupt finds the first output's words
_SCRATCH1 = const(0x40058010)  # of the watchdog, data sheet 4.7.6
_SYSTICK_CONTROL = const(0xE000E010)  # ARMv6-M manual B3.3
_SYSTICK_RELOAD = const(0xE000E014)
_SYSTICK_RUNS = const(5)  # enabled, on the processor's clock, without an interrupt
_SYSTICK_MOST = const(0xFFFFFF)
_TIMER_INTE = const(0x40054038)  # data sheet 4.6.5
_TIMER_ARMED = const(0x40054020)
_TIMER_INTR = const(0x40054034)
_ALARM0 = const(1)  # of the timer; the SDK's alarm pool, so every other timer and every sleep, uses alarm 3
_TIMER_IRQ_0 = const(0)
# Priorities of TIMER_IRQ_0 to 3, ARMv6-M manual B3.4.7: the samples (0) before everything else; then alarm 3 with the
# second interrupt and the main loop's sleeps; the rest, USB among it, keeps the SDK's 0x80.
_TIMER_PRIORITIES = const(0xE000E400)
_OTHERS_BITS = const(0xFFFF00)
_ALARM3_PRIORITY = const(0x40 << 24)
_ADC_CS_WORD = const(0x4004C000 >> 2)
_DEADMAN_MS = const(100)  # ours: main loop silence after which the interrupt opens the gates
_WATCH_HZ = const(200)  # ours: a sample interrupt that stops is off after 10 ms at most


class Engine:
    """Owns the sample timer, the ADC and the outputs. board: a boards/*/board module; dacs: hw.dac.Dac per output."""

    def __init__(self, board, dacs):
        self._board = board
        self._dummy = Pin(board.DUMMY_PIN, Pin.OUT, value=0)
        self._mux = Mux(board.MUX_PINS)
        pins = pins_of(board)
        self._adc = RoundRobin([each.SENSE_PIN for each in pins], board.TEMPERATURE_CHANNEL)
        self.outputs = [Output(board, *each, self._mux, self._adc) for each in zip(pins, dacs)]
        self._running = self.outputs[:1]  # those that the interrupt serves
        self._supply = ADC(Pin(board.SUPPLY_PIN))
        self._temperature = ADC(board.TEMPERATURE_CHANNEL)
        self._supply_mv = self._temperature_c = 0
        self._interrupt = Interrupt(_TIMER_IRQ_0, tick)
        self._watch_timer = Timer(-1)
        self.armed = False
        self.broken_channel = 0  # 0 or 1: the one that made arm(), run() or disarm() fail
        machine.mem32[_INTERP0_BASE0] = self.outputs[0].address
        machine.mem32[_TIMER_PRIORITIES] = machine.mem32[_TIMER_PRIORITIES] & _OTHERS_BITS | _ALARM3_PRIORITY
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
        faults.NONE, or what is wrong with a DAC or the interrupt; then it does not start. Allocates.
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
        if not self._interrupt.fits:
            return faults.SAMPLE_INTERRUPT_STOPPED
        self._mux.select(self._board.VOLTAGE_INPUT)
        self._adc.prepare(plans[0].period_us)
        self.feed()
        self._start_samples()
        self._watch_timer.init(mode=Timer.PERIODIC, freq=_WATCH_HZ, hard=True, callback=watch)
        self.armed = True
        return faults.NONE

    def _start_samples(self):
        machine.mem32[_TIMER_INTE] |= _ALARM0
        kept = machine.disable_irq()
        start(self.outputs[0].words, _ADC_CS_WORD, self._adc.control)
        machine.mem32[_TIMER_INTR] = _ALARM0  # an alarm of the session before may have come after its end
        self._interrupt.enable()
        machine.enable_irq(kept)

    def _stop_samples(self):
        self._interrupt.disable()
        machine.mem32[_TIMER_INTE] &= ~_ALARM0
        machine.mem32[_TIMER_ARMED] = _ALARM0
        self._adc.end()

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
        self._watch_timer.deinit()
        self._stop_samples()
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
        if self.armed and not self._adc.runs():
            for output in self._running:
                output.trip(faults.SENSE_STUCK)
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
        """(supply_mv, temperature_c): the newest readings."""
        board, first = self._board, self.outputs[0]
        if not self.armed:
            self._mux.select(board.SUPPLY_INPUT)
            self._take_supply(self._supply.read_u16() >> 4)
            self._take_temperature(self._temperature.read_u16() >> 4)
            return self._supply_mv, self._temperature_c
        self._take_temperature(self._adc.latest(board.TEMPERATURE_CHANNEL))
        if board.MUX_PINS:
            if first.aux():
                self._take_supply(first.aux())
            self._running[-1].ask_aux(self._mux.lines(board.SUPPLY_INPUT))
        else:
            self._take_supply(self._adc.latest(board.SUPPLY_PIN - 26))
        return self._supply_mv, self._temperature_c

    def _take_supply(self, counts):
        board = self._board
        self._supply_mv = units.rounded_div(counts * board.ADC_REFERENCE_MV * board.SUPPLY_DIVIDER, units.ADC_STEPS)

    def _take_temperature(self, counts):
        """RP2040 data sheet 4.9.5: 27 degrees at 706 mV, 1.721 mV less per degree."""
        above_mv = units.rounded_div(counts * self._board.ADC_REFERENCE_MV, units.ADC_STEPS) - 706
        self._temperature_c = 27 - units.rounded_div(above_mv * 1000, 1721)
