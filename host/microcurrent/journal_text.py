"""What the records of the journal say, in lines for people."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from firmware.shared import chain, faults, units

from . import journal, quantities
from .build import board_constants, known_boards
from .fault_text import where

Record = dict[str, Any]
_SHOWN_DAMAGE = 60  # characters of a damaged line


def rows(found: journal.Journal, channels: int = 1) -> Iterator[str]:
    """A line per record: number, uptime, UTC where it is known, what happened. channels: of the board."""
    yield f"{'record':>6}  {'uptime':>12}  {'UTC':19}  what"
    times = utc_of(found.records)
    for line, record, utc in zip(found.lines, found.records, times, strict=True):
        if record is None:
            yield f"{'?':>6}  {'?':>12}  {'':19}  damaged: {line[:_SHOWN_DAMAGE]}"
            continue
        yield f"{record['n']:>6}  {record['ms'] / 1000:>10.3f} s  {utc or '':19}  {text_of(record, channels)}"


def utc_of(records: list[Record | None]) -> list[str | None]:
    """The time of each record in UTC, None where nobody knows it.

    The board has no clock of its own: a session brings the host's time, which holds until its end; a reset in between
    is a record. Behind the end the board may have been off for any time.
    """
    times: list[str | None] = []
    offset_s: float | None = None
    for record in records:
        if record is None or record["kind"] == "interrupted":
            offset_s = None
        elif record["kind"] == "session":
            told = record.get("utc_s")
            offset_s = told - record["ms"] / 1000 if type(told) is int and told > 0 else None
        times.append(None if record is None or offset_s is None else _utc(offset_s + record["ms"] / 1000))
        if record is None or record["kind"] == "end":
            offset_s = None
    return times


def _utc(seconds: float) -> str | None:
    try:
        return datetime.fromtimestamp(round(seconds, 3), UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # no time that a calendar has
        return None


def text_of(record: Record, channels: int = 1) -> str:
    """What a record says. A kind or a detail that this version does not know is shown as it is.

    channels: of the board; one channel alone is not named.
    """
    known = _TEXTS.get(record["kind"])
    if known:
        try:
            return known(record if channels > 1 else _of_one_channel(record))
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
    detail = chain.detail_of(record)
    return " ".join([record["kind"], *(f"{name}={detail[name]}" for name in sorted(detail))])


def _of_one_channel(record: Record) -> Record:
    """The record without the channel that a fault in it names."""
    kept = {name: value for name, value in record.items() if name != "channel"}
    return kept | {"fault": _of_one_channel(kept["fault"])} if isinstance(kept.get("fault"), dict) else kept


def _session(record: Record) -> str:
    return f"session {record['session']} began: {_wave(record)}"


def _wave(session: Record) -> str:
    second = f" and {_peak(session, '2')}" if "amplitude2_ua" in session else ""
    return f"{_peak(session)}{second}, for {quantities.show(session['duration_ms'], quantities.DURATION)}"


def _peak(session: Record, channel: str = "") -> str:
    """Amplitude and frequency. channel: "" or "2", as in the names of the fields."""
    amplitude = quantities.show(session[f"amplitude{channel}_ua"], quantities.CURRENT)
    return f"{amplitude}, {quantities.show(session[f'frequency{channel}_mhz'], quantities.FREQUENCY)}"


def _end(record: Record) -> str:
    second = f"; channel 2: {_moved(record, '2')}" if "total2_uc" in record else ""
    return (
        f"session {record['session']} ended: {record['reason']}, after "
        f"{quantities.show(record['elapsed_ms'], quantities.DURATION)}; {_moved(record)}"
        f"{second}"
    )


def _moved(record: Record, channel: str = "") -> str:
    moved_uc, net_uc, lift_offs = (
        record[name] for name in (f"total{channel}_uc", f"net{channel}_uc", f"lift_offs{channel}")
    )
    return f"{moved_uc} uC moved, net {net_uc} uC; lift-offs: {lift_offs}"


def _interrupted(record: Record) -> str:
    return f"session {record['session']} was interrupted; the reset that followed: {record['reset']}"


def fault_text(fault: Record) -> str:
    """Name, channel where it is told, two numbers, session and state of a fault."""
    during = f"; session {fault['session']}, {fault['state']}" if fault.get("session") else f"; {fault['state']}"
    name = f"{fault_name(fault['code'])}{where(fault['code'], fault.get('channel'))}"
    return f"{name}: reading {fault['reading']}, limit {fault['limit']}{during}"


def fault_name(code: object) -> str:
    """Number and name of a fault."""
    return f"fault {code} {faults.name_of(code) if type(code) is int else 'unknown'}"


def _clear(record: Record) -> str:
    return f"{fault_name(record['code'])} was cleared"


def _confirm(record: Record) -> str:
    return f"confirmed with the board's button: {', '.join(record['names'])}"


def _kept(record: Record) -> str:
    parts = ["a new file"]
    if record.get("torn"):
        parts.append(f"{record['torn']} bytes of a record that lost power halfway were dropped")
    if record.get("fault"):
        parts.append(f"still latched: {fault_text(record['fault'])}")
    if record.get("session"):
        parts.append(f"still open: session {record['session']['session']}, {_wave(record['session'])}")
    return "; ".join(parts)


def _restart(record: Record) -> str:
    return f"the chain began anew; it was broken: {record['broken']}"


_TEXTS = {
    "session": _session, "end": _end, "interrupted": _interrupted, "fault": fault_text, "clear": _clear,
    "confirm": _confirm, chain.KEPT: _kept, chain.RESTART: _restart,
}  # fmt: skip


def samples(record: Record, board: str) -> list[dict[str, int | None]]:
    """The samples kept with a record, in the board's units; both currents None for a board that is not known here."""
    known = board_constants(board) if board in known_boards() else None
    found = []
    for code, count in journal.samples_of(record):
        commanded_ua = measured_ua = None
        if known:
            commanded_ua = units.ua_of_code(code, known.FULL_SCALE_UA, known.ZERO_CODE)
            from_zero = count - units.ADC_STEPS // 2  # the sense amplifier is centred on mid rail
            measured_ua = units.ua_of_counts(from_zero, known.ADC_REFERENCE_MV, known.SENSE_UV_PER_UA)
        found.append({"dac_code": code, "commanded_ua": commanded_ua, "adc_count": count, "measured_ua": measured_ua})
    return found


def sample_rows(record: Record, board: str) -> Iterator[str]:
    """A table of the samples kept with a record; nothing when it has none."""
    table = samples(record, board)
    if not table:
        return
    yield f"record {record['n']}, {fault_name(journal.fault_of(record).get('code'))}: samples, oldest first"
    yield f"{'sample':>6}  {'DAC code':>8}  {'commanded':>10}  {'ADC count':>9}  {'measured':>9}"
    for number, row in enumerate(table, 1):
        commanded, measured = (_ua(row[name]) for name in ("commanded_ua", "measured_ua"))
        yield f"{number:>6}  {row['dac_code']:>8}  {commanded:>10}  {row['adc_count']:>9}  {measured:>9}"


def _ua(current_ua: int | None) -> str:
    return "?" if current_ua is None else f"{current_ua} uA"
