"""A real run beside the emulated one: replies, order of events, states, terms, current and times."""

from dataclasses import dataclass, field
from itertools import zip_longest
from statistics import fmean
from typing import Any

from firmware.shared import protocol
from microcurrent.client import telemetry_values

# Ours: two calibrated stages may each be off by 2 uA and 1 %, and the load by 1 %.
CURRENT_UA, CURRENT_SHARE, OHM_SHARE = 4.0, 0.03, 0.05
# Ours: two rows of telemetry at 10 Hz and a request that falls into another pass of the main loop.
TIME_MS = 250
TERMS = (
    "amplitude_ua", "limit_ua", "binding", "lease_ms", "duration_ms", "sample_us", "phase_us", "gap_us", "alternate_ms",
)  # fmt: skip
Rows = list[dict[str, int]]


@dataclass
class Told:
    """What a board told in a scenario: replies by command, events without telemetry, and rows of each session."""

    replies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    rows: dict[int, Rows] = field(default_factory=dict)

    def take(self, message: dict[str, Any], asked: dict[int, dict[str, Any]]) -> None:
        """A message from the board. asked: {id: request}."""
        if "ev" not in message:
            if message.get("id") in asked:
                self.replies.append((asked[message["id"]]["cmd"], message))
            return
        if "t" in message:
            row = telemetry_values(message["t"])
            self.rows.setdefault(row["session"], []).append(row)
        if message["ev"] != "telemetry":
            self.events.append(_shown(message))

    @property
    def sessions(self) -> list[Rows]:
        """The rows of each session, in order."""
        return [self.rows[number] for number in sorted(self.rows)]


def differences(then: Told, now: Told) -> list[str]:
    """A sentence for everything that differs: `then` as recorded, `now` as emulated."""
    return _replies(then, now) + _events(then, now) + _sessions(then, now)


def _shown(event: dict[str, Any]) -> str:
    """An event by its kind and what it says, without its number and its time."""
    said = event.get("to") or event.get("reason") or event.get("name") or event.get("contact") or ""
    return f"{event['ev']} {said}".strip()


def _replies(then: Told, now: Told) -> list[str]:
    """Only what is compared was sent twice: questions about the past are left out of both.

    So are leases: one more or less at the end of a session means nothing, and one that was missed shows in its end.
    """
    commands = {command for command, _reply in now.replies} - {"lease"}
    found = []
    recorded, emulated = ([(name, reply) for name, reply in told.replies if name in commands] for told in (then, now))
    for number, (first, second) in enumerate(zip_longest(recorded, emulated), 1):
        if first is None or second is None:
            found.append(f"reply {number} is missing {'in the recording' if first is None else 'when emulated'}")
            continue
        found += [f"reply {number}, {first[0]}: {text}" for text in _reply(first, second)]
    return found


def _reply(then: tuple[str, dict[str, Any]], now: tuple[str, dict[str, Any]]) -> list[str]:
    if then[0] != now[0]:
        return [f"answers {then[0]} as recorded, {now[0]} as emulated"]
    first, second = then[1], now[1]
    if (first["ok"], first.get("err")) != (second["ok"], second.get("err")):
        return [f"{_outcome(first)} as recorded, {_outcome(second)} as emulated"]
    if then[0] not in ("arm", "change") or not first["ok"]:
        return []
    pairs = [(name, first["data"].get(name), second["data"].get(name)) for name in TERMS]
    return [f"{name} is {one} as recorded, {two} as emulated" for name, one, two in pairs if one != two]


def _outcome(reply: dict[str, Any]) -> str:
    return "granted" if reply["ok"] else f"refused ({reply['err']}: {reply['text']})"


def _events(then: Told, now: Told) -> list[str]:
    found = []
    for number, (first, second) in enumerate(zip_longest(then.events, now.events, fillvalue="none"), 1):
        if first != second:
            found.append(f"event {number} is '{first}' as recorded, '{second}' as emulated")
    return found[:3]  # the first that differs moves all others


def _sessions(then: Told, now: Told) -> list[str]:
    found = []
    if len(then.sessions) != len(now.sessions):
        return [f"{len(then.sessions)} sessions told of themselves as recorded, {len(now.sessions)} as emulated"]
    for number, (first, second) in enumerate(zip(then.sessions, now.sessions, strict=True), 1):
        found += [f"session {number}: {text}" for text in _numbers(first, second) + _times(first, second)]
    return found


def _numbers(then: Rows, now: Rows) -> list[str]:
    """Delivered current and impedance at full amplitude."""
    found = []
    for name, unit, margin, share in (
        ("delivered_ua", "uA", CURRENT_UA, CURRENT_SHARE),
        ("impedance_ohm", "ohm", 0.0, OHM_SHARE),
    ):
        first, second = _plateau(then, name), _plateau(now, name)
        if first is None or second is None:
            continue
        allowed = margin + share * abs(second)
        if abs(first - second) > allowed:
            found.append(f"{name} is {first:.0f} {unit} as recorded, {second:.0f} as emulated, allowed {allowed:.0f}")
    missed = then[-1]["missed"], now[-1]["missed"]
    if missed[0] != missed[1]:
        found.append(f"{missed[0]} samples were missed as recorded, {missed[1]} as emulated")
    return found


def _plateau(rows: Rows, name: str) -> float | None:
    values = [row[name] for row in rows if row["state"] == protocol.ACTIVE and not row["sensing"]][1:-1]
    return fmean(values) if values else None


def _times(then: Rows, now: Rows) -> list[str]:
    """When each state was first seen, and how long the session was."""
    found = []
    first, second = _reached(then), _reached(now)
    for state in first:
        if state in second and abs(first[state] - second[state]) > TIME_MS:
            name = protocol.STATE_NAMES[state]
            found.append(f"{name} came after {first[state]} ms as recorded, {second[state]} as emulated")
    elapsed = then[-1]["elapsed_ms"], now[-1]["elapsed_ms"]
    if abs(elapsed[0] - elapsed[1]) > TIME_MS:
        found.append(f"it lasted {elapsed[0]} ms as recorded, {elapsed[1]} as emulated, allowed {TIME_MS}")
    return found


def _reached(rows: Rows) -> dict[int, int]:
    reached: dict[int, int] = {}
    for row in rows:
        reached.setdefault(row["state"], row["time_ms"] - rows[0]["time_ms"])
    return reached
