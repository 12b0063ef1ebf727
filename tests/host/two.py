"""A scripted board with two channels, for the tests of what the host makes of them."""

from firmware.shared import protocol
from microcurrent.treatment import checked_second, checked_wave

from .test_session import ANSWERS, ScriptedDevice

WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 60_000})
SECOND = checked_second({"shape": "sine", "amplitude_ua": 50, "frequency_mhz": 40_000, "area_mm2": 100}, WAVE)
_FLOWING = {"session": 1, "state": protocol.ACTIVE, "phases": 1, "contact": protocol.CONTACT_GOOD}
FIRST_ROW = {**_FLOWING, "commanded_ua": 200, "delivered_ua": 199, "impedance_ohm": 9000, "elapsed_ms": 1500}
SECOND_ROW = {**_FLOWING, "commanded_ua": 50, "delivered_ua": 31, "impedance_ohm": 4000, "elapsed_ms": 1500}


def fields(**values: int) -> list[int]:
    """A telemetry tuple."""
    return [values.get(name, 0) for name in protocol.TELEMETRY_FIELDS]


def whole(**values: int) -> dict[str, int]:
    """A telemetry row by name."""
    return {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), **values}


def telemetry() -> dict:
    """A telemetry event of both channels."""
    return {"ev": "telemetry", "t": fields(**FIRST_ROW), "t2": fields(**SECOND_ROW)}


def board(channels: int = 2) -> ScriptedDevice:
    """A scripted board that says how many channels it has."""
    device = ScriptedDevice()
    device.answers = {"hello": {**ANSWERS["hello"], "channels": channels, "board": "b", "uid": "u"}}
    device.answers["hello"] |= {"micropython": "1", "manifest": "m", "commissioned": True}
    device.answers["config"] = ANSWERS["config"]
    device.accepts = {"terms2": {"amplitude_ua": 50}}
    return device


class Story:
    """What a board tells while a session runs. Then Ctrl-C twice: give `happen` as the count of interrupts."""

    def __init__(self, *events: dict) -> None:
        self.device = board()
        self.events = list(events)

    def happen(self) -> int:
        """Tell the next event; 2 behind the last one."""
        if not self.device.running:
            return 0
        if self.events:
            self.device.tell(self.events.pop(0))
            return 0
        return 2
