"""What a record must hold so that lists, pictures and reports can show it."""

from firmware.shared import protocol, waveform

_WAVE_NUMBERS = ("amplitude_ua", "frequency_mhz", "duration_ms", "ramp_ms", "area_mm2", "duty_permille", "gap_us")
_DEVICE = ("board", "uid", "firmware", "micropython", "manifest")
_DICTS_OR_NONE = ("wave2", "image", "accepted", "summary", "programme", "screening")
_TEXTS_OR_NONE = ("ended_utc", "ended", "port", "load", "load2", "subject", "course", "calibration")


def check_types(session: dict) -> None:
    """Raises ValueError when a column of a session, its JSON decoded, holds another kind of value than it should."""
    for name in ("id", "started_utc"):
        if not isinstance(session.get(name), str):
            raise ValueError(f"its {name} is no text")
    for name in _TEXTS_OR_NONE:
        if not isinstance(session.get(name), str | None):
            raise ValueError(f"its {name} is no text")
    for name in ("wave", "device"):
        if not isinstance(session.get(name), dict):
            raise ValueError(f"its {name} is missing")
    for name in _DICTS_OR_NONE:
        if not isinstance(session.get(name), dict | None):
            raise ValueError(f"its {name} is no table of names and values")


def check_session(session: dict) -> None:
    """Raises ValueError that says what a session lacks, or has, that lists and reports could not show."""
    check_types(session)
    for name in _DEVICE:
        if name not in session["device"]:
            raise ValueError(f"its device has no {name}")
    for name in ("wave", "wave2"):
        if session.get(name):
            _check_wave(name, session[name])


def _check_wave(column: str, wave: dict) -> None:
    for name in _WAVE_NUMBERS:
        if not waveform.is_int(wave.get(name)):
            raise ValueError(f"its {column} has no {name}")
    if wave["frequency_mhz"] <= 0:
        raise ValueError(f"its {column} has a frequency_mhz of {wave['frequency_mhz']}")
    for name, known in (("shape", waveform.SHAPES), ("polarity", waveform.POLARITIES)):
        if wave.get(name) not in known:
            raise ValueError(f"its {column} has an unknown {name}")


def check_telemetry(row: dict) -> None:
    """Raises ValueError that says what is odd about a row of telemetry: 64-bit integers by name, states among them."""
    for name, value in row.items():
        if not waveform.is_int(value) or not -(2**63) <= value < 2**63:
            raise ValueError(f"a row of its telemetry has an odd {name}")
    for name, names in (("state", protocol.STATE_NAMES), ("contact", protocol.CONTACT_NAMES)):
        if not 0 <= row.get(name, 0) < len(names):
            raise ValueError(f"a row of its telemetry has an unknown {name}")
