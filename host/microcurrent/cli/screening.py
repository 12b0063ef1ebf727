"""`microcurrent screening`: the questions before a treatment, and what was answered."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import data_dir_option, json_option, print_json, say

if TYPE_CHECKING:
    from ..screening import Asker, Verdict
    from ..screening_questions import Question

_WORDS = {"yes": "yes", "y": "yes", "no": "no", "n": "no"}
subject_option = click.option(
    "--subject", metavar="NAME", required=True, help="Pseudonym of the person who is treated; never a name."
)


@click.group("screening")
def command() -> None:
    """Ask whether a person may be treated, and show what was answered. Without that, no treatment begins."""


@command.command("ask")
@subject_option
@click.option("--site", "sites", multiple=True, metavar="SITE", help="Where the electrodes go; several [the face].")
@data_dir_option
@json_option
def ask(subject: str, sites: tuple[str, ...], data_dir: str | None, as_json: bool) -> None:
    """Ask every question anew and keep the answers. Exit code 6 when they permit no treatment."""
    from .. import screening
    from ..errors import RefusedError
    from ..record_writer import now_utc
    from ..records import Records

    if not sys.stdin.isatty():
        raise RefusedError(
            f"there is nobody at a terminal to ask; nothing was stored; fill in a file instead: "
            f"microcurrent screening template FILE --subject {subject}"
        )
    with Records(data_dir) as records:
        result = screening.require(
            records, subject, file=None, interactive=asker(), sites=sites or ("cheek",), now_utc=now_utc()
        )
    if as_json:
        print_json(result)
        return
    click.echo(f"{subject} may be treated for {screening.VALID_DAYS} days ({_words(result)}), unless something changes")


@command.command("show")
@subject_option
@data_dir_option
@json_option
def show(subject: str, data_dir: str | None, as_json: bool) -> None:
    """Show every screening of a subject, newest first, and whether one permits a treatment now."""
    from .. import screening, subjects
    from ..record_reader import open_stored
    from ..record_writer import now_utc
    from .progress import print_table

    subjects.checked(subject)
    now = now_utc()
    with open_stored(data_dir) as stored:
        results = screening.stored_results(stored, subject)[::-1]
        held = screening.current(stored, subject, now)
    if as_json:
        print_json({"current": held, "screenings": results})
        return
    if not results:
        click.echo(f"{subject} was never screened; ask with: microcurrent screening ask --subject {subject}")
        return
    rows = [
        (row["id"][:8], row["at_utc"][:16].replace("T", " "), _words(row), screening.invalid_because(row, now) or "-")
        for row in results
    ]
    print_table("", ("id", "answered (UTC)", "outcome", "permits nothing because"), rows)
    click.echo(f"now: {'a treatment is permitted' if held else 'to be asked before a treatment'}")


@command.command("questions")
@json_option
def questions(as_json: bool) -> None:
    """List the questions, what a yes leads to, and why each is asked."""
    from dataclasses import asdict

    from .. import screening

    if as_json:
        print_json([asdict(question) for question in screening.QUESTIONS])
        return
    for question in screening.QUESTIONS:
        where = " (sites of the face)" if question.face_only else ""
        click.echo(f"{question.id}{where}: {question.text}")
        click.echo(f"    yes: {screening.meaning(question)}; {question.why}")


@command.command("template")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@subject_option
def template(file: Path, subject: str) -> None:
    """Write FILE (TOML) with every question and no answer; filled in, it serves --screening of other commands."""
    from .. import screening, subjects
    from ..errors import RecordError

    text = screening.template(subjects.checked(subject))
    try:
        with open(file, "x", encoding="utf-8") as handle:
            handle.write(text)
    except OSError as error:
        raise RecordError(
            f"{file} cannot be written ({error.strerror}); nothing was changed; choose another name"
        ) from None
    click.echo(f"written to {file}; every answer in it is empty: fill them in")


def asker() -> "Asker":
    """Asks at the terminal, on stderr, until the answer is yes or no."""
    from ..screening import Asker

    return Asker(_answer, _acknowledge)


def changed(day: str) -> str:
    """Ask whether anything has changed since `day`: "yes" or "no"."""
    return _yes_or_no(f"Has anything about your health changed since you answered on {day}?")


def _answer(question: "Question") -> str:
    return _yes_or_no(question.text)


def _yes_or_no(text: str) -> str:
    while True:
        typed = click.prompt(f"{text} (yes/no)", prompt_suffix=" ", err=True).strip().lower()
        if typed in _WORDS:
            return _WORDS[typed]
        say("please answer yes or no")


def _acknowledge(verdict: "Verdict") -> str:
    from ..screening import ACKNOWLEDGEMENT

    say("A professional's word is needed first:")
    for reason in verdict.reasons:
        say(f"  {reason}")
    return click.prompt(f"If you have it, type: {ACKNOWLEDGEMENT}\n", default="", show_default=False, err=True)


def _words(result: dict) -> str:
    """The outcome in words."""
    if result["outcome"] == "ask":
        return "professional asked" if result["acknowledged"] else "ask a professional"
    return str(result["outcome"])
