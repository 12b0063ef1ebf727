"""From a stream of bytes to messages, with everything that is not a whole frame counted and passed over."""

from dataclasses import dataclass

from firmware.shared import framing

# A line without end is garbage, not a frame to wait for. Twice the limit: a spliced line is still seen whole.
MAX_PENDING_BYTES = 2 * framing.MAX_LINE_BYTES
PROMPT = b">>>"  # MicroPython's prompt: the firmware is not running


@dataclass
class LinkCounters:
    """What the link did so far; shown by `microcurrent doctor` and kept in the record of a session."""

    frames: int = 0  # whole frames received
    damaged: int = 0  # lines with a checksum that does not fit, or frames cut short
    foreign: int = 0  # lines that are no frames at all: boot chatter, prompts, garbage
    echoed: int = 0  # requests of ours that came back: the port is a loopback, a modem or a half-duplex line
    repeated: int = 0  # requests sent again
    late_replies: int = 0  # replies to requests that were given up
    missed: int = 0  # events whose sequence number was skipped
    replayed: int = 0  # of those, telemetry fetched from the device's ring


class LineReader:
    """Collects bytes, returns the messages of complete lines. Never raises on what arrives."""

    def __init__(self, counters: LinkCounters) -> None:
        self.counters = counters
        self.prompt_seen = False
        self._pending = b""

    def feed(self, data: bytes) -> list[dict]:
        """The messages completed by `data`."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        if PROMPT in self._pending:
            self.prompt_seen = True
        if len(self._pending) > MAX_PENDING_BYTES:
            self._pending = b""
            self.counters.foreign += 1
        messages = [self._message(line) for line in lines if line.strip()]
        return [message for message in messages if message is not None]

    def reset(self) -> None:
        """Forget a half line: the port was opened anew."""
        self._pending = b""
        self.prompt_seen = False

    def _message(self, line: bytes) -> dict | None:
        try:
            message = framing.decode(line)
        except framing.FrameError:
            self._count_refused(line)
            return None
        self.counters.frames += 1
        return message

    def _count_refused(self, line: bytes) -> None:
        if PROMPT in line:
            self.prompt_seen = True
        looks_like_frame = b"{" in line and b'"' in line
        if looks_like_frame:
            self.counters.damaged += 1
        else:
            self.counters.foreign += 1
