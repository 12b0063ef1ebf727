"""`microcurrent subjects`: whom sessions belong to, by pseudonym."""

import click

from .options import data_dir_option, json_option, print_json


def _complete_name(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The pseudonyms in the data directory for the shell's completion; none when it cannot be read."""
    from ..errors import MicrocurrentError
    from ..record_reader import open_stored

    try:
        with open_stored(ctx.params.get("data_dir")) as records:
            return [row["name"] for row in records.subjects() if row["name"].startswith(incomplete)]
    except (MicrocurrentError, OSError):  # an error's text would land in the line that is being typed
        return []


@click.group("subjects")
def command() -> None:
    """List the subjects of sessions by their pseudonyms, and delete one with everything of it."""


@command.command("list")
@data_dir_option
@json_option
def list_subjects(data_dir: str | None, as_json: bool) -> None:
    """List all subjects and how much is kept of each."""
    from ..record_reader import open_stored
    from ..subjects import listed
    from .progress import print_table

    with open_stored(data_dir) as records:
        found = listed(records)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo(f"no subjects yet in {records.place}; they come with treatments: microcurrent treat")
        return
    counted = ("sessions", "screenings", "thresholds", "courses")
    heads = ("subject", "last session (UTC)", *counted)
    rows = [
        (row["name"], (row["last_utc"] or "-")[:19].replace("T", " "), *(str(row[name]) for name in counted))
        for row in found
    ]
    print_table("", heads, rows)


@command.command("delete")
@click.argument("name", shell_complete=_complete_name)
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
@json_option
def delete(name: str, yes: bool, data_dir: str | None, as_json: bool) -> None:
    """Delete everything of a subject: sessions, screenings, thresholds and courses. It cannot be undone.

    The chain of records keeps what kinds there were, and their hashes, not whose. Exports are files of yours.
    """
    from .. import subjects
    from ..record_reader import open_stored
    from ..record_repair import backups
    from ..records import Records

    with open_stored(data_dir) as stored:
        counts = subjects.held(stored, name)
    if not yes:
        _confirm(name, subjects.counts_text(counts))
    with Records(data_dir) as records:
        counts = subjects.delete(records, name)
        kept = records.overwrite_deleted()
        left = [str(path) for path in backups(records.place)]
    if as_json:
        print_json({"subject": name, "deleted": counts, "not_overwritten": kept or None, "backups": left})
        return
    click.echo(f"subject {name} deleted: {subjects.counts_text(counts)}")
    if kept:
        click.echo(f"the file's free space may still hold some of it ({kept}); later run: microcurrent records repair")
    if left:
        click.echo(f"backups of repairs may still hold some of it; delete them yourself: {', '.join(left)}")


def _confirm(name: str, what: str) -> None:
    """Raises BadValueError unless the answer is yes."""
    from ..errors import BadValueError

    try:
        agreed = click.confirm(f"Delete subject {name}: {what}? It cannot be undone", err=True)
    except click.Abort:  # no terminal, or Ctrl-C
        click.echo(err=True)
        agreed = False
    if not agreed:
        raise BadValueError(f"subject {name} was not deleted; nothing was changed; answer y, or give --yes")
