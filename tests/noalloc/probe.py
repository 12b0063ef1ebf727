"""Runs on the board: what the sample interrupt does, and what promises not to allocate, with the heap locked."""

import gc
import time

import board
import micropython

from firmware.core import contact, gate, meter, states, terms, waveplan
from firmware.hw import bus, dac, engine_rp2
from firmware.hw.outputs import pins_of
from firmware.shared import protocol, settings, units, waveform


def made_engine():
    return engine_rp2.Engine(board, [dac.Dac(bus.open_bus(board, pins), board.DAC_ADDRESS) for pins in pins_of(board)])


def plan_of(**changes):
    request = {"amplitude_ua": 200, "frequency_mhz": 100000, "duration_ms": 10000, "ramp_ms": 100, "sample_us": 100}
    request.update(changes)
    wave, problem = waveform.check(request)
    assert problem is None, problem
    return waveplan.plan(wave, waveplan.choose(wave, board.PERIODS_US)[0], board.FULL_SCALE_UA)


def locked_calls():
    """Every function that calls itself hard-ISR safe, with the heap locked: an allocation raises MemoryError."""
    micropython.heap_lock()
    try:
        for index in range(100):
            gate.permit(index, 600, 1000, 0, 0, 1, protocol.READY, protocol.READY)
            states.permitted(index % 12, (index + 5) % 12)
            states.flows(index % 12)
            units.code_of_ua(index - 50, 1000, 2048)
            units.ua_of_code(index, 1000, 2048)
            units.ua_of_counts(index - 50, 3300, 1500)
            units.counts_of_ua(index - 50, 3300, 1500)
            contact.judge(index, 1000)
    finally:
        micropython.heap_unlock()
    print("PASS locked_calls")


def interrupt(**changes):
    """One second of the running interrupt (10000 calls and more): no byte of heap, no call lost."""
    engine = made_engine()
    plan = plan_of(**changes)
    engine.arm([plan] * engine.channels, [200] * engine.channels)
    time.sleep_ms(5)
    assert engine.run() == 0
    engine.ramp_up()
    for channel in range(engine.channels):
        engine.change(channel, plan_of(**changes), 200)
    last = engine.channels - 1
    gc.collect()
    before, ticks = gc.mem_alloc(), engine.snapshot(last)[meter.TICKS]
    micropython.heap_lock()
    until = time.ticks_add(time.ticks_ms(), 1000)
    while time.ticks_diff(until, time.ticks_ms()) > 0:
        engine.feed()
        time.sleep_ms(20)
    micropython.heap_unlock()
    after, snapshot = gc.mem_alloc(), engine.snapshot(last)
    ticks = snapshot[meter.TICKS] - ticks
    trip, missed, gate_closed = snapshot[meter.TRIP], snapshot[meter.MISSED], engine.gate_closed
    engine.disarm()
    # mem_alloc itself and the numbers it returns may take a block or two; ten thousand calls would show.
    assert after - before < 64, after - before
    assert snapshot[meter.HALVES] > 10
    assert ticks >= 999000 // plan.period_us, ticks
    assert trip == 0 and missed == 0 and gate_closed, (trip, missed, gate_closed)
    print("PASS interrupt", changes)


def sweep_steps():
    """Two hundred steps of a sweep in memory that has room left, but no piece of more than 112 bytes: a step that made
    a plan anew (788 bytes) ended sessions after some seconds.
    """
    made = terms_of(amplitude_ua=50, amplitude_end_ua=150, frequency_end_mhz=90000, sweep_ms=5000, shape="sine")
    engine = made_engine()
    engine.arm([made.plan], [50])
    left = pieces(112)
    gc.collect()
    try:
        for step in range(200):
            engine.change(0, made.plan, made.move(50 * step, board))
            engine.feed()
    finally:
        engine.disarm()
        left.clear()
    print("PASS sweep_steps")


def terms_of(**changes):
    request = {"amplitude_ua": 200, "frequency_mhz": 100000, "duration_ms": 10000, "ramp_ms": 100, "sample_us": 100}
    request.update(changes)
    made = terms.Terms(request, 1000, settings.defaults(), board, board.PERIODS_US, None)
    made.plan_for(board)
    made.settle()
    return made


def pieces(size):
    """Memory in pieces of so many bytes, every second one taken: the list of those that are."""
    gc.collect()
    taken = [None] * (gc.mem_free() // size)
    at = 0
    try:
        while at < len(taken):
            taken[at] = bytearray(size)
            at += 1
    except MemoryError:
        pass
    for index in range(0, len(taken), 2):
        taken[index] = None
    return taken


def allocation_is_noticed():
    """The lock works: the same check catches a function that allocates."""
    micropython.heap_lock()
    try:
        kept = [0] * 8
        print("FAIL allocation_is_noticed", kept)
    except MemoryError:
        print("PASS allocation_is_noticed")
    finally:
        micropython.heap_unlock()


def run():
    locked_calls()
    allocation_is_noticed()
    sweep_steps()
    for shape in (waveform.SINE, waveform.SAWTOOTH, waveform.RAMPED):
        interrupt(shape=shape, second_mhz=120000)
    interrupt(width_us=2000, rise_us=300, gap_us=200, burst_ms=40, rest_ms=5, rest_random_ms=20)
    interrupt(polarity="alternate", alternate_ms=1000)
    interrupt(sample_us=62)
    print("END")
