"""`microcurrent records`: what was recorded."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from .options import data_dir_option, json_option, print_json

_FILE = click.Path(dir_okay=False, path_type=Path)
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


@click.group("records")
def command() -> None:
    """List, show, export and plot recorded sessions. ID is the beginning of a session's id, or 'last'."""


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
    if as_json:
        print_json(sessions)
        return
    if not sessions:
        click.echo(f"no sessions yet in {records.place}; they are recorded by: microcurrent run")
        return
    print_table(
        "", ("id", "started (UTC)", "waveform", "length", "delivered", "ended"), [list_row(row) for row in sessions]
    )


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
    if as_json:
        print_json({**session, "events": [named_event(event) for event in events]})
        return
    for key, value in show_rows(session):
        click.echo(f"{key:10} {value}")
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
    "--output", "-o", type=_FILE, help="File to write: .csv has the telemetry, .json everything [stdout, JSON]."
)
@data_dir_option
def export(name: str, output: Path | None, data_dir: str | None) -> None:
    """Write one session to a file, for other programs."""
    from .. import exports
    from ..record_reader import open_stored

    with open_stored(data_dir) as records:
        session = records.session(name)
        rows, rows2 = (records.telemetry(session["id"], channel) for channel in (1, 2))
        events = records.events(session["id"])
    if output is None:
        click.echo(exports.as_json(session, rows, events, rows2))
        return
    exports.write(output, session, rows, events, rows2)
    click.echo(f"{len(rows)} rows of session {session['id'][:8]} written to {output}")


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
