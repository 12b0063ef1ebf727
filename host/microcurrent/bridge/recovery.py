"""What a board told while nobody read it: telemetry from its ring, events from its log, sequence numbers from both."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from firmware.shared import protocol

from . import messages
from .messages import Mark

TRIES = 5  # an event may come between the questions; then they are asked again
RING_ROWS = 100  # the ring of firmware/app.py: with fewer rows in it nothing has been overwritten
SAME_BOOT_MS = 1000  # ours: the way of a reply, and a loop that was busy
SAME_BOOT_PPM = 200  # ours: two crystals
VIA = "via"  # key of an event: how it was had


class Source(Protocol):
    """A board that can be asked, by ourselves or through the process that holds its port."""

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        """The data of its reply."""
        ...

    def next_event(self, timeout_s: float) -> dict | None:
        """What it told, where we hear it."""
        ...


class Asked(NamedTuple):
    """Answers of one moment: the log's end, the rows of the ring, and the sequence number both go up to."""

    entries: Sequence[Sequence]
    rows: dict[int, dict]
    whole: bool  # the ring has overwritten nothing that was asked for
    end: int


def boot_of(known: Mark | None, uid: str, uptime_ms: int, sequence: int, now_ms: int) -> Mark:
    """The mark of a board that was just asked: the known one when it is still in the same boot, else a fresh one.

    When in doubt it is a fresh one: then something is published twice, not left out. sequence: its next number.
    """
    begun_ms = now_ms - uptime_ms
    if known is None:
        return Mark(uid, begun_ms, -1, uptime_ms, now_ms)
    passed_ms = now_ms - known.at_ms
    drift_ms = abs(uptime_ms - known.uptime_ms - passed_ms)
    may_drift_ms = SAME_BOOT_MS + abs(passed_ms) * SAME_BOOT_PPM // 1_000_000
    if sequence > known.seq and uptime_ms >= known.uptime_ms and drift_ms <= may_drift_ms:
        return Mark(uid, known.boot, known.seq, uptime_ms, now_ms)
    return Mark(uid, max(begun_ms, known.boot + 1), -1, uptime_ms, now_ms)


def recovered(client: Source, after: int, heard: dict[int, dict]) -> list[dict]:
    """Every event behind sequence number `after` that can be had, in order; what cannot is told as a "gap" event.

    heard: by number, what was taken from the client already; what it has received meanwhile is added.
    """
    asked = _ask(client, after, heard)
    known = asked.rows | {seq: event for seq, event in heard.items() if after < seq < asked.end}
    known |= _from_log(asked, known, after)
    events = [*_with_gaps(known, after + 1, asked.end)]
    heard |= _drained(client)
    now_at = client.request("counters")["sequence"]  # what arrives with this answer stays in the client
    events += [heard[seq] for seq in sorted(heard) if asked.end <= seq < now_at]  # beyond: left by an earlier boot
    return events


def _ask(client: Source, after: int, heard: dict[int, dict]) -> Asked:
    answered = Asked((), {}, True, after + 1)
    for _ in range(TRIES):
        before = client.request("counters")["sequence"]
        entries = client.request("log")["events"]
        end = client.request("counters")["sequence"]
        rows, whole = _rows(client, after + 1, end)
        heard |= _drained(client)
        if all(seq in rows for seq in range(max(before, after + 1), end)):
            return Asked(entries, rows, whole, end)
        answered = Asked((), rows, whole, end)
    return answered


def _rows(client: Source, first: int, end: int) -> tuple[dict[int, dict], bool]:
    """Telemetry events from the ring with numbers first..end-1, and whether it still holds all there were."""
    rows: dict[int, dict] = {}
    oldest = wanted = first
    while wanted < end:
        reply = client.request("replay", {"from_seq": wanted, "count": end - wanted})
        oldest = reply["oldest"]
        got = [row for row in reply["rows"] if wanted <= row[0] < end]
        if not got:
            break
        for seq, row, second in got:
            told = dict(zip(protocol.ROW_KEYS, (row, second), strict=True))
            rows[seq] = {"ev": "telemetry", "seq": seq, VIA: messages.BY_RING} | {
                name: values for name, values in told.items() if values is not None
            }
        wanted = got[-1][0] + 1
    return rows, oldest <= first or len(rows) < RING_ROWS


def _drained(client: Source) -> dict[int, dict]:
    events: dict[int, dict] = {}
    while (event := client.next_event(0.0)) is not None:
        events[event["seq"]] = event
    return events


def _from_log(asked: Asked, known: dict[int, dict], after: int) -> dict[int, dict]:
    """Events that only the log remembers: what is no telemetry has the log's last places, in order."""
    first = after + 1 if asked.whole else min(asked.rows, default=asked.end)
    others = [seq for seq in range(first, asked.end) if known.get(seq, {}).get("ev") != "telemetry"]
    pairs = list(zip(reversed(others), reversed(asked.entries), strict=False))
    if any(seq in known and known[seq]["ev"] != entry[1] for seq, entry in pairs):
        return {}
    return {
        seq: {"ev": entry[1], "seq": seq, "time_ms": entry[0], "what": entry[2], VIA: messages.BY_LOG}
        for seq, entry in pairs
        if seq not in known
    }


def _with_gaps(known: dict[int, dict], first: int, end: int) -> list[dict]:
    """The known events in order, and one "gap" for every run of numbers that nobody knows."""
    events: list[dict] = []
    expected = first
    for seq in [*sorted(known), end]:
        if seq > expected:
            events.append({"ev": "gap", "seq": None, "from_seq": expected, "to_seq": seq - 1, "count": seq - expected})
        if seq in known:
            events.append(known[seq])
        expected = seq + 1
    return events
