"""Wires the board together and runs the loop: link, supervisor, telemetry, watchdog. No decisions are made here.

Boot order: the gate is open already (boot.py); then the maintenance flag, the bus, the DAC's safe state, settings, the
journal, the self-test, and only then the link. Before the self-test Ctrl-C becomes a byte that the link reads, not an
exception that could strike with the gate closed: the loop ends in order, in a REPL, with output and watchdog off.
"""

import gc
import os
import sys
import time

import board
import machine
import micropython
from machine import Pin
from micropython import const

if board.PORT == "rp2":
    from .hw import engine_rp2 as engine
    from .hw import restart_rp2 as restart
else:
    from .hw import engine_esp32 as engine
    from .hw import restart_esp32 as restart

from .core import commands, consent, cues, event_log, journal, no_programme, report, ring, session, terms, touch
from .hw import bus, checks, commission, dac, journal_files, link, outputs, storage, watchdog
from .shared import calibration, faults, framing, protocol

_PASS_MS = const(12)  # ours: the supervisor runs at 80 Hz; a dead sample interrupt must be off within 20 ms
_LOOK_MS = const(5)  # ours: what came before it took longer than usual, so the supervisor looks once more in this pass
_ANSWERING_MS = const(
    15
)  # ours: then no further line is answered in this pass; the slowest takes 25 ms, the dead-man 100
# Bytes of heap that a look, a telemetry row and an answer (a change of both channels) leave behind: measured on the
# bench, rounded up. It is collected before it fills the largest free piece: the holes between what lives are free too,
# but take no larger object, and then it would be collected in the middle of something.
# _SPARE_BYTES of that piece stay, for the start of a session and for one answer more.
_LOOK_BYTES = const(80)
_ROW_BYTES = const(2500)
_LINE_BYTES = const(9000)
_SPARE_BYTES = const(12000)
_TIDY_MIN_BYTES = const(6000)
_PIECE_STEP_BYTES = const(8000)
_RING_ROWS = const(100)  # ours: 10 s at the default rate, 2 s at the highest
_EVENTS_KEPT = const(16)  # ours: as many as `log` shows
_RESET_DELAY_MS = const(50)  # ours: lets the reply leave the port


# Which fault a failed check stands for; every other one is selftest-failed.
_FAULT_OF_CHECK = {
    "dac-answers": faults.DAC_NO_ACK,
    "dac-moves": faults.DAC_READBACK,
    "dac-range": faults.DAC_READBACK,
    "dac-eeprom": faults.DAC_EEPROM_UNSAFE,
    "supply": faults.SUPPLY,
    "temperature": faults.OVER_TEMPERATURE,
    "output": faults.DAC_NO_ACK,
}


class Device:
    """The wired board. Attributes and methods are what core/commands.py uses."""

    def __init__(self, examined):
        self._dog = None
        self._last_ticks = time.ticks_ms()
        self._now_ms = 0
        self._sequence = 0
        self._reset_at_ms = None
        self._unfed_since_ms = None
        self._ticks_seen = 0
        self._telemetry_due_ms = 0
        self._used = self._looked_ms = 0
        self._tidy_bytes = _TIDY_MIN_BYTES
        self._room = 0  # bytes of the piece that main() gave back
        self._flowed = False
        self._worst_look_ms = 0  # longest time between two looks of the supervisor while current flowed
        self.reset_cause = restart.reset_cause()
        self._last_state = restart.last_state()
        self.events = event_log.EventLog(_EVENTS_KEPT)
        self.last_rows = [None, None]  # telemetry of the first and the second channel
        self.link = link.Link(board.LINK_BAUD)
        self._wire_pins()
        self._cues = cues.Player(self._put_cue)
        self._touch = touch.Touch()
        self._pins = outputs.pins_of(board)
        self.dacs = [dac.Dac(bus.open_bus(board, pins), board.DAC_ADDRESS) for pins in self._pins]
        self.engine = engine.Engine(board, self.dacs)
        self.session = session.Session(board, self.engine, self._emit, self.record)
        self.ring = ring.TelemetryRing(_RING_ROWS, self.engine.channels)
        self.consent = consent.Consent()
        self._open_files()
        self.zero_code = board.ZERO_CODE
        self._use_calibration()
        self.programme = no_programme.NoProgramme(self, self._cue)
        self.can_run_programmes = False
        self.hard_cap_ua = board.HARD_CAP_UA
        self._manifest, self._image, self._code_problem = examined
        self._commissioned = False

    def _wire_pins(self):
        self._estop = Pin(board.ESTOP_PIN, Pin.IN, Pin.PULL_UP)
        self._button = Pin(board.BUTTON_PIN, Pin.IN, Pin.PULL_UP)
        self._vbus = Pin(board.VBUS_PIN, Pin.IN)
        self._led = Pin(board.LED_PIN, Pin.OUT, value=0)
        self._cue_led = Pin(board.CUE_LED_PIN, Pin.OUT, value=0)
        self._buzzer = Pin(board.BUZZER_PIN, Pin.OUT, value=0)

    def _open_files(self):
        """What is kept in flash; each of them refuses to write while a gate conducts."""
        self.storage = storage.Storage(lambda: self.engine.gate_closed)
        self.journal = journal.Journal(journal_files.Files(lambda: self.engine.gate_closed))
        self.settings, self._settings_problem = self.storage.load()
        self.telemetry_hz = self.settings["telemetry_hz"]
        self._calibration_slots = storage.calibration_slots(lambda: self.engine.gate_closed, self.engine.channels)
        self.calibration, self.calibration_problem = self._calibration_slots.load()

    # What commands use ----------------------------------------------------------------------------------------------

    def now_ms(self):
        """Milliseconds since boot as a number that never wraps (ticks_ms alone wraps after 12 days)."""
        ticks = time.ticks_ms()
        self._now_ms += time.ticks_diff(ticks, self._last_ticks)
        self._last_ticks = ticks
        return self._now_ms

    def estop(self):
        """1 while the emergency stop is open (contact open or wire broken: the pull-up reads high)."""
        return self._estop.value()

    def identity(self):
        """The answer to hello."""
        found = {
            "protocol": protocol.PROTOCOL_VERSION,
            "firmware": protocol.FIRMWARE_VERSION,
            "number": protocol.FIRMWARE_NUMBER,
            "board": board.BOARD,
            "uid": "".join("%02x" % byte for byte in machine.unique_id()),
            "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
            "manifest": self._manifest,
            "image": self._image,
            "channels": self.engine.channels,
            "commissioned": self._commissioned,
            "calibration": self.calibration and [self.calibration["id"], self.calibration["day"]],
            "state": self.session.state,
            "maintenance": False,
            "hard_cap_ua": board.HARD_CAP_UA,
            "sample_us": self.engine.periods_us[-1],
        }
        if self._code_problem:
            found["altered"] = self._code_problem
        return found

    def save_settings(self, changes):
        """Merge and store settings; memory follows only when the flash took them."""
        values = dict(self.settings)
        values.update(changes)
        try:
            self._patiently(self.storage.save, values)
        except RuntimeError as error:
            raise terms.Refused(protocol.ERR_STATE, error.args[0]) from None
        self.settings = values
        self.telemetry_hz = values["telemetry_hz"]
        self._settings_problem = None

    def _use_calibration(self):
        """The stored constants. Of a damaged calibration none are used: an older one may be of parts since replaced,
        and without one every limit holds as it does for any new board.
        """
        if self.calibration_problem:
            self.calibration = None
        self.session.calibrate(calibration.scales(board, self.calibration, self.engine.channels))
        _forget("shared", "calibration_slot")

    def set_calibration(self, found):
        """Store a calibration, checked before; None erases it. The board tests itself with it."""
        slots = self._calibration_slots
        if found is None:
            self._patiently(slots.erase)
        else:
            self._patiently(slots.save, found)
        self.calibration, self.calibration_problem = found, None
        self._use_calibration()
        self._emit({"ev": "calibration", "text": "%s is in use" % (found["id"] if found else "none")})
        self._prove(checks.boot)

    def measure(self, index, codes):
        """(rows, problem) of hw/measure.py; what the last self-test has proven holds on."""
        passed = self.session.checks_passed
        self.session.begin_test()
        try:
            return self._patiently(self._measure, index, codes)
        except OSError:
            passed = False
            raise
        finally:
            self.session.end_test(passed == 1)

    def _measure(self, index, codes):
        from .hw import measure

        try:
            return measure.measured(self.engine, index, board, codes)
        finally:
            _forget("hw", "measure")

    def await_confirmation(self, changes, raised):
        """Keep a change that raises a cap until the button is held, or the time is over."""
        self.consent.ask(changes, raised, self.now_ms())

    def bare_usb(self):
        """1 while a USB cable supplies the board and no isolation is declared."""
        return 1 if self._vbus.value() and not self.settings["usb_isolated"] else 0

    def arm(self, request, lease_ms, request2=None, seek=session.SEEK_FAULT):
        """Prove the gate on the dummy load, then let the session check and remember the request: its terms.

        request2: of a second channel. seek: one of session.SEEK_*.
        """
        if self.session.state == protocol.READY:
            self._prove(checks.quick)
        if self.bare_usb():
            self._latch(faults.MAINS_USB, 1, 0)
        self.make_room()  # the terms stay as long as the session
        told = self.session.arm(request, lease_ms, self.settings, self.estop(), self.now_ms(), request2, seek)
        self.make_room()
        self.session.settle()
        return told

    def selftest(self):
        """All checks; a failed one latches its fault."""
        self.make_room()
        return self._prove(checks.full)

    def clear(self):
        """Clear the latched fault. Raises Refused while its cause persists, or when a check fails."""
        code = self.session.latch.code
        persists = self._persists(code)
        if persists:
            raise terms.Refused(
                protocol.ERR_FAULT, "%s; the fault stays latched; %s" % (persists, faults.hint_of(code))
            )
        self._prove(checks.boot, clearing=True)
        if self.session.latch.code:
            raise terms.Refused(
                protocol.ERR_FAULT, "the cause persists; the fault stays latched; %s" % faults.hint_of(code)
            )

    def _persists(self, code):
        """Why a fault must not be cleared yet, as half a sentence; None when the self-test may decide."""
        if self.estop():
            return "the emergency stop is still open"
        if code == faults.MAINS_USB and self.bare_usb():
            return "the USB cable still supplies the board"
        if code == faults.BOARD_MISMATCH and not _fits():
            return "the firmware is still for another board"
        if self._code_problem:  # of the modules in memory: what is mended in flash counts from the next boot on
            return self._code_problem.split(";")[0]
        return None

    def _prove(self, checks_of, clearing=False):
        """Run a list of checks in state SELF_TEST and latch the first that fails; returns all results."""
        self.session.begin_test()
        self._free_bus()
        results = self._patiently(checks.of_all, checks_of, self.engine, self.dacs, board)
        failed = [result for result in results if not result[1]]
        self._note_commissioned(results)
        if failed:
            name, index = checks.name_and_channel(failed[0][0])
            code = _FAULT_OF_CHECK.get(name, faults.SELFTEST_FAILED)
            self._latch(faults.ESTOP if self.estop() else code, failed[0][2], 0, index)
            self.session.end_test(False)
            return results
        if clearing:
            self._repair()
            self.session.clear()
        self.session.end_test(True)
        return results

    def _free_bus(self):
        """A bus that does not answer gets nine clocks and a fresh controller; the checks tell whether it helped."""
        for part, pins in zip(self.dacs, self._pins):
            try:
                part.read()
            except OSError:
                part.bus = bus.open_bus(board, pins)

    def _note_commissioned(self, results):
        found = [result[1] for result in results if checks.name_and_channel(result[0])[0] == "dac-eeprom"]
        if found:
            self._commissioned = all(found)

    def _repair(self):
        """What a cleared fault left damaged in flash is written anew."""
        if self.session.latch.code == faults.SETTINGS_CORRUPT:
            self.save_settings({})
        elif self.session.latch.code == faults.JOURNAL_BROKEN:
            self._patiently(self.journal.restart, self.now_ms())

    def commission(self):
        """Write the DACs' EEPROM where needed; returns whether one was written."""
        self.engine.disarm()
        written = False
        for part in self.dacs:
            if self._patiently(commission.commission, part, board.ZERO_CODE, self.engine.gate_closed):
                written = True
        self._prove(checks.boot, clearing=self.session.latch.code == faults.DAC_EEPROM_UNSAFE)
        return written

    def load_programmes(self):
        """Take what runs programmes into memory, with the gate open: it takes long."""
        self._patiently(self._load_programmes)
        self.can_run_programmes = True

    def _load_programmes(self):
        gc.collect()
        from .core import programme
        from .hw import programme_file

        file = programme_file.ProgrammeFile(lambda: self.engine.gate_closed)
        self.programme = programme.Programme(self, file, self._emit, self._cue)
        self.measure_memory(self._room)

    def measure_memory(self, room):
        """How much garbage there may be before it is collected. room: bytes that were given back, the largest piece.

        Only with the gate open: it takes some collections.
        """
        self._room = room
        gc.collect()
        while room > _PIECE_STEP_BYTES:
            try:
                bytearray(room)
                break
            except MemoryError:
                room -= _PIECE_STEP_BYTES
        gc.collect()
        self._tidy_bytes = max(_TIDY_MIN_BYTES, room - _SPARE_BYTES)
        self._used = 0

    def make_room(self):
        """Before something is made that stays: it then lies before the free memory, not in the middle of it.

        Only with the gate open: it takes a collection.
        """
        gc.collect()
        self._used = 0

    def store(self, write, data):
        """Call write(data), which takes as long as the flash needs."""
        self._patiently(write, data)

    def record(self, kind, detail):
        """Write a record to the journal. A broken one is left as it is found, until its fault is cleared."""
        if self.journal.problem is None:
            self._patiently(self.journal.add, kind, detail, self.now_ms())

    def test_watchdog(self):
        """Stop feeding the watchdog, with the gate open: it must reset the board."""
        restart.request_watchdog_test()
        self._unfed_since_ms = self.now_ms()

    def counters(self):
        """Numbers for support: link, memory, supervisor. free_bytes counts garbage as used while a session runs."""
        if not self.session.running:
            gc.collect()
        return {
            "damaged_lines": self.link.damaged,
            "dropped_lines": self.link.dropped,
            "sequence": self._sequence,
            "worst_look_ms": self._worst_look_ms,
            "free_bytes": gc.mem_free(),
        }

    def _patiently(self, work, *arguments):
        """Do what may take longer than the watchdog allows; its callers have made sure that the gate is open."""
        if self._dog is None or self.engine.gate_closed:
            return work(*arguments)
        self._dog.wait_longer(board.WATCHDOG_FLASH_MS)
        try:
            return work(*arguments)
        finally:
            self._dog.wait_normally()

    def reset_soon(self, maintenance):
        """Reset after the reply has left; with maintenance the next boot stays at the REPL."""
        if maintenance:
            restart.request_maintenance()
        self._reset_at_ms = self.now_ms() + _RESET_DELAY_MS

    # The loop -------------------------------------------------------------------------------------------------------

    def boot(self):
        """Bring the DAC to its safe state, take up what was latched, test the board, and say hello."""
        for part in self.dacs:
            try:
                part.reset()
                part.write(board.ZERO_CODE)
            except OSError:
                pass  # the checks report it
        self._take_up_journal()
        watchdog_test = restart.take_watchdog_test()
        if self.reset_cause == "watchdog" and not watchdog_test:
            self._latch(faults.WATCHDOG_RESET, board.WATCHDOG_MS, self._last_state)
        if self.calibration_problem:
            self._emit({"ev": "calibration", "text": self.calibration_problem})
        if self._settings_problem:
            self._latch(faults.SETTINGS_CORRUPT, 0, 0)
        self._prove_all()
        self._emit({"ev": "boot", "firmware": protocol.FIRMWARE_VERSION, "reset": self.reset_cause})
        if watchdog_test:
            self._emit({"ev": "watchdog-test", "passed": self.reset_cause == "watchdog"})

    def _prove_all(self):
        """The self-test, unless there is no sense in it: what is not as it was built proves nothing."""
        if self._code_problem:
            self._latch(faults.FIRMWARE_ALTERED, 0, 0)
            self._emit({"ev": "altered", "text": self._code_problem})
        elif not _fits():
            self._latch(faults.BOARD_MISMATCH, 0, 0)
        elif self.estop():
            self._latch(faults.ESTOP, 1, 0)
        else:
            self._prove(checks.boot)

    def _take_up_journal(self):
        """Latched faults and sessions that were cut short survive a loss of power here."""
        self.journal.open()
        if self.journal.problem:
            self._emit({"ev": "journal", "text": self.journal.problem})
            self._latch(faults.JOURNAL_BROKEN, 0, 0)
            return
        open_session, kept = self.journal.open_session, self.journal.latched
        if open_session is not None:
            number = open_session.get("session", 0)
            self.session.note("interrupted", {"session": number, "reset": self.reset_cause})
        if kept is not None:  # another firmware may have written it with fewer fields: a fault all the same
            code = kept.get("code", faults.INTERNAL)
            numbers = [kept.get(name, 0) for name in ("reading", "limit", "session")]
            samples, number_of_channel = kept.get("samples", ""), kept.get("channel", 1)
            self.session.restore(code, numbers[0], numbers[1], numbers[2], samples, number_of_channel)

    def watch(self):
        """Start the watchdog, as soon as the board may be READY: from then on a CPU that hangs resets."""
        self._dog = watchdog.Watchdog(board.WATCHDOG_MS)

    def serve(self):
        """Run the loop until Ctrl-C arrives on the link. After watch()."""
        while not self.link.interrupted:
            try:
                self._step(self._dog)
            except Exception as error:
                self.fail(error)

    def _step(self, dog):
        """One pass: supervise, read and answer the link, telemetry, watchdog; a look in between whatever takes long."""
        began_ms = self.now_ms()
        self.look()
        self._watch_button(began_ms)
        if self.programme.active:
            self.programme.look(self.now_ms())
        dog.proof(2)
        ticks = self.session.ticks
        if not self.session.running or ticks != self._ticks_seen:
            dog.proof(1)
        self._ticks_seen = ticks
        self._led.value(self.engine.gate_closed)
        self._answer_lines(began_ms)
        self._send_telemetry()
        if self.now_ms() - self._looked_ms > _LOOK_MS:
            self.look()
        self.link.flush()
        dog.proof(4)
        if self._unfed_since_ms is None:
            dog.feed()
        elif self.now_ms() - self._unfed_since_ms > 2 * board.WATCHDOG_MS:
            self._unfed_since_ms = None
            restart.take_watchdog_test()  # a later reset by the watchdog is a real one
            self._latch(faults.SELFTEST_FAILED, 2 * board.WATCHDOG_MS, board.WATCHDOG_MS)
        if self._reset_at_ms is not None and self.now_ms() >= self._reset_at_ms:
            machine.reset()
        self._tidy()
        # Not poll() with a time-out: that re-reads the clock at each sample interrupt and costs half of the CPU.
        time.sleep_ms(max(1, _PASS_MS - (self.now_ms() - began_ms)))

    def look(self):
        """The supervisor's look at everything, and how long it had not looked."""
        now_ms = self.now_ms()
        self._used += _LOOK_BYTES
        if self.session.running and self._flowed:
            self._worst_look_ms = max(self._worst_look_ms, now_ms - self._looked_ms)
        self._looked_ms = now_ms
        self._flowed = self.session.running
        supply_mv, temperature_c = self.engine.housekeeping()
        self.session.tick(self.estop(), now_ms, supply_mv, temperature_c, self.bare_usb())
        self._cues.look(now_ms)  # here, or an answer and a collection in one pass would stretch a cue by both

    def _tidy(self):
        """Collect garbage between two looks, before it would have to be done within something else."""
        if self._used < self._tidy_bytes:
            return
        self._used = 0
        self.look()
        gc.collect()
        self.look()

    def leave(self):
        """Output and watchdog off, for the REPL."""
        self.engine.open_gate()
        self._put_cue(0)
        restart.stop_watchdog()
        try:
            self.engine.disarm()
        except OSError:
            pass  # the gate is open; a DAC that does not answer cannot be parked
        print("stopped: output off, watchdog off; reset to serve again")

    def fail(self, error):
        """An exception nobody expected: output off, fault latched, text kept for the log."""
        self.engine.open_gate()
        self.session.raise_fault(faults.INTERNAL, 0, 0, self.now_ms())
        self._emit({"ev": "internal", "text": repr(error)})

    def _cue(self, name):
        self._cues.play(name, self.now_ms())

    def _put_cue(self, level):
        self._cue_led.value(level)
        self._buzzer.value(level and self.settings["buzzer"])

    def _watch_button(self, now_ms):
        """In a session: step down, or stop. Else apply a change that waits for consent, or forget it."""
        held = not self._button.value()
        self._watch_touch(held, now_ms)
        verdict = self.consent.look(held, now_ms)
        if verdict == consent.NOTHING:
            return
        changes, raised = self.consent.take()
        idle = self.session.state in (protocol.OFF, protocol.READY, protocol.FAULT) and not self.programme.active
        if verdict == consent.EXPIRED or not idle:
            self._emit({"ev": "expired", "what": "confirmation", "names": raised})
            return
        self.save_settings(changes)
        self.session.note("confirm", {"names": raised})
        self._emit({"ev": "confirmed", "names": raised})

    def _watch_touch(self, held, now_ms):
        """The button while a session or a programme is on its way."""
        if not (self.session.running or self.session.state == protocol.PAUSED or self.programme.active):
            self._touch.idle(held)
            return
        verdict = self._touch.look(held, now_ms)
        if verdict == touch.STOP:
            self.session.stop(False, now_ms)
            self.programme.stop(now_ms)
        elif verdict == touch.FELT:
            try:
                self.programme.felt("button", now_ms)
            except terms.Refused:
                pass  # nothing flows that could be felt

    def _latch(self, code, reading, limit, index=0):
        self.session.raise_fault(code, reading, limit, self.now_ms(), index)

    def _answer_lines(self, began_ms):
        line = self.link.read_line()
        while line is not None:
            self._answer(line)
            self._used += _LINE_BYTES
            self.look()
            if self.now_ms() - began_ms > _ANSWERING_MS:
                return
            line = self.link.read_line()

    def _answer(self, line):
        for word in protocol.PLAIN_WORDS:
            if line.strip() == word.encode():
                self.link.send(commands.handle(self, {"id": 0, "cmd": word}))
                return
        try:
            message = framing.decode(line)
        except framing.FrameError as error:
            self.link.damaged += 1
            text = "line not understood: %s" % error.args[0]
            self.link.send({"id": -1, "ok": False, "err": protocol.ERR_FRAME, "text": text})
            return
        try:
            self.link.send(commands.handle(self, message))
        except Exception as error:
            self.fail(error)
            text = "%r while it was answered" % error
            reply = {"id": message.get("id", -1), "ok": False, "err": protocol.ERR_INTERNAL, "text": text}
            self.link.send(reply)  # without it the host waits until its patience ends

    def _emit(self, event):
        event["seq"] = self._sequence
        self._sequence += 1
        self.events.put(self._now_ms, event["ev"], event.get("to") or event.get("name") or event.get("reason"))
        self.link.send(event)

    def _send_telemetry(self):
        now_ms = self.now_ms()
        if not self.telemetry_hz or now_ms < self._telemetry_due_ms:
            return
        period_ms = 1000 // self.telemetry_hz
        # On the grid, so that passes of 15 ms still give 50 Hz in the mean; at most one period is made up for.
        self._telemetry_due_ms = max(self._telemetry_due_ms + period_ms, now_ms)
        rows = [report.row(self.session, channel, now_ms) for channel in self.session.used]
        self._used += len(rows) * _ROW_BYTES
        self.last_rows = rows + [None] if len(rows) < 2 else rows
        if not self.session.running:
            return
        self.ring.put(self._sequence, *rows)
        told = {"ev": "telemetry", "seq": self._sequence}
        told.update(zip(protocol.ROW_KEYS, rows))
        self.link.send(told, droppable=True)
        self._sequence += 1


def _forget(package, name):
    """Give back the memory of a module that is seldom used; the next import takes it in anew."""
    path = "firmware." + package
    if sys.modules.pop(path + "." + name, None):
        delattr(sys.modules[path], name)


def _fits():
    """True when this firmware was built for the board it runs on."""
    return os.uname().machine.startswith(board.MACHINE)


def main(room, examined):
    """Serve until Ctrl-C. Returns to the REPL with the output off and the watchdog stopped.

    room: a list with memory that was taken before anything was imported. Given back when all that stays is there, it
    leaves one free piece before it: what comes and goes fits into it, and is found without a search through the rest.
    examined: what hw/image.py found before anything else was imported.
    """
    if restart.take_maintenance():
        print("maintenance: output off, no watchdog; reset to leave")
        return
    device = Device(examined)
    gc.threshold(-1)  # from here on the loop collects when it is time for it
    micropython.kbd_intr(-1)  # up to here Ctrl-C raises, and the gate has never been closed
    device.boot()
    device.watch()
    given_back = sum(len(piece) for piece in room)
    room.clear()
    device.measure_memory(given_back)
    device.serve()
    device.leave()
