"""What was said on a link, line by line: {"scenario", "t_s", "to" or "from": message}, t_s of the clock of the link.

The first line tells of the board: {"identity", "settings", "calibration"}.

Messages are kept as they were framed; what was no frame is left out. `python -m tests.hil.replay` reads it.
"""

import json
from pathlib import Path
from typing import Any

from microcurrent.lines import LineReader, LinkCounters
from microcurrent.transport import Transport


class Recording:
    """A file that grows line by line; what was in it is gone. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("w", encoding="utf-8")

    def head(self, identity: dict[str, Any], settings: dict[str, int], calibration: dict[str, Any] | None) -> None:
        """What the board is, as the first line; it is the same for all scenarios."""
        self.add({"identity": identity, "settings": settings, "calibration": calibration})

    def of(self, transport: Transport, scenario: str) -> "RecordedTransport":
        """The same transport, with what passes kept under a name."""
        return RecordedTransport(transport, scenario, self)

    def add(self, entry: dict[str, Any]) -> None:
        """One line, on the disk at once: a run may end by being killed."""
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def close(self) -> None:
        """No more lines."""
        self._file.close()


class RecordedTransport:
    """Moves bytes as `inner` does, and keeps both directions."""

    def __init__(self, inner: Transport, scenario: str, recording: Recording) -> None:
        self.name = inner.name
        self._inner = inner
        self._scenario = scenario
        self._recording = recording
        self._readers = {"to": LineReader(LinkCounters()), "from": LineReader(LinkCounters())}
        self.now = inner.now
        self.close = inner.close

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._keep("to", data)
        self._inner.write(data)

    def read(self, timeout_s: float) -> bytes:
        """What has arrived."""
        data = self._inner.read(timeout_s)
        self._keep("from", data)
        return data

    def reopen(self, timeout_s: float) -> None:
        """Close and open again."""
        self._inner.reopen(timeout_s)
        self._readers["from"].reset()

    def _keep(self, way: str, data: bytes) -> None:
        for message in self._readers[way].feed(data):
            self._recording.add({"scenario": self._scenario, "t_s": round(self.now(), 6), way: message})
