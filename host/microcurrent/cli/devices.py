"""`microcurrent devices`: what could be a board."""

from typing import TYPE_CHECKING, Any

import click

from .options import json_option, print_json

if TYPE_CHECKING:
    from ..ports import Board


@click.command("devices")
@click.option("--ask", is_flag=True, help="Ask each of them which board it is, and what it can do.")
@json_option
def command(ask: bool, as_json: bool) -> None:
    """List the boards that are connected, and virtual ones that run.

    Nothing is sent to them unless --ask is given: behind a USB serial adapter may be anything.
    """
    from dataclasses import asdict

    from .. import ports

    boards = ports.find_boards()
    told = {board.port: _asked(board) for board in boards} if ask else {}
    if as_json:
        print_json([asdict(board) | told.get(board.port, {}) for board in boards])
        return
    for board in boards:
        click.echo(f"{board.port}  {board.kind}  {board.serial}".rstrip())
        if board.port in told:
            click.echo(f"    {_text(told[board.port])}")
    if not boards:
        click.echo("no boards found; plug one in, or use a virtual one with: --port sim")


def _asked(board: "Board") -> dict[str, Any]:
    """{"device": what it says of itself, None without an answer, "problem": why there is none, else None}."""
    from firmware.shared import protocol

    from ..connect import reach
    from ..errors import MicrocurrentError

    try:
        client = reach(board.port, shared=True)
        try:
            told = client.hello()
        finally:
            client.close()
    except MicrocurrentError as error:
        return {"device": None, "problem": str(error)}
    return {"device": told | {"state": protocol.STATE_NAMES[told["state"]]}, "problem": None}


def _text(told: dict[str, Any]) -> str:
    from ..engine_text import capability_text

    identity = told["device"]
    if identity is None:
        return told["problem"]
    return f"{identity['board']}, firmware {identity['firmware']}: {capability_text(identity)}"
