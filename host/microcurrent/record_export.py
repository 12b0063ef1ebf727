"""Writing recorded sessions for other programs, one or all of them: JSON, CSV and Parquet.

JSON holds everything, as valid JSON whose rows have a line each, so that files of any size are written and read row by
row. Names stand where numbers are stored; where a name does not lead back to what is stored, "stored" tells that too.
"content" is the session's hash in the chain of records: the import recomputes it. A file of all has the screenings,
thresholds and courses besides, each in the same way. CSV and Parquet hold the telemetry.
"""

import contextlib
import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from firmware.shared import protocol

from . import chain_of_records as chain
from .errors import BadValueError, RecordError
from .exports import named, named_event, unnamed, unnamed_event
from .record_reader import ABSENT, JSON_OF_TREATMENTS, SCHEMA_VERSION, StoredSessions
from .record_schema import TABLES_OF_SUBJECTS

FORMAT = "microcurrent records"
# Columns of sessions, decoded, that a record has as JSON.
JSON_COLUMNS = ("wave", "wave2", "device", "image", "accepted", "summary", "programme", "screening")
ROWS = {"telemetry": 1, "telemetry2": 2}  # the channel of each list of rows
_OF_SESSION = ("session_id", "started_utc", "subject")  # what stands before the rows of several sessions
_TEXTS = ("state", "contact", "fault")  # columns of a named row that are text


def write(path: Path, records: StoredSessions, sessions: Sequence[dict], *, whole: bool = False) -> int:
    """Write sessions to .json, .csv or .parquet; returns the number of telemetry rows.

    whole: as a file of several, also when there is one. A file that cannot be finished is not left half.
    Raises BadValueError for another ending, or without the library that Parquet needs; RecordError.
    """
    if path.suffix not in (".csv", ".json", ".parquet"):
        raise BadValueError(
            f"{path.name} ends neither in .csv nor in .json or .parquet; nothing was written; choose one of them"
        )
    if path.suffix == ".parquet":
        from . import record_parquet

        record_parquet.require()
        with _finished(path, "wb") as handle:
            return record_parquet.write(handle, records, sessions)
    with _finished(path, "w") as handle:
        if path.suffix == ".csv":
            return write_csv(handle, records, sessions, whole=whole)
        return write_json(handle, records, sessions, whole=whole)


def write_json(handle: IO[str], records: StoredSessions, sessions: Sequence[dict], *, whole: bool = False) -> int:
    """Everything about the sessions; whole: and all that is kept besides. Returns the number of telemetry rows."""
    if not whole:
        count = _write_session(handle, records, sessions[0])
        handle.write("\n")
        return count
    handle.write(f'{{"format": {json.dumps(FORMAT)}, "schema": {SCHEMA_VERSION}, "sessions": [')
    count = 0
    for index, session in enumerate(sessions):
        handle.write(",\n" if index else "\n")
        count += _write_session(handle, records, session)
    handle.write("\n]")
    for table in TABLES_OF_SUBJECTS:
        _write_list(handle, table, _rows_of_subjects(records, table))
    handle.write("\n}\n")
    return count


def _rows_of_subjects(records: StoredSessions, table: str) -> Iterator[dict]:
    for told, stored in zip(records.rows(table), records.stored_rows(table), strict=True):
        besides = told_besides(stored, stored_row(told))
        content = records.row_content(table, told["id"])
        yield {"content": content, **told, **({"stored": besides} if besides else {})}


def stored_row(told: dict) -> dict:
    """The row of screenings, thresholds or courses that a decoded one comes from, as far as can be told from it."""
    return {name: json.dumps(value) if name in JSON_OF_TREATMENTS else value for name, value in told.items()}


def _write_session(handle: IO[str], records: StoredSessions, session: dict) -> int:
    number = session["id"]
    stored = told_besides(records.stored_session(number), stored_columns(session))
    head = {"format": FORMAT, "schema": SCHEMA_VERSION, "content": records.content(number), **session}
    head |= {"stored": stored} if stored else {}
    handle.write(json.dumps(head, indent=1).removesuffix("\n}"))
    _write_list(handle, "events", (_event(event) for event in records.stored_events(number)))
    count = 0
    for name, channel in ROWS.items():
        if channel == 1 or session.get("wave2"):
            count += _write_list(handle, name, map(_row, records.stored_telemetry(number, channel)))
    handle.write("\n}")
    return count


def _write_list(handle: IO[str], name: str, values: Iterator[dict]) -> int:
    count = 0
    handle.write(f",\n {json.dumps(name)}: [")
    for value in values:
        handle.write(",\n  " if count else "\n  ")
        handle.write(json.dumps(value))
        count += 1
    handle.write("\n ]" if count else "]")
    return count


def _row(row: dict[str, int]) -> dict:
    told = named({**ABSENT, **row})
    besides = told_besides(row, unnamed(told))
    return {"seq": 0, **told, **({"stored": besides} if besides else {})}


def _event(event: dict) -> dict:
    told = named_event({**event, "detail": json.loads(event["detail"])})
    detail = json.dumps(unnamed_event(told)["detail"])
    return {**told, **({"stored": event["detail"]} if detail != event["detail"] else {})}


def besides_text(records: StoredSessions) -> str:
    """What a JSON file of all holds besides sessions: ', 1 screening, 2 courses'; empty for nothing."""
    counts = {table: len(records.stored_rows(table)) for table in TABLES_OF_SUBJECTS}
    return "".join(f", {chain.counted(table, count)}" for table, count in counts.items() if count)


def stored_columns(session: dict) -> dict:
    """The columns of sessions that a decoded session comes from, as far as can be told from it."""
    columns = {}
    for name, value in session.items():
        if name in JSON_COLUMNS and (value is not None or name == "image"):
            columns[name] = json.dumps(value)
        elif value is not None:
            columns[name] = value
    return columns


def told_besides(stored: dict, found: dict) -> dict:
    """What must be told besides `found` so that it leads to `stored`; None for what is not there."""
    return {name: stored.get(name) for name in stored.keys() | found.keys() if stored.get(name) != found.get(name)}


def columns(records: StoredSessions, sessions: Sequence[dict]) -> list[str]:
    """The columns of the rows of several sessions."""
    names = list(dict.fromkeys(["seq", *protocol.TELEMETRY_FIELDS, *records.telemetry_columns()]))
    second = [f"channel2_{name}" for name in names[1:]] if any(each.get("wave2") for each in sessions) else []
    return [*_OF_SESSION, *names, *second]


def is_text(column: str) -> bool:
    """Whether a column of `columns` holds text; the others hold integers."""
    return column in _OF_SESSION or column.removeprefix("channel2_") in _TEXTS


def session_rows(records: StoredSessions, session: dict) -> list[dict]:
    """The telemetry of one session as rows with names, those of a second channel behind the first's."""
    number = session["id"]
    first, second = (records.telemetry(number, channel) for channel in (1, 2))
    seconds = {(row["seq"], row["time_ms"]): row for row in second}
    return [named(row) | _second_columns(seconds.get((row["seq"], row["time_ms"]))) for row in first]


def write_csv(handle: IO[str], records: StoredSessions, sessions: Sequence[dict], *, whole: bool = False) -> int:
    """The telemetry, one row per line, units in the column names; what is unknown is empty. Returns the rows' number.

    Columns of a second channel stand behind those of the first, with channel2_ before their names; of several
    sessions, session_id, started_utc and subject stand before them.
    """
    names = columns(records, sessions)[0 if whole else len(_OF_SESSION) :]
    writer = csv.DictWriter(handle, fieldnames=names, lineterminator="\n", extrasaction="ignore")
    count = 0
    for session in sessions:
        rows = session_rows(records, session)
        if rows and not count:
            writer.writeheader()
        writer.writerows(of_session(session) | row for row in rows)
        count += len(rows)
    return count


def of_session(session: dict) -> dict:
    """What stands before each row of a session among several."""
    return {"session_id": session["id"], "started_utc": session["started_utc"], "subject": session.get("subject")}


def _second_columns(row: dict | None) -> dict:
    return {f"channel2_{name}": value for name, value in named(row).items() if name != "seq"} if row else {}


def finished(sessions: Sequence[dict]) -> list[dict]:
    """Those that do not run any more: the others could not be imported."""
    return [session for session in sessions if session["ended"] is not None]


@contextlib.contextmanager
def _finished(path: Path, mode: str) -> Iterator[IO]:
    """The file to write, which takes its name when it is whole. What is no regular file is written as it is."""
    beside = path if path.exists() and not path.is_file() else path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, mode, encoding=None if "b" in mode else "utf-8") as handle:
            yield handle
        if beside != path:
            os.replace(beside, path)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written ({error.strerror or error}); the records are kept; choose another place"
        ) from None
    finally:
        if beside != path:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
