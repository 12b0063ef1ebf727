"""The one function that lets current out. Everything that is not explicitly fine is refused.

Asked before arming, before every start and before every resume. Duller than its callers on purpose: integers only,
no allocation, no I/O, no settings. Hard-ISR safe.
"""

PERMITTED = 0
REFUSED_FAULT = 1
REFUSED_ESTOP = 2
REFUSED_CHECKS = 3
REFUSED_STATE = 4
REFUSED_AMPLITUDE = 5
REFUSED_LIMIT = 6


def permit(amplitude_ua, limit_ua, hard_cap_ua, fault, estop, checks_passed, state, state_needed):
    """PERMITTED (0) only when every condition for output holds, else the first reason against it.

    amplitude_ua: requested peak; limit_ua: lowest of all limits; hard_cap_ua: the board's constant, compared again
    here so that a defect in the limits engine cannot pass it. fault: latched code, 0 = none. estop: 1 = open.
    checks_passed: 1 only after the self-test has run and passed. state, state_needed: protocol states that must agree.
    """
    if fault != 0:
        return REFUSED_FAULT
    if estop != 0:
        return REFUSED_ESTOP
    if checks_passed != 1:
        return REFUSED_CHECKS
    if state != state_needed:
        return REFUSED_STATE
    if amplitude_ua < 1 or amplitude_ua > hard_cap_ua:
        return REFUSED_AMPLITUDE
    if amplitude_ua > limit_ua:
        return REFUSED_LIMIT
    return PERMITTED
