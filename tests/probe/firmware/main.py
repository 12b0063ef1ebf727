"""The probe: answers requests in the frames of the board under test. It measures; the lines that it drives only stop.

{"id": n, "cmd": name, "args": {...}} -> {"id": n, "ok": true, "data": {...}}
                                      or {"id": n, "ok": false, "text": sentence}.
Ctrl-C leaves a prompt, with the emergency stop open.
"""

import time

import machine
from machine import Pin
from probe import edges, samples, wires

from firmware.hw.link import Link
from firmware.shared import framing

VERSION = 2
PAGE = 400  # readings in an answer
KEPT_EDGES = 200
EDGES_PER_LINE = 40
RESET_MS = 2  # RP2040 data sheet 2.12.1: RUN is looked at without a clock; ours


class Probe:
    """The measuring parts, and a function per request."""

    def __init__(self):
        self._stop = Pin(wires.ESTOP_PIN, Pin.OPEN_DRAIN, value=1)  # open until somebody closes it
        self._run = Pin(wires.RUN_PIN, Pin.OPEN_DRAIN, value=1)
        gate = Pin(wires.GATE_PIN, Pin.IN, Pin.PULL_DOWN)
        self._edges = edges.Edges((gate, self._stop, self._run))
        self._samples = samples.Samples(wires.INPUT_PINS)
        self._found = []
        self._lost = False

    def look(self):
        """Empty the FIFOs."""
        self._found.extend(self._edges.take())
        if len(self._found) > KEPT_EDGES:
            self._found = self._found[-KEPT_EDGES:]
            self._lost = True

    def hello(self, _arguments):
        """Who answers, and how finely it measures."""
        return {
            "probe": VERSION,
            "uid": "".join("%02x" % byte for byte in machine.unique_id()),
            "tick_ns": edges.TICK_NS,
            "lines": wires.LINES,
            "inputs": wires.INPUTS,
            "fastest_us": samples.FASTEST_US,
            "most": samples.MOST,
        }

    def edges(self, _arguments):
        """The oldest edges that nobody took as [line, level, ticks], whether some were lost, whether there are more."""
        self.look()
        told, self._found = self._found[:EDGES_PER_LINE], self._found[EDGES_PER_LINE:]
        return {"edges": told, "lost": self._lost or self._edges.lost(), "more": len(self._found) > 0}

    def forget(self, _arguments):
        """Begin to look for edges anew: what gathered while nobody asked is of no use, even if some of it was lost."""
        self._edges.start()
        self._found = []
        self._lost = False
        return {}

    def estop(self, arguments):
        """Open the emergency stop's contact, or close it."""
        self._stop.value(1 if arguments["open"] else 0)
        return {"open": self._stop.value()}

    def reset(self, _arguments):
        """Reset the board under test by its RUN pin."""
        self._run.value(0)
        time.sleep_ms(RESET_MS)
        self._run.value(1)
        return {}

    def capture(self, arguments):
        """Take readings of an input at a steady rate; how late the latest of them was."""
        index = wires.INPUTS.index(arguments["input"])
        count, every_us = arguments["count"], arguments["us"]
        if not 0 < count <= samples.MOST or not samples.FASTEST_US <= every_us <= 100000:
            raise ValueError("count 1..%d, us %d..100000" % (samples.MOST, samples.FASTEST_US))
        return {"latest_us": self._samples.capture(index, count, every_us)}

    def read(self, arguments):
        """A page of the readings, as hex, three digits each."""
        return {"counts": self._samples.text(arguments["from"], PAGE), "page": PAGE, "count": self._samples.count}

    def levels(self, arguments):
        """Sums of so many readings of every input."""
        return {"sums": [self._samples.mean(index, arguments["count"]) for index in range(len(wires.INPUTS))]}


COMMANDS = ("hello", "edges", "forget", "estop", "reset", "capture", "read", "levels")


def answer(probe, line):
    """The reply to one line."""
    try:
        message = framing.decode(line)
    except framing.FrameError as error:
        return {"id": -1, "ok": False, "text": "line not understood: %s" % error.args[0]}
    number, command = message.get("id"), message.get("cmd")
    if command not in COMMANDS:
        return {"id": number, "ok": False, "text": "there is no command %r; use one of %s" % (command, COMMANDS)}
    try:
        return {"id": number, "ok": True, "data": getattr(probe, command)(message.get("args", {}))}
    except (KeyError, TypeError, ValueError) as error:
        return {"id": number, "ok": False, "text": "arguments of %s: %r; nothing was measured" % (command, error)}


def main():
    """Serve until Ctrl-C."""
    probe, link = Probe(), Link()
    try:
        while True:
            probe.look()
            line = link.read_line()
            if line is not None:
                link.send(answer(probe, line))
            link.flush()
            time.sleep_ms(1)
    except KeyboardInterrupt:
        probe.estop({"open": 1})
        print("probe stopped; the emergency stop is open; reset to serve again")


main()
