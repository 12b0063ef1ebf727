"""Which current and which length a request may have, and which rule says so. The lowest rule wins and is named.

The device decides with it, the host explains with it. Integers only, main loop only, raises nothing. Arguments
everywhere: `wave`: a request that waveform.py has checked; `settings`: a whole dict of settings.py; `hard_cap_ua`: the
board's constant. The rules themselves are in rules.py.
"""

from . import rules

# What others need of rules.py.
OK, BINDS, NOT_EVALUATED, REFUSED, SUPERVISED = rules.VERDICTS
NO_CAP = rules.NO_CAP
NET_DC_UA = rules.NET_DC_UA
SESSION_CHARGE_UC = rules.SESSION_CHARGE_UC
UNIPOLAR_MAX_MS = rules.UNIPOLAR_MAX_MS
permitted_ms = rules.permitted_ms
is_unipolar = rules.is_unipolar


def permitted(wave, settings, hard_cap_ua):
    """(largest permitted amplitude in uA, name of the binding rule, its source). 0 where a zone refuses."""
    rows = rules.rows(wave, settings, hard_cap_ua)
    lowest = rows[0]
    for row in rows:
        if row[1] != NO_CAP and row[1] < lowest[1]:
            lowest = row
    return lowest[1], lowest[0], lowest[3]


def table(wave, settings, hard_cap_ua):
    """All rules with their verdicts on this request: a list of (name, limit in uA or NO_CAP, verdict, source)."""
    binding = permitted(wave, settings, hard_cap_ua)[1]
    found = []
    for name, limit_ua, verdict, source in rules.rows(wave, settings, hard_cap_ua):
        if verdict == OK and _exceeds(wave, limit_ua):
            verdict = REFUSED
        elif verdict == OK and name == binding:
            verdict = BINDS
        found.append((name, limit_ua, verdict, source))
    return found


def refusal(wave, settings, hard_cap_ua):
    """None when the request is permitted, else a sentence with number, limit, rule and source."""
    source = {row[0]: row[3] for row in rules.rows(wave, settings, hard_cap_ua)}
    where = rules.zone(wave, settings)
    if where in rules.ZONE_REASONS:
        return "zone is %s; rule zone (%s) permits 0: %s" % (where, source["zone"], rules.ZONE_REASONS[where])
    longest_ms, rule = permitted_ms(wave, settings)
    if wave["duration_ms"] > longest_ms:
        return "duration_ms is %d; rule %s (%s) permits %d" % (wave["duration_ms"], rule, source[rule], longest_ms)
    limit_ua, rule, _source = permitted(wave, settings, hard_cap_ua)
    if wave["amplitude_ua"] <= limit_ua:
        return None
    for name, most_ua in (("level", rules.TENS_UA), ("phase-charge", rules.phase_charge_ua(wave))):
        if _exceeds(wave, most_ua):
            return "amplitude_ua is %d; rule %s (%s) permits %d, rule %s %d" % (
                wave["amplitude_ua"], name, source[name], most_ua, rule, limit_ua)  # fmt: skip
    return "amplitude_ua is %d; rule %s (%s) permits %d" % (wave["amplitude_ua"], rule, source[rule], limit_ua)


# What permits more when it rises, by _reach(); the other settings touch no limit.
_RAISING = ("profile", "zone", "area_mm2", "threshold_ua", "session_max_ms", "usb_isolated", "host_may_leave")


def raises(before, after):
    """Names of the settings in `after` (some or all, checked) that permit more than in `before` (all)."""
    return [name for name in _RAISING if name in after and _reach(name, after[name]) > _reach(name, before[name])]


def _reach(name, value):
    """A tuple that grows with what a setting's value permits."""
    if name == "zone":
        return (-value,)
    if name == "area_mm2":
        return (value or rules.TIP_MM2,)
    if name == "threshold_ua":
        return value == 0, value  # none stored: no ceiling at all
    return (value,)


def _exceeds(wave, limit_ua):
    return limit_ua != NO_CAP and wave["amplitude_ua"] > limit_ua
