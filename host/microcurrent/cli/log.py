"""`microcurrent log`: the journal in the board's flash, and the events since its boot."""

from typing import Any

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("log")
@click.option("--samples", is_flag=True, help="Print the samples kept with each fault.")
@click.option("--events", is_flag=True, help="Show the events since the board's boot and its counters instead.")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool, samples: bool, events: bool) -> None:
    """Show the journal of sessions and faults, newest last, and check its chain; with --json also the events."""
    from .. import journal

    if samples and events:
        raise click.UsageError("--samples is of the journal, --events shows something else; choose one")
    with device(port, shared=True, data_dir=data_dir) as board:
        found = None if events else journal.read(board)
        told = _events(board) if events or as_json else {}
        name, channels = str(board.identity.get("board")), board.identity.get("channels", 1)
    if as_json:
        print_json((_as_json(found, name if samples else None) if found else {}) | told)
    elif found:
        _show(found, name if samples else None, channels)
    else:
        _show_events(told)
    if found:
        found.require_intact()


def _events(board: Any) -> dict[str, Any]:
    events = board.request("log")["events"]
    return {
        "events": [{"time_ms": time_ms, "kind": kind, "value": value} for time_ms, kind, value in events],
        "counters": board.request("counters"),
    }


def _show(found: Any, board: str | None, channels: int) -> None:
    """The journal; the samples of its faults for the board that took them, None for none. channels: of the board."""
    from .. import journal_text

    if found.lines:
        for line in journal_text.rows(found, channels):
            click.echo(line)
    for record in found.records:
        for line in journal_text.sample_rows(record, board) if record and board else ():
            click.echo(line)
    click.echo(found.verdict())


def _as_json(found: Any, board: str | None) -> dict[str, Any]:
    from .. import journal, journal_text

    records = []
    for line, record, utc in zip(found.lines, found.records, journal_text.utc_of(found.records), strict=True):
        row: dict[str, Any] = {"line": line, "utc": utc, "record": record}
        if record and journal.fault_of(record):
            row["fault"] = journal_text.fault_name(journal.fault_of(record).get("code"))
            row |= {"samples": journal_text.samples(record, board)} if board else {}
        records.append(row)
    chain = {"intact": found.problem is None, "problem": found.problem, "before_restart": found.past}
    return {"chain": chain | {"first": found.began, "last": found.last}, "records": records}


def _show_events(told: dict[str, Any]) -> None:
    for event in told["events"]:
        value = "" if event["value"] is None else event["value"]
        click.echo(f"{event['time_ms'] / 1000:10.3f} s  {event['kind']:9} {value}".rstrip())
    counters = told["counters"]
    click.echo("counters: " + ", ".join(f"{name} {counters[name]}" for name in sorted(counters)))
