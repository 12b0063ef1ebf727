"""`microcurrent records`: what was recorded."""

import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from .options import data_dir_option, json_option, print_json

_FILE = click.Path(dir_okay=False, path_type=Path)
_BACK = "clock_set_back"  # in JSON, only where it was
_SHOWN_ID = 8  # characters that tables show; more are completed for who typed them


def _complete_id(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids in the data directory for the shell's completion; none when it cannot be read."""
    from ..errors import MicrocurrentError
    from ..record_reader import open_stored
    from ..report import waves_text

    try:
        with open_stored(ctx.params.get("data_dir")) as records:
            sessions = records.sessions()
    except (MicrocurrentError, OSError, ValueError):  # an error's text would land in the line that is being typed
        return []
    names = [(row["id"], f"{row['started_utc'][:19]} {waves_text(row)}") for row in sessions]
    if names:
        names.append(("last", "the newest"))
    return [
        CompletionItem(name[:_SHOWN_ID] if len(incomplete) <= _SHOWN_ID else name, help=text)
        for name, text in names
        if name.startswith(incomplete)
    ]


_ID = click.argument("name", metavar="ID", default="last", shell_complete=_complete_id)


def _marked(row: tuple[str, ...], back: bool) -> tuple[str, ...]:
    """A row of the list, which says behind its end when the clock was set back."""
    return (*row[:-1], f"{row[-1]}; clock was set back") if back else row


@click.group("records")
def command() -> None:
    """List, show, check, export, import, plot and repair recorded sessions.

    ID is the beginning of a session's id, or 'last'.
    """


@command.command("list")
@data_dir_option
@json_option
def list_records(data_dir: str | None, as_json: bool) -> None:
    """List all sessions, newest first."""
    from ..record_reader import open_stored
    from ..report import list_row
    from .progress import print_table

    with open_stored(data_dir) as records:
        sessions = records.sessions()
        back = records.clock_set_back()
    if as_json:
        print_json([{**each, **({_BACK: True} if each["id"] in back else {})} for each in sessions])
        return
    if not sessions:
        click.echo(f"no sessions yet in {records.place}; they are recorded by: microcurrent run")
        return
    heads = ("id", "started (UTC)", "waveform", "length", "delivered", "ended")
    print_table("", heads, [_marked(list_row(row), row["id"] in back) for row in sessions])


@command.command("show")
@_ID
@data_dir_option
@json_option
def show(name: str, data_dir: str | None, as_json: bool) -> None:
    """Show one session: request, device, figures, events."""
    from ..exports import named_event
    from ..figures import table_rows
    from ..record_reader import open_stored
    from ..report import event_text, show_rows
    from .progress import print_table

    with open_stored(data_dir) as records:
        session = records.session(name)
        events = records.events(session["id"])
        back = session["id"] in records.clock_set_back()
    if as_json:
        marked = {**session, **({_BACK: True} if back else {})}
        print_json({**marked, "events": [named_event(event) for event in events]})
        return
    for key, value in show_rows(session):
        click.echo(f"{key:10} {value}")
    if back:
        click.echo(f"{'clock':10} was set back: it began after sessions that begin later by the clock")
    if session["summary"] and "phases" in session["summary"]:
        sample_us = (session["accepted"] or {}).get("sample_us")
        rows = table_rows(session["summary"], session["device"]["board"], sample_us)
        print_table("", ("", "commanded", "delivered"), rows)
    for event in events:
        click.echo(event_text(event, session))


@command.command("verify")
@click.option("--head", metavar="HASH", help="A head noted earlier: must still be in the chain.")
@data_dir_option
@json_option
def verify(head: str | None, data_dir: str | None, as_json: bool) -> None:
    """Check that no record was edited, added or taken away since it was recorded. Changes nothing.

    The chain has no key: who may write the file can recompute it whole. Note the head that is printed somewhere else,
    and give it later as --head: a chain that was recomputed, or whose end was cut off, does not hold it any more.
    """
    from .. import chain_text
    from ..record_reader import open_stored

    wanted = None if head is None else chain_text.checked_head(head)
    with open_stored(data_dir) as records:
        verdict = records.verify()
    if as_json:
        print_json(chain_text.as_json(verdict))
    else:
        for line in chain_text.lines(verdict):
            click.echo(line)
    chain_text.require_sound(verdict, wanted)


@command.command("export")
@_ID
@click.option(
    "--all", "whole", is_flag=True, help="Everything in one file: JSON has what is kept besides sessions too."
)
@click.option(
    "--output",
    "-o",
    type=_FILE,
    help="File to write: .json has everything, .csv and .parquet the telemetry [stdout, JSON].",
)
@data_dir_option
@click.pass_context
def export(ctx: click.Context, name: str, whole: bool, output: Path | None, data_dir: str | None) -> None:
    """Write one session, or --all, to a file for other programs. JSON can be imported on another machine.

    With --all, JSON has every screening, threshold and course besides; one session has its own answers in itself.
    """
    from .. import record_export
    from ..record_reader import open_stored

    if whole and ctx.get_parameter_source("name") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("either an ID or --all, not both")
    with open_stored(data_dir) as records:
        sessions = record_export.finished(records.sessions()) if whole else [records.session(name)]
        if output is None:
            record_export.write_json(sys.stdout, records, sessions, whole=whole)
            return
        count = record_export.write(output, records, sessions, whole=whole)
        besides = record_export.besides_text(records) if whole and output.suffix == ".json" else ""
    of = f"{len(sessions)} sessions{besides}" if whole else f"session {sessions[0]['id'][:8]}"
    click.echo(f"{count} rows of {of} written to {output}")


@command.command("import")
@click.argument("file", type=_FILE)
@data_dir_option
@json_option
def import_file(file: Path, data_dir: str | None, as_json: bool) -> None:
    """Take in what FILE, a JSON export, holds: all or nothing. What is here already is skipped.

    Nothing that is here is overwritten; a course that was closed on the other machine is closed here too.
    """
    from ..import_text import as_json as told
    from ..import_text import lines
    from ..record_import import take_in
    from ..records import Records

    with Records(data_dir) as records:
        imported = take_in(records, file)
    if as_json:
        print_json(told(imported))
        return
    for line in lines(imported, records.path):
        click.echo(line)


@command.command("repair")
@data_dir_option
@json_option
def repair(data_dir: str | None, as_json: bool) -> None:
    """Make a readable database of what is left of a damaged one. The damaged file is kept beside it."""
    from ..record_repair import repair as repair_records
    from ..repair_text import as_json as told
    from ..repair_text import lines

    repaired = repair_records(data_dir)
    if as_json:
        print_json(told(repaired))
        return
    for line in lines(repaired):
        click.echo(line)


@command.command("plot")
@_ID
@click.option("--output", "-o", type=_FILE, help="PNG file to write [session-ID.png].")
@data_dir_option
def plot(name: str, output: Path | None, data_dir: str | None) -> None:
    """Draw commanded and delivered current, voltage, impedance and charge of one session."""
    from ..plotting import plot_record
    from ..record_reader import open_stored

    with open_stored(data_dir) as records:
        session = records.session(name)
        rows, rows2 = (records.telemetry(session["id"], channel) for channel in (1, 2))
    target = output or Path(f"session-{session['id'][:8]}.png")
    plot_record(session, rows, target, rows2)
    click.echo(f"picture of session {session['id'][:8]} written to {target}")
