"""`microcurrent report`: one session as a page to keep, to print or to hand over."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from .options import data_dir_option


def _complete_id(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """As `records show` completes it."""
    from .records import show

    return show.params[0].shell_complete(ctx, incomplete)


@click.command("report")
@click.argument("name", metavar="[ID]", default="last", shell_complete=_complete_id)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, .html or .png [report-ID.html].",
)
@data_dir_option
def command(name: str, output: Path | None, data_dir: str | None) -> None:
    """Write the report of one session: a page that needs no network, or the same as a picture.

    ID is the beginning of a session's id, or 'last'. The page opens in any browser and prints on two sheets of A4.
    """
    from ..record_reader import open_stored
    from ..treatment_report.content import read_report
    from ..treatment_report.saving import check_name, save

    if output is not None:
        check_name(output)
    with open_stored(data_dir) as records:
        report = read_report(records, name)
    target = output or Path(f"report-{report.number[:8]}.html")
    save(report, target)
    click.echo(f"report of session {report.number[:8]} written to {target}")
