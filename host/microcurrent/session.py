"""Runs one session on a device from start to end: lease, events, record, interrupts, the second terminal.

The device ends a session by itself in every case (time, lease, fault); this loop renews the lease while all is well
and writes down what happens. It never keeps current flowing that the device would have stopped.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware.shared import protocol

from .client import DeviceClient, telemetry_values
from .errors import FaultError, MicrocurrentError, PortError, RecordError
from .fault_text import fault_text
from .points import POINTS
from .record_writer import SessionRecord
from .report import changed_text, played_texts
from .share import ShareServer

CONTACT_UA = 8  # as in boards/*/board.py: what looks for contact
TICK_S = 0.1  # how often the loop looks after lease, Ctrl-C and the second terminal
LEASE_SHARE = 4  # renewed four times per lease, so that three lost renewals in a row cost nothing
SILENCE_S = 2.0  # without any event for this long, ask the device for its status
OVERTIME_MS = 5000  # device time beyond the session's own length: something is wrong, stop
TRAILING_S = 0.15  # fault and state events follow the end event at once

LINK_LOST = "link-lost"
RESET = "device-reset"
FAILED = "failed"

_IDLE = tuple(protocol.STATE_NAMES[state] for state in (protocol.OFF, protocol.READY, protocol.FAULT))
_NOTES = {
    protocol.STATE_NAMES[protocol.RAMP_UP]: f"looking for contact at {CONTACT_UA} uA",
    protocol.STATE_NAMES[protocol.PAUSED]: f"paused; go on with: microcurrent resume (within "
    f"{protocol.PAUSE_MS // 60000} min, then the session ends)",
}

# What is said of an event that concerns one channel.
_TEXTS: dict[str, Callable[[dict], str]] = {
    "changed": lambda event: f"changed: {changed_text(event['wave'])}",
    "lift-off": lambda event: f"contact lost (lift-off {event['count']})",
    "contact": lambda event: f"contact found: {event['impedance_ohm']} ohm",
}

# Behind it, of two channels: they look for contact together.
_TOGETHER = f"; both channels are back at {CONTACT_UA} uA until both have contact, then both ramp up again"
_RAMP_DOWN = protocol.STATE_NAMES[protocol.RAMP_DOWN]  # there it ends the session instead

# What stopped a session.
A_SIGNAL = "Ctrl-C or a signal"
ANOTHER = "another terminal or the device's button"
RECORD_FAILED = "the record could not be written"


@dataclass
class Outcome:
    """How the session went.

    accepted: its terms, the reply to arm. ended: one of protocol.END_NAMES, or LINK_LOST, RESET.
    """

    accepted: dict
    ended: str = ""
    rows: list[dict[str, int]] = field(default_factory=list)
    rows2: list[dict[str, int]] = field(default_factory=list)  # of a second channel, at the same moments
    fault: str = ""  # the sentence of the fault that was raised, empty when none was
    error: MicrocurrentError | None = None  # link or record failure during the session
    interrupted: bool = False  # by Ctrl-C here
    stopped_by: str = ""  # who or what stopped it; empty when it ended in another way


class SessionRunner:
    """`interrupts()` is the number of Ctrl-C so far; `on_row` and `on_note` show progress.

    `signal_name()`: what the last of them was ("Ctrl-C", "SIGTERM"), for the record.
    """

    def __init__(
        self,
        client: DeviceClient,
        record: SessionRecord,
        share: ShareServer,
        *,
        interrupts: Callable[[], int],
        on_row: Callable[[dict[str, int], dict[str, int] | None], None],
        on_note: Callable[[str], None],
        signal_name: Callable[[], str] = lambda: A_SIGNAL,
    ) -> None:
        self._client = client
        self._record: SessionRecord | None = record
        self._share = share
        self._interrupts = interrupts
        self._on_row = on_row
        self._on_note = on_note
        self._signal_name = signal_name
        self._obeyed = 0
        self._signals: list[str] = []  # what was obeyed, by name
        self._lease_due_s = self._heard_s = 0.0
        self._two = False  # channels
        self._state = ""  # the board's, as it told last

    def run(self, wave: dict, lease_ms: int | None = None, wave2: dict | None = None) -> Outcome:
        """Arm, start, and stay until the session ended. Raises what keeps it from starting; later failures are in the
        Outcome. wave2: of a second channel.
        """
        self._two = wave2 is not None
        client = self._client
        client.forget_events()  # an old boot or end event is none of this session's
        outcome = Outcome(self._begin(wave, wave2, lease_ms))
        self._heard_s = client.transport.now()
        try:
            while not outcome.ended:
                self._look_after(outcome)
                event = client.next_event(TICK_S)
                if event is not None:
                    self._take(outcome, event)
            self._take_trailing(outcome)
        except PortError as error:
            outcome.error = error
            outcome.ended = outcome.ended or LINK_LOST
        except FaultError as error:
            outcome.error = error
            outcome.ended = outcome.ended or FAILED
        if outcome.ended == protocol.END_NAMES[protocol.END_STOPPED]:
            outcome.stopped_by = self._stopped_by()
        return outcome

    def _begin(self, wave: dict, wave2: dict | None, lease_ms: int | None) -> dict:
        """Arm, write the terms down, start. Returns the terms. What fails in between leaves nothing armed."""
        asked = {"wave": _sent(wave), "wave2": _sent(wave2), "lease_ms": lease_ms}
        try:
            terms = self._client.request("arm", {name: value for name, value in asked.items() if value is not None})
            self._note_terms(wave, wave2, terms)
            if self._record is not None:
                self._record.accepted(terms)
            self._client.request("start", {"session": terms["session"], "utc_s": int(time.time())})
        except PortError:
            self._client.request("stop", {"now": True})  # whether it began is unknown: make sure that nothing flows
            raise
        except BaseException:
            with contextlib.suppress(MicrocurrentError):
                self._client.request("disarm")
            raise
        return terms

    def _note_terms(self, wave: dict, wave2: dict | None, accepted: dict) -> None:
        """Say it when the board's sample grid changes what was asked."""
        for channel, text in enumerate(played_texts(wave, wave2, accepted), 1):
            if text:
                self._on_note(self._of(channel) + text)

    def _of(self, channel: object) -> str:
        """How a note on one channel begins; one channel alone is not named."""
        return f"channel {channel}: " if self._two else ""

    def _look_after(self, outcome: Outcome) -> None:
        now_s = self._client.transport.now()
        self._obey_interrupts(outcome)
        self._share.serve()
        self._renew_lease(outcome, now_s)
        self._write(outcome, lambda record: record.flush_if_due(now_s))
        if now_s - self._heard_s > SILENCE_S:
            self._ask(outcome)

    def _obey_interrupts(self, outcome: Outcome) -> None:
        wanted = min(self._interrupts(), 2)
        if wanted <= self._obeyed:
            return
        self._obeyed = wanted
        outcome.interrupted = True
        self._signals.append(self._signal_name())
        self._on_note("ramping down; Ctrl-C again switches the output off at once" if wanted == 1 else "output off")
        self._client.request("stop", {} if wanted == 1 else {"now": True})

    def _stopped_by(self) -> str:
        if self._obeyed == 2:  # both may have come within one tick: then only the last is known
            first, last = self._signals[0], self._signals[-1]
            return f"{first} twice, off at once" if first == last else f"{first}, then {last}, off at once"
        if self._signals:
            return self._signals[0]
        return ANOTHER if self._record is not None else RECORD_FAILED

    def _renew_lease(self, outcome: Outcome, now_s: float) -> None:
        if now_s < self._lease_due_s or outcome.ended:
            return
        self._lease_due_s = now_s + outcome.accepted["lease_ms"] / 1000 / LEASE_SHARE
        try:
            self._client.request("lease", {"session": outcome.accepted["session"]})
        except PortError:
            raise
        except MicrocurrentError:  # it has just ended; its end event says how
            self._ask(outcome)

    def _ask(self, outcome: Outcome) -> None:
        """No event came, or the lease was refused: read the end from the status in case its event was lost."""
        self._heard_s = self._client.transport.now()
        status = self._client.request("status")
        if status["session"] != outcome.accepted["session"]:
            self._end_by_reset(outcome)
        elif status["state"] in _IDLE and not outcome.ended:
            self._add_row(outcome, None, status["telemetry"], status.get("telemetry2"))
            outcome.ended = status["end"]

    def _take(self, outcome: Outcome, event: dict) -> None:
        self._heard_s = self._client.transport.now()
        kind = event["ev"]
        if kind == "telemetry":
            self._add_row(outcome, event["seq"], event["t"], event.get("t2"))
            return
        self._write(outcome, lambda record: record.add_event(kind, event))
        if kind == "end" and event["session"] == outcome.accepted["session"]:
            self._add_row(outcome, event["seq"], event["t"], event.get("t2"))
            outcome.ended = outcome.ended or event["reason"]
        elif kind == "fault":
            outcome.fault = fault_text(
                event["code"], event["reading"], event["limit"], event.get("channel") if self._two else None
            )
            self._on_note(outcome.fault)
        elif kind == "state":
            self._note_state(event)
        elif kind == "boot":
            self._ask(outcome)
        elif kind in _TEXTS:
            together = _TOGETHER if kind == "lift-off" and self._two and self._state != _RAMP_DOWN else ""
            self._on_note(self._of(event.get("channel", 1)) + _TEXTS[kind](event) + together)
        elif kind == "journal":
            self._on_note(f"the board's journal: {event['text']}")

    def _note_state(self, event: dict) -> None:
        self._state = event["to"]
        self._on_note(f"{event['from']} -> {event['to']}")
        if event["to"] in _NOTES:
            self._on_note(_NOTES[event["to"]])

    def _end_by_reset(self, outcome: Outcome) -> None:
        outcome.ended = RESET
        outcome.error = FaultError(
            "the board was reset during the session; the output is off; see why with: "
            "microcurrent faults, microcurrent log"
        )

    def _take_trailing(self, outcome: Outcome) -> None:
        deadline = self._client.transport.now() + TRAILING_S
        while (left_s := deadline - self._client.transport.now()) > 0:
            event = self._client.next_event(left_s)
            if event is not None:
                self._take(outcome, event)

    def _add_row(self, outcome: Outcome, seq: int | None, row: list[int], row2: list[int] | None) -> None:
        """row2: of the second channel, None when there is none."""
        values = telemetry_values(row)
        values2 = telemetry_values(row2) if row2 and self._two else None
        if values["session"] != outcome.accepted["session"]:
            return
        outcome.rows.append(values)
        if values2 is not None:
            outcome.rows2.append(values2)
        if values["elapsed_ms"] > outcome.accepted["duration_ms"] + OVERTIME_MS and not outcome.ended:
            self._client.request("stop", {"now": True})
            raise FaultError(
                f"the device did not end the session after {outcome.accepted['duration_ms']} ms (now "
                f"{values['elapsed_ms']} ms); it was told to switch the output off; run: "
                f"microcurrent selftest"
            )
        number = seq if seq is not None else -1  # a row from a status reply has no place in the sequence
        self._write(outcome, lambda record: record.add_telemetry(number, values, values2))
        self._on_row(values, values2)

    def _write(self, outcome: Outcome, action: Callable[[SessionRecord], None]) -> None:
        """Write to the record; when the disk refuses, ramp down and go on without it."""
        if self._record is None:
            return
        try:
            action(self._record)
        except RecordError as error:
            self._record = None
            outcome.error = RecordError(f"{error}; the session was ramped down")
            self._on_note("the record cannot be written: ramping down")
            self._client.request("stop")


def _sent(wave: dict | None) -> dict | None:
    """A waveform as it goes to the board, which has the points of a table already."""
    return wave and {name: value for name, value in wave.items() if name != POINTS}


def is_running(status: dict) -> bool:
    """True while a session is on its way: current may flow, or it is about to or pauses."""
    return status["state"] not in (*_IDLE, protocol.STATE_NAMES[protocol.SELF_TEST])
