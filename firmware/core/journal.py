"""The journal of sessions and faults in flash: what has to be known after a loss of power. Main loop only.

Two files take turns. A record is appended to the newer one; when that is full, the other is replaced by a file whose
first record, "kept", carries the latched fault and the open session: the newer file alone tells the present state,
and losing the other loses history only. shared/chain.py says how records chain.

Power may fail at any byte of a write. What is then left is a record cut short at a file's end. It chains to nothing
and nothing chains to it, so dropping it breaks no chain; but a file with damage is never appended to again: the next
record goes on in the other file, whose "kept" tells the dropped bytes as "torn". Nothing is rewritten in place. The
price is the older file's history; on littlefs, where an append is there as a whole or not at all, it is never paid.

A fault whose record was cut short is not latched by the journal. Its caller opens the gate first and writes then, and a
session's record stands before its first current: a cut in between leaves the session open, and the next boot reports
it as "interrupted". That latches nothing by itself, but is never silent.
"""

from ..shared import chain
from . import journal_file, journal_page

NAMES = ("/journal_a", "/journal_b")


class Journal:
    """files: object with read(name, at, count) -> bytes from position `at` on, b"" at the end and where no file is;
    append(name, data) and replace(name, data), durable on return. All may raise OSError.

    latched: details of the fault record that no "clear" followed, or None. open_session: those of the session that
    neither ended nor was reported as interrupted, or None. problem: a sentence about what breaks the chain, or None;
    both others are then None, because nobody knows. All three are valid after open().
    """

    def __init__(self, files):
        self._files = files
        self.latched = self.open_session = self.problem = None
        self._current = 0  # index of the newer file
        self._size = self._torn = 0  # its bytes; those at its end that are no whole record
        self._closed = False  # it holds damage and takes no more records
        self._lead = b""  # the newline that its last record lacks
        self._stale = True  # memory may differ from flash
        self._mark = (-1, 0, 0)  # number, file and position of the line that the last page ended before
        self._number = 0
        self._link = chain.UNCHAINED

    def open(self):
        """Read both files and take up the present state: 0.4 s when both are full. Raises nothing: see `problem`."""
        walk = chain.Walk()
        self._mark = (-1, 0, 0)
        self.latched = self.open_session = None
        numbers = [self._first_number(name) for name in NAMES]
        self._current = 1 if numbers[1] > numbers[0] else 0
        self._walk(walk, 1 - self._current)
        self._walk(walk, self._current)
        self._number = walk.number
        self._link = walk.link
        self._stale = False
        self.problem = walk.problem and walk.problem[: journal_page.PROBLEM_BYTES]
        if self.problem:
            self.latched = self.open_session = None

    def add(self, kind, detail, now_ms):
        """Append a record: kind (str), detail (dict of what JSON can express), now_ms: uptime.

        Raises OSError when the flash does not take it (what was stored stays) and, without writing, while the chain
        is broken (see restart()); RuntimeError while the gate conducts, ValueError for a record that no page takes.
        """
        if self._stale:
            self.open()
        if self.problem:
            raise OSError("its chain is broken: %s" % self.problem)
        if self._full(kind, detail, now_ms):
            self._write(chain.KEPT, self._kept(), now_ms, True)
        self._write(kind, detail, now_ms)

    def restart(self, now_ms):
        """Begin a new chain behind a broken one, which stays readable until its file is replaced. Raises as add().

        Nothing is latched and no session is open behind it: its caller had the user clear the fault. With an intact
        chain it does nothing.
        """
        if self._stale:
            self.open()
        if self.problem:
            detail = {"broken": self.problem}
            self._write(chain.RESTART, detail, now_ms, self._full(chain.RESTART, detail, now_ms))
            self.problem = None

    def lines(self, from_number, count):
        """At most `count` lines (str) from record `from_number` on; what is no printable ASCII is a question mark."""
        return [journal_page.text_of(line) for _number, line in self._some(from_number, count)]

    def page(self, from_number):
        """The data of a reply to "journal": as many lines as fit, "next" to ask for (-1: none), "problem" or None.

        In a broken chain lines just count on from the first one's number. Reads flash, writes none.
        """
        return journal_page.page(self._some(from_number, journal_file.FILE_BYTES), self.problem)

    # Reading ----------------------------------------------------------------------------------------------------------

    def _first_number(self, name):
        try:
            for line in journal_file.Scan(self._files, name).lines():
                number = chain.number_of(line)
                if number:
                    return number
        except OSError:
            pass  # _walk() tells it
        return 0

    def _walk(self, walk, index):
        """Take all lines of a file."""
        scan, breaks = journal_file.Scan(self._files, NAMES[index]), walk.breaks
        try:
            for line in scan.lines():
                record = walk.take(line)
                if record:
                    self._note(record["kind"], chain.detail_of(record))
        except OSError as error:
            walk.note("%s cannot be read (%s)" % (NAMES[index], error))
        if scan.size > journal_file.FILE_BYTES:
            walk.note("%s has more than %d bytes" % (NAMES[index], journal_file.FILE_BYTES))
        self._size, self._torn, self._lead = scan.size, scan.torn, scan.lead
        self._closed = walk.breaks > breaks or scan.torn > 0

    def _some(self, from_number, count):
        """(number, line) of at most `count` lines from `from_number` on, older file first."""
        number, first, at = 0, 1 - self._current, 0
        if from_number == self._mark[0]:  # else all lines before are counted, 30 ms in a session's main loop
            number, first, at = from_number - 1, self._mark[1], self._mark[2]
        for index in (first, self._current)[: 1 + (first != self._current)]:
            scan = journal_file.Scan(self._files, NAMES[index], at if index == first else 0)
            try:
                for line in scan.lines():
                    number = number + 1 if number else chain.number_of(line) or 1
                    if number < from_number:
                        continue
                    if not count:
                        return
                    count -= 1
                    self._mark = (number, index, scan.begins)
                    yield number, line
            except OSError:
                pass  # open() has told it

    # Writing ----------------------------------------------------------------------------------------------------------

    def _write(self, kind, detail, now_ms, anew=False):
        """Store a record at the end of the newer file, or `anew` in place of the older one."""
        line = self._line(kind, detail, now_ms)
        data = line + b"\n"
        self._stale = True  # until it is known to be stored
        self._mark = (-1, 0, 0)
        if anew:
            self._files.replace(NAMES[1 - self._current], data)
            self._current = 1 - self._current
            self._size = self._torn = 0
            self._closed = False
        else:
            data = self._lead + data
            self._files.append(NAMES[self._current], data)
        self._lead = b""
        self._size += len(data)
        self._number += 1
        self._link = chain.link_of(line)
        self._note(kind, detail)
        self._stale = False

    def _line(self, kind, detail, now_ms):
        link = chain.UNCHAINED if kind == chain.RESTART else self._link
        line = chain.line_of(self._number + 1, now_ms, kind, detail, link)
        if journal_page.cost(line.decode()) > journal_page.LINE_BYTES:
            raise ValueError("a record of %d bytes is too long; nothing was written" % len(line))
        return line

    def _full(self, kind, detail, now_ms):
        """Whether the newer file takes no such record any more."""
        data_bytes = len(self._lead) + len(self._line(kind, detail, now_ms)) + 1
        return self._closed or self._size + data_bytes > journal_file.FILE_BYTES

    def _kept(self):
        """What still holds, for the first record of a file."""
        kept = {"fault": self.latched, "session": self.open_session, "torn": self._torn}
        return {name: value for name, value in kept.items() if value not in (None, 0)}

    def _note(self, kind, detail):
        """The present state behind a record."""
        if kind == "fault":
            self.latched = detail
        elif kind == "clear":
            self.latched = None
        elif kind == "session":
            self.open_session = detail
        elif kind in ("end", "interrupted"):
            self.open_session = None
        elif kind in (chain.KEPT, chain.RESTART):
            self.latched, self.open_session = detail.get("fault"), detail.get("session")
