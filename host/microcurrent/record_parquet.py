"""Recorded telemetry as Parquet, for data frames. The library it needs is not installed by default."""

import importlib
import json
from collections.abc import Sequence
from typing import IO

from .errors import BadValueError
from .record_export import columns, is_text, of_session, session_rows
from .record_reader import StoredSessions

METADATA_KEY = "microcurrent.sessions"  # of the file: the sessions as JSON, with everything but their rows and events


def require() -> None:
    """Raises BadValueError with the command to install when the library is missing."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise BadValueError(
            "Parquet needs the library pyarrow, which is not installed; nothing was written; install it with: "
            "pip install 'microcurrent[parquet]', or choose .csv"
        ) from None


def write(handle: IO[bytes], records: StoredSessions, sessions: Sequence[dict]) -> int:
    """Write the rows of the sessions, a group each, columns as in the CSV of several; returns their number."""
    import pyarrow
    from pyarrow import parquet

    names = columns(records, sessions)
    fields = [(name, pyarrow.string() if is_text(name) else pyarrow.int64()) for name in names]
    schema = pyarrow.schema(fields, metadata={METADATA_KEY: json.dumps(list(sessions))})
    count = 0
    with parquet.ParquetWriter(handle, schema) as writer:
        for session in sessions:
            rows = session_rows(records, session)
            count += len(rows)
            if rows:
                whole = [of_session(session) | row for row in rows]
                held = {name: [row.get(name) for row in whole] for name in names}
                writer.write_table(pyarrow.table(held, schema=schema))
    return count
