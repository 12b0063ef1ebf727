"""The interrupts of the RP2040, from the timer to the gate: read `tick` from top to bottom.

The build inlines every stage that is called here, and writes words as numbers: one viper function per interrupt,
without calls, globals or allocation. On a computer the same functions run as they stand.

The address of the first output's words stands in a hardware register that MicroPython does not use (SIO interpolator 0,
BASE0); a second output's words follow by their address. Each stage works on one output's words, `s`.

A sample is a transaction of its own, START to STOP, where the sample period leaves time for that: the bus is free and
in step again with every sample. Shorter periods keep one transaction open, two bytes per sample.

Nothing here decides whether current may flow: that is core/gate.py, asked by core/session.py.
"""

from ...core import meter
from ...shared import faults
from .accounts import account, history, net_charge, phase_charge, voltage
from .supervision import command_of, contact, follow, judge, record_trip
from .wave import finish, play, stand_still

# The only block whose address is a constant here, RP2040 data sheet 2.3.1.7; those of all others stand in words.
SIO = 0xD0000000
# Registers as indexes of 32-bit words: data sheet 2.3.1.7 (SIO), 4.3.17 (I2C), 4.6.5 (timer), 2.5.7 (DMA), 4.9.6 (ADC).
FIRST_WORDS = 34  # SIO: INTERP0_BASE0
GPIO_IN = 1
GPIO_OUT_SET = 5
GPIO_OUT_CLR = 6
IC_DATA_CMD = 4
IC_RAW_INTR_STAT = 13
IC_TXFLR = 29
ALARM0 = 4
TIMERAWL = 10
TIMER_INTR = 13
WRITE_ADDR = 1
TX_ABRT = 0x40  # of IC_RAW_INTR_STAT: the DAC did not acknowledge
ALARM0_BIT = 1  # of TIMER_INTR, and of the NVIC's pending interrupts for TIMER_IRQ_0
ROUND_BEGIN = -8  # a round of the ADC is four 16-bit results at an address that 8 divides
# Project default: critical sections of USB and of the SDK's alarms delay an interrupt by up to 2.7 us (measured);
# waiting to a fixed offset hides all but 0.2 us of that.
WAIT_US = 3
CYCLES_MASK = 0xFFFFFF  # SysTick counts 24 bits, down
WAIT_CYCLES = 125 * WAIT_US  # at 125 MHz, MicroPython's default


def clock_difference(later, earlier):
    """The difference of two readings of the 32-bit microsecond counter; the build writes it as a subtraction."""
    return ((later - earlier + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def tick():
    """One sample of every output that runs: send what was computed last time, supervise, account, compute the next.

    Output first keeps the DAC's timing free of everything that follows.
    """
    s = ptr32(ptr32(SIO)[FIRST_WORDS])
    late = lateness(s)
    instant = s.due + WAIT_US
    if late == 0:
        schedule(s, late)
        late = settle(late)
    await_instant(s, late, instant)
    s.inside = 1
    began = ptr32(s.systick)[0]
    while True:
        send(s)
        if s.following == 0:
            break
        s = ptr32(s.following)
    s = ptr32(ptr32(SIO)[FIRST_WORDS])
    if late:
        schedule(s, late)
    while True:
        supervise(s)
        if s.following == 0:
            break
        s = ptr32(s.following)
    s = ptr32(ptr32(SIO)[FIRST_WORDS])
    cost(s, began)
    s.inside = 0


def lateness(s):
    """How late this interrupt is, in us."""
    timer = ptr32(s.timer)
    late = clock_difference(timer[TIMERAWL], s.due)
    return late


def schedule(s, late):
    """Acknowledge the alarm, set the next one, and count this interrupt. One on time has the time for it before its
    sample is sent, one that is late does it afterwards.

    The alarm compares for equality. When the next instant has passed already, nothing would come for 71 minutes; so
    the interrupt is made pending by hand, and follows at once.
    """
    timer = ptr32(s.timer)
    timer[TIMER_INTR] = ALARM0_BIT
    due = s.due + s.period
    s.due = due
    timer[ALARM0] = due
    if clock_difference(timer[TIMERAWL], due) >= 0:
        pending = ptr32(s.pending)
        pending[0] = ALARM0_BIT
    s.ticks += 1
    if late:
        if late > s.worst_late:
            s.worst_late = late
        if late + late > s.period:
            s.late += 1


def await_instant(s, late, instant):
    """Wait until WAIT_US after the interrupt was due: what delays an interrupt by less changes no sample's instant."""
    if late >= 0:  # else the word DUE is damaged, and waiting for it would never end
        timer = ptr32(s.timer)
        while clock_difference(timer[TIMERAWL], instant) < 0:
            pass


def settle(late):
    """Fifteen cycles. The loop that waits for the instant leaves it open by 19: with these, an interrupt on time comes
    out in the middle of them, so that a late one is at most 0.08 us beside it instead of 0.15.
    """
    late = 0
    late = 0
    late = 0
    late = 0
    late = 0
    return late


def send(s):
    """Give the code computed last time to the bus. A bus that still sends drops the sample whole, never torn."""
    i2c = ptr32(s.i2c)
    code = s.next
    s.was = s.sent
    queued = i2c[IC_TXFLR]
    if s.sparse:
        if code == s.sent:
            queued = -1  # nothing to send: the bus takes single samples of this period, not one after the other
    if queued == 0:
        value = code + s.shift
        i2c[IC_DATA_CMD] = value >> 8  # power-down bits clear, upper four bits
        i2c[IC_DATA_CMD] = (value & 0xFF) | s.last_byte  # lower eight bits; STOP, or the transaction stays open
        s.sent = code
        s.blocked = 0
    elif queued > 0:
        s.missed += 1
        s.blocked += 1


def supervise(s):
    """One output: judge what flows, account for it, compute the next code."""
    pins, count, reading, size = sense(s)
    steps, command = command_of(s)
    expected, astray = follow(s, reading, command)
    phase_sum, sign, trip = phase_charge(s, reading, size, command)
    trip = net_charge(s, reading, trip)
    aborted = acknowledged_not(s)
    trip = judge(s, size, astray, pins, aborted, trip)
    if trip:
        open_gates(s)
        record_trip(s, trip, reading)
    if s.history_left:
        history(s, steps, count)
    if s.run:
        contact(s, size, steps, expected)
    account(s, reading, size, steps, sign, phase_sum)
    volts = read_voltage(s)
    voltage(s, reading, size, steps, command, volts)
    if s.muxed:
        select_next(s)
    if s.run:
        play(s)
    else:
        stand_still(s)
        if s.done > 1:
            end(s)


def end(s):
    """The ramp has ended: this output's gate opens when the zero code has been out for three samples."""
    ended = finish(s)
    if ended:
        sio = ptr32(SIO)
        sio[GPIO_OUT_CLR] = s.gate_mask


def sense(s):
    """All pins and the newest reading of the current, which belongs to the sample sent last time.

    The gates open here when it is beyond its window; why is recorded later. The pins come first: a gate that opens
    clears the comparator's latch.
    """
    sio = ptr32(SIO)
    pins = sio[GPIO_IN]
    results = ptr16(ptr32(s.dma)[WRITE_ADDR] & ROUND_BEGIN)
    count = results[s.sense_slot]
    reading = count + ((count + 511) >> 10) * s.step - s.zero_sense  # as shared/calibration.py: Scale.linear()
    size = reading
    if size < 0:
        size = 0 - size
    if size > s.window:
        sio[GPIO_OUT_CLR] = s.gates
    return pins, count, reading, size


def acknowledged_not(s):
    """Not 0 when the DAC did not acknowledge a byte since load()."""
    aborted = ptr32(s.i2c)[IC_RAW_INTR_STAT] & TX_ABRT
    return aborted


def open_gates(s):
    """Both gates open, and no output plays on."""
    sio = ptr32(SIO)
    sio[GPIO_OUT_CLR] = s.gates
    s.run = 0
    other = ptr32(s.other)  # itself where one output runs alone
    other.run = 0


def read_voltage(s):
    """The newest result at the input for voltages."""
    results = ptr16(ptr32(s.dma)[WRITE_ADDR] & ROUND_BEGIN)
    volts = results[s.voltage_slot]
    return volts


def select_next(s):
    """Connect the voltage that is read next, 8 us from now at the earliest, or what the main loop asks for instead."""
    lines = s.next_input
    if s.aux:
        lines = s.aux
        s.aux = 0
        other = ptr32(s.other)  # the first output reads it, in the next interrupt
        other.aux_now = 1
    sio = ptr32(SIO)
    sio[GPIO_OUT_CLR] = s.mux_mask
    sio[GPIO_OUT_SET] = lines


def cost(s, began):
    """Cycles since the interrupt was due: those since it sent, and the time before that."""
    cycles = ((began - ptr32(s.systick)[0]) & CYCLES_MASK) + WAIT_CYCLES
    if cycles > s.worst_cost:
        s.worst_cost = cycles


def watch(_timer):
    """The second interrupt, every 5 ms: the first one must have come since, and ended. It trusts neither main loop nor
    sample timer: it is a hard callback on alarm 3, and the first interrupt may come in its middle.
    """
    s = ptr32(ptr32(SIO)[FIRST_WORDS])
    trip = 0
    if s.ticks == s.watched:
        trip = faults.SAMPLE_INTERRUPT_STOPPED
    if s.inside:
        trip = faults.SAMPLE_INTERRUPT_RAISED
    if trip:
        open_gates(s)
        if s.trip == 0:
            s.trip = trip
    s.watched = s.ticks


def lift(words):
    """Main loop: what contact() does when an electrode is lifted, for all outputs that run.

    The interrupt may come between any two of these stores: sensing level first, so that it never computes another
    sample of a treatment.
    """
    s = ptr32(words)
    s.go = 0
    while True:
        s.sensing = 1
        if s.following == 0:
            break
        s = ptr32(s.following)
    s = ptr32(words)
    while True:
        s.next = 2048
        s.good = 0
        s.envelope = 0
        s.sense_k = 0
        if s.following == 0:
            break
        s = ptr32(s.following)


def gather(words, indexes, taken, count: int):
    """Main loop: copy the words at `indexes` into `taken`, and the microsecond clock behind them."""
    s = ptr32(words)
    index = ptr8(indexes)
    into = ptr32(taken)
    for at in range(count):
        into[at] = s[index[at]]
    into[count] = ptr32(s.timer)[TIMERAWL] & meter.CLOCK_MASK


def start(words, adc: int, control: int):
    """Main loop, interrupts off: start the ADC behind an edge of the microsecond counter, the samples in step with it.

    adc: address of its control register divided by 4; control: what starts it. A round of the ADC ends at the very
    instant at which a sample is sent, so its reading of the current is fresh when it is judged.
    """
    s = ptr32(words)
    timer = ptr32(s.timer)
    registers = ptr32(adc << 2)
    edge = timer[TIMERAWL]
    while timer[TIMERAWL] == edge:
        pass
    registers[0] = control
    due = edge + 1 - WAIT_US + s.period + s.period
    s.due = due
    timer[ALARM0] = due
