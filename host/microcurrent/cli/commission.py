"""`microcurrent commission`: makes the DAC power up at zero current."""

import click

from .options import data_dir_option, device, json_option, port_option, print_json


@click.command("commission")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Store the zero-current code in the DAC's EEPROM and read it back; of every DAC, where a board has two.

    Needed once per DAC: an MCP4725 powers up at what its EEPROM holds, and for a stage referenced to mid-rail any
    other code is a current. Disconnect the electrodes first.
    """
    with device(port, data_dir=data_dir) as board:
        done = board.request("commission")
    if as_json:
        print_json(done)
        return
    click.echo("written and read back" if done["written"] else "already commissioned, nothing written")
    second = done.get("dac2")
    for name, held in (("DAC", done), ("second DAC", second)):
        if held:
            click.echo(
                f"{name} powers up at code {held['eeprom_code']}, power-down bits {held['eeprom_power_down']}; "
                f"it holds code {held['dac_code']} now"
            )
