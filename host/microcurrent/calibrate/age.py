"""How old a calibration is, and whether it should be made anew.

A year is ours: the usual interval of bench meters; metal-film resistors of 1 % drift by less than 0.5 % in it.
What is older is told everywhere and refused nowhere: its limits hold as without one.
"""

import time

from firmware.shared import calibration_slot

DAY_S = 86400


def today() -> int:
    """Days since 1970-01-01, UTC."""
    return int(time.time() // DAY_S)


def age_days(day: int) -> int:
    """Days since a calibration was made; negative when the clock was set back."""
    return today() - day


def expiry_text(day: int) -> str:
    """What to say of its age, in a few words."""
    left = calibration_slot.VALID_DAYS - age_days(day)
    made_on = time.strftime("%Y-%m-%d", time.gmtime(day * DAY_S))
    if left < 0:
        return f"made {made_on}, EXPIRED {-left} days ago"
    return f"made {made_on}, {left} days left"


def expired(day: int) -> bool:
    """True when it is older than a year."""
    return age_days(day) > calibration_slot.VALID_DAYS
