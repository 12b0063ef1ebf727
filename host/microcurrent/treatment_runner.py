"""Runs a programme on a board from its download to its end: lease, events, record, keys, a link that comes and goes.

The board plays the programme by itself; this renews the lease while all is well, writes down what happens, and passes
on what people ask for. It works in ticks and never waits longer than one of them, so that a full-screen view, a plain
one and a test at emulated time drive the same code.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from firmware.shared import protocol

from .client import DeviceClient, telemetry_values
from .errors import MicrocurrentError, PortError, RecordError
from .fault_text import fault_text
from .programme import Programme
from .record_writer import SessionRecord
from .session import LEASE_SHARE, LINK_LOST, RESET, SILENCE_S, TRAILING_S
from .share import ShareServer

FINISHED = "finished"
LEASE_MS = 4000  # ours: a link that is lost for two seconds and comes back shall not end a treatment
REJOIN_TRY_S = 0.5  # ours: one attempt to open a lost port again
PAUSE, RESUME, FELT, SKIP, STOP, STOP_NOW = "pause", "resume", "felt", "skip", "stop", "stop now"
_REQUESTS: dict[str, tuple[str, dict]] = {
    PAUSE: ("pause", {}),
    RESUME: ("resume", {}),
    FELT: ("felt", {"by": "key"}),
    SKIP: ("skip", {}),
    STOP: ("stop", {}),
    STOP_NOW: ("stop", {"now": True}),
}


class View(Protocol):
    """Who is told. step: from 0 on. Rows are telemetry by field name; the second is that of a second channel."""

    def row(self, row: dict[str, int], second: dict[str, int] | None) -> None:
        """A telemetry row."""
        ...

    def note(self, text: str) -> None:
        """Something that happened, in words."""
        ...

    def step(self, index: int, terms: dict) -> None:
        """A step begins; terms: what the board granted."""
        ...

    def cue(self, name: str, index: int) -> None:
        """What the board's buzzer says."""
        ...

    def link(self, up: bool) -> None:
        """The link is lost, or back."""
        ...


@dataclass
class StepRun:
    """One step as it went. session: the board's number of it; ended: "" while it runs."""

    index: int
    session: int
    terms: dict
    ended: str = ""
    felt: int = 0
    rows: list[dict[str, int]] = field(default_factory=list)
    rows2: list[dict[str, int]] = field(default_factory=list)


@dataclass
class Course:
    """How the treatment goes: `ended` is "" while it runs."""

    ended: str = ""
    text: str = ""  # why, where the board says more
    steps: list[StepRun] = field(default_factory=list)
    fault: str = ""
    error: MicrocurrentError | None = None
    stopped_by: str = ""
    paused_ms: int = 0
    link_losses: int = 0
    lost_s: float = 0.0

    @property
    def rows(self) -> list[dict[str, int]]:
        """The rows of all steps."""
        return [row for step in self.steps for row in step.rows]


class TreatmentRunner:
    """record: None writes nothing. share: serves a second terminal."""

    def __init__(
        self,
        client: DeviceClient,
        programme: Programme,
        view: View,
        record: SessionRecord | None = None,
        share: ShareServer | None = None,
        *,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self._client = client
        self._programme = programme
        self._view = view
        self._record = record
        self._share = share
        self._lease_ms = lease_ms
        self._away = False
        self._uptime_ms = 0
        self._waiting = ""  # what is to be asked when the link is back
        self._lease_due_s = self._heard_s = self._lost_at_s = self._paused_at_s = 0.0
        self.course = Course()
        self.state = ""  # the board's, as it told last
        self.held = False  # it waits between two steps

    @property
    def lost(self) -> bool:
        """True while the link is down."""
        return self._lost_at_s > 0

    def begin(self, steps: list[dict], *, away: bool = False) -> None:
        """Download the steps, as the board takes them, and start. Raises what keeps it from starting."""
        client = self._client
        client.forget_events()
        info = self._programme.info()
        for at, step in enumerate(steps):
            client.request("programme", {"at": at, "step": step} | ({"info": info} if at == 0 else {}))
        self._away = away
        asked = {"hash": info["hash"], "lease_ms": self._lease_ms, "utc_s": int(time.time()), "away": away}
        try:
            client.request("programme_start", asked)
        except PortError:
            client.request("stop", {"now": True})  # whether it began is unknown: make sure that nothing flows
            raise
        self._heard_s = client.transport.now()

    def tick(self, timeout_s: float) -> bool:
        """Look after everything once, for at most about timeout_s; False when the treatment is over."""
        try:
            if self.lost:
                self._rejoin(timeout_s)
            else:
                self._look_after()
                event = self._client.next_event(timeout_s)
                while event is not None and not self.course.ended:
                    self._take(event)
                    event = self._client.next_event(0)
        except PortError as error:
            self._lose(error)
        except RecordError as error:
            self._give_up_record(error)
        return not self.course.ended

    def ask(self, what: str, by: str = "a key") -> None:
        """Pass on what somebody asks for: PAUSE, RESUME, FELT, SKIP, STOP, STOP_NOW. What is refused is told.

        While the link is down a stop waits for it to come back; STOP_NOW gives the search up, and the board stops by
        its lease.
        """
        command, arguments = _REQUESTS[what]
        if what in (STOP, STOP_NOW):
            self.course.stopped_by = self.course.stopped_by or by
        if self.lost:
            self._ask_later(what)
            return
        try:
            self._client.request(command, arguments)
        except PortError as error:
            self._lose(error)
        except MicrocurrentError as error:
            self._view.note(str(error))

    def _ask_later(self, what: str) -> None:
        if what == STOP:
            self._waiting = STOP
            self._view.note("the link is down: the stop is sent when it is back; stop again gives the search up")
        elif what == STOP_NOW:
            self._end(LINK_LOST)
        else:
            self._view.note(f"the link is down: {what} was not sent")

    # The link -------------------------------------------------------------------------------------------------------

    def _lose(self, error: PortError) -> None:
        if self.lost:
            return
        self._lost_at_s = self._client.transport.now()
        self.course.link_losses += 1
        self.course.error = error
        self._view.link(False)
        left = "the board goes on by itself" if self._away else f"the board stops after {self._lease_ms / 1000:g} s"
        self._view.note(f"link lost ({error}); trying to find the board again; {left}")

    def _rejoin(self, timeout_s: float) -> None:
        """One attempt. The board that is found may have ended the treatment, or may have been reset."""
        if self._client.transport.now() - self._lost_at_s > self._patience_s():
            self._end(LINK_LOST)
            return
        try:
            self._client.rejoin(max(timeout_s, REJOIN_TRY_S))
        except MicrocurrentError:
            return
        self.course.lost_s += self._client.transport.now() - self._lost_at_s
        self._lost_at_s = 0.0
        self.course.error = None
        self._view.link(True)
        self._view.note("the link is back")
        self._ask_status()
        if self._waiting and not self.course.ended:
            self.ask(self._waiting)
        self._waiting = ""

    def _patience_s(self) -> float:
        """How long to look for a lost board: after its lease nothing flows any more, but its ring may still tell."""
        if not self._away:
            return self._lease_ms / 1000 + 30
        return self._programme.duration_ms / 1000 + 300

    def _look_after(self) -> None:
        now_s = self._client.transport.now()
        if self._share is not None:
            self._share.serve()
        if now_s >= self._lease_due_s and not self.course.ended:
            self._lease_due_s = now_s + self._lease_ms / 1000 / LEASE_SHARE
            self._renew()
        if self._record is not None:
            self._record.flush_if_due(now_s)
        if now_s - self._heard_s > SILENCE_S:
            self._heard_s = now_s
            self._ask_status()

    def _renew(self) -> None:
        try:
            self._client.request("lease", {"hash": self._programme.hash})
        except PortError:
            raise
        except MicrocurrentError:  # it has just ended; its event says how, or the status
            self._heard_s = 0.0

    def _ask_status(self) -> None:
        """The end's event may have been lost, or the board reset."""
        status = self._client.request("status")
        told = status["programme"]
        if told is None or told["hash"] != self._programme.hash or status["uptime_ms"] < self._uptime_ms:
            self._end(RESET, "the board was reset during the treatment; the output is off")
        elif told["state"] == "idle":
            self._take_trailing()
            if not self.course.ended:
                self._end(told["ended"])
        self._uptime_ms = status["uptime_ms"]
        self.state = status["state"]
        self.held = told is not None and told["state"] == "held" and not self.course.ended
        self._note_pause("it was paused meanwhile")

    def _take_trailing(self) -> None:
        """What the board told at its end and is still on its way: the last figures, and the fault."""
        ends_s = self._client.transport.now() + TRAILING_S
        while not self.course.ended and (left_s := ends_s - self._client.transport.now()) > 0:
            event = self._client.next_event(left_s)
            if event is not None:
                self._take(event)

    # Events ---------------------------------------------------------------------------------------------------------

    def _take(self, event: dict) -> None:
        self._heard_s = self._client.transport.now()
        kind = event["ev"]
        if kind == "telemetry":
            self._add_row(event["seq"], event["t"], event.get("t2"))
            return
        if self._record is not None:
            self._record.add_event(kind, event)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event)

    def _take_step(self, event: dict) -> None:
        index = event["step"] - 1
        self.course.steps.append(StepRun(index, event["session"], event["terms"]))
        self._view.step(index, event["terms"])

    def _take_end(self, event: dict) -> None:
        step = self._step_of(event["session"])
        if step is None:
            return
        self._add_row(event["seq"], event["t"], event.get("t2"))
        step.ended = event["reason"]

    def _take_cue(self, event: dict) -> None:
        self._view.cue(event["cue"], event["step"] - 1)

    def _take_felt(self, event: dict) -> None:
        step = self._step_of(event["session"])
        if step is not None:
            step.felt += 1
        self._view.note(f"felt ({event['by']}): {_amplitudes(event['from_ua'])} -> {_amplitudes(event['to_ua'])}")

    def _take_fault(self, event: dict) -> None:
        channel = event.get("channel") if self._programme.channels > 1 else None
        self.course.fault = fault_text(event["code"], event["reading"], event["limit"], channel)
        self._view.note(self.course.fault)

    def _take_state(self, event: dict) -> None:
        self.state = event["to"]
        self._note_pause("paused; the time stands still")

    def _take_held(self, event: dict) -> None:
        self.held = event["held"]
        self._note_pause("paused between two steps")
        if not self.held:
            self._view.note("goes on")

    def _note_pause(self, text: str) -> None:
        """Count the time of a pause from its first moment to its last."""
        now_s = self._client.transport.now()
        paused = self.held or self.state == protocol.STATE_NAMES[protocol.PAUSED]
        if paused and not self._paused_at_s:
            self._paused_at_s = now_s
            self._view.note(text)
        elif self._paused_at_s and not paused:
            self.course.paused_ms += int((now_s - self._paused_at_s) * 1000)
            self._paused_at_s = 0.0

    def _take_boot(self, _event: dict) -> None:
        self._end(RESET, "the board was reset during the treatment; the output is off")

    def _take_lift_off(self, event: dict) -> None:
        self._view.note(f"contact lost (lift-off {event['count']}); the time stands still until it is back")

    def _take_contact(self, event: dict) -> None:
        self._view.note(f"contact found: {event['impedance_ohm']} ohm")

    def _take_programme(self, event: dict) -> None:
        self._end(event["ended"], event.get("text", ""))

    def _end(self, ended: str, text: str = "") -> None:
        course = self.course
        if self._paused_at_s:
            course.paused_ms += int((self._client.transport.now() - self._paused_at_s) * 1000)
            self._paused_at_s = 0.0
        self.held = False
        course.ended, course.text = ended, text
        for step in course.steps:
            if not step.ended:  # its own end was lost on the way
                step.ended = protocol.END_NAMES[protocol.END_DURATION] if ended == FINISHED else ended
        if ended == "stopped" and not course.stopped_by:
            course.stopped_by = "another terminal or the board's button"
        _mark_skipped(course)

    def _step_of(self, session: int) -> StepRun | None:
        return next((step for step in reversed(self.course.steps) if step.session == session), None)

    def _add_row(self, seq: int, row: list[int], row2: list[int] | None) -> None:
        values = telemetry_values(row)
        values2 = telemetry_values(row2) if row2 else None
        step = self._step_of(values["session"])
        if step is None:
            return
        step.rows.append(values)
        if values2 is not None:
            step.rows2.append(values2)
        self._uptime_ms = max(self._uptime_ms, values["time_ms"])
        self._view.row(values, values2)
        if self._record is not None:
            self._record.add_telemetry(seq, values, values2)

    def _give_up_record(self, error: RecordError) -> None:
        self._record = None
        self.course.error = RecordError(f"{error}; the treatment was ramped down")
        self._view.note("the record cannot be written: ramping down")
        self.ask(STOP, "the record could not be written")


def _mark_skipped(course: Course) -> None:
    """A step that was stopped while the programme went on was skipped."""
    last = course.steps[-1] if course.steps else None
    for step in course.steps:
        if step.ended == "stopped" and (step is not last or course.ended == FINISHED):
            step.ended = "skipped"


def _amplitudes(values_ua: list[int]) -> str:
    return " and ".join(f"{value} uA" for value in values_ua)


_HANDLERS: dict[str, Callable[[TreatmentRunner, dict], None]] = {
    "step": TreatmentRunner._take_step,
    "end": TreatmentRunner._take_end,
    "cue": TreatmentRunner._take_cue,
    "felt": TreatmentRunner._take_felt,
    "fault": TreatmentRunner._take_fault,
    "state": TreatmentRunner._take_state,
    "held": TreatmentRunner._take_held,
    "boot": TreatmentRunner._take_boot,
    "lift-off": TreatmentRunner._take_lift_off,
    "contact": TreatmentRunner._take_contact,
    "programme": TreatmentRunner._take_programme,
}
