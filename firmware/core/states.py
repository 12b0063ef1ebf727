"""Which state may follow which. Everything that is not in the table is refused; session.py logs it.

Integers only, no allocation, no I/O.
"""

from ..shared import protocol

# State: the states that may follow, as a sum of bits 1 << state.
_AFTER = {
    protocol.OFF: 1 << protocol.SELF_TEST | 1 << protocol.FAULT,
    protocol.SELF_TEST: 1 << protocol.READY | 1 << protocol.FAULT,
    protocol.READY: 1 << protocol.SELF_TEST | 1 << protocol.ARMED | 1 << protocol.FAULT,
    protocol.ARMED: 1 << protocol.RAMP_UP | 1 << protocol.READY | 1 << protocol.FAULT,
    protocol.RAMP_UP: 1 << protocol.ACTIVE | 1 << protocol.RAMP_DOWN | 1 << protocol.READY | 1 << protocol.FAULT,
    protocol.ACTIVE: 1 << protocol.RAMP_UP | 1 << protocol.RAMP_DOWN | 1 << protocol.READY | 1 << protocol.FAULT,
    protocol.RAMP_DOWN: 1 << protocol.PAUSED | 1 << protocol.READY | 1 << protocol.FAULT,
    protocol.PAUSED: 1 << protocol.RAMP_UP | 1 << protocol.READY | 1 << protocol.FAULT,
    protocol.FAULT: 1 << protocol.SELF_TEST,
}

# States in which the gate may conduct; in SELF_TEST only into the internal dummy load.
FLOWING = (protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN)


def permitted(before, after):
    """True when state `after` may follow `before`. Unknown states lead nowhere."""
    if before not in _AFTER or after not in _AFTER:
        return False
    return _AFTER[before] >> after & 1 == 1


def flows(state):
    """True in the states in which a session's current may flow."""
    return state in FLOWING
