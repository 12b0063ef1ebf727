"""`microcurrent selftest`: the board checks itself; current flows into its internal dummy load only."""

from typing import Any

import click

from .options import data_dir_option, device, json_option, port_option, print_json

_SECOND = "-2"  # ends the names of checks of a second output
_OF_THE_BOARD = ("supply", "temperature", "interrupt-runs", "memory", "firmware-files")  # made once for all outputs


@click.command("selftest")
@click.option("--watchdog", is_flag=True, help="Let the watchdog reset the board too, as the last check.")
@port_option
@data_dir_option
@json_option
def command(watchdog: bool, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Run the board's self-test. Current flows into the board's internal dummy load only, never into the electrodes.

    With --watchdog the board stops feeding its watchdog, which must reset it within half a second.
    """
    with device(port, data_dir=data_dir) as board:
        done = board.request("selftest", {"watchdog": True} if watchdog else {})
        if not as_json:
            _print(done, board.identity.get("channels", 1))
        _require_passed(done, as_json)
        if watchdog:
            _prove_watchdog(board, done, as_json)
    if as_json:
        print_json(done)
        return
    click.echo("self-test passed")


def _print(done: dict[str, Any], channels: int) -> None:
    from .progress import print_table

    rows = [
        (*_place(name), "ok" if passed else "FAILED", str(reading), text)
        for name, passed, reading, text in done["tests"]
    ]
    heads = ("test", "of", "result", "reading", "meaning")
    if channels == 1:
        rows, heads = [(row[0], *row[2:]) for row in rows], (heads[0], *heads[2:])
    print_table("", heads, rows)


def _place(name: str) -> tuple[str, str]:
    """A check's own name, and what it is of, on a board with two outputs."""
    check = name.removesuffix(_SECOND)
    if check in _OF_THE_BOARD:
        return check, "board"
    return check, "second output" if name.endswith(_SECOND) else "first output"


def _named(name: str) -> str:
    check, place = _place(name)
    return f"{check} of the second output" if name.endswith(_SECOND) and place != "board" else check


def _prove_watchdog(board: Any, done: dict[str, Any], as_json: bool) -> None:
    from ..errors import VerifyError
    from ..watchdog_proof import follow_reset

    try:
        done["watchdog"] = {"passed": True, "text": follow_reset(board)}
    except VerifyError as error:
        if as_json:
            print_json({**done, "passed": False, "watchdog": {"passed": False, "text": str(error)}})
        raise
    if not as_json:
        click.echo(done["watchdog"]["text"])


def _require_passed(done: dict[str, Any], as_json: bool) -> None:
    from ..errors import VerifyError

    failed = [_named(name) for name, passed, _reading, _text in done["tests"] if not passed]
    if not failed:
        return
    if as_json:
        print_json(done)
    raise VerifyError(
        f"self-test failed: {', '.join(failed)}; the output stays off; mend what it names, then run: "
        f"microcurrent selftest"
    )
