"""The chain of records: one link per finished record, so that what is edited afterwards shows.

A link holds the SHA-256 of everything recorded about one session (its row, its telemetry, its events), or of one row of
screenings, thresholds or courses, and of the link before it. Recomputing them finds each record that was edited, added
or taken away, and a link that was changed.

What it proves and what it does not: there is no key. It finds damage, accidents, and edits by somebody who does not
know of the chain. Somebody who may write the file can recompute the whole chain after an edit, or cut off its end, and
then it is intact again. Only a head noted elsewhere (on paper, in a mail) finds that: `records verify --head` asks
whether the chain still holds it. The list of pseudonyms is not in the chain; whatever is kept of one is.

Kinds of links: session (finished), interrupted, stored (a screening given, a threshold found, a course made), changed
and closed (a course), migrated (as an older version left it), imported, repaired (as a damaged file gave it back), and
two that stand for the absence of an earlier link's record: deleted (with its subject) and lost (in a damaged file).
Those two repeat the content of the link they are about, and name nobody.
"""

import hashlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from .record_digest import any_text, content_of, line_of, row_content, tables_of_rows
from .record_schema import CHAIN_OF_SESSIONS, SESSIONS, TABLES_OF_SUBJECTS, VERSION

SESSION = "session"
INTERRUPTED = "interrupted"
STORED = "stored"
CHANGED = "changed"
CLOSED = "closed"
MIGRATED = "migrated"
IMPORTED = "imported"
REPAIRED = "repaired"
DELETED = "deleted"
LOST = "lost"
_ABSENT = (DELETED, LOST)
_AGAIN = (REPAIRED, CHANGED, CLOSED)  # what is in the chain already may be told of by these
GENESIS = "0" * 64  # what the first link follows
NAMES = {SESSIONS: "session", "screenings": "screening", "thresholds": "threshold", "courses": "course"}  # of a row
Key = tuple[str, str]  # the table of a record, and its id


@dataclass
class Verdict:
    """What recomputing the chain found.

    head: hash of the last link, GENESIS without one. kinds: number of links by kind. hashes: of all links that are
    sound. intact: how many records are as they were recorded, by table. unfinished: sessions that are not in the chain
    yet. unlinked: screenings, thresholds and courses of a file whose version kept none of them in the chain. absent:
    links that stand for an absence, by kind and by what is gone. problems: a sentence each, none when all is well.
    """

    head: str = GENESIS
    kinds: Counter[str] = field(default_factory=Counter)
    hashes: set[str] = field(default_factory=set)
    intact: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    unlinked: int = 0
    absent: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def sessions(self) -> int:
        """How many sessions are as they were recorded."""
        return self.intact[SESSIONS]


def append(
    db: sqlite3.Connection, kind: str, number: str | None, content: str, at_utc: str, table: str = SESSIONS
) -> None:
    """A link behind the last one, in the transaction that is open. table: of the record. Raises sqlite3.Error."""
    last = db.execute("SELECT position, hash FROM chain ORDER BY position DESC LIMIT 1").fetchone()
    position, before = (last[0] + 1, str(last[1])) if last else (1, GENESIS)
    about = None if table == SESSIONS else table
    found = link_hash(before, position, kind, content, at_utc, about)
    db.execute(
        "INSERT INTO chain (position, kind, session_id, content, prev, hash, at_utc, about) VALUES (?,?,?,?,?,?,?,?)",
        (position, kind, number, content, before, found, at_utc, about),
    )


def append_record(db: sqlite3.Connection, kind: str, number: str, at_utc: str, digest: str | None = None) -> None:
    """The link of one session as it stands now. Raises sqlite3.Error."""
    append(db, kind, number, content_of(db, number, digest), at_utc)


def append_row(db: sqlite3.Connection, kind: str, table: str, number: str, at_utc: str) -> None:
    """The link of one row of screenings, thresholds or courses as it stands now. Raises sqlite3.Error."""
    append(db, kind, number, row_content(db, table, number), at_utc, table)


def forget(db: sqlite3.Connection, number: str, kind: str, at_utc: str, table: str = SESSIONS) -> None:
    """Let links stand for the absence of a record (kind: DELETED or LOST); none names it any more."""
    of_it = "WHERE session_id = ? AND coalesce(about, ?) = ?"
    values = (number, SESSIONS, table)
    for row in db.execute(f"SELECT DISTINCT content FROM chain {of_it}", values).fetchall():
        append(db, kind, None, row[0], at_utc, table)
    db.execute(f"UPDATE chain SET session_id = NULL {of_it}", values)


def take_in_all(db: sqlite3.Connection, at_utc: str, version: int = 0) -> None:
    """The links of everything that an older version recorded and kept in no chain, in the order it was stored."""
    if version < CHAIN_OF_SESSIONS:
        rows = db.execute("SELECT id FROM sessions WHERE ended IS NOT NULL ORDER BY rowid").fetchall()
        for row in rows:
            append_record(db, MIGRATED, row[0], at_utc)
    for table in TABLES_OF_SUBJECTS:
        for row in db.execute(f"SELECT id FROM {table} WHERE id IS NOT NULL ORDER BY rowid").fetchall():
            append_row(db, MIGRATED, table, row[0], at_utc)


def link_hash(before: str, position: int, kind: str, content: str, at_utc: str, about: str | None = None) -> str:
    """The hash of a link; before: that of the link before it. about: as in the table, None for a session."""
    told = [before, position, kind, content, at_utc]
    return hashlib.sha256(line_of(told if about is None else [*told, about])).hexdigest()


def verify(db: sqlite3.Connection) -> Verdict:
    """Recompute everything, within one reading transaction. Changes nothing. Raises sqlite3.Error."""
    verdict = Verdict()
    db.execute("BEGIN")
    try:
        with any_text(db):
            links = links_of(db)
            _check_links(links, verdict)
            _check_records(db, links, verdict)
            _check_strays(db, verdict)
    finally:
        db.execute("ROLLBACK")
    verdict.problems = [text.encode("utf-8", "backslashreplace").decode() for text in verdict.problems]
    return verdict


def links_of(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """All links in order. Those of a file whose version had only sessions in its chain are about nothing else."""
    columns = "*" if _is_present(db) else "*, NULL AS about"
    return db.execute(f"SELECT {columns} FROM chain ORDER BY position").fetchall()


def _is_present(db: sqlite3.Connection) -> bool:
    """Whether the file's version has everything in the chain that this one has."""
    return db.execute("PRAGMA user_version").fetchone()[0] >= VERSION


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
    about = None if link["about"] is None else str(link["about"])
    kind, content, at_utc = (str(link[name]) for name in ("kind", "content", "at_utc"))
    found = link_hash(head, link["position"], kind, content, at_utc, about)
    return None if found == link["hash"] else "it was changed"


def count_of_sound(links: list[sqlite3.Row]) -> int:
    """How many links from the first on follow from each other."""
    head = GENESIS
    for count, link in enumerate(links):
        if _link_problem(link, count, head) is not None:
            return count
        head = link["hash"]
    return len(links)


def key_of(link: sqlite3.Row) -> Key | None:
    """Which record a link names; None for none."""
    number = link["session_id"]
    return None if number is None else (link["about"] or SESSIONS, number)


def named(key: Key) -> str:
    """A record in words: "session 0f9f...", "course 12ab..."."""
    table, number = key
    return f"{NAMES.get(table, table)} {number}"


def counted(table: str, count: int) -> str:
    """'1 screening', '2 courses', '0 sessions'."""
    return f"{count} {NAMES[table]}{'' if count == 1 else 's'}"


def unexcused(links: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """The links that name no record, and for whose absence no later link stands."""
    excused = _excused(links)
    nameless = [link for link in links if link["session_id"] is None and link["kind"] not in _ABSENT]
    return [link for link in nameless if excused.get(link["content"], 0) < link["position"]]


def _excused(links: list[sqlite3.Row]) -> dict[str, int]:
    """Content: position of the last link that stands for its absence."""
    return {link["content"]: link["position"] for link in links if link["kind"] in _ABSENT}


def _check_records(db: sqlite3.Connection, links: list[sqlite3.Row], verdict: Verdict) -> None:
    """Each link against the record it names, and each record against the links."""
    there = _records(db, verdict)
    newest: dict[Key, sqlite3.Row] = {}
    for link in links:
        key = key_of(link)
        if link["kind"] in _ABSENT:
            verdict.absent[link["kind"], str(link["about"] or SESSIONS)] += 1
        elif key is not None:
            if key in newest and link["kind"] not in _AGAIN:
                verdict.problems.append(f"{named(key)} is in the chain a second time (link {link['position']})")
            newest[key] = link
    verdict.problems += [f"the record of link {link['position']} is missing" for link in unexcused(links)]
    for key, link in newest.items():
        _check_record(db, key, link, key in there, verdict)
    for key, is_finished in there.items():
        if key not in newest and is_finished:
            verdict.problems.append(f"{named(key)} was added: it is not in the chain")
        elif key not in newest:
            verdict.unfinished += 1


def _records(db: sqlite3.Connection, verdict: Verdict) -> dict[Key, bool]:
    """Everything that is to be in the chain, and whether it is so by now: a session only when it is finished."""
    rows = db.execute("SELECT id, ended FROM sessions ORDER BY rowid")
    found = {(SESSIONS, row[0]): row[1] is not None for row in rows}
    for table in TABLES_OF_SUBJECTS:
        numbers = [row[0] for row in db.execute(f"SELECT id FROM {table} ORDER BY rowid")]
        if _is_present(db):
            found |= {(table, number): True for number in numbers}
        else:
            verdict.unlinked += len(numbers)
    return found


def _check_record(db: sqlite3.Connection, key: Key, link: sqlite3.Row, there: bool, verdict: Verdict) -> None:
    if not there:
        verdict.problems.append(f"{named(key)} is missing (link {link['position']})")
    elif current_content(db, key) != link["content"]:
        verdict.problems.append(f"{named(key)} was edited (link {link['position']})")
    else:
        verdict.intact[key[0]] += 1


def current_content(db: sqlite3.Connection, key: Key) -> str:
    """What a link of this record would hold now. Raises sqlite3.Error, also when it is gone."""
    table, number = key
    return content_of(db, number) if table == SESSIONS else row_content(db, table, number)


def _check_strays(db: sqlite3.Connection, verdict: Verdict) -> None:
    for table in tables_of_rows(db):
        query = f"SELECT count(*) FROM {table} WHERE session_id NOT IN (SELECT id FROM sessions)"
        count = db.execute(query).fetchone()[0]
        if count:
            verdict.problems.append(f"rows of {table} that belong to no session: {count}")
