"""The port to the host: whole lines in, whole lines out, never blocking.

A USB write blocks for up to 500 ms when a host keeps the port open but stops reading, and MicroPython tells only
whether there is room at all. So lines are padded with spaces to whole USB packets and written packet by packet:
the transmit FIFO (256 bytes, shared/tinyusb of MicroPython 1.26) then holds whole packets only, and "room" means room
for one.
A line that finds none stays in the outbox. Half lines that arrive stay in the buffer.

The UART of an ESP32 always claims to have room, and a write then waits within C for the bytes to leave, 87 us each, in
which no callback runs (ports/esp32/uart.c). There the link counts what the transmit FIFO still holds.
"""

import select
import sys
import time

from micropython import const

from ..shared import framing

_OUTBOX_LINES = const(8)
_BUSY_LINES = const(3)  # ours: a host that reads has taken them two passes later; one that does not gets no telemetry
_IN_BYTES_PER_CALL = const(128)
_IN_BYTES_PER_CALL_UART = const(520)  # ours: twice the 260 bytes that ports/esp32/mphalport.c keeps
_FIFO_BYTES = const(128)  # of an ESP32's UART: SOC_UART_FIFO_LEN
_BITS_PER_BYTE = const(10)  # 8N1
_CTRL_C = b"\x03"
_PACKET_BYTES = const(64)  # USB full speed bulk packet; on a UART the padding does no harm


class Link:
    """Line-wise access to stdin and stdout. Main loop only. baud: of a UART that never says it is full, else 0."""

    def __init__(self, baud=0):
        self._packet_us = _PACKET_BYTES * _BITS_PER_BYTE * 1000000 // baud if baud else 0
        self._empty_us = 0  # when the UART will have sent what it holds
        self._in_bytes = _IN_BYTES_PER_CALL_UART if baud else _IN_BYTES_PER_CALL
        self._input = sys.stdin.buffer
        self._output = sys.stdout.buffer
        self._poll = select.poll()
        self._poll.register(self._input, select.POLLIN)
        self._room = select.poll()
        self._room.register(self._output, select.POLLOUT)
        self._byte = bytearray(1)
        self._line = bytearray()
        self._outbox = []
        self._sent = 0
        self.interrupted = False
        self.damaged = 0
        self.dropped = 0

    def read_line(self):
        """The next complete line (bytes, without newline), or None when none is complete yet. Never waits.

        Ctrl-C sets `interrupted`; what follows it stays unread, for the REPL.
        """
        byte = self._byte
        for _ in range(self._in_bytes):
            if self.interrupted or not _ready(self._poll):
                return None
            self._input.readinto(byte)
            if byte == _CTRL_C:
                self.interrupted = True
            elif byte not in (b"\n", b"\r"):
                self._line += byte
                if len(self._line) > framing.MAX_LINE_BYTES:
                    self._line = bytearray()
                    self.damaged += 1
            elif self._line:
                line, self._line = bytes(self._line), bytearray()
                return line
        return None

    def send(self, message, droppable=False):
        """Queue a message. A droppable one (telemetry) is left out when the host is not reading; replies are kept."""
        if droppable and len(self._outbox) >= _BUSY_LINES:
            self.dropped += 1
            return
        if len(self._outbox) >= _OUTBOX_LINES:
            self._outbox.pop(1)  # never the line that is partly out
            self.dropped += 1
        self._outbox.append(framing.padded(message, _PACKET_BYTES))

    def flush(self):
        """Write as much of the outbox as the port takes without waiting."""
        while self._outbox:
            line = memoryview(self._outbox[0])
            while self._sent < len(line):
                if not _ready(self._room) or not self._fits():
                    return
                self._output.write(line[self._sent : self._sent + _PACKET_BYTES])
                self._sent += _PACKET_BYTES
            self._outbox.pop(0)
            self._sent = 0

    def _fits(self):
        """Whether a packet leaves without waiting, by the time that the bytes before it take; it is counted then."""
        if not self._packet_us:
            return True
        now_us = time.ticks_us()
        waiting_us = time.ticks_diff(self._empty_us, now_us)
        most_us = self._packet_us * _FIFO_BYTES // _PACKET_BYTES
        if not 0 < waiting_us <= most_us:
            waiting_us = 0  # long empty
        if waiting_us + self._packet_us > most_us:
            return False
        self._empty_us = time.ticks_add(now_us, waiting_us + self._packet_us)
        return True


def _ready(poll):
    """Whether the one stream of a poll object is ready; unlike poll(), ipoll() makes no list."""
    for _event in poll.ipoll(0):
        return True
    return False
