"""`microcurrent selftest`: the board checks itself with the output gate open."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("selftest")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Run the board's self-test; no current flows."""
    from ..errors import VerifyError
    from .progress import print_table

    with device(port, data_dir=data_dir) as board:
        done = board.request("selftest")
    failed = [name for name, passed, _reading, _text in done["tests"] if not passed]
    if as_json:
        print_json(done)
    else:
        print_table(
            "",
            ("test", "result", "reading", "meaning"),
            [(name, "ok" if passed else "FAILED", str(reading), text) for name, passed, reading, text in done["tests"]],
        )
    if failed:
        raise VerifyError(
            f"self-test failed: {', '.join(failed)}; the output stays off; mend what it names, then run: "
            f"microcurrent selftest"
        )
    if not as_json:
        click.echo("self-test passed")
