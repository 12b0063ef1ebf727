"""Each rule of the limits engine by itself: its numbers, where they come from, and its row for one request.

limits.py compares the rows. Integers only, main loop only, raises nothing. Arguments everywhere: `wave`: a request
that waveform.py has checked; `settings`: a whole dict of settings.py. A row is (name, limit in uA or NO_CAP, verdict,
source); limits are floored, so each passes its own check. Sources are short and hold no semicolon: they travel in
replies. "Excerpt": only an excerpt of the source was seen; "ours": nobody prescribes the number.
"""

from . import waveform

OK = "holds"
BINDS = "binds"  # holds, and is the lowest
NOT_EVALUATED = "not evaluated"  # its input is missing: its limit is the fallback that its source names
REFUSED = "refused"  # the request breaks it
SUPERVISED = "supervised"  # the sample interrupt enforces it while current flows
VERDICTS = (OK, BINDS, NOT_EVALUATED, REFUSED, SUPERVISED)
NO_CAP = -1

# 400: ours, the top of cleared home devices (NuFACE, 80 to 400 uA, excerpt of K103472).
# 600: ours, the top of professional practice (Pantheon, Alpha-Stim, Acuscope: 10 to 600 uA, excerpts).
PROFILES = ("home", "professional")
PROFILE_UA = (400, 600)
_PROFILE_SOURCES = (
    "home: ours, top of cleared home devices, excerpt",
    "professional: ours, top of practice, excerpts",
)

# In the order of waveform.ZONES. 300: ours, between practice (200 on the face, Acuscope) and home devices (400),
# excerpts. 100: ours, a third of the face, because the skin is thinner and the orbit near.
ZONE_UA = (NO_CAP, 300, 100, 0, 0)
_ZONE_SOURCES = (
    "body: ours, the profile decides",
    "face: ours, practice has 200 and home devices 400, excerpts",
    "eyes: ours, a third of the face, outside the orbital rim",
    "chest: IEC 60601-2-10, 201.7.9.2.101 d-h, excerpt",
    "head: IEC 60601-2-10, 201.7.9.2.101 d-h, excerpt",
)
ZONE_REASONS = {
    waveform.CHEST: "current across the chest can reach the heart",
    waveform.HEAD: "current through the head reaches the brain",
}

TIP_MM2 = 7  # a 3 mm tip, the smallest electrode in practice (domain survey 3.1): counts when no area is declared
DENSITY_BIPOLAR_UA_PER_CM2 = 2000  # 2 mA/cm2: IEC 60601-2-10, 201.7.9.2.101 g (excerpt)
DENSITY_UNIPOLAR_UA_PER_CM2 = 500  # 0.5 mA/cm2: customary in iontophoresis (excerpt)

# Ours: current that does not reverse moves ions to one side, so a quarter of the home profile and 20 min at most
# (domain survey 3.1).
UNIPOLAR_MAX_UA = 100
UNIPOLAR_MAX_MS = 1200000
NET_DC_UA = 10  # mean over 1 s: ours, the scale of IEC 60601-1's d.c. patient current (unverified)

SESSION_CHARGE_UC = 720000  # both polarities added: ours, top of practice (600 uA) for the field's usual 20 min
# Upper bounds of the mean of |current| over whole cycles, in permille of the peak: 2/pi, 1/2, 7/8.
SHARE_PERMILLE = {waveform.SINE: 640, waveform.SAWTOOTH: 500, waveform.RAMPED: 875, waveform.TABLE: 1000}
# Ours: a square's phase is rounded to whole samples, at least five a half period: by a tenth of it at most.
ROUNDING_PERMILLE = 100

PERSONAL_PERCENT = 80  # ours: below the threshold by more than it varies within a session (domain survey 2.3)

# Levels of stimulation that this device does not have.
TENS_UA = 1000  # TENS works at 1 to 80 mA (nudgeacupuncture.co.uk/2013/04/tens-microcurrent-and-ems, excerpt)
EMS_UA = 10000  # ours: where IEC 60601-2-10, 201.7.9.2.101 f begins to inform the operator (excerpt)
# Phases up to 1 ms: ours, 1 uC is the 1 mA that skin first feels (domain survey 2.3, excerpt) for 1 ms. EMS begins at
# 20 uC, which is 20 mA and more there: its current is refused first.
SHORT_PHASE_US = 1000
SHORT_PHASE_PC = 1000000


def is_unipolar(wave):
    """True when the request's mean current is not zero by construction."""
    return wave["polarity"] != waveform.BIPHASIC


def zone(wave, settings):
    """Name of the zone that counts: the stricter of the request's and the setting's."""
    asked = wave["zone"] or waveform.BODY
    return waveform.ZONES[max(waveform.ZONES.index(asked), settings["zone"])]


def area_mm2(wave, settings):
    """Electrode area that counts, mm2: the smaller of the request's and the declared one; undeclared is a 3 mm tip."""
    declared = settings["area_mm2"] or TIP_MM2
    return min(wave["area_mm2"] or declared, declared)


def phase_us(wave):
    """Length of one phase in us, rounded up."""
    slowest_mhz = min(wave["frequency_mhz"], wave["second_mhz"] or wave["frequency_mhz"])
    return wave["width_us"] or -(-500000 * wave["duty_permille"] // slowest_mhz)


def phase_charge_ua(wave):
    """Largest current whose short phases stay below the charge of TENS, uA; NO_CAP for longer phases."""
    length_us = phase_us(wave)
    return NO_CAP if length_us > SHORT_PHASE_US else (SHORT_PHASE_PC - 1) // length_us


def share_permille(wave):
    """Upper bound of the mean of |current| over whole cycles, in permille of the peak."""
    if wave["shape"] == waveform.SQUARE:
        duty = -(-2 * wave["width_us"] * wave["frequency_mhz"] // 1000000) or wave["duty_permille"]
        share = min(1000, duty + ROUNDING_PERMILLE)
    else:
        share = SHARE_PERMILLE[wave["shape"]]
    return (share + 1) // 2 if is_unipolar(wave) else share


def permitted_ms(wave, settings):
    """(longest permitted session in ms, name of the rule)."""
    longest_ms = settings["session_max_ms"]
    return (min(longest_ms, UNIPOLAR_MAX_MS) if is_unipolar(wave) else longest_ms), "session-time"


def rows(wave, settings, hard_cap_ua):
    """All rows, before they are compared with each other and with the request's amplitude."""
    return [
        ("hard-cap", hard_cap_ua, OK, "constant of the board: ours, TENS begins there"),
        ("profile", PROFILE_UA[settings["profile"]], OK, _PROFILE_SOURCES[settings["profile"]]),
        _zone(wave, settings),
        _density(wave, settings),
        _polarity(wave),
        _net_dc(wave),
        _session_charge(wave),
        _session_time(wave, settings),
        _personal(wave, settings),
        _level(wave),
        _phase_charge(wave),
    ]


def _zone(wave, settings):
    index = waveform.ZONES.index(zone(wave, settings))
    return "zone", ZONE_UA[index], OK, _ZONE_SOURCES[index]


def _density(wave, settings):
    area = area_mm2(wave, settings)
    verdict, which = (OK, "") if settings["area_mm2"] else (NOT_EVALUATED, ", at most a 3 mm tip as none is declared")
    if is_unipolar(wave):
        source = "0.5 mA/cm2 on %d mm2%s: customary in iontophoresis, excerpt" % (area, which)
        return "density", DENSITY_UNIPOLAR_UA_PER_CM2 * area // 100, verdict, source
    source = "2 mA/cm2 on %d mm2%s: IEC 60601-2-10, 201.7.9.2.101 g, excerpt" % (area, which)
    return "density", DENSITY_BIPOLAR_UA_PER_CM2 * area // 100, verdict, source


def _polarity(wave):
    if is_unipolar(wave):
        return "polarity", UNIPOLAR_MAX_UA, OK, "%s: ours, net charge moves ions" % wave["polarity"]
    return "polarity", NO_CAP, OK, "biphasic: no net charge by construction"


def _net_dc(wave):
    if is_unipolar(wave):
        return "net-dc", NO_CAP, OK, "%s is no balanced mode: rule polarity decides" % wave["polarity"]
    return "net-dc", NO_CAP, SUPERVISED, "mean of %d uA over 1 s: ours, scale of IEC 60601-1 (unverified)" % NET_DC_UA


def _session_charge(wave):
    limit_ua = SESSION_CHARGE_UC * 1000000 // (wave["duration_ms"] * share_permille(wave))
    return "session-charge", limit_ua, OK, "720 mC: ours, 600 uA for 20 min"


def _session_time(wave, settings):
    longest_ms, rule = permitted_ms(wave, settings)
    verdict = REFUSED if wave["duration_ms"] > longest_ms else OK
    if longest_ms < settings["session_max_ms"]:
        return rule, NO_CAP, verdict, "%s: ours, net charge grows with time" % wave["polarity"]
    return rule, NO_CAP, verdict, "setting session_max_ms"


def threshold_ua(wave, settings):
    """The sensory threshold that counts, uA: the lower of the request's and the stored one; 0: there is none."""
    named, stored = wave["threshold_ua"], settings["threshold_ua"]
    return min(named, stored) if named and stored else named or stored


def _personal(wave, settings):
    felt_ua = threshold_ua(wave, settings)
    if felt_ua == 0:
        return "personal", NO_CAP, NOT_EVALUATED, "no threshold is stored: the other rules decide"
    return "personal", felt_ua * PERSONAL_PERCENT // 100, OK, "80 %% of the threshold %d uA: ours" % felt_ua


def _level(wave):
    if wave["amplitude_ua"] >= EMS_UA:
        return "level", TENS_UA, OK, "EMS level, from 10 mA: ours, IEC 60601-2-10 201.7.9.2.101 f, excerpt"
    return "level", TENS_UA, OK, "TENS level, 1 to 80 mA: a practitioner's page, excerpt"


def _phase_charge(wave):
    limit_ua = phase_charge_ua(wave)
    if limit_ua == NO_CAP:
        return "phase-charge", NO_CAP, NOT_EVALUATED, "phase above 1 ms: current, density and session rules decide"
    return "phase-charge", limit_ua, OK, "TENS level, from 1 uC in up to 1 ms: ours, what skin first feels"
