"""A treatment by programme: what has to hold before it begins, its run, its finished record, and what it amounts to."""

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from firmware.shared import protocol

from . import personal_thresholds
from .client import DeviceClient
from .errors import FaultError, MicrocurrentError, PortError, RecordError, RefusedError
from .programme import Programme
from .programme_limits import Granted, for_board, require_permitted
from .record_writer import SessionRecord
from .records import Records
from .session import LINK_LOST, RESET
from .share import ShareServer
from .treatment import REFUSED, require_no_fault, require_second
from .treatment_runner import FINISHED, LEASE_MS, Course, TreatmentRunner, View
from .treatment_summary import summarize_treatment

if TYPE_CHECKING:
    from .virtual import Sim

STOPPED = protocol.END_NAMES[protocol.END_STOPPED]


@dataclass(frozen=True)
class Plan:
    """What will be played on this board for this person. notes: what they should be told before."""

    programme: Programme
    steps: list[dict]
    granted: list[list[Granted]]
    notes: tuple[str, ...]

    def as_record(self, course: Course | None = None) -> dict:
        """The programme as a record keeps it; with `course` what the board really granted."""
        made = self.programme
        began = {run.index: run.terms for run in course.steps} if course else {}
        return {
            "name": made.name, "title": made.title, "version": made.version, "sha256": made.sha256,
            "source": made.source, "evidence": made.evidence,
            "steps": [self._step(index, began.get(index)) for index in range(len(made.steps))],
        }  # fmt: skip

    def _step(self, index: int, terms: dict | None) -> dict:
        written, channels = self.programme.steps[index], self.granted[index]
        first = terms or {"amplitude_ua": 0, "limit_ua": channels[0].limit_ua, "binding": channels[0].binding}
        found = {
            "index": index + 1, "site": written.site, "side": written.side, "zone": channels[0].wave["zone"],
            "wave": channels[0].wave, "wave2": channels[1].wave if len(channels) > 1 else None,
            "amplitude_ua": first["amplitude_ua"], "limit_ua": first["limit_ua"], "binding": first["binding"],
            "duration_ms": written.duration_ms, "hold_ms": written.device.get("hold_ms", 0), "move": written.move,
            "cue": written.cue,
        }  # fmt: skip
        return found | ({"labels": list(written.labels)} if written.labels else {})


def plan(client: DeviceClient, records: Records, programme: Programme, subject: str, now_utc: datetime | str) -> Plan:
    """Check the programme against the board's settings and the person's thresholds.

    Raises RefusedError for what a limit, the profile or the board does not permit; FaultError while a fault is latched.
    """
    require_no_fault(client)
    if programme.channels > 1:
        require_second(client.identity)
    settings = client.request("config")["set"]
    notes: list[str] = []

    def threshold(site: str, side: str) -> int | None:
        found = personal_thresholds.held(records, subject, site, side, now_utc)
        if found is None:
            return None
        if found.note and found.note not in notes:
            notes.append(found.note)
        return found.threshold_ua

    steps = for_board(programme, settings["area_mm2"], threshold)
    granted = require_permitted(programme, steps, settings, client.identity["hard_cap_ua"])
    if not settings["area_mm2"]:
        notes.append("no electrode area is declared, so a 3 mm tip counts: microcurrent config set area_mm2 10cm2")
    return Plan(programme, steps, granted, tuple(notes))


@dataclass(frozen=True)
class Treated:
    """A finished treatment: its record's id, how it went, its summary."""

    number: str
    course: Course
    summary: dict


class Treatment:
    """One treatment. Use it with `with`; begin(), then runner.tick() until it returns False, then finish().

    admit: as of Records.begin; what it raises keeps the treatment from being made.
    """

    def __init__(
        self,
        client: DeviceClient,
        records: Records,
        made: Plan,
        view: View,
        *,
        subject: str,
        screening: dict,
        course: str | None,
        admit: Callable[[], str | None] | None = None,
        sim: "Sim | None" = None,
        lease_ms: int = LEASE_MS,
    ) -> None:
        self._client = client
        self._plan = made
        first = made.granted[0]
        self.record: SessionRecord = records.begin(
            first[0].wave,
            client.identity,
            port=client.port,
            image=sim.image if sim else None,
            load=sim.load if sim else None,
            wave2=first[1].wave if len(first) > 1 else None,
            load2=sim.load2 if sim else None,
            subject=subject,
            programme=made.as_record(),
            screening=screening,
            course=course,
            admit=admit,
        )
        self._share = ShareServer(client)
        self.runner = TreatmentRunner(client, made.programme, view, self.record, self._share, lease_ms=lease_ms)

    def __enter__(self) -> "Treatment":
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """A treatment that is left in another way than by finish() must not run on without its record."""
        self._share.__exit__()
        if error is None:
            return
        with contextlib.suppress(MicrocurrentError):
            self._client.request("stop")
        expected = isinstance(error, MicrocurrentError)
        with contextlib.suppress(RecordError):
            self.record.finish(REFUSED if expected else "interrupted", {"error": str(error)})

    def serve(self) -> None:
        """Answer a second terminal; the runner does it by itself."""
        self._share.serve()

    def begin(self, *, away: bool = False) -> None:
        """Download and start. Raises what keeps it from starting."""
        self.runner.begin(self._plan.steps, away=away)

    def finish(self) -> Treated:
        """The record's end: figures of every step, and what the board granted."""
        course = self.runner.course
        for run in course.steps[:1]:
            with contextlib.suppress(RecordError):
                self.record.accepted(run.terms)
        summary = summarize_treatment(self._plan.programme, course, self._plan.granted)
        if course.stopped_by:
            summary["stopped_by"] = course.stopped_by
        if course.text:
            summary["text"] = course.text
        summary["link"] = asdict(self._client.counters)
        try:
            self.record.finish(course.ended, summary, programme=self._plan.as_record(course))
        except RecordError as error:
            course.error = course.error or error
        return Treated(self.record.number, course, summary)


def verdict(treated: Treated) -> MicrocurrentError | None:
    """The error that a treatment amounts to; None when it ended as it was meant to, or somebody stopped it."""
    course = treated.course
    if course.ended in (LINK_LOST, RESET):
        kind: Callable[[str], MicrocurrentError] = PortError if course.ended == LINK_LOST else FaultError
        return kind(
            f"the treatment ended by {course.ended} after {treated.summary['elapsed_ms'] / 1000:.1f} s; the board "
            f"stops by itself; check the cable, then run: microcurrent status"
        )
    if course.error is not None:
        return course.error
    if course.fault:
        return FaultError(course.fault)
    if course.ended in (FINISHED, STOPPED):
        return None
    if course.ended == protocol.END_NAMES[protocol.END_PAUSE]:
        return RefusedError(
            f"the treatment was paused for more than {protocol.PAUSE_MS // 60000} min and has ended; the output is off;"
            f" start another with: microcurrent treat"
        )
    why = f": {course.text}" if course.text else ""
    return RefusedError(f"the treatment ended by {course.ended}{why}; the output is off; see: microcurrent faults")
