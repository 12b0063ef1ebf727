"""Commands: every handler answers, refuses bad arguments, and no request can raise; and the fault table they show."""

from boards.rp2040_pico import board
from firmware.core import commands, event_log, meter, no_programme, programme, report, ring, session
from firmware.shared import calibration, calibration_slot, faults, framing, protocol, settings, waveform
from tests.dual.session_bench import File


class Engine:
    """Stands where hw/engine_*.py stands while nothing runs."""

    gate_closed = 0
    periods_us = (100,)
    bus_errors = broken_channel = 0

    def __init__(self, channels):
        self.channels = channels

    def change(self, _channel, _plan, _amplitude_ua):
        pass

    def lift(self):
        pass

    def open_gate(self):
        pass

    def disarm(self):
        pass

    def arm(self, _plans, _amplitudes_ua, _left=0):
        return faults.NONE

    def history(self, _channel):
        return "800800" * 64

    def note_state(self, state):
        pass

    def snapshot(self, _channel):
        return tuple(99000 if name == "left" else 0 for name in meter.SNAPSHOT_FIELDS)


class Part:
    """Stands where the DAC stands: answers, or is absent."""

    absent = False

    def read(self):
        if self.absent:
            raise OSError(5)
        return 1, 2048, 0, 2048, 0


class Journal:
    """Stands where core/journal.py stands."""

    def page(self, first):
        return {"lines": [], "next": -1, "problem": None, "from": first}


class Device:
    """What firmware/app.py gives the handlers, without a board behind it."""

    def __init__(self, channels=1):
        self.engine = Engine(channels)
        self.dacs = [Part() for _ in range(channels)]
        self.session = session.Session(board, self.engine, lambda _event: None, lambda _kind, _detail: None)
        self.session.begin_test()
        self.session.end_test(True)
        self.journal = Journal()
        self.settings = settings.defaults()
        self.ring = ring.TelemetryRing(4, channels)
        self.events = event_log.EventLog(16)
        self.reset_cause = "power"
        self.last_rows = [None, None]
        self.telemetry_hz = 10
        self.asked = []
        self.looks = 0
        self.stops_at_look = False
        self.sound = False
        self.hard_cap_ua = board.HARD_CAP_UA
        self.programme = no_programme.NoProgramme(self, lambda _name: None)
        self.can_run_programmes = False
        self.seek = None
        self.flash_refuses = False
        self.calibration = self.calibration_problem = None
        self.zero_code = board.ZERO_CODE
        self.stop_open = 0
        self.unmeasured = None

    def set_calibration(self, found):
        self.calibration = found

    def measure(self, index, codes):
        self.asked.append((index, codes))
        return ([[-1, 8192, 8192]], None) if not self.unmeasured else (None, self.unmeasured)

    def now_ms(self):
        return 1000

    def look(self):
        self.looks += 1
        if self.stops_at_look:
            self.session.stop(True, self.now_ms())

    def estop(self):
        return self.stop_open

    def identity(self):
        return {"firmware": "x"}

    def save_settings(self, changes):
        self.settings = dict(self.settings)
        self.settings.update(changes)

    def arm(self, request, lease_ms, request2=None, seek=session.SEEK_FAULT):
        self.seek = seek
        return self.session.arm(request, lease_ms, self.settings, 0, 1000, request2, seek)

    def load_programmes(self):
        assert not self.can_run_programmes  # once
        self.can_run_programmes = True
        self.programme = programme.Programme(self, File(), lambda _event: None, lambda _name: None)

    def store(self, write, data):
        if self.flash_refuses:
            raise RuntimeError("no flash write while the gate conducts")
        write(data)

    def await_confirmation(self, changes, raised):
        self.asked.append((changes, raised))

    def clear(self):
        self.asked.append("clear")
        self.session.begin_test()
        self.session.clear()
        self.session.end_test(True)

    def selftest(self):
        return [("a", True, 1, ""), ("b", self.sound, 2, "")]

    def test_watchdog(self):
        self.asked.append("watchdog")

    def commission(self):
        return True

    def counters(self):
        return {"free_bytes": 1}

    def reset_soon(self, maintenance):
        self.asked.append(maintenance)


WAVE = {"amplitude_ua": 100, "frequency_mhz": 10000, "duration_ms": 5000}
WAVE2 = {"amplitude_ua": 50, "frequency_mhz": 40000, "shape": "sine"}


def ask(device, command, **arguments):
    return commands.handle(device, {"id": 7, "cmd": command, "args": arguments})


def armed(device):
    assert ask(device, "arm", wave=WAVE)["ok"]


def started(device):
    """Arm and start a session."""
    session_number = ask(device, "arm", wave=WAVE)["data"]["session"]
    assert ask(device, "start", session=session_number)["ok"]
    return session_number


def paused(device):
    started(device)
    assert ask(device, "pause")["data"]["state"] == "PAUSED"


STEP = {"site": "cheek", "side": "left", "wave": WAVE}
INFO = {"name": "trial", "hash": "00ff", "steps": 1, "duration_ms": 5000}


def flowing(device):
    """A session whose electrodes conduct: nothing of this engine's snapshots says that it looks for contact."""
    started(device)


def loaded(device):
    """Upload a programme of one step."""
    assert ask(device, "programme", at=0, info=INFO, step=STEP)["data"] == {"hash": "00ff"}


def under_way(device):
    """A programme that has not begun its first step."""
    loaded(device)
    assert ask(device, "programme_start", hash="00ff")["data"]["state"] == "between"


def test_every_command_has_a_handler_and_answers():
    assert set(commands.HANDLERS) == set(protocol.COMMANDS)
    prepare = {
        "lease": started,
        "felt": flowing,
        "programme_start": loaded,
        "skip": under_way,
        "pause": started,
        "change": started,
        "resume": paused,
        "start": lambda device: ask(device, "arm", wave=WAVE),
    }
    arguments = {
        "arm": {"wave": WAVE}, "lease": {"session": 1}, "start": {"session": 1},
        "change": {"session": 1, "wave": {"amplitude_ua": 90}}, "table": {"points": 256, "values": [0]},
        "programme_start": {"hash": "00ff"}, "measure": {"codes": [2048]},
    }  # fmt: skip
    for command in protocol.COMMANDS:
        device = Device()
        prepare.get(command, lambda _device: None)(device)
        reply = ask(device, command, **arguments.get(command, {}))
        assert reply["id"] == 7 and reply["ok"] is True, (command, reply)


def calibrated(channels=1, **constants):
    each = dict(calibration.NOMINAL)
    each.update(constants)
    found = {"day": 20000, "temperature_c": 23, "reference": "meter", "channels": [each] * channels}
    found["id"] = calibration_slot.id_of(found)
    return found


def test_a_calibration_is_read_set_and_erased_while_nothing_runs():
    device = Device()
    assert ask(device, "calibration")["data"] == {"calibration": None, "problem": None}
    found = calibrated()
    assert ask(device, "calibration", set=found)["data"]["calibration"] == found == device.calibration
    for wrong, text in (
        (calibrated(gain_ppm=60001), "channel 1: gain_ppm is 60001; an honest unit has -60000..60000"),
        (None, "a calibration must be an object"),
        (calibrated(2), "channels must be a list of 1, one per output"),
    ):
        reply = ask(device, "calibration", set=wrong)
        assert (reply["err"], reply["text"]) == ("value", text + "; the calibration was not changed")
        assert device.calibration == found
    assert ask(device, "calibration", erase=1)["data"]["calibration"] == found
    assert ask(device, "calibration", erase=True)["data"]["calibration"] is None
    for prepare in (armed, flowing, paused, under_way):
        device = Device()
        prepare(device)
        for arguments in ({"set": found}, {"erase": True}):
            assert ask(device, "calibration", **arguments)["err"] == "state"
        assert ask(device, "measure", codes=[2048])["err"] == "state"
        assert ask(device, "calibration")["ok"] and device.calibration is None
    device = Device()
    device.engine.gate_closed = 1  # in spite of the state
    for command, arguments in (("calibration", {"set": found}), ("calibration", {"erase": True}), ("measure", {})):
        reply = ask(device, command, **arguments)
        assert reply["err"] == "state" and "needs the gate open" in reply["text"]


def test_what_may_be_measured():
    device = Device(2)
    assert ask(device, "measure", channel=2, codes=[614, 3482])["data"] == {
        "rows": [[-1, 8192, 8192]],
        "temperature_c": 0,
    }
    assert device.asked == [(1, [614, 3482])]
    for arguments in (
        {}, {"codes": []}, {"codes": [2048] * 17}, {"codes": "2048"}, {"codes": [613]}, {"codes": [3483]},
        {"codes": [2048, 0]}, {"codes": [True]}, {"codes": [2048.0]}, {"codes": [2048], "channel": 3},
        {"codes": [2048], "channel": 0},
    ):  # fmt: skip
        assert ask(device, "measure", **arguments)["err"] == "value", arguments
    assert len(device.asked) == 1
    assert ask(device, "measure", codes=[2048] * 16)["ok"]
    device.unmeasured = "the dummy load measures 9 ohm, wanted 4700"
    reply = ask(device, "measure", codes=[2048])
    assert (reply["err"], reply["text"]) == ("hardware", device.unmeasured + "; the output is off")
    device.stop_open = 1
    reply = ask(device, "measure", codes=[2048])
    assert (reply["err"], reply["text"]) == ("state", "the emergency stop is open: close it")


def test_nothing_in_a_request_can_raise():
    for message in (
        {}, {"id": 1}, {"cmd": "status"}, {"id": True, "cmd": "status"}, {"id": 1, "cmd": []},
        {"id": 1, "cmd": "start", "args": 3}, {"id": 1, "cmd": "arm", "args": {"wave": []}},
        {"id": 1, "cmd": "start", "args": {"session": []}}, {"id": 1, "cmd": "start", "args": {"utc_s": -1}},
    ):  # fmt: skip
        reply = commands.handle(Device(), message)
        assert reply["ok"] is False and reply["text"], message


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_deeply_nested_values_are_refused_wherever_they_stand():
    """As deep as a line may be; the reply, which shows what it refuses, is encoded too."""
    deep = nested(framing.MAX_BRACKETS - 4)
    for message in (
        {"id": deep, "cmd": "status"}, {"id": 1, "cmd": deep}, {"id": 1, "cmd": "status", "args": deep},
        {"id": 1, "cmd": "arm", "args": {"wave": dict(WAVE, shape=deep)}},
        {"id": 1, "cmd": "arm", "args": {"wave": dict(WAVE, amplitude_ua=deep)}},
        {"id": 1, "cmd": "config", "args": {"set": {"lease_ms": deep}}},
        {"id": 1, "cmd": "config", "args": {"set": deep}},
        {"id": 1, "cmd": "lease", "args": {"session": deep}},
        {"id": 1, "cmd": "telemetry", "args": {"rate_hz": deep}},
        {"id": 1, "cmd": "replay", "args": {"from_seq": deep}},
    ):  # fmt: skip
        received = framing.decode(framing.encode(message))
        reply = commands.handle(Device(), received)
        if message["cmd"] == "status" and message["id"] == 1:
            assert reply["err"] == protocol.ERR_VALUE
        assert reply["ok"] is False and len(framing.encode(reply)) < framing.MAX_LINE_BYTES, message


def test_bad_arguments_are_refused_with_the_range():
    device = Device()
    for command, arguments in (
        ("telemetry", {"rate_hz": 51}), ("telemetry", {"rate_hz": True}), ("arm", {"wave": WAVE, "lease_ms": 499}),
        ("journal", {"from": -1}),
        ("replay", {"count": 0}), ("config", {"set": {"lease_ms": 1}}),
        ("arm", {"wave": WAVE, "contact": 1}), ("arm", {"wave": WAVE, "contact": "yes"}),
        ("arm", {"wave": WAVE, "contact": None}), ("felt", {"by": "x" * 17}), ("felt", {"by": 3}),
        ("programme", {"at": 1001}), ("programme", {"at": -1}), ("programme", {"at": True}),
        ("programme", {"at": 0}), ("programme", {"at": 0, "info": INFO}), ("programme", {"at": 1, "step": STEP}),
        ("programme_start", {"hash": "00ff"}), ("programme_start", {"hash": "00ff", "lease_ms": 499}),
        ("programme_start", {"hash": "00ff", "utc_s": -1}), ("programme_start", {}),
    ):  # fmt: skip
        assert ask(device, command, **arguments)["err"] == protocol.ERR_VALUE, (command, arguments)


def test_contact_alone_is_asked_for_in_so_many_words():
    for given, seek in (({}, session.SEEK_FAULT), ({"contact": False}, session.SEEK_FAULT),
                        ({"contact": True}, session.SEEK_ONLY)):  # fmt: skip
        device = Device()
        assert ask(device, "arm", wave=WAVE, **given)["ok"] and device.seek == seek


def test_felt_lowers_and_tells_by_how_much():
    device = Device()
    assert ask(device, "felt")["err"] == protocol.ERR_STATE
    flowing(device)
    assert ask(device, "felt", by="x" * 16)["data"] == {"amplitude_ua": [80]}
    assert ask(device, "felt")["data"] == {"amplitude_ua": [64]}


def test_without_a_programme_there_is_none():
    device = Device()
    for command, arguments in (("skip", {}), ("lease", {"hash": "00ff"}), ("pause", {}), ("resume", {}), ("felt", {})):
        assert ask(device, command, **arguments)["err"] == protocol.ERR_STATE
    assert ask(device, "stop")["ok"] and not device.can_run_programmes


def test_a_programme_is_loaded_told_and_started():
    device = Device()
    assert ask(device, "programme")["data"] == {"stored": None} and ask(device, "status")["data"]["programme"] is None
    loaded(device)
    assert ask(device, "programme")["data"] == {"stored": dict(INFO, profile=0, unipolar_ms=0)}
    assert ask(device, "programme_start", hash="00fe")["err"] == protocol.ERR_VALUE
    reply = ask(device, "programme_start", hash="00ff", away=1)  # anything but true: the host stays
    assert reply["ok"] and device.programme.away is False
    assert ask(device, "status")["data"]["programme"] == reply["data"]
    assert reply["data"] == {
        "hash": "00ff", "name": "trial", "step": 1, "steps": 1, "state": "between", "ended": ""
    }  # fmt: skip
    assert ask(device, "lease", hash="00ff")["ok"]
    for named in ("00fe", 3, [], True):
        assert ask(device, "lease", hash=named)["err"] == protocol.ERR_STATE
    assert ask(device, "programme_start", hash="00ff")["err"] == protocol.ERR_STATE
    assert ask(device, "pause")["ok"] and device.programme.told()["state"] == "held"
    assert ask(device, "pause")["err"] == protocol.ERR_STATE
    assert ask(device, "resume")["ok"] and device.programme.told()["state"] == "between"
    assert ask(device, "resume")["err"] == protocol.ERR_STATE
    assert ask(device, "skip")["data"]["ended"] == "finished"
    assert ask(device, "skip")["err"] == protocol.ERR_STATE and ask(device, "stop")["ok"]


def test_a_host_may_leave_only_where_the_setting_says_so():
    device = Device()
    loaded(device)
    reply = ask(device, "programme_start", hash="00ff", away=True)
    assert reply["err"] == protocol.ERR_LIMIT and "host_may_leave is 0" in reply["text"]
    device.save_settings({"host_may_leave": 1})
    assert ask(device, "programme_start", hash="00ff", away=True)["ok"] and device.programme.away is True


def test_while_a_programme_runs_nothing_else_begins():
    device = Device()
    under_way(device)
    for command, arguments in (
        ("arm", {"wave": WAVE}), ("arm", {"wave": WAVE, "contact": True}), ("start", {"session": 0}),
        ("selftest", {}), ("commission", {}), ("dac", {}), ("config", {"set": {"lease_ms": 900}}),
        ("config_reset", {}), ("table", {"values": [0], "points": 256}),
        ("programme", {"at": 0, "info": INFO, "step": STEP}),
    ):  # fmt: skip
        reply = ask(device, command, **arguments)
        assert reply["err"] == protocol.ERR_STATE and "a programme runs" in reply["text"], command
    assert ask(device, "config")["ok"] and ask(device, "programme")["data"]["stored"]["hash"] == "00ff"
    assert ask(device, "stop")["ok"] and device.programme.told()["ended"] == "stopped"
    assert ask(device, "arm", wave=WAVE)["ok"]


def test_a_programme_is_not_loaded_in_mid_session():
    for prepare in (started, paused, armed):
        device = Device()
        prepare(device)
        for arguments in ({}, {"at": 0, "info": INFO, "step": STEP}):
            reply = ask(device, "programme", **arguments)
            assert reply["err"] == protocol.ERR_STATE and not device.can_run_programmes
        assert ask(device, "programme_start", hash="00ff")["err"] == protocol.ERR_STATE
        assert not device.can_run_programmes
    device = Device()
    device.flash_refuses = True
    reply = ask(device, "programme", at=0, info=INFO, step=STEP)
    assert (reply["err"], reply["text"]) == (protocol.ERR_STATE, "no flash write while the gate conducts")


def test_what_is_not_possible_while_a_session_is_on_its_way():
    for prepare, state in (
        (started, "RAMP_UP"), (paused, "PAUSED"), (armed, "ARMED")
    ):  # fmt: skip
        device = Device()
        prepare(device)
        for command in ("selftest", "commission", "dac", "config_reset", "arm"):
            assert ask(device, command, wave=WAVE)["err"] == protocol.ERR_STATE, (command, state)
        assert ask(device, "config", set={"lease_ms": 900})["err"] == protocol.ERR_STATE
        assert ask(device, "config")["ok"] and ask(device, "status")["data"]["state"] == state


def test_raising_a_cap_waits_for_the_button():
    device = Device()
    reply = ask(device, "config", set={"profile": 1, "lease_ms": 900})
    assert reply["err"] == protocol.ERR_CONFIRM and "profile would raise a cap; nothing was changed" in reply["text"]
    assert device.asked == [({"profile": 1, "lease_ms": 900}, ["profile"])]
    assert device.settings == settings.defaults()
    device.save_settings({"profile": 1, "session_max_ms": 1000})
    reply = ask(device, "config_reset")
    assert reply["err"] == protocol.ERR_CONFIRM and device.asked[-1][1] == ["session_max_ms"]
    device.save_settings({"session_max_ms": 1200000})
    assert ask(device, "config_reset")["ok"] and device.settings == settings.defaults()


def test_the_watchdog_is_tested_only_after_everything_else_passed():
    device = Device()
    assert ask(device, "selftest", watchdog=True)["data"]["passed"] is False and device.asked == []
    device.sound = True
    assert ask(device, "selftest")["data"]["passed"] is True and device.asked == []
    assert ask(device, "selftest", watchdog=True)["data"]["passed"] is True and device.asked == ["watchdog"]


def test_settings_and_replies_that_reproduce_them():
    device = Device()
    reply = ask(device, "config", set={"lease_ms": 900})
    assert reply["data"]["set"]["lease_ms"] == 900
    assert ask(device, "config", **reply["data"])["data"] == reply["data"]
    assert ask(device, "config_reset")["data"]["set"] == settings.defaults()


def test_a_silent_dac_is_a_hardware_error():
    device = Device()
    device.dacs[0].absent = True
    assert ask(device, "dac")["err"] == protocol.ERR_HARDWARE


def test_clear_looks_for_the_cause_first():
    device = Device()
    device.session.raise_fault(faults.OVER_CURRENT, 400, 350, 5)
    assert ask(device, "faults")["data"]["reading"] == 400
    assert ask(device, "arm", wave=WAVE)["err"] == protocol.ERR_FAULT
    assert ask(device, "clear")["data"] == {"code": 0} and device.asked == ["clear"]
    assert ask(device, "clear")["data"] == {"code": 0} and device.asked == ["clear"]


def test_the_longest_reply_fits_into_a_line():
    device = Device()
    started(device)
    device.session.raise_fault(faults.SAMPLE_INTERRUPT_STOPPED, -(2**31), 2**31, 5)
    reply = ask(device, "faults")
    assert len(reply["data"]["samples"]) == 384 and len(framing.encode(reply)) < framing.MAX_LINE_BYTES


def filled(row):
    """A row whose numbers all take as much room as they can."""
    return [-(2**31)] * len(row)


def longest():
    """A wave whose values all take as much room as they can: no request holds all of them together."""
    wave = {name: high for name, _low, high, _default in waveform.FIELDS}
    wave.update({"shape": "sawtooth", "polarity": "alternate", "zone": "chest"})
    return wave


def test_both_channels_are_told():
    device = Device(2)
    assert ask(device, "status")["data"]["wave2"] is None
    told = ask(device, "arm", wave=WAVE, wave2=WAVE2)["data"]
    assert (told["amplitude_ua"], told["terms2"]["amplitude_ua"]) == (100, 50)
    assert ask(device, "start", session=1)["ok"]
    rows = [report.row(device.session, each, 1000) for each in device.session.used]
    device.last_rows = [filled(row) for row in rows]
    device.session.terms.wave = longest()
    device.session.channels[1].terms.wave = longest()
    device.load_programmes()
    device.programme.info = {"name": '"' * 32, "hash": '"' * 16, "steps": 48}
    device.programme.index, device.programme.ended = 47, programme.FINISHED
    device.programme.state = programme.BETWEEN
    reply = ask(device, "status")
    device.programme.state = programme.IDLE
    assert reply["data"]["telemetry2"] == filled(rows[1]) and reply["data"]["wave2"]["shape"] == "sawtooth"
    assert len(framing.encode(reply)) < framing.MAX_LINE_BYTES
    for sequence in range(4):
        device.ring.put(sequence, filled(rows[0]), filled(rows[1]))
    reply = ask(device, "replay", count=9)
    assert len(reply["data"]["rows"]) == 1 and len(framing.encode(reply)) < framing.MAX_LINE_BYTES
    ask(device, "stop", now=True)
    assert set(ask(device, "dac")["data"]["dac2"]) == {
        "ready", "dac_code", "dac_power_down", "eeprom_code", "eeprom_power_down"
    }  # fmt: skip


def test_a_change_of_the_second_channel():
    device = Device(2)
    assert ask(device, "arm", wave=WAVE, wave2=WAVE2)["ok"] and ask(device, "start", session=1)["ok"]
    reply = ask(device, "change", session=1, wave2={"amplitude_ua": 40})
    assert reply["data"]["terms2"]["amplitude_ua"] == 40 and reply["data"]["amplitude_ua"] == 100


def test_a_change_is_looked_after_in_its_middle():
    device = Device()
    started(device)
    assert ask(device, "change", session=1, wave={"amplitude_ua": 40})["ok"] and device.looks == 1
    device.stops_at_look = True
    reply = ask(device, "change", session=1, wave={"amplitude_ua": 30})
    assert reply["err"] == "state" and reply["text"] == "session 1 is not running; the state is READY"
    assert device.looks == 2 and device.session.channels[0].amplitude_ua == 40


def test_without_a_programme_there_is_nothing_to_look_after():
    device = Device()
    assert device.programme.look(device.now_ms()) is None and not device.programme.active


def test_resets_switch_off_first():
    device = Device()
    started(device)
    ask(device, "maintenance")
    ask(device, "reset")
    assert device.session.state == protocol.READY and device.asked == [True, False]
    for command in ("maintenance", "reset"):
        device = Device()
        under_way(device)
        assert ask(device, command)["ok"] and not device.programme.active


def test_the_fault_table_is_complete():
    codes = [row[0] for row in faults.TABLE]
    assert codes == list(range(1, len(codes) + 1))
    assert len(set(row[1] for row in faults.TABLE)) == len(codes)
    assert len(set(row[6] for row in faults.TABLE)) == len(codes)
    for code, _name, _meaning, _hint, kind, off_us, scenario in faults.TABLE:
        assert faults.name_of(code) and faults.meaning_of(code) and faults.hint_of(code) and scenario
        assert kind in (faults.TRIP, faults.SUPERVISED, faults.BOOT)
        assert off_us > 0 or kind == faults.BOOT
    assert faults.name_of(0) == "none" and faults.name_of(99) == "fault-99"
    assert faults.meaning_of(99) == "" and faults.hint_of(99) == ""


def test_what_a_change_and_a_table_must_look_like():
    device = Device()
    for command, arguments in (
        ("change", {}), ("change", {"wave": 3}), ("change", {"wave2": 3}),
        ("change", {"wave": {}, "wave2": {}}), ("arm", {"wave": WAVE, "wave2": 3}),
        ("arm", {"wave": WAVE, "wave2": WAVE2}),
        ("table", {}), ("table", {"values": []}), ("table", {"values": [0] * 65}), ("table", {"values": [0.5]}),
        ("table", {"values": [0], "points": 255}), ("table", {"values": [0], "at": 1}),
        ("table", {"values": [0], "at": 1024}),
    ):  # fmt: skip
        assert ask(device, command, **arguments)["err"] == protocol.ERR_VALUE, (command, arguments)
    assert ask(device, "table", values=[0], points=256)["data"] == {"crc": 0}
    assert ask(device, "table", values=[0], at=1)["ok"]


def test_a_time_to_off_follows_the_sample_period():
    for code in (faults.OVER_CURRENT, faults.ESTOP, faults.CHARGE_LIMIT, faults.COMPARATOR):
        for sample_us in (62, 100, 250):
            assert faults.off_us(code, sample_us) == sample_us + 5
    assert faults.off_us(faults.OUTPUT_ASTRAY, 100) == 205 and faults.off_us(faults.DAC_NO_ACK, 100) == 250
    assert faults.off_us(faults.BUS_HUNG, 62) == faults.off_us(faults.BUS_HUNG, 250) == 1300
    assert faults.off_us(faults.NONE, 100) == faults.off_us(99, 100) == 0
    assert faults.LONGEST_SAMPLE_US == 250
