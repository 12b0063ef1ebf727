"""A recorded session as the boards of these tests replay it: what a board told, in order, with its times.

session.json beside this file was made from a record: python -m tests.bridge.recorded DATA_DIR
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

from firmware.shared import protocol

FILE = Path(__file__).with_name("session.json")


class Told(NamedTuple):
    """One event: when after the first one, and its content without sequence number; `row` of telemetry and ends."""

    after_ms: int
    event: dict
    row: dict[str, int] | None


def load() -> list[Told]:
    """The session, in order."""
    kept = json.loads(FILE.read_text())
    return [
        Told(after_ms, event, dict(zip(kept["fields"], row, strict=True)) if row else None)
        for after_ms, event, row in kept["told"]
    ]


def as_tuple(row: dict[str, int]) -> list[int]:
    """A row as the present protocol has it; fields that are newer than the record are 0."""
    return [row.get(name, 0) for name in protocol.TELEMETRY_FIELDS]


def make(data_dir: str) -> None:
    """Write session.json from the newest record."""
    from microcurrent.record_reader import open_stored

    with open_stored(data_dir) as records:
        number = records.sessions()[0]["id"]
        rows, events = records.telemetry(number), records.events(number)
    told = {row["seq"]: (row["time_ms"], {"ev": "telemetry"}, _plain(row)) for row in rows if row["seq"] >= 0}
    for event in events:
        detail = dict(event["detail"])
        seq = detail.pop("seq")
        told[seq] = (0, detail, _plain(dict(zip(protocol.TELEMETRY_FIELDS, detail.pop("t", ()), strict=False))))
    begun_ms = min(time_ms for time_ms, _event, _row in told.values() if time_ms)
    now_ms, lines = begun_ms, []
    for seq in sorted(told):
        time_ms, event, row = told[seq]
        now_ms = max(now_ms, time_ms)
        lines.append([now_ms - begun_ms, event, list(row.values())])
    body = ",\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    FILE.write_text(f'{{"fields":{json.dumps(list(protocol.TELEMETRY_FIELDS))},"told":[\n{body}\n]}}\n')


def _plain(row: dict[str, int]) -> dict[str, int]:
    return {name: row.get(name, 0) for name in protocol.TELEMETRY_FIELDS} if row else {}


if __name__ == "__main__":
    make(sys.argv[1])
