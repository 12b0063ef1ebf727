"""`microcurrent config`: the settings on the board."""

from pathlib import Path

import click

from . import complete
from .options import data_dir_option, device, json_option, port_option, print_json

press_option = click.option(
    "--press", is_flag=True, help="Hold the button too; only a virtual Pico's, on a real board you must do it yourself."
)


@click.group("config")
def command() -> None:
    """Show and change the settings on the board. They survive resets; values have names or units (face, 20min).

    A change that permits more current, or longer sessions, waits until the button on the board is held for 1 s.
    """


@command.command("show")
@port_option
@data_dir_option
@json_option
def show(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show all settings, with ranges."""
    with device(port, shared=True, data_dir=data_dir) as board:
        _print(board.request("config")["set"], as_json)


@command.command("get")
@click.argument("name", shell_complete=complete.settings)
@port_option
@data_dir_option
@json_option
def get(name: str, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show one setting."""
    from .. import preferences

    preferences.require_known(name)  # an unknown name is refused before a board is needed
    with device(port, shared=True, data_dir=data_dir) as board:
        values = board.request("config")["set"]
    if as_json:
        print_json(preferences.named({name: values[name]}))
        return
    click.echo(preferences.shown(name, values[name]))


@command.command("set")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME VALUE...", shell_complete=complete.setting_pairs)
@press_option
@port_option
@data_dir_option
@json_option
def set_values(pairs: tuple[str, ...], press: bool, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Change settings: NAME VALUE, as many pairs as wanted, all or none."""
    from .. import preferences

    if len(pairs) % 2:
        raise click.UsageError("each NAME needs a VALUE, for example: config set area_mm2 10cm2")
    changes = {name: preferences.parse(name, text) for name, text in zip(pairs[::2], pairs[1::2], strict=True)}
    _change(changes, "config", press, port, data_dir, as_json)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@port_option
@data_dir_option
def export(file: Path, port: str | None, data_dir: str | None) -> None:
    """Write all settings to FILE (JSON)."""
    from .. import preferences

    with device(port, shared=True, data_dir=data_dir) as board:
        preferences.write_file(file, board.request("config")["set"])
    click.echo(f"settings written to {file}")


@command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@press_option
@port_option
@data_dir_option
@json_option
def import_file(file: Path, press: bool, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Set all settings that FILE holds, all or none."""
    from .. import preferences

    _change(preferences.read_file(file), "config", press, port, data_dir, as_json)


@command.command("reset")
@press_option
@port_option
@data_dir_option
@json_option
def reset(press: bool, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Set everything back to its default."""
    from firmware.shared import settings

    _change(settings.defaults(), "config_reset", press, port, data_dir, as_json)


def _change(
    changes: dict[str, int], command_name: str, press: bool, port: str | None, data_dir: str | None, as_json: bool
) -> None:
    """Change settings, wait for the button where it is needed, and print them as they stand then."""
    from .. import confirmation
    from .confirming import Confirming

    with device(port, data_dir=data_dir) as board, Confirming(board.port, press) as confirming:
        values = confirmation.change(
            board, changes, command=command_name, on_wait=confirming.wait, on_left=confirming.left
        )
    _print(values, as_json)


def _print(values: dict, as_json: bool) -> None:
    from .. import preferences
    from .progress import print_table

    if as_json:
        print_json(preferences.named(values))
        return
    print_table("", ("setting", "value", "range", "meaning"), preferences.table(values))
