"""The journal: rotation, what survives a power cut at any byte, what breaks its chain, pages for the link."""

import sys

from firmware.core import journal, journal_file, journal_page
from firmware.shared import chain, framing

ON_BOARD = sys.implementation.name == "micropython"
STEP = 151 if ON_BOARD else 1  # every byte on the host; the emulated board takes a thousand times as long
SHARE = 3 if ON_BOARD else 1  # every third case there
MANY = 30 if ON_BOARD else 1000
SMALL_BYTES = 1300  # a file's bound where a test turns over many times
A, B = journal.NAMES

SESSION = {"session": 3, "amplitude_ua": 200, "frequency_mhz": 10000, "duration_ms": 10000, "utc_s": 1770000000}
END = {"session": 3, "reason": "fault", "elapsed_ms": 4000, "total_uc": 800, "net_uc": -2, "lift_offs": 1}
FAULT = {"code": 1, "reading": 512, "limit": 300, "session": 3, "state": "ACTIVE", "samples": "800801"}
LARGEST = 2**30 - 1  # what MicroPython holds without allocating, and more than any field of a record means


class PowerCut(Exception):
    pass


class Files:
    """Two files in memory. `left`: bytes that still reach them before `error` is raised; None: all."""

    def __init__(self, a=None, b=None):
        self.data = {A: a, B: b}
        self.left = None
        self.error = PowerCut
        self.unreadable = []

    def read(self, name, at, count):
        if name in self.unreadable:
            raise OSError(5)
        return (self.data[name] or b"")[at : at + count]

    def append(self, name, data):
        self._write(name, self.data[name] or b"", data)

    def replace(self, name, data):
        self._write(name, b"", data)

    def _write(self, name, before, data):
        if self.left is None or len(data) <= self.left:
            self.data[name] = before + data
            self.left = self.left and self.left - len(data)
            return
        self.data[name] = before + data[: self.left]
        raise self.error(28)


class small_files:
    """While entered, a file's bound is SMALL_BYTES."""

    def __enter__(self):
        journal_file.FILE_BYTES, self.before = SMALL_BYTES, journal_file.FILE_BYTES

    def __exit__(self, *_exc):
        journal_file.FILE_BYTES = self.before


def share_of(cases):
    return [case for index, case in enumerate(cases) if index % SHARE == 0]


def opened(files):
    made = journal.Journal(files)
    made.open()
    return made


def filled(*records):
    """Files with these (kind, detail) records, in the first one."""
    files = Files()
    writer = opened(files)
    for number, (kind, detail) in enumerate(records):
        writer.add(kind, detail, 1000 + number)
    return files


def some():
    """A file of six short records whose newest state is: a fault is latched, no session is open."""
    short = {"session": 3}
    fault = {"code": 7, "reading": -1, "limit": 2}
    return filled(
        ("session", short), ("end", short), ("session", short), ("confirm", {"names": ["a", "b"]}),
        ("end", short), ("fault", fault),
    ).data[A]  # fmt: skip


def replaced(data, at, byte):
    return data[:at] + bytes([byte]) + data[at + 1 :]


def verified(files):
    """The records of all lines a host would see, oldest first; their chain is intact."""
    walk = chain.Walk()
    records = [walk.take(line.encode()) for line in opened(files).lines(0, 10000)]
    assert walk.problem is None, walk.problem
    return records


def kinds(files):
    return [record["kind"] for record in verified(files)]


# What is written ------------------------------------------------------------------------------------------------------


def test_an_empty_journal():
    for files in (Files(), Files(b"", b"")):
        fresh = opened(files)
        assert (fresh.problem, fresh.latched, fresh.open_session) == (None, None, None)
        assert fresh.lines(0, 10) == []
        assert fresh.page(0) == {"lines": [], "next": -1, "problem": None}


def test_records_are_numbered_and_chained():
    records = verified(filled(("session", SESSION), ("fault", FAULT)))
    assert [record["n"] for record in records] == [1, 2]
    assert [record["ms"] for record in records] == [1000, 1001]
    assert records[0]["prev"] == "0" * 16
    assert chain.detail_of(records[0]) == SESSION
    lines = opened(filled(("session", SESSION), ("fault", FAULT))).lines(0, 10)
    assert framing.decode(lines[1])["prev"] == chain.link_of(lines[0].encode())


def test_the_link_is_of_sha256():
    assert chain.link_of(b"abc") == "ba7816bf8f01cfea"  # FIPS 180-4's own example, its first eight bytes


def test_the_state_follows_the_records_and_survives():
    steps = (
        ("session", SESSION, None, SESSION),
        ("watchdog", {"ms": 1}, None, SESSION),
        ("end", END, None, None),
        ("fault", FAULT, FAULT, None),
        ("confirm", {"names": ["area_mm2"]}, FAULT, None),
        ("session", SESSION, FAULT, SESSION),
        ("interrupted", {"session": 3, "reset": "power"}, FAULT, None),
        ("clear", {"code": 1}, None, None),
    )
    files = Files()
    writer = opened(files)
    for kind, detail, latched, open_session in steps:
        writer.add(kind, detail, 5)
        for one in (writer, opened(files)):
            assert (one.latched, one.open_session, one.problem) == (latched, open_session, None), kind


def test_a_journal_that_was_not_opened_reads_flash_before_it_writes():
    files = filled(("fault", FAULT))
    journal.Journal(files).add("confirm", {}, 9)
    assert [record["n"] for record in verified(files)] == [1, 2]


def test_a_record_that_no_page_takes_is_refused():
    files = Files()
    try:
        opened(files).add("fault", {"samples": "0" * 800}, 1)
    except ValueError as error:
        assert "too long; nothing was written" in error.args[0]
        assert files.data == {A: None, B: None}
        return
    raise AssertionError


# Rotation -------------------------------------------------------------------------------------------------------------


def test_a_full_file_goes_on_in_the_other_one_and_takes_the_state_along():
    with small_files():
        files = Files()
        writer = opened(files)
        writer.add("fault", FAULT, 1)
        writer.add("session", SESSION, 2)
        while files.data[B] is None:
            writer.add("confirm", {"names": []}, 3)
        first = framing.decode(files.data[B].split(b"\n")[0])
        assert (first["kind"], first["fault"], first["session"]) == ("kept", FAULT, SESSION)
        assert "torn" not in first
        numbers = [record["n"] for record in verified(files)]
        assert numbers == list(range(1, len(numbers) + 1))
        files.data[A] = None  # only history is lost with the older file
        alone = opened(files)
        assert (alone.latched, alone.open_session, alone.problem) == (FAULT, SESSION, None)
        alone.add("end", END, 4)
        assert opened(files).open_session is None


def test_a_fault_without_any_detail_is_taken_along_too():
    with small_files():
        files = Files()
        writer = opened(files)
        writer.add("fault", {}, 1)
        while files.data[B] is None:
            writer.add("confirm", {"names": []}, 3)
        files.data[A] = None
        alone = opened(files)
        assert (alone.latched, alone.open_session) == ({}, None)


def test_both_files_stay_bounded_and_the_chain_never_tears():
    files = Files()
    writer = opened(files)
    used = set()
    with small_files():
        for number in range(MANY):
            writer.add("session" if number % 2 else "end", SESSION if number % 2 else END, number)
            for name in journal.NAMES:
                size = len(files.data[name] or b"")
                assert size <= SMALL_BYTES
                used.add(size > SMALL_BYTES - 300)
        assert used == {True, False}
        records = verified(files)
    assert records[-1]["ms"] == MANY - 1
    assert records[-1]["n"] > MANY


def test_a_file_takes_what_just_fits():
    one = filled(("session", SESSION)).data[A]
    for unwhole in (0, 1):  # with the last newline missing, the next record brings it along
        before = one[: len(one) - unwhole]
        size = len(filled(("session", SESSION), ("end", END)).data[A])
        for bound, files_used in ((size, 1), (size - 1, 2)):
            files = Files(before)
            with small_files():
                journal_file.FILE_BYTES = bound
                writer = opened(files)
                writer.add("end", END, 1001)
            assert (files.data[B] is not None) == (files_used == 2), (unwhole, bound)
            writer.add("confirm", {}, 1002)
            assert kinds(files)[-2:] == ["end", "confirm"]


def test_what_was_torn_is_told_once():
    with small_files():
        files = Files(some()[:-10])
        writer = opened(files)
        while files.data[A][:40] == some()[:40]:
            writer.add("confirm", {}, 1)
        kept = [record for record in verified(files) if record["kind"] == "kept"]
        assert ["torn" in record for record in kept] == [True, False]


def test_the_real_bound_is_two_sectors():
    files = Files()
    writer = opened(files)
    size = 0
    while files.data[B] is None:
        size = len(files.data[A] or b"")
        writer.add("fault", FAULT, 1)
    assert journal_file.FILE_BYTES - 300 < size <= journal_file.FILE_BYTES <= 8192
    assert len(verified(files)) > 30


# Power cuts -----------------------------------------------------------------------------------------------------------


def test_a_file_cut_at_every_byte_loses_at_most_its_last_record():
    data = some()
    ends = [at + 1 for at in range(len(data)) if data[at] == 10]
    for length in range(0, len(data) + 1, STEP):
        files = Files(data[:length])
        whole = len([end for end in ends if end - 1 <= length])  # all but the newline is a whole record
        cut = opened(files)
        assert cut.problem is None, (length, cut.problem)
        assert len(cut.lines(0, 99)) == whole
        assert (cut.latched is not None, cut.open_session is not None) == (whole == 6, whole in (1, 3, 4))
        cut.add("clear", {"code": 7}, 9)
        records = verified(files)
        assert records[-1]["n"] == len(records)
        assert opened(files).latched is None
        torn = 0 if length in ends or length + 1 in ends else length - ([0] + ends)[whole]
        assert len(records) == whole + (2 if torn else 1)
        assert not torn or (records[-2]["kind"], records[-2]["torn"]) == ("kept", torn)


def test_a_cut_at_every_byte_of_an_append_leaves_the_state_before_or_after():
    before = filled(("session", SESSION)).data[A]
    line = filled(("session", SESSION), ("fault", FAULT)).data[A][len(before) :]
    for left in range(0, len(line), STEP):
        files = Files(before)
        writer = opened(files)
        files.left = left
        try:
            writer.add("fault", FAULT, 1001)
            raise AssertionError(left)
        except PowerCut:
            files.left = None
        after = opened(files)
        assert after.problem is None and after.open_session == SESSION
        assert after.latched == (FAULT if left == len(line) - 1 else None)


def test_a_cut_at_every_byte_of_a_rotation_keeps_the_state():
    with small_files():
        files = filled(("fault", FAULT), ("session", SESSION))
        writer = opened(files)
        while files.data[B] is None:
            before = dict(files.data)
            writer.add("confirm", {"names": []}, 3)
        kept = files.data[B].find(b"\n")
        for left in range(0, len(files.data[B]), STEP):
            records = cut_in_rotation(Files(before[A]), left)
            torn = kept + 1 < left < len(files.data[B]) - 1
            assert (records[0]["n"] == 1) == (not torn), left  # else the file before made room


def cut_in_rotation(files, left):
    """The records after a power cut behind `left` bytes of a rotation."""
    writer = opened(files)
    files.left = left
    try:
        writer.add("confirm", {"names": []}, 3)
        raise AssertionError(left)
    except PowerCut:
        files.left = None
    after = opened(files)
    assert (after.problem, after.latched, after.open_session) == (None, FAULT, SESSION), left
    after.add("end", END, 4)
    assert opened(files).open_session is None
    records = verified(files)
    assert records[-1]["kind"] == "end"
    return records


def test_cuts_at_random_bytes_one_after_the_other():
    """Whatever is torn, the state is the one before or the one behind the record that was being written."""
    with small_files():
        files, seed = Files(), 1
        for number in range(MANY // SHARE):
            seed = (seed * 1103 + 12345) % 65536
            writer = opened(files)
            assert writer.problem is None
            before = (writer.latched, writer.open_session)
            kind, detail = (("session", SESSION), ("end", END), ("fault", FAULT), ("clear", {"code": 1}))[seed % 4]
            files.left = seed // 8 % 600 if number % 3 else None
            try:
                writer.add(kind, detail, number)
            except PowerCut:
                pass
            files.left = None
            latched, open_session = before
            after = (
                detail if kind == "fault" else None if kind == "clear" else latched,
                detail if kind == "session" else None if kind == "end" else open_session,
            )
            reopened = opened(files)
            assert reopened.problem is None
            assert (reopened.latched, reopened.open_session) in (before, after)


def test_a_full_flash_raises_once_and_loses_nothing():
    before = filled(("session", SESSION), ("fault", FAULT)).data[A]
    for left in range(0, 60, STEP):
        files = Files(before)
        writer = opened(files)
        files.left, files.error = left, OSError
        try:
            writer.add("end", END, 3)
            raise AssertionError(left)
        except OSError as error:
            assert error.args[0] == 28
        assert (opened(files).latched, opened(files).open_session) == (FAULT, SESSION)
        files.left = None
        writer.add("end", END, 4)
        assert [kind for kind in kinds(files) if kind != "kept"] == ["session", "fault", "end"]
        assert (writer.latched, writer.open_session) == (FAULT, None)


def test_a_refusal_while_the_gate_conducts_changes_nothing():
    class Conducting(Files):
        def append(self, name, data):
            raise RuntimeError("no flash write while the gate conducts")

    files = Conducting(filled(("session", SESSION)).data[A])
    writer = opened(files)
    try:
        writer.add("end", END, 3)
        raise AssertionError
    except RuntimeError:
        pass
    files.append = lambda name, data: Files.append(files, name, data)
    writer.add("end", END, 4)
    assert kinds(files) == ["session", "end"]


# Damage ---------------------------------------------------------------------------------------------------------------


def refuses(damaged):
    try:
        damaged.add("confirm", {}, 1)
    except OSError as error:
        assert error.args[0] == "its chain is broken: " + damaged.problem
        return
    raise AssertionError


def test_an_altered_byte_anywhere_breaks_the_chain():
    """Without its newline alone the last record is like one cut short: dropped, and told by the next file."""
    data = some()
    for at in range(0, len(data), STEP):
        for byte in (data[at] ^ 1, data[at] ^ 0x80, data[at] ^ 0xFF, 10, 32):
            if byte == data[at]:
                continue
            files = Files(replaced(data, at, byte))
            damaged = opened(files)
            if at < len(data) - 1:
                assert damaged.problem, (at, byte)
                assert (damaged.latched, damaged.open_session) == (None, None)
                refuses(damaged)
                assert files.data[B] is None
            else:
                assert damaged.problem is None and len(damaged.lines(0, 9)) == 5
                damaged.add("confirm", {}, 1)
                assert verified(files)[5]["torn"] == len(data) - data[:at].rfind(b"\n") - 1


def problem_of(*lines):
    return opened(Files(b"".join(line + b"\n" for line in lines))).problem


def test_lines_that_are_missing_moved_or_doubled_break_the_chain():
    one, two, three, four, five, six = some().split(b"\n")[:-1]
    assert problem_of(one, two, three, four, five, six) is None
    assert problem_of(one, two, four) == "record 4 stands where record 3 belongs"
    assert problem_of(two, three) == "record 2 stands where record 1 belongs"
    assert problem_of(one, three, two, four) == "record 3 stands where record 2 belongs"
    assert problem_of(one, two, two, three) == "record 2 stands where record 3 belongs"
    assert problem_of(one, two, b"", three) == "the line after record 2: no checksum at the start of the line"
    assert problem_of(one, two, b"0" + three[1:]) == "the line after record 2: checksum mismatch"
    assert problem_of(one, two + b" ", three) == "the line after record 1: white space around it"
    altered = chain.line_of(2, 1001, "end", {"session": 9}, framing.decode(two)["prev"])
    assert problem_of(one, altered, three) == (
        "record 3 does not chain to the record before it: one of them was altered"
    )
    unasked = chain.line_of(2, 1001, "restart", {}, "f" * 16)
    assert problem_of(one, unasked).startswith("record 2 does not chain")
    for wrong in ({"n": True}, {"ms": "1"}, {"kind": 1}, {"prev": None}):
        record = framing.decode(two)
        record.update(wrong)
        line = framing.encode(record)[:-1].encode()
        assert problem_of(one, line, three) == "the line after record 1: not a record"


def test_a_file_of_another_board_breaks_the_chain():
    with small_files():
        ours, theirs = Files(), Files()
        for files, detail in ((ours, SESSION), (theirs, END)):
            writer = opened(files)
            while files.data[B] is None:
                writer.add("confirm", detail, 1)
        assert opened(Files(ours.data[A], theirs.data[B])).problem
        assert opened(Files(theirs.data[A], ours.data[B])).problem
        assert opened(Files(ours.data[A], ours.data[A])).problem == "record 1 stands where record %d belongs" % (
            ours.data[A].count(b"\n") + 1
        )
        assert opened(Files(ours.data[B], ours.data[A])).problem is None  # the names do not matter


def test_a_file_that_cannot_be_read_or_is_too_long_is_a_problem():
    files = filled(("fault", FAULT))
    files.unreadable = [A]
    assert opened(files).problem.startswith("/journal_a cannot be read (")
    assert opened(files).page(0)["lines"] == []
    long = filled(*[("session", SESSION)] * 8)
    with small_files():
        assert opened(long).problem == "/journal_a has more than 1300 bytes"
        foreign = Counting(b"x" * 100000)
        assert opened(foreign).problem
        assert foreign.read_bytes <= 2 * (SMALL_BYTES + 512)
    scan = journal_file.Scan(foreign, A)
    assert max([len(line) for line in scan.lines()]) < 2048  # a heap in pieces has no more in one block


class Counting(Files):
    read_bytes = 0

    def read(self, name, at, count):
        data = Files.read(self, name, at, count)
        self.read_bytes += len(data)
        return data


def test_damage_before_an_earlier_restart_is_not_forgotten():
    walk = chain.Walk()
    for line in (b"x", chain.line_of(2, 1, "restart", {}, chain.UNCHAINED)) + (
        chain.line_of(3, 1, "restart", {}, chain.UNCHAINED),
    ):
        walk.take(line)
    assert (walk.problem, walk.past) == (None, "the line after record 0: no checksum at the start of the line")


def broken_journals():
    """Damage of every kind, as files and the number of lines that can still be read."""
    six = some()
    with small_files():
        two = Files()
        writer = opened(two)
        while two.data[B] is None:
            writer.add("confirm", {"names": ["a"]}, 1)
        a, b = two.data[A], two.data[B]
    unreadable = Files(a, b)
    unreadable.unreadable = [A]
    return (
        Files(replaced(six, 40, 0)),
        Files(replaced(a, 40, 0), b),
        Files(a, replaced(b, 40, 0)),
        Files(a[:-80], b),
        Files(bytes(range(256)) + b"\n", b"\n\n\n"),
        Files(bytes(range(256)) + b"\n", b),
        Files(b, b),
        Files(a, b + b"x" * 2000 + b"\n"),
        Files(a + six[: len(six) // 2], b),
        Files(a, b + six),
        unreadable,
    )


def test_a_restart_goes_on_behind_any_damage():
    for index, files in enumerate(share_of(broken_journals())):
        broken = opened(files)
        assert broken.problem, index
        broken.restart(77)
        for one in (broken, opened(files)):
            assert (one.problem, one.latched, one.open_session) == (None, None, None), index
        broken.add("fault", FAULT, 78)
        again = opened(files)
        assert (again.problem, again.latched) == (None, FAULT), (index, again.problem)
        again.restart(79)  # of an intact chain: nothing
        newest = [framing.decode(line) for line in again.lines(0, 10000)[-2:]]
        assert [record["kind"] for record in newest] == ["restart", "fault"]
        assert newest[0]["prev"] == "0" * 16 and newest[1]["n"] == newest[0]["n"] + 1
        with small_files():
            for _turn in range(15):
                again.add("session", SESSION, 80)
        if not files.unreadable:
            assert verified(files)[0]["kind"] == "kept"


def test_a_restart_tells_what_was_broken_and_keeps_it_readable():
    data = replaced(some(), 40, 0)
    files = Files(data)
    journal.Journal(files).restart(5)
    lines = opened(files).lines(0, 99)
    assert len(lines) == 7 and lines[0].count("?") == 1
    last = framing.decode(lines[6])
    assert (last["n"], last["broken"]) == (7, "the line after record 0: checksum mismatch")
    walk = chain.Walk()
    for line in lines:
        walk.take(line.encode())
    assert (walk.problem, walk.past) == (None, "the line after record 0: checksum mismatch")
    last = some().split(b"\n")[5]
    in_place = Files(b"x\n" + some(), chain.line_of(9, 1, "kept", {}, "1" * 16) + b"\n" + b"y\n")
    opened(in_place).restart(5)
    assert in_place.data[B].count(b"\n") == 2 and b"restart" in in_place.data[A] and last not in in_place.data[A]


def test_a_damaged_older_file_stays_when_the_newer_one_has_room():
    with small_files():
        files = Files()
        writer = opened(files)
        while files.data[B] is None:
            writer.add("confirm", {"names": ["a"]}, 1)
        whole = dict(files.data)
        for at in (40, len(whole[A]) - 40):
            files = Files(replaced(whole[A], at, 0), whole[B])
            opened(files).restart(5)
            assert b"restart" in files.data[B] and files.data[B].count(b"\n") == 3
            assert opened(files).problem is None


# Pages ----------------------------------------------------------------------------------------------------------------


def all_pages(reader, request_id=LARGEST):
    """Every line by pages; each reply is a frame that the link takes."""
    lines, number = [], 0
    while number >= 0:
        page = reader.page(number)
        assert page["next"] == -1 or (page["next"] > number and page["lines"])
        line = framing.encode({"id": request_id, "ok": True, "data": page})
        assert len(line) <= framing.MAX_RECORD_BYTES, len(line)
        assert framing.decode(line)["data"] == page
        lines += page["lines"]
        number = page["next"]
    return lines


def largest():
    """(fault, session) with every field at its longest."""
    fault = dict.fromkeys(("reading", "limit"), -LARGEST)
    fault.update({"code": 29, "channel": 2, "session": LARGEST, "state": "RAMP_DOWN", "samples": "0" * 384})
    session = dict.fromkeys(("session", "amplitude_ua", "frequency_mhz", "duration_ms"), LARGEST)
    session["amplitude2_ua"] = session["frequency2_mhz"] = LARGEST
    session["utc_s"] = 2**32 - 1
    return fault, session


def test_pages_carry_every_record_whatever_its_size():
    fault, session = largest()
    files = Files()
    writer = opened(files)
    writer._number = LARGEST - 100
    writer._stale = False
    with small_files():
        for kind, detail in (("fault", fault), ("session", session), ("end", END), ("session", session)) * 3:
            writer.add(kind, detail, LARGEST)
    reader = opened(files)
    lines = all_pages(reader)
    assert lines == reader.lines(0, 99)
    assert [line for line in lines if '"kept"' in line and '"samples"' in line and '"utc_s"' in line]
    numbers = [framing.decode(line)["n"] for line in lines]
    assert reader.lines(numbers[2], 2) == lines[2:4]
    assert reader.lines(numbers[-1] + 1, 9) == []


def test_a_page_goes_on_when_files_turned_over_meanwhile():
    with small_files():
        files = Files()
        writer = opened(files)
        for number in range(12):
            writer.add("session", SESSION, number)
        for number in range(12, 24):
            first = writer.page(0)
            writer.add("session", SESSION, number)
            numbers = [framing.decode(line)["n"] for line in writer.page(first["next"])["lines"]]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert numbers[0] in (first["next"], framing.decode(writer.lines(0, 1)[0])["n"])
            assert all_pages(writer) == opened(files).lines(0, 99)


def test_pages_carry_damage_too():
    long = b'\x00\xff\\"' * 500
    data = some()
    damaged = (
        Files(long + b"\n" + data),
        Files(data + long + b"\n"),
        Files(data[:300] + b"\\" * 790 + data[300:]),
        Files(b"\n" * 300),
        Files(bytes(range(256)) * 10 + b"\n", data),
    )
    for files in share_of(damaged):
        reader = opened(files)
        assert reader.problem
        lines = all_pages(reader)
        assert lines == reader.lines(0, 9999)
        walk = chain.Walk()
        for line in lines:
            walk.take(line.encode())
        assert walk.problem  # the host comes to the same verdict from what it got


def test_a_page_has_room_for_the_longest_problem():
    fault, session = largest()
    line = chain.line_of(LARGEST, LARGEST, "kept", {"fault": fault, "session": session, "torn": 800}, "0" * 16)
    assert 860 < journal_page.cost(line.decode()) <= journal_page.LINE_BYTES
    page = journal_page.page([(LARGEST - 1, line), (LARGEST, line)], "p" * journal_page.PROBLEM_BYTES)
    assert page["lines"] == [line.decode()] and page["next"] == LARGEST
    reply = framing.encode({"id": LARGEST, "ok": True, "data": page})
    assert framing.MAX_RECORD_BYTES - 40 < len(reply) <= framing.MAX_RECORD_BYTES
    longest = b'"' * (journal_page.LINE_BYTES // 2)
    page = journal_page.page([(1, longest)], "p" * journal_page.PROBLEM_BYTES)
    assert page["lines"] == [longest.decode()]
    sizes = set()
    for length in range(1, 40 if ON_BOARD else 200):
        page = journal_page.page([(LARGEST, b"x" * length)] * 200, None)
        sizes.add(len(framing.encode({"id": LARGEST, "ok": True, "data": page})))
    assert framing.MAX_RECORD_BYTES - 8 < max(sizes) <= framing.MAX_RECORD_BYTES


def test_a_record_may_be_as_long_as_a_page_takes():
    files = Files()
    writer = opened(files)
    bare = journal_page.cost(chain.line_of(1, 1, "x", {"a": ""}, chain.UNCHAINED).decode())
    writer.add("x", {"a": "0" * (journal_page.LINE_BYTES - bare)}, 1)
    assert len(all_pages(opened(files))) == 1
    try:
        writer.add("x", {"a": "0" * (journal_page.LINE_BYTES - bare + 1)}, 1)
    except ValueError:
        return
    raise AssertionError
