"""Which amplitude a request may have, and which rule says so. The lowest rule wins and is named.

Integers only. The device decides with it; the host explains with it.
"""

from . import waveform

# Fallbacks and sources. Unipolar current carries net charge, so it has a cap of its own.
UNIPOLAR_MAX_UA = 100  # ours, because customary direct-current practice stays near it (domain survey 3.1)
UNIPOLAR_MAX_MS = 1200000  # 20 min: ours, because net charge grows with time (domain survey 3.1)
DENSITY_BIPOLAR_UA_PER_CM2 = 2000  # 2 mA/cm2: IEC 60601-2-10, 201.7.9.2.101 (from an excerpt)
DENSITY_UNIPOLAR_UA_PER_CM2 = 500  # 0.5 mA/cm2: customary in iontophoresis (from an excerpt)


def is_unipolar(wave):
    """True when the request's mean current is not zero by construction."""
    return wave["polarity"] != waveform.BIPHASIC


def permitted_ms(wave, session_max_ms):
    """(longest permitted session in ms, name of the binding rule)."""
    if is_unipolar(wave) and session_max_ms > UNIPOLAR_MAX_MS:
        return UNIPOLAR_MAX_MS, "unipolar"
    return session_max_ms, "session_max_ms"


def rules(wave, hard_cap_ua, user_max_ua):
    """All rules that apply to a checked waveform: a list of (name, limit in uA, source)."""
    found = [
        ("hard-cap", hard_cap_ua, "board constant, not settable"),
        ("user-max", user_max_ua, "setting amplitude_max_ua"),
        ("density", _density_limit_ua(wave), "electrode area %d mm2" % wave["area_mm2"]),
    ]
    if is_unipolar(wave):
        found.append(("unipolar", UNIPOLAR_MAX_UA, "polarity %s" % wave["polarity"]))
    return found


def permitted(wave, hard_cap_ua, user_max_ua):
    """(largest permitted amplitude in uA, name of the binding rule, its source). Floored: it passes its own check."""
    name, limit_ua, source = rules(wave, hard_cap_ua, user_max_ua)[0]
    for rule in rules(wave, hard_cap_ua, user_max_ua):
        if rule[1] < limit_ua:
            name, limit_ua, source = rule
    return limit_ua, name, source


def _density_limit_ua(wave):
    per_cm2 = DENSITY_UNIPOLAR_UA_PER_CM2 if is_unipolar(wave) else DENSITY_BIPOLAR_UA_PER_CM2
    return per_cm2 * wave["area_mm2"] // 100
