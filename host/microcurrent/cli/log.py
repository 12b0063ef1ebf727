"""`microcurrent log`: the events the board remembers."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("log")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show the last events on the board, oldest first, and its counters."""
    with device(port, shared=True, data_dir=data_dir) as board:
        events = board.request("log")["events"]
        counters = board.request("counters")
    if as_json:
        print_json(
            {
                "events": [{"time_ms": time_ms, "kind": kind, "value": value} for time_ms, kind, value in events],
                "counters": counters,
            }
        )
        return
    for time_ms, kind, value in events:
        click.echo(f"{time_ms / 1000:10.3f} s  {kind:9} {'' if value is None else value}".rstrip())
    click.echo("counters: " + ", ".join(f"{name} {counters[name]}" for name in sorted(counters)))
