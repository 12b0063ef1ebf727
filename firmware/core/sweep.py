"""Amplitude and frequency that move while a session runs: straight from the first value to the last and back again.

One way takes sweep_ms, and at either end it stays for hold_ms: of the amplitude alone that is an envelope. The session
hands the present values to the engine in small steps; each takes effect at the end of a cycle. Pure arithmetic, main
loop only. `wave`: a request that shared/waveform.py has checked.
"""

STEP_MS = 50  # ours: between two steps; shorter than the 100 ms in which a change could be felt as one
_ENDS = (("amplitude_ua", "amplitude_end_ua"), ("frequency_mhz", "frequency_end_mhz"))


def extremes(wave):
    """The waveforms between which a session moves: what limits and sample period must suit. One where nothing moves."""
    if not wave["sweep_ms"]:
        return (wave,)
    last = dict(wave)
    for name, end in _ENDS:
        last[name] = wave[end] or wave[name]
    strongest = max(wave["amplitude_ua"], last["amplitude_ua"])
    return tuple(dict(each, amplitude_ua=strongest) for each in (wave, last))


def move(wave, elapsed_ms, now):
    """Give `now`, a copy of the waveform, the amplitude and frequency of a time of the session."""
    way_ms, hold_ms = wave["sweep_ms"], wave["hold_ms"]
    into_ms = elapsed_ms % (2 * (way_ms + hold_ms))
    if into_ms >= way_ms + hold_ms:
        into_ms = max(0, 2 * way_ms + hold_ms - into_ms)
    into_ms = min(into_ms, way_ms)
    for name, end in _ENDS:
        if wave[end]:
            now[name] = wave[name] + (wave[end] - wave[name]) * into_ms // way_ms
