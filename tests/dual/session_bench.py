"""A session against an engine whose readings the test dictates and its own clock; for cases on both interpreters."""

from boards.rp2040_pico import board
from firmware.core import meter, session, supervisor, waveplan
from firmware.core.terms import Refused
from firmware.shared import framing, protocol, settings, waveform

WAVE = {"amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 10000}
PERIOD_US = 100
OPEN = settings.defaults()  # the widest caps there are
OPEN.update({"profile": 1, "zone": waveform.ZONES.index("body"), "area_mm2": 1000})
STABLE = supervisor.STABLE_MS * 1000 // PERIOD_US


class Engine:
    """Stands where hw/engine_*.py stands: reports the snapshot it was told, remembers what it was asked."""

    periods_us = (PERIOD_US,)
    bus_errors = broken_channel = 0

    def __init__(self, channels=1):
        self.channels = channels
        self.values = {}
        self.values2 = {}  # what the second output differs in
        self.gate_closed = 0
        self.asked = []
        self.broken = False
        self.unfit = 0
        self.no_zero = 0
        self.state = -1
        self.passed_ms = 0  # time for which sample interrupts have come, until the next feed
        self.clock_us = 0

    def open_gate(self):
        self.gate_closed = 0

    def arm(self, plans, amplitudes_ua, left=0):
        assert len(plans) == len(amplitudes_ua)
        self.asked.append(("arm",) + tuple(amplitudes_ua) + (left,))
        self.values = {"left": left or 99000}
        self.values2 = {}
        return self.unfit

    def run(self):
        self.asked.append("run")
        if self.no_zero:
            return self.no_zero
        self.gate_closed = 1
        self.values["sensing"] = 1
        return 0

    def change(self, channel, plan, amplitude_ua):
        self.asked.append(("change", channel, plan.gain, plan.phase_step, amplitude_ua))

    def lift(self):
        self.asked.append("lift")
        self.values.update(sensing=1, good=0, envelope=0)

    def ramp_up(self):
        self.asked.append("ramp_up")
        self.values["sensing"] = 0

    def ramp_down(self):
        self.asked.append("ramp_down")

    def disarm(self):
        self.gate_closed = 0
        if self.broken:
            raise OSError(5)

    def feed(self):
        self.values["ticks"] = self.values.get("ticks", 0) + self.passed_ms * 1000 // PERIOD_US
        self.passed_ms = 0

    def snapshot(self, channel):
        self.values["clock_us"] = self.clock_us
        values = dict(self.values, **self.values2) if channel else self.values
        return tuple(values.get(name, 0) for name in meter.SNAPSHOT_FIELDS)

    def history(self, channel):
        return ("800800", "900900")[channel] * 64

    def note_state(self, state):
        self.state = state

    def calibrate(self, scales):
        self.asked.append(("calibrate", len(scales)))


class File:
    """Stands where hw/programme_file.py stands: keeps the lines in memory."""

    def __init__(self):
        self.lines = []
        self.absent = False  # or the flash answers with an error

    def save(self, lines):
        self.lines = list(lines)

    def line(self, number):
        if self.absent or not self.lines:
            raise OSError(2)
        return framing.decode(self.lines[number] if number < len(self.lines) else b"")


class Bench:
    """A session that passed its self-test, with everything it told and wrote down."""

    def __init__(self, channels=1):
        self.events = []
        self.records = []
        self.full_flash = False
        self.engine = Engine(channels)
        self.made = session.Session(board, self.engine, self.events.append, self.record)
        self.now_ms = 0
        self.estop = 0
        self.supply_mv = 12000
        self.bare_usb = 0
        self.first = self.made.channels[0]
        self.made.begin_test()
        self.made.end_test(True)
        self.events.clear()

    def record(self, kind, detail):
        assert not self.engine.gate_closed, "no flash write while the gate is on"
        if self.full_flash:
            raise OSError(28)
        self.records.append((kind, detail))

    def arm(self, lease_ms=2000, **changes):
        request = dict(WAVE)
        request.update(changes)
        return self.made.arm(request, lease_ms, OPEN, self.estop, self.now_ms)

    def begin(self, **changes):
        terms = self.arm(**changes)
        self.made.start(terms["session"], 0, self.estop, self.now_ms)
        return terms

    def tick(self, ms=10):
        self.now_ms += ms
        self.engine.passed_ms += ms
        self.engine.clock_us = self.now_ms * 1000 & meter.CLOCK_MASK
        self.made.tick(self.estop, self.now_ms, self.supply_mv, 27, self.bare_usb)

    def to_sensing(self, **changes):
        self.begin(**changes)
        self.tick(0)
        self.tick(5)
        assert self.engine.gate_closed and self.made.state == protocol.RAMP_UP

    def to_ramp(self, **changes):
        self.to_sensing(**changes)
        self.engine.values["good"] = STABLE
        self.tick()
        assert self.engine.asked[-1] == "ramp_up"

    def to_active(self, **changes):
        self.to_ramp(**changes)
        self.engine.values["envelope"] = waveplan.ENVELOPE_ONE
        self.tick()
        assert self.made.state == protocol.ACTIVE

    def to_paused(self):
        self.to_active()
        self.made.pause(self.now_ms)
        self.engine.values.update(done=1, left=50000)
        self.tick()
        assert self.made.state == protocol.PAUSED

    def told(self, kind):
        return [event for event in self.events if event["ev"] == kind]

    def written(self, kind):
        return [detail for name, detail in self.records if name == kind]


def refusal(call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except Refused as error:
        return error.args
    return None
