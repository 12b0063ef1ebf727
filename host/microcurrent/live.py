"""A short session that a program steers while it runs, in ticks: contact coach and threshold finder."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from .client import DeviceClient, telemetry_values
from .errors import MicrocurrentError, PortError, RecordError
from .fault_text import fault_text
from .record_writer import SessionRecord
from .session import LEASE_SHARE
from .summary import summarize

LEASE_MS = 2000  # ours: nobody is treated here without a program that listens


@contextlib.contextmanager
def recorded(live: "LiveSession", record: SessionRecord, wave: dict) -> Iterator[None]:
    """Finish the record whatever happens, and leave nothing running."""
    ended = ""
    try:
        yield
    except BaseException as error:
        expected = isinstance(error, MicrocurrentError)
        ended = "" if live.ended else "refused" if expected and not live.rows else "interrupted"
        raise
    finally:
        if not live.ended:
            with contextlib.suppress(MicrocurrentError):
                live.stop()
        with contextlib.suppress(RecordError):
            record.finish(ended or live.ended or "interrupted", summarize(wave, live.ended or ended, live.rows))


class LiveSession:
    """One session on the board: armed, started, its lease renewed, its rows and events handed on."""

    def __init__(self, client: DeviceClient, record: SessionRecord | None = None) -> None:
        self._client = client
        self._record = record
        self._lease_due_s = 0.0
        self.terms: dict = {}
        self.rows: list[dict[str, int]] = []
        self.rows2: list[dict[str, int]] = []
        self.ended = ""
        self.fault = ""

    def begin(self, **asked: Any) -> None:
        """Arm and start; asked: arguments of "arm". Raises what keeps it from starting."""
        client = self._client
        client.forget_events()
        self.terms = client.request("arm", {"lease_ms": LEASE_MS, **asked})
        if self._record is not None:
            self._record.accepted(self.terms)
        try:
            client.request("start", {"session": self.terms["session"], "utc_s": int(time.time())})
        except PortError:
            client.request("stop", {"now": True})
            raise

    def tick(self, timeout_s: float) -> list[dict]:
        """Look after it once; the events that came. `ended` is set when it is over. Raises PortError, RecordError."""
        now_s = self._client.transport.now()
        if not self.ended and now_s >= self._lease_due_s:
            self._lease_due_s = now_s + LEASE_MS / 1000 / LEASE_SHARE
            try:
                self._client.request("lease", {"session": self.terms["session"]})
            except PortError:
                raise
            except MicrocurrentError:  # it has just ended: its event says how, or the status
                self._ask_how_it_ended()
        if self._record is not None:
            self._record.flush_if_due(now_s)
        found = []
        event = self._client.next_event(timeout_s)
        while event is not None:
            self._take(event)
            found.append(event)
            event = self._client.next_event(0)
        return found

    def change(self, amplitude_ua: int) -> None:
        """Another amplitude, from the end of the cycle on. Raises RefusedError beyond a limit."""
        self._client.request("change", {"session": self.terms["session"], "wave": {"amplitude_ua": amplitude_ua}})

    def felt(self) -> None:
        """Step down at once. Raises RefusedError where nothing flows."""
        self._client.request("felt", {"by": "key"})

    def stop(self, *, now: bool = False) -> None:
        """Ramp down, or off at once."""
        self._client.request("stop", {"now": True} if now else {})

    def _ask_how_it_ended(self) -> None:
        status = self._client.request("status")
        if status["session"] != self.terms["session"] or status["state"] in ("READY", "FAULT", "OFF"):
            self.ended = status["end"] if status["session"] == self.terms["session"] else "device-reset"

    def _take(self, event: dict) -> None:
        kind = event["ev"]
        if kind in ("telemetry", "end"):
            values = telemetry_values(event["t"])
            values2 = telemetry_values(event["t2"]) if event.get("t2") else None
            self.rows.append(values)
            if values2 is not None:
                self.rows2.append(values2)
            if self._record is not None:
                self._record.add_telemetry(event["seq"], values, values2)
        if kind != "telemetry" and self._record is not None:
            self._record.add_event(kind, event)
        if kind == "end":
            self.ended = event["reason"]
        elif kind == "fault":
            self.fault = fault_text(event["code"], event["reading"], event["limit"], None)
