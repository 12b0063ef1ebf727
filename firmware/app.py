"""Wires the board together and runs the loop: link, supervisor, telemetry, watchdog. No decisions are made here.

Boot order: the gate is open already (boot.py); then the maintenance flag, the bus, the DAC's safe state, settings,
checks, and only then the link. From there on Ctrl-C is a byte that the link reads, not an exception that could strike
between two instructions of the way out: the loop ends in order, in a REPL, with output and watchdog off.
"""

import gc
import json
import os
import sys
import time

import board
import machine
import micropython
from machine import Pin

from .core import commands, ring, session
from .hw import bus, checks, commission, dac, link, storage, watchdog
from .shared import faults, framing, protocol

if board.PORT == "rp2":
    from .hw import engine_rp2 as engine
    from .hw import restart_rp2 as restart
else:
    from .hw import engine_esp32 as engine
    from .hw import restart_esp32 as restart

_PASS_MS = 15  # ours: the supervisor runs at 66 Hz, above the 50 Hz that it and the fastest telemetry need
_ANSWERING_MS = 15  # ours: no further line is answered in this pass; the slowest answer takes 25 ms, the dead-man 100
_RING_ROWS = 100  # ours: 10 s at the default rate, 2 s at the highest
_EVENTS_KEPT = 32
_RESET_DELAY_MS = 50  # ours: lets the reply leave the port


class Device:
    """The wired board. Attributes and methods are what core/commands.py uses."""

    def __init__(self):
        self._dog = None
        self._last_ticks = time.ticks_ms()
        self._now_ms = 0
        self._sequence = 0
        self._reset_at_ms = None
        self._ticks_seen = 0
        self._telemetry_due_ms = 0
        self.reset_cause = restart.reset_cause()
        self.events = []
        self.last_telemetry = None
        self.link = link.Link()
        self._estop = Pin(board.ESTOP_PIN, Pin.IN, Pin.PULL_UP)
        self._led = Pin(board.LED_PIN, Pin.OUT, value=0)
        self.dac = dac.Dac(bus.open_bus(board), board.DAC_ADDRESS)
        self.engine = engine.Engine(board, self.dac)
        self.session = session.Session(board, self.engine, self._emit)
        self.ring = ring.TelemetryRing(_RING_ROWS)
        self.storage = storage.Storage(lambda: self.engine.gate_closed)
        self.settings, self._settings_problem = self.storage.load()
        self.telemetry_hz = self.settings["telemetry_hz"]
        self._manifest = _manifest()

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
        return {
            "protocol": protocol.PROTOCOL_VERSION,
            "firmware": protocol.FIRMWARE_VERSION,
            "board": board.BOARD,
            "uid": "".join("%02x" % byte for byte in machine.unique_id()),
            "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
            "manifest": self._manifest,
            "commissioned": self._commissioned,
            "state": self.session.state,
            "maintenance": False,
            "hard_cap_ua": board.HARD_CAP_UA,
            "sample_hz": board.SAMPLE_HZ,
        }

    def save_settings(self, changes):
        """Merge and store settings; memory follows only when the flash took them."""
        values = dict(self.settings)
        values.update(changes)
        try:
            self._patiently(self.storage.save, values)
        except RuntimeError as error:
            raise session.Refused(protocol.ERR_STATE, error.args[0]) from None
        self.settings = values
        self.telemetry_hz = values["telemetry_hz"]
        self._settings_problem = None

    def boot_checks(self):
        """Run the checks of every boot and latch what they find."""
        answers, eeprom, moves = checks.boot(self.dac, board)
        fits = os.uname().machine.startswith(board.MACHINE)
        self._commissioned = eeprom[1]
        self.session.checks_passed = 1 if answers[1] and eeprom[1] and moves[1] and fits else 0
        if not fits:
            self._latch(faults.BOARD_MISMATCH, 0, 0)
        elif not answers[1]:
            self._latch(faults.DAC_NO_ACK, answers[2], board.DAC_ADDRESS)
        elif not moves[1]:
            self._latch(faults.DAC_STUCK, 0, 0)
        elif not eeprom[1]:
            self._latch(faults.DAC_EEPROM_UNSAFE, eeprom[2], board.ZERO_CODE)

    def selftest(self):
        """All checks; a failed one latches selftest-failed, a passed run renews the boot checks."""
        results = checks.full(self.engine, self.dac, board)
        failed = [index for index, result in enumerate(results) if not result[1]]
        self.boot_checks()
        if failed:
            self.session.checks_passed = 0
            self._latch(faults.SELFTEST_FAILED, results[failed[0]][2], failed[0])
        return results

    def commission(self):
        """Write the DAC's EEPROM if needed; returns whether it was written."""
        self.engine.disarm()
        written = self._patiently(commission.commission, self.dac, board.ZERO_CODE, self.engine.gate_closed)
        self.boot_checks()
        if self.session.checks_passed and self.session.fault[0] == faults.DAC_EEPROM_UNSAFE:
            self.session.clear(self.estop())
        return written

    def counters(self):
        """Numbers for support: link and memory. Collects garbage first, which the sample interrupt does not feel."""
        gc.collect()
        return {
            "damaged_lines": self.link.damaged,
            "dropped_lines": self.link.dropped,
            "sequence": self._sequence,
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
        """Bring the DAC to its safe state and say hello."""
        try:
            self.dac.reset()
            self.dac.write(board.ZERO_CODE)
        except OSError:
            pass  # boot_checks reports it
        self.boot_checks()
        if self._settings_problem:
            self._latch(faults.SETTINGS_CORRUPT, 0, 0)
        if self.reset_cause == "watchdog":
            self._latch(faults.WATCHDOG_RESET, board.WATCHDOG_MS, board.WATCHDOG_MS)
        self._emit({"ev": "boot", "firmware": protocol.FIRMWARE_VERSION, "reset": self.reset_cause})

    def serve(self):
        """Run the loop, watched, until Ctrl-C arrives on the link."""
        self._dog = watchdog.Watchdog(board.WATCHDOG_MS)
        while not self.link.interrupted:
            try:
                self._step(self._dog)
            except Exception as error:
                self.fail(error)

    def _step(self, dog):
        """One pass: supervise, read and answer the link, telemetry, watchdog."""
        began_ms = self.now_ms()
        self.session.tick(self.estop(), began_ms)
        dog.proof(2)
        ticks = self.session.meter.latest[0]
        if not self.session.running or ticks != self._ticks_seen:
            dog.proof(1)
        self._ticks_seen = ticks
        self._led.value(self.engine.gate_closed)
        self._answer_lines(began_ms)
        self._send_telemetry()
        self.link.flush()
        dog.proof(4)
        dog.feed()
        if self._reset_at_ms is not None and self.now_ms() >= self._reset_at_ms:
            machine.reset()
        # Not poll() with a time-out: that re-reads the clock at each sample interrupt and costs half of the CPU.
        time.sleep_ms(max(1, _PASS_MS - (self.now_ms() - began_ms)))

    def leave(self):
        """Output and watchdog off, for the REPL."""
        self.engine.open_gate()
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

    def _latch(self, code, reading, limit):
        self.session.raise_fault(code, reading, limit, self.now_ms())

    def _answer_lines(self, began_ms):
        line = self.link.read_line()
        while line is not None:
            self._answer(line)
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
        self.link.send(commands.handle(self, message))

    def _emit(self, event):
        event["seq"] = self._sequence
        self._sequence += 1
        self.events.append([self._now_ms, event["ev"], event.get("to") or event.get("name") or event.get("reason")])
        if len(self.events) > _EVENTS_KEPT:
            self.events.pop(0)
        self.link.send(event)

    def _send_telemetry(self):
        now_ms = self.now_ms()
        if not self.telemetry_hz or now_ms < self._telemetry_due_ms:
            return
        period_ms = 1000 // self.telemetry_hz
        # On the grid, so that passes of 15 ms still give 50 Hz in the mean; at most one period is made up for.
        self._telemetry_due_ms = max(self._telemetry_due_ms + period_ms, now_ms)
        row = self.session.telemetry(now_ms)
        self.last_telemetry = row
        if not self.session.running:
            return
        self.ring.put(self._sequence, row)
        self.link.send({"ev": "telemetry", "seq": self._sequence, "t": row}, droppable=True)
        self._sequence += 1


def _manifest():
    """Short hash of the uploaded files' manifest, or "none"."""
    try:
        with open("/lib/manifest.json") as file:
            return json.load(file)["hash"]
    except (OSError, ValueError, KeyError):
        return "none"


def main():
    """Serve until Ctrl-C. Returns to the REPL with the output off and the watchdog stopped."""
    if restart.take_maintenance():
        print("maintenance: output off, no watchdog; reset to leave")
        return
    device = Device()
    device.boot()
    micropython.kbd_intr(-1)  # up to here Ctrl-C raises, and the gate has never been closed
    device.serve()
    device.leave()
