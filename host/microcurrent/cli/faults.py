"""`microcurrent faults`: the latched fault, and its clearing."""

import click

from .options import at_port, data_dir_option, device, json_option, port_option, print_json


@click.group("faults", invoke_without_command=True)
@port_option
@data_dir_option
@json_option
@click.pass_context
def command(ctx: click.Context, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show the latched fault with its reading; `faults clear` clears it once its cause is gone."""
    if ctx.invoked_subcommand:
        ctx.obj = (port, data_dir, as_json)
        return
    from ..fault_text import fault_text

    with device(port, shared=True, data_dir=data_dir) as board:
        found = board.request("faults")
    if as_json:
        print_json(found)
        return
    text = fault_text(found["code"], found["reading"], found["limit"]) if found["code"] else "no fault is latched"
    click.echo(at_port(text))


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
