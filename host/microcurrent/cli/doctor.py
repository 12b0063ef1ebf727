"""`microcurrent doctor`: what stands between this machine and a session; with --hardware, a new build step by step."""

import json
import sys
from typing import TYPE_CHECKING

import click

from .options import at_port, data_dir_option, json_option, port_option, print_json, say

if TYPE_CHECKING:
    from ..bringup.questions import Ask
    from ..bringup.result import Result


@click.command("doctor")
@click.option("--hardware", is_flag=True, help="Bring up a new build: what to measure where, and the likely mistake.")
@click.option("--yes", is_flag=True, help="With --hardware: ask nobody; only what the board can tell by itself.")
@click.option(
    "--answers", metavar="FILE", help="With --hardware: JSON, {question's step or text: answer}, asked nobody."
)
@port_option
@data_dir_option
@json_option
def command(
    hardware: bool, yes: bool, answers: str | None, port: str | None, data_dir: str | None, as_json: bool
) -> None:
    """Check Python, packages, image, build tools, directories, ports and the board; name a remedy for each problem.

    With --hardware: the steps that bring up a new build, from the ohmmeter before the first power-up to a resistor at
    the electrodes. The board measures what it can; a person with a meter is asked for the rest (Enter leaves one out).
    """
    from ..errors import BadValueError

    if hardware:
        _bring_up(port, data_dir, yes, answers, as_json)
        return
    if yes or answers:
        raise BadValueError("--yes and --answers belong to --hardware; nothing was checked; add --hardware")
    _examine(port, data_dir, as_json)


def _examine(port: str | None, data_dir: str | None, as_json: bool) -> None:
    from dataclasses import asdict, replace

    from ..doctor import examine
    from ..errors import VerifyError

    findings = [replace(finding, text=at_port(finding.text)) for finding in examine(port, data_dir)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            verdict = "PROBLEM" if not finding.good else "note" if finding.note else "ok"
            click.echo(f"{verdict:7}  {finding.subject:12} {finding.text}")
    bad = [finding.subject for finding in findings if not finding.good]
    if bad:
        raise VerifyError(
            f"{len(bad)} of {len(findings)} checks found a problem: {', '.join(bad)}; nothing was changed; "
            f"do what the lines above say"
        )


def _bring_up(port: str | None, data_dir: str | None, yes: bool, answers: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from ..bench.options import DEFAULT_BOARD
    from ..bringup import procedure
    from ..build import board_constants
    from ..connect import chosen_port, client_on

    ask = _asker(yes, answers)
    found = procedure.before(board_constants(DEFAULT_BOARD), ask, say)  # GATE_PIN is the same on every board
    _show(found, as_json)
    if any(each.good is False for each in found):
        if as_json:
            print_json([asdict(each) for each in found])
        _verdict(found)
    with chosen_port(port, data_dir, say) as place, client_on(place.port) as client:
        client.hello()
        later = procedure.powered(client, board_constants(client.identity["board"]), ask, say)
        _show(later, as_json)
        found += later
    if as_json:
        print_json([asdict(each) for each in found])
    _verdict(found)


def _asker(yes: bool, answers: str | None) -> "Ask":
    """Where answers come from: a file, a person, or nobody."""
    if answers is not None:
        known = _read(answers)
        return lambda question: known.get(question)
    if yes or not sys.stdin.isatty():
        return lambda question: None

    def ask(question: str) -> str | None:
        return click.prompt(question, default="", show_default=False, err=True) or None

    return ask


def _read(path: str) -> dict[str, str]:
    from ..errors import RecordError

    try:
        with open(path, encoding="utf-8") as file:
            return {str(name): str(value) for name, value in dict(json.load(file)).items()}
    except (OSError, ValueError, TypeError) as error:
        raise RecordError(
            f"{path} cannot be read as JSON of questions and answers ({error}); nothing was measured; name another file"
        ) from None


def _show(found: "list[Result]", as_json: bool) -> None:
    if as_json:
        return
    for each in found:
        verdict = {True: "ok", False: "WRONG", None: "-"}[each.good]
        click.echo(f"{verdict:6} {each.step:17} {each.reading}; wanted: {each.expected} [{each.where}]")
        if each.mistake:
            click.echo(at_port(f"{'':6} {'':17} likely: {each.mistake}"))


def _verdict(found: "list[Result]") -> None:
    from ..errors import VerifyError

    wrong = [each.step for each in found if each.good is False]
    left = sum(each.good is None for each in found)
    if wrong:
        raise VerifyError(
            f"{len(wrong)} of {len(found)} steps are wrong: {', '.join(wrong)}; the output is off; mend the first one, "
            f"then run: microcurrent doctor --hardware"
        )
    if left:
        say(f"{left} steps were left out: they need a person with a meter")
