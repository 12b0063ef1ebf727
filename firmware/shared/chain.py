"""The lines of the journal: how one is made, and how each proves the one before it. Device and host walk them alike.

A line is framing.encode of {"n": number, "ms": uptime, "kind": what happened, "prev": link, and the details}. Its
CRC-32 shows an altered line; "prev" is the link of the line before it, so that a line which is missing, moved, or
of another journal shows too. The chain has no key: it finds damage and carelessness, not a forger who computes it
anew; nor can it tell that the newest lines of all were taken away whole.
"""

import binascii
import hashlib

from . import framing, waveform

UNCHAINED = "0000000000000000"  # "prev" of the very first record, and of one that restarts a broken chain
KEPT = "kept"  # first record of a further file: carries what still holds, and chains to the file before
RESTART = "restart"  # begins a new chain behind a broken one
_LINK_BYTES = 8  # ours: of SHA-256 (FIPS 180-4); 64 bits never meet by accident


def link_of(line):
    """What the record behind `line` (bytes, without its newline) carries as "prev": 16 hex digits of its SHA-256."""
    return binascii.hexlify(hashlib.sha256(line).digest()[:_LINK_BYTES]).decode()


def line_of(number, now_ms, kind, detail, link):
    """The line (bytes, without its newline) of record `number`. `detail`: dict of what belongs to the kind."""
    record = dict(detail)
    record.update({"n": number, "ms": now_ms, "kind": kind, "prev": link})
    return framing.encode(record)[:-1].encode()


def detail_of(record):
    """The details of a record (dict), without what every record has."""
    return {name: value for name, value in record.items() if name not in ("n", "ms", "kind", "prev")}


def number_of(line):
    """The number of the record in `line`; 0 when it holds none."""
    record, _problem = _read(line)
    return record["n"] if record else 0


def _read(line):
    """(record, None), or (None, what is wrong with the line)."""
    try:
        record = framing.decode(line)
    except framing.FrameError as error:
        return None, error.args[0]
    if line != line.strip():  # decode() would forgive it, and the link is of every byte
        return None, "white space around it"
    if waveform.is_int(record.get("n")) and waveform.is_int(record.get("ms")):
        if isinstance(record.get("kind"), str) and isinstance(record.get("prev"), str):
            return record, None
    return None, "not a record"


class Walk:
    """Takes the lines of a journal, oldest first. `problem`: what breaks the chain since its last restart, or None.

    number: highest so far. past: the problem that the last restart left behind. breaks: how many were found.
    """

    def __init__(self):
        self.number = 0
        self.link = UNCHAINED  # of the last line; None behind one that proves nothing
        self.problem = self.past = None
        self.breaks = 0

    def take(self, line):
        """The record (dict) in the next line, or None. Both may break the chain: see `problem`."""
        record, wrong = _read(line)
        if record is None:
            self.note("the line after record %d: %s" % (self.number, wrong))
            self.number += 1
            self.link = None
            return None
        if record["kind"] == RESTART and record["prev"] == UNCHAINED:
            self.past, self.problem = self.problem or self.past, None
        elif not (record["kind"] == KEPT and self.number == 0):  # else nothing is left of what it chains to
            self._compare(record)
        self.number = max(self.number, record["n"])  # what follows gets a higher one, wherever this came from
        self.link = link_of(line)
        return record

    def note(self, problem):
        """Something breaks the chain; the first problem since the last restart is the one that is told."""
        self.breaks += 1
        self.problem = self.problem or problem

    def _compare(self, record):
        if self.link is None:
            return  # the line before it is told already
        if record["n"] != self.number + 1:
            self.note("record %d stands where record %d belongs" % (record["n"], self.number + 1))
        elif record["prev"] != self.link:
            self.note("record %d does not chain to the record before it: one of them was altered" % record["n"])
