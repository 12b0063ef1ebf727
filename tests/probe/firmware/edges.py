"""Times of edges, counted by state machines: one per line, all started in the same clock cycle.

Each runs a loop of two cycles that looks at its pin and counts down; an edge puts the count into the FIFO. The way
there takes as long as three rounds, and counts three. Nothing of the CPU, its interrupts or its flash is in the times.
"""

import machine
import rp2
from micropython import const

_PIO_HZ = const(10000000)  # ours: 12.5 cycles of 125 MHz, so a state machine's cycle wanders by one of those, 8 ns
TICK_NS = const(200)  # two cycles
_CTRL = const(0x50200000)  # RP2040 data sheet 3.7: of PIO0
_FDEBUG = const(0x50200008)
_RXSTALL = const(1)  # of state machine 0, one bit each from there on: a word found no room
_ENABLE, _RESTART, _DIVIDER = const(0), const(4), const(8)  # bits of CTRL, for state machine 0


@rp2.asm_pio(fifo_join=rp2.PIO.JOIN_RX)
def _counted():
    mov(y, invert(null))
    label("low")
    jmp(pin, "rise")
    jmp(y_dec, "low")
    jmp("low")  # once in 2**32 rounds
    label("rise")
    mov(isr, y)
    push(noblock)
    jmp(y_dec, "rise2")
    label("rise2")
    jmp(y_dec, "rise3")
    label("rise3")
    jmp(y_dec, "high")
    label("high")
    jmp(pin, "still")
    mov(isr, y)
    push(noblock)
    jmp(y_dec, "fall2")
    label("fall2")
    jmp(y_dec, "fall3")
    label("fall3")
    jmp(y_dec, "low")
    jmp("low")
    label("still")
    jmp(y_dec, "high")
    jmp("high")


class Edges:
    """Edges of several Pins on one clock. `take` must be called before eight of a pin have gathered.

    pins: whoever gives them has set them up.
    """

    def __init__(self, pins):
        self._machines = [
            rp2.StateMachine(number, _counted, freq=_PIO_HZ, jmp_pin=pin) for number, pin in enumerate(pins)
        ]
        self.start()

    def start(self):
        """Begin anew, at time 0: what came before is forgotten, also that some of it was lost."""
        count = len(self._machines)
        for each in self._machines:
            each.active(0)
            each.restart()
            while each.rx_fifo():
                each.get()
        self._levels = [0] * count  # a state machine begins in its low loop: one that is high shows an edge at 0
        self._before = [0] * count
        self._rounds = [0] * count
        every = (1 << count) - 1
        machine.mem32[_FDEBUG] = every << 0
        machine.mem32[_CTRL] = every << _ENABLE | every << _RESTART | every << _DIVIDER

    def take(self):
        """[line, level, ticks of TICK_NS since the start] of the edges since the last call, each line's in order."""
        found = []
        for line, each in enumerate(self._machines):
            while each.rx_fifo():
                ticks = ~each.get() & 0xFFFFFFFF
                if ticks < self._before[line]:
                    self._rounds[line] += 1
                self._before[line] = ticks
                self._levels[line] ^= 1
                found.append([line, self._levels[line], ticks + (self._rounds[line] << 32)])
        return found

    def lost(self):
        """Whether an edge found no room: then levels and times since are not to be trusted."""
        return machine.mem32[_FDEBUG] & ((1 << len(self._machines)) - 1) * _RXSTALL != 0
