"""Bytes in, no crash, no output: whatever reaches the line parser, the commands, the settings files and the journal.

Examples are derived, not random: a failure repeats. Their number keeps the file within seconds.
"""

import binascii
import json
import os
import select
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from firmware.core import commands, journal
from firmware.shared import chain, framing, limits, protocol, settings, waveform
from tests.dual.cases import case_commands, case_journal

with patch.dict(sys.modules, {"micropython": SimpleNamespace(const=int)}):  # all that these two take from it
    from firmware.hw import link, storage

EXAMPLES = hypothesis_settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no failure
)

ARGUMENTS = ("id", "cmd", "args", "wave", "session", "lease_ms", "set", "utc_s", "rate_hz", "from", "from_seq", "count",
             "now", "watchdog", "schema", "serial", "values")  # fmt: skip
NAMES = st.sampled_from([*ARGUMENTS, *(row[0] for row in settings.FIELDS), *(row[0] for row in waveform.FIELDS)])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([0, 1, -1, 100, 1000, 2**30, 2**31, 2**53])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*waveform.SHAPES, *waveform.POLARITIES, *waveform.ZONES])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=4)
WAVES = st.fixed_dictionaries({"amplitude_ua": st.integers(1, 400), "duration_ms": st.just(5000)}) | OBJECTS
REQUESTS = st.fixed_dictionaries(
    {"id": st.integers(0, 9) | SCALARS, "cmd": st.sampled_from(protocol.COMMANDS) | SCALARS},
    optional={"args": st.fixed_dictionaries({}, optional={"wave": WAVES, "session": st.just(1), "now": JSON}) | JSON},
)


def damaged(whole: bytes, at: int, patch: bytes) -> bytes:
    """A piece of `whole` replaced by other bytes."""
    at %= len(whole) + 1
    return whole[:at] + patch + whole[at + len(patch) :]


SLOTS = st.builds(
    lambda schema, serial, values: framing.encode({"schema": schema, "serial": serial, "values": values}).encode(),
    st.integers(0, 3) | SCALARS,
    st.integers(-1, 9) | SCALARS,
    st.dictionaries(st.sampled_from([name for name, *_ in settings.FIELDS] + ["amplitude_max_ua"]), SCALARS) | JSON,
)
LINES = st.binary(max_size=200) | st.builds(
    lambda message, at, patch: damaged(framing.encode(message).encode(), at, patch),
    OBJECTS,
    st.integers(0, 2000),
    st.binary(max_size=3),
)


JOURNALS = st.none() | st.binary(max_size=300) | st.builds(
    lambda records, at, patched: damaged(written(records), at, patched),
    st.lists(st.tuples(st.sampled_from(["session", "end", "fault", "clear", "kept", "restart"]), OBJECTS), max_size=8),
    st.integers(0, 5000),
    st.binary(max_size=2) | st.just(b""),
)  # fmt: skip
WAVE = waveform.check({"amplitude_ua": 100, "duration_ms": 1000})[0]
GOOD_SLOT = settings.encode_slot(4, settings.defaults() | {"lease_ms": 1234})


def written(records: list[tuple[str, dict[str, Any]]]) -> bytes:
    """A file with these records, chained as the journal chains them."""
    link_before, lines = chain.UNCHAINED, []
    for number, (kind, detail) in enumerate(records):
        lines.append(chain.line_of(number + 1, 1000 + number, kind, detail, link_before))
        link_before = chain.link_of(lines[-1])
    return b"".join(line + b"\n" for line in lines)


# The line parser ------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(line=LINES | st.text(max_size=100))
def test_a_line_is_a_message_or_a_frame_error(line: bytes | str) -> None:
    try:
        message = framing.decode(line)
    except framing.FrameError as error:
        assert isinstance(error.args[0], str) and error.args[0]
        return
    assert isinstance(message, dict)


@EXAMPLES
@given(body=JSON, nesting=st.integers(0, 400))
def test_json_with_a_true_checksum_is_a_message_or_a_frame_error(body: Any, nesting: int) -> None:
    text = "[" * nesting + json.dumps(body) + "]" * nesting
    line = f"{binascii.crc32(text.encode()):08x} {text}"
    try:
        assert isinstance(framing.decode(line), dict)
    except framing.FrameError as error:
        assert error.args[0]


@EXAMPLES
@given(requests=st.lists(REQUESTS, max_size=8))
def test_no_request_raises_and_none_closes_the_gate(requests: list[dict[str, Any]]) -> None:
    device = case_commands.Device()
    for request in requests:
        reply = commands.handle(device, request)
        assert isinstance(reply["ok"], bool)
        assert reply["ok"] or (reply["err"] and reply["text"])
        assert len(framing.encode(reply)) <= framing.MAX_LINE_BYTES, reply
        assert device.engine.gate_closed == 0
        assert device.session.terms.amplitude_ua <= 400


# The port -------------------------------------------------------------------------------------------------------------


SYSTEM_POLL = select.poll


class Poll:
    """MicroPython's poll object, as far as the link uses it."""

    def __init__(self) -> None:
        self._poll = SYSTEM_POLL()
        self.register = self._poll.register

    def ipoll(self, timeout_ms: int) -> Iterator[tuple[int, int]]:
        return iter(self._poll.poll(timeout_ms))


@contextmanager
def reading(data: bytes) -> Iterator[link.Link]:
    """A link to which `data` has been sent."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as source, open(os.devnull, "wb", buffering=0) as sink:
        with patch.object(sys, "stdin", SimpleNamespace(buffer=source)):
            with patch.object(sys, "stdout", SimpleNamespace(buffer=sink)):
                with patch.object(select, "poll", Poll):
                    made = link.Link()
        os.write(writer, data)
        os.close(writer)
        yield made


@EXAMPLES
@given(
    pieces=st.lists(
        st.binary(max_size=40)
        | st.sampled_from([b"\n", b"\r\n", b"status\n", b"stop", b"\x03", b"a" * 1023, b"b" * 1024, b"c" * 1025])
    )
)
def test_the_port_gives_whole_lines_and_forgets_what_is_too_long(pieces: list[bytes]) -> None:
    sent = b"".join(pieces)
    before_ctrl_c = sent.split(b"\x03")[0]
    with reading(sent) as made:
        lines = []
        for _ in range(len(sent) // 100 + sent.count(b"\n") + sent.count(b"\r") + 2):
            if made.interrupted:
                break
            line = made.read_line()
            lines += [line] if line is not None else []
        assert all(line and len(line) <= framing.MAX_LINE_BYTES for line in lines)
        whole = before_ctrl_c.replace(b"\r", b"\n").split(b"\n")[:-1]
        assert lines == kept(whole)
        assert made.interrupted is (b"\x03" in sent)


def kept(whole: list[bytes]) -> list[bytes]:
    """What is left of lines that are too long: they are forgotten each time the buffer is full."""
    limit = framing.MAX_LINE_BYTES + 1
    return [line[len(line) // limit * limit :] for line in whole if line[len(line) // limit * limit :]]


# Settings -------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(data=SLOTS | LINES | st.builds(damaged, SLOTS, st.integers(0, 2000), st.binary(max_size=3)))
def test_a_slot_is_whole_settings_in_range_or_a_slot_error(data: bytes) -> None:
    try:
        serial, values = settings.decode_slot(data)
    except settings.SlotError as error:
        assert error.args[0]
        return
    assert waveform.is_int(serial) and serial >= 0
    assert set(values) == set(settings.defaults()) and settings.check(values) is None
    limit_ua = limits.permitted(WAVE, values, 1000)[0]
    assert 0 <= limit_ua <= 600


@EXAMPLES
@given(slots=st.lists(st.none() | SLOTS | LINES | st.just(GOOD_SLOT), min_size=2, max_size=2))
def test_any_two_files_give_settings_and_the_next_ones_are_kept(slots: list[bytes | None]) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.object(storage, "PATHS", (f"{folder}/a", f"{folder}/b")):
        for path, data in zip(storage.PATHS, slots, strict=True):
            if data is not None:
                Path(path).write_bytes(data)
        loaded, problem = storage.Storage(lambda: 0).load()
        assert settings.check(loaded) is None and set(loaded) == set(settings.defaults())
        whole = [data for data in slots if data is not None and decodes(data)]
        assert (problem is None) is (len(whole) == len([data for data in slots if data is not None]))
        assert (
            loaded == settings.defaults() if not whole else loaded in [settings.decode_slot(data)[1] for data in whole]
        )

        again = storage.Storage(lambda: 0)
        again.load()
        with patch.object(os, "sync"):
            again.save(loaded | {"lease_ms": 777})
        assert storage.Storage(lambda: 0).load()[0] == loaded | {"lease_ms": 777}


def decodes(data: bytes) -> bool:
    try:
        settings.decode_slot(data)
    except settings.SlotError:
        return False
    return True


# The journal ----------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(
    a=JOURNALS,
    b=JOURNALS,
    kind=st.sampled_from(["session", "end", "fault", "clear"]),
    detail=st.dictionaries(st.sampled_from(["code", "session", "reason"]), st.integers(0, 9) | st.text(max_size=9)),
)
def test_any_two_files_make_a_journal_that_goes_on_or_says_why_not(
    a: bytes | None, b: bytes | None, kind: str, detail: dict[str, Any]
) -> None:
    files = case_journal.Files(a, b)
    made = journal.Journal(files)
    made.open()
    if made.problem:
        assert made.latched is None and made.open_session is None
        before = dict(files.data)
        with pytest.raises(OSError, match="its chain is broken"):
            made.add(kind, detail, 5)
        assert files.data == before
        made.restart(6)
    assert made.problem is None
    made.add(kind, detail, 7)

    reopened = journal.Journal(files)
    reopened.open()
    assert reopened.problem is None
    assert (reopened.latched, reopened.open_session) == (made.latched, made.open_session)
    last = framing.decode(reopened.lines(0, 10**6)[-1])
    assert (last["kind"], last["ms"], chain.detail_of(last)) == (kind, 7, detail)


@EXAMPLES
@given(a=JOURNALS, b=JOURNALS, number=st.integers(0, 40) | st.just(2**30))
def test_every_page_of_any_journal_fits_into_a_line_and_the_last_one_is_reached(
    a: bytes | None, b: bytes | None, number: int
) -> None:
    made = journal.Journal(case_journal.Files(a, b))
    made.open()
    for _ in range(1000):
        page = made.page(number)
        line = framing.encode({"id": 2**30, "ok": True, "data": page})
        assert len(line) <= framing.MAX_LINE_BYTES
        if page["next"] < 0:
            return
        assert page["next"] > number
        number = page["next"]
    raise AssertionError("the pages have no end")
