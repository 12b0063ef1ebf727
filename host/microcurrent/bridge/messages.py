"""What the bridge publishes. Payloads are JSON objects in UTF-8; everything is sent with QoS 1.

  PREFIX/board/UID/status     retained  {"status": "online" | "offline", "port", "reason"}
  PREFIX/board/UID/identity   retained  firmware, protocol, board, channels, manifest, ... as the board says hello
  PREFIX/board/UID/state      retained  {"state", "session", "end", "estop", "gate", "fault"}
  PREFIX/board/UID/fault      retained  the latched fault: {"code", "name", "reading", "limit", "text"}; code 0: none
  PREFIX/board/UID/telemetry            {"t": {field: value}, "t2": the same of a second channel}
  PREFIX/board/UID/event                {"ev": "state" | "fault" | "end" | "lift-off" | "contact" | "boot" | "gap" ...}
  PREFIX/bridge/BRIDGE/status retained  {"status": "online" | "offline", "host", "boards", "published", "spool",
                                        "dropped": {"telemetry", "other"}}; "offline" is also the last will

PREFIX: --prefix [microcurrent]. UID: the board's own number. BRIDGE: the number of the spool, made with it.

Every payload about a board carries
  "uid", "port"   the board, and where it is
  "boot"          when the board booted, in ms of UTC as this machine saw it first: the same for the whole boot
  "seq"           the board's sequence number, counted from 0 at each boot; null where the bridge asked for a reading
  "host_utc"      when the bridge read it
  "via"           "board", "ring" (telemetry asked for again), "log" (an event it remembered), "status" (asked for)
  "bridge", "n"   the bridge and its own number of the message

QoS 1 may deliver twice. Drop what you have by (bridge, n), or by (uid, boot, seq) where seq is a number: then a board
that was read by two bridges counts once too. While another program holds a board's port (a treatment runs), the
board's ring and log are read through it, twice a second, with the same seq. What nobody can fetch any more is told as
{"ev": "gap", "from_seq", "to_seq", "count"}.

Telemetry fields: units are in their names (time_ms, commanded_ua, impedance_ohm, ...); state, contact and fault are
names, what is unknown is null. After a crash of the bridge a board's retained status may still say "online": it counts
only while the status of the bridge it names is "online" too.

Nothing is subscribed to: no message from the network reaches a board.
"""

import json
from dataclasses import dataclass

from ..record_writer import now_utc

TELEMETRY = "telemetry"  # dropped first when the spool is full
EVENT = "event"
STATUS, IDENTITY, STATE, FAULT = "status", "identity", "state", "fault"
RETAINED = (STATUS, IDENTITY, STATE, FAULT)
ONLINE, OFFLINE = "online", "offline"
BY_BOARD, BY_RING, BY_LOG, BY_STATUS = "board", "ring", "log", "status"


@dataclass(frozen=True)
class Mark:
    """How far a board was read: its boot, the last sequence number, and one instant in both clocks."""

    uid: str
    boot: int  # ms of UTC
    seq: int  # -1: none yet
    uptime_ms: int
    at_ms: int  # UTC of that uptime


@dataclass(frozen=True)
class Message:
    """One message to be published. mark: how far the board was read with it; kept together with it."""

    kind: str  # the last part of its topic
    uid: str
    body: dict
    mark: Mark | None = None

    @property
    def retained(self) -> bool:
        """Whether the broker keeps it for those who come later."""
        return self.kind in RETAINED


def message(kind: str, mark: Mark, port: str, seq: int | None, via: str, body: dict) -> Message:
    """A message about a board, with what every one of them carries. `mark` stands after it."""
    head = {"uid": mark.uid, "port": port, "boot": mark.boot, "seq": seq, "host_utc": now_utc(), "via": via}
    return Message(kind, mark.uid, head | body, mark)


def board_topic(prefix: str, uid: str, kind: str) -> str:
    """The topic of a message about a board."""
    return f"{prefix}/board/{uid}/{kind}"


def bridge_topic(prefix: str, bridge: str) -> str:
    """The topic of the bridge's own status, and of its last will."""
    return f"{prefix}/bridge/{bridge}/status"


def encoded(body: dict) -> bytes:
    """A payload as it is sent."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
