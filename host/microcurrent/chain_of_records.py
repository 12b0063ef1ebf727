"""The chain of records: one link per finished record, so that what is edited afterwards shows.

A link holds the SHA-256 of everything recorded about one session (its row, its telemetry, its events) and of the link
before it. Recomputing them finds each record that was edited, added or taken away, and a link that was changed.

What it proves and what it does not: there is no key. It finds damage, accidents, and edits by somebody who does not
know of the chain. Somebody who may write the file can recompute the whole chain after an edit, or cut off its end, and
then it is intact again. Only a head noted elsewhere (on paper, in a mail) finds that: `records verify --head` asks
whether the chain still holds it. The tables of subjects, screenings, thresholds and courses are not in the chain; the
answers and the programme that held for a session are part of its record.

Kinds of links: session (finished), interrupted, migrated (recorded by an older version), imported, repaired (as a
damaged file gave it back), and two that stand for the absence of an earlier link's record: deleted (with its subject)
and lost (in a damaged file). Those two repeat the content of the link they are about, and name nobody.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .record_schema import TELEMETRY_TABLES

SESSION = "session"
INTERRUPTED = "interrupted"
MIGRATED = "migrated"
IMPORTED = "imported"
REPAIRED = "repaired"
DELETED = "deleted"
LOST = "lost"
_ABSENT = (DELETED, LOST)
_ORDERS = {**dict.fromkeys(TELEMETRY_TABLES, "seq"), "events": "rowid"}  # of the rows of a session, by table
GENESIS = "0" * 64  # what the first link follows


@dataclass
class Verdict:
    """What recomputing the chain found.

    head: hash of the last link, GENESIS without one. kinds: number of links by kind. hashes: of all links that are
    sound. sessions: how many records are as they were recorded. unfinished: records that are not in the chain yet.
    problems: a sentence each, none when all is well.
    """

    head: str = GENESIS
    kinds: Counter[str] = field(default_factory=Counter)
    hashes: set[str] = field(default_factory=set)
    sessions: int = 0
    unfinished: int = 0
    problems: list[str] = field(default_factory=list)


def rows_digest(db: sqlite3.Connection, number: str) -> str:
    """SHA-256 of the telemetry and events of one session, which take the time. Raises sqlite3.Error."""
    return _digest(db, _row_lines(db, number))


def content_of(db: sqlite3.Connection, number: str, digest: str | None = None, **changes: str) -> str:
    """SHA-256 of everything recorded about one session. Raises sqlite3.Error, also when there is none.

    digest: what rows_digest said of it. changes: columns of its row to take in place of those stored.
    """
    digest = digest or rows_digest(db, number)
    return _digest(db, iter((_session_line(db, number, changes), digest)))


def append(db: sqlite3.Connection, kind: str, number: str | None, content: str, at_utc: str) -> None:
    """A link behind the last one, in the transaction that is open. Raises sqlite3.Error."""
    last = db.execute("SELECT position, hash FROM chain ORDER BY position DESC LIMIT 1").fetchone()
    position, before = (last[0] + 1, str(last[1])) if last else (1, GENESIS)
    link = (position, kind, number, content, before, link_hash(before, position, kind, content, at_utc), at_utc)
    db.execute(
        "INSERT INTO chain (position, kind, session_id, content, prev, hash, at_utc) VALUES (?,?,?,?,?,?,?)", link
    )


def append_record(db: sqlite3.Connection, kind: str, number: str, at_utc: str, digest: str | None = None) -> None:
    """The link of one session as it stands now. Raises sqlite3.Error."""
    append(db, kind, number, content_of(db, number, digest), at_utc)


def forget(db: sqlite3.Connection, number: str, kind: str, at_utc: str) -> None:
    """Let links stand for the absence of a session (kind: DELETED or LOST); none names it any more."""
    rows = db.execute("SELECT DISTINCT content FROM chain WHERE session_id = ?", (number,)).fetchall()
    for row in rows:
        append(db, kind, None, row[0], at_utc)
    db.execute("UPDATE chain SET session_id = NULL WHERE session_id = ?", (number,))


def take_in_all(db: sqlite3.Connection, at_utc: str) -> None:
    """The links of all finished sessions that an older version recorded, in the order they began."""
    rows = db.execute("SELECT id FROM sessions WHERE ended IS NOT NULL ORDER BY rowid").fetchall()
    for row in rows:
        append_record(db, MIGRATED, row[0], at_utc)


def link_hash(before: str, position: int, kind: str, content: str, at_utc: str) -> str:
    """The hash of a link; before: that of the link before it."""
    return hashlib.sha256(_line([before, position, kind, content, at_utc])).hexdigest()


def verify(db: sqlite3.Connection) -> Verdict:
    """Recompute everything, within one reading transaction. Changes nothing. Raises sqlite3.Error."""
    verdict = Verdict()
    db.execute("BEGIN")
    try:
        with _any_text(db):
            links = db.execute("SELECT * FROM chain ORDER BY position").fetchall()
            _check_links(links, verdict)
            _check_records(db, links, verdict)
            _check_strays(db, verdict)
    finally:
        db.execute("ROLLBACK")
    verdict.problems = [text.encode("utf-8", "backslashreplace").decode() for text in verdict.problems]
    return verdict


def _check_links(links: list[sqlite3.Row], verdict: Verdict) -> None:
    """Only the first broken link is named: none behind it can be trusted to follow."""
    position, intact = 0, True
    for link in links:
        verdict.kinds[str(link["kind"])] += 1
        problem = _link_problem(link, position, verdict.head)
        if problem is None and intact:
            verdict.hashes.add(link["hash"])
        elif problem is not None and intact:
            intact = False
            verdict.problems.append(f"the chain is broken at link {link['position']}: {problem}")
        position, verdict.head = link["position"], str(link["hash"])


def _link_problem(link: sqlite3.Row, position: int, head: str) -> str | None:
    if link["position"] != position + 1:
        return f"the link before it has the number {position}"
    if link["prev"] != head:
        return "it does not follow from the link before it"
    found = link_hash(head, link["position"], *(str(link[name]) for name in ("kind", "content", "at_utc")))
    return None if found == link["hash"] else "it was changed"


def count_of_sound(links: list[sqlite3.Row]) -> int:
    """How many links from the first on follow from each other."""
    head = GENESIS
    for count, link in enumerate(links):
        if _link_problem(link, count, head) is not None:
            return count
        head = link["hash"]
    return len(links)


def unexcused(links: list[sqlite3.Row]) -> list[str]:
    """The contents of links that name no session, and for whose absence no later link stands."""
    excused = _excused(links)
    nameless = [link for link in links if link["session_id"] is None and link["kind"] not in _ABSENT]
    return [link["content"] for link in nameless if excused.get(link["content"], 0) < link["position"]]


def _excused(links: list[sqlite3.Row]) -> dict[str, int]:
    """Content: position of the last link that stands for its absence."""
    return {link["content"]: link["position"] for link in links if link["kind"] in _ABSENT}


def _check_records(db: sqlite3.Connection, links: list[sqlite3.Row], verdict: Verdict) -> None:
    """Each link against the record it names, and each record against the links."""
    ended = {row[0]: row[1] for row in db.execute("SELECT id, ended FROM sessions ORDER BY rowid")}
    excused = _excused(links)
    newest: dict[str, sqlite3.Row] = {}
    for link in links:
        number, position = link["session_id"], link["position"]
        if link["kind"] in _ABSENT:
            continue
        if number is not None:
            if number in newest and link["kind"] != REPAIRED:
                verdict.problems.append(f"session {number} is in the chain a second time (link {position})")
            newest[number] = link
        elif excused.get(link["content"], 0) < position:
            verdict.problems.append(f"the record of link {position} is missing")
    for number, link in newest.items():
        _check_record(db, number, link, number in ended, verdict)
    for number in ended.keys() - newest.keys():
        if ended[number] is None:
            verdict.unfinished += 1
        else:
            verdict.problems.append(f"session {number} was added: it is not in the chain")


def _check_record(db: sqlite3.Connection, number: str, link: sqlite3.Row, there: bool, verdict: Verdict) -> None:
    if not there:
        verdict.problems.append(f"session {number} is missing (link {link['position']})")
    elif content_of(db, number) != link["content"]:
        verdict.problems.append(f"session {number} was edited (link {link['position']})")
    else:
        verdict.sessions += 1


def _check_strays(db: sqlite3.Connection, verdict: Verdict) -> None:
    for table in _tables(db):
        query = f"SELECT count(*) FROM {table} WHERE session_id NOT IN (SELECT id FROM sessions)"
        count = db.execute(query).fetchone()[0]
        if count:
            verdict.problems.append(f"rows of {table} that belong to no session: {count}")


def _session_line(db: sqlite3.Connection, number: str, changes: dict[str, str]) -> list:
    cursor = db.execute("SELECT * FROM sessions WHERE id = ?", (number,))
    row = cursor.fetchone()
    if row is None:
        raise sqlite3.DataError(f"session {number} is gone")
    values = {name[0]: value for name, value in zip(cursor.description, row, strict=True)} | changes
    # A column without a value is left out: one that a later version adds changes nothing.
    return ["session", *sorted([name, value] for name, value in values.items() if value is not None)]


def _row_lines(db: sqlite3.Connection, number: str) -> Iterator[list]:
    for table, order in _tables(db).items():
        names = sorted(row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != "session_id")
        counts = db.execute(
            f"SELECT {', '.join(f'count({_quoted(name)})' for name in names)} FROM {table} WHERE session_id = ?",
            (number,),
        ).fetchone()
        used = [name for name, count in zip(names, counts, strict=True) if count]
        if not used:
            continue
        yield [table, *used]
        columns = ", ".join(map(_quoted, used))
        rows = db.execute(f"SELECT {columns} FROM {table} WHERE session_id = ? ORDER BY {order}", (number,))
        yield from map(list, rows)


def _tables(db: sqlite3.Connection) -> dict[str, str]:
    """What holds rows of sessions, and the column that orders them."""
    known = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    return {table: order for table, order in _ORDERS.items() if table in known}


def _digest(db: sqlite3.Connection, lines: Iterator) -> str:
    found = hashlib.sha256()
    with _any_text(db):
        for line in lines:
            found.update(_line(line))
    return found.hexdigest()


@contextlib.contextmanager
def _any_text(db: sqlite3.Connection) -> Iterator[None]:
    """Text that is no UTF-8, which only an edit can leave, is read like any other meanwhile."""
    factory: Callable = db.text_factory
    db.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        db.text_factory = factory


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: object) -> dict:
    """A blob, the one value of SQLite's that JSON lacks."""
    return {"blob": bytes(value).hex()} if isinstance(value, bytes) else {"odd": repr(value)}


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def _line(value: object) -> bytes:
    return _encode(value).encode() + b"\n"
