"""An interrupt of the RP2040 that calls a viper function directly, on a hardware line of its own.

machine.Timer's path to a hard callback takes some 700 cycles (the SDK's alarm pool, scheduler and heap locks, a call),
runs from flash, and shares its line with every sleep of the main loop. This one takes five instructions in RAM. The
function must be one that cannot raise or allocate: nothing would catch it.

Sources: ARMv6-M manual B1.5.3 (vector table), B3.2.5 (VTOR), B3.4 (NVIC); MicroPython py/objfun.h (mp_obj_fun_bc_t, the
code's address is the fourth word) and py/emitnative.c (what a viper function expects in r0, r1, r2).
"""

from array import array

import machine
import uctypes
from micropython import const

_VTOR = const(0xE000ED08)
_FIRST_IRQ = const(16)  # exception number of IRQ 0
_ENABLE = const(0xE000E100)  # NVIC_ISER
_DISABLE = const(0xE000E180)  # NVIC_ICER
_UNPEND = const(0xE000E280)  # NVIC_ICPR
_CODE = const(12)  # offset of the code's address in a function object
_THUMB = const(1)
_PUSH_WITH_LR = const(0xB5)  # upper half of the first instruction of every viper function
# ldr r0, [pc, #8]; ldr r3, [pc, #12]; movs r1, #0; movs r2, #0; bx r3; nop: r0 the function object, no arguments
_CALL = (0x4B034802, 0x22002100, 0x46C04718)


class Interrupt:
    """line: number of the IRQ. function: of viper, without parameters."""

    def __init__(self, line, function):
        self._line = line
        self._function = function  # kept from the garbage collector
        code = machine.mem32[id(function) + _CODE] | _THUMB
        # False in a MicroPython whose function objects look otherwise: there the function cannot be called so.
        self.fits = machine.mem16[code - _THUMB] >> 8 == _PUSH_WITH_LR
        self._entry = array("I", _CALL + (id(function), code & 0xFFFFFFFF))

    def enable(self):
        """The next event on the line calls the function."""
        machine.mem32[_DISABLE] = 1 << self._line
        machine.mem32[_UNPEND] = 1 << self._line
        vectors = machine.mem32[_VTOR]
        machine.mem32[vectors + 4 * (_FIRST_IRQ + self._line)] = uctypes.addressof(self._entry) | _THUMB
        machine.mem32[_ENABLE] = 1 << self._line

    def disable(self):
        """From here on it does not come."""
        machine.mem32[_DISABLE] = 1 << self._line
        machine.mem32[_UNPEND] = 1 << self._line
