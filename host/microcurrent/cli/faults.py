"""`microcurrent faults`: the latched fault, its clearing, and the table of all faults."""

from typing import Any

import click

from .options import at_port, data_dir_option, device, json_option, port_option, print_json


@click.group("faults", invoke_without_command=True)
@click.option("--samples", is_flag=True, help="Show the last samples around the fault too.")
@port_option
@data_dir_option
@json_option
@click.pass_context
def command(ctx: click.Context, samples: bool, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show the latched fault with its reading.

    `faults clear` clears it once its cause is gone; `faults list` shows every fault that there is.
    """
    if ctx.invoked_subcommand:
        ctx.obj = (port, data_dir, as_json)
        return
    with device(port, shared=True, data_dir=data_dir) as board:
        found = board.request("faults")
        identity = board.identity
    if as_json:
        print_json(_named(found, identity["board"]))
        return
    if not found["code"]:
        click.echo("no fault is latched")
        return
    _print(found, identity)
    if samples:
        _print_samples(found, identity["board"])


@command.command("clear")
@port_option
@data_dir_option
@json_option
@click.pass_context
def clear(ctx: click.Context, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Clear the latched fault; refused while its cause persists."""
    outer_port, outer_dir, outer_json = ctx.obj
    with device(port or outer_port, data_dir=data_dir or outer_dir) as board:
        before = board.request("faults")
        done = board.request("clear")
    if as_json or outer_json:
        print_json(done)
        return
    click.echo(f"cleared: {before['name']}" if before["code"] else "no fault was latched")


@command.command("list")
@json_option
@click.pass_context
def list_faults(ctx: click.Context, as_json: bool) -> None:
    """List every fault: code, name, what finds it, the longest time to an open gate, meaning and remedy."""
    from dataclasses import asdict

    from ..fault_text import all_faults
    from .progress import print_table

    rows = all_faults()
    if as_json or ctx.obj[2]:
        print_json([asdict(fault) for fault in rows])
        return
    print_table(
        "",
        ("code", "fault", "found by", "off within", "meaning", "remedy"),
        [(str(row.code), row.name, row.found_by, row.off, row.meaning, row.hint) for row in rows],
    )


def _named(found: dict[str, Any], board: str) -> dict[str, Any]:
    """The reply for other programs: with the table's row, and its samples in currents."""
    from ..fault_text import fault_of

    row = fault_of(found["code"])
    about = {"meaning": row.meaning, "hint": row.hint, "kind": row.kind, "off_us": row.off_us} if row else {}
    return {**found, **about, "samples": _samples(found, board)}


def _samples(found: dict[str, Any], board: str) -> list[dict[str, int | None]]:
    from ..journal_text import samples

    return samples({"kind": "fault", **found}, board)  # the reply holds what the journal's record of a fault holds


def _print(found: dict[str, Any], identity: dict[str, Any]) -> None:
    from ..fault_text import channel_of, fault_of, fault_text

    channel = channel_of(found, identity)
    click.echo(at_port(fault_text(found["code"], found["reading"], found["limit"], channel)))
    row = fault_of(found["code"])
    if row:
        click.echo(f"found by     {row.found_by}")
        click.echo(f"off within   {row.off}")
    if found["session"]:
        click.echo(f"session      {found['session']} since boot")


def _print_samples(found: dict[str, Any], board: str) -> None:
    """The samples as a table, oldest first; a fault that was found without a session has none."""
    from .progress import print_table

    rows = _samples(found, board)
    if not rows:
        click.echo("samples      none: no session ran")
        return
    heads = ("sample", "DAC code", "commanded", "ADC count", "measured")
    print_table(
        "",
        heads,
        [
            (
                str(number),
                str(row["dac_code"]),
                _ua(row["commanded_ua"]),
                str(row["adc_count"]),
                _ua(row["measured_ua"]),
            )
            for number, row in enumerate(rows, 1)
        ],
    )


def _ua(current_ua: int | None) -> str:
    return "?" if current_ua is None else f"{current_ua} uA"
