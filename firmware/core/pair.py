"""What two channels of one session have in common, and what their requests must agree on. Main loop only."""

from ..shared import protocol, waveform
from .terms import Refused, Terms

COMMON = ("duration_ms", "ramp_ms", "sample_us")  # the first request's; a second one has none of its own


def checked(wave, wave2, lease_ms, settings, board, periods_us, uploaded):
    """The terms of one channel or two, in a list; wave2: None, or the second's request. Raises Refused.

    The other arguments are those of Terms. Both channels get the sample period that suits the faster one.
    """
    if wave.get("phase_deg", -1) != -1:
        raise Refused(
            protocol.ERR_VALUE, "phase_deg is %s; only a second channel has it" % waveform.shown(wave["phase_deg"])
        )
    requests = [wave] if wave2 is None else [wave, _completed(wave, wave2)]
    if wave2 is not None:
        periods_us = tuple(period_us for period_us in periods_us if period_us >= board.PAIR_US)

    def terms_of(index, periods_us):
        try:
            return Terms(requests[index], lease_ms, settings, board, periods_us, uploaded)
        except Refused as error:
            raise named(error, index)

    made = [terms_of(index, periods_us) for index in range(len(requests))]
    shortest_us = min(terms.sample_us for terms in made)
    for index, terms in enumerate(made):
        if terms.sample_us != shortest_us:
            made[index] = terms_of(index, (shortest_us,))
    check(made, board.HARD_CAP_UA)
    return made


def named(error, index):
    """A Refused that says which channel it is about; index: 0 or 1."""
    return Refused(error.args[0], "channel 2: %s" % error.args[1]) if index else error


def check(made, hard_cap_ua):
    """Refuse terms that are fine alone, but not together. made: of one channel or two. Raises Refused."""
    if len(made) < 2:
        return
    first, second = made
    total_ua = first.amplitude_ua + second.amplitude_ua
    if total_ua > hard_cap_ua:  # ours: both may flow through the same part of a body
        text = "amplitude_ua is %d and %d; both channels together may not exceed the board's hard cap of %d"
        raise Refused(protocol.ERR_LIMIT, text % (first.amplitude_ua, second.amplitude_ua, hard_cap_ua))
    if locked(made):
        _check_lock(first.wave, second.wave)


def locked(made):
    """True when the second channel keeps its place in the first one's cycle."""
    return len(made) > 1 and made[1].wave["phase_deg"] >= 0


def _completed(wave, wave2):
    """The second request with what it shares with the first."""
    for name in COMMON:
        if name in wave2:
            raise Refused(protocol.ERR_VALUE, "%s is the same for both channels; the second has none" % name)
    full = dict(wave2)
    for name in COMMON:
        if name in wave:
            full[name] = wave[name]
    return full


def _check_lock(first, second):
    if first["frequency_mhz"] != second["frequency_mhz"]:
        text = "frequency_mhz is %d and %d; channels that are locked have the same"
        raise Refused(protocol.ERR_VALUE, text % (first["frequency_mhz"], second["frequency_mhz"]))
    for wave in (first, second):
        for name in ("burst_ms", "frequency_end_mhz"):
            if wave[name]:
                text = "%s is %d; a channel that is locked has none" % (name, wave[name])
                raise Refused(protocol.ERR_VALUE, text)
