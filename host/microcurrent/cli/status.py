"""`microcurrent status`: state, fault, readings."""

import click

from .options import at_port, data_dir_option, device, json_option, port_option, print_json


@click.command("status")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show state, fault and present readings. Works while another terminal runs a session."""
    from firmware.shared import faults, protocol

    from .. import preferences
    from ..client import telemetry_values
    from ..engine_text import measured_text
    from ..exports import named
    from .progress import row_text, second_text

    with device(port, shared=True, data_dir=data_dir) as board:
        found = board.request("status")
        settings = board.request("config")["set"]
        identity = board.identity
    readings = {name: telemetry_values(found[name]) for name in ("telemetry", "telemetry2") if found.get(name)}
    if as_json:
        named_device = {**identity, "state": protocol.STATE_NAMES[identity["state"]]}
        fault = faults.name_of(found["fault"])
        print_json(
            {
                **found,
                "fault": fault,
                **{name: named(row) for name, row in readings.items()},
                "settings": preferences.named(settings),
                "device": named_device,
            }
        )
        return
    _print(found, identity)
    for name in ("profile", "zone", "area_mm2"):
        click.echo(f"{name.removesuffix('_mm2'):12} {preferences.shown(name, settings[name])}")
    if readings:
        row, *second = rows = list(readings.values())
        contacts = [protocol.CONTACT_NAMES[each["contact"]] for each in readings.values()]
        click.echo(f"contact      {', channel 2: '.join(contacts)}")
        click.echo(f"supply       {row['supply_mv'] / 1000:.2f} V")
        click.echo(f"temperature  {row['temperature_c']} C")
        click.echo(f"readings     {row_text(row).strip()}")
        for each in second:
            click.echo(f"channel 2    {second_text(each)}")
        click.echo(f"engine       {measured_text(rows, identity['board'], found.get('sample_us'))}")


_STATE_MEANINGS = {
    "OFF": "nothing is proven yet",
    "READY": "self-test passed, nothing runs",
    "ARMED": "a request is permitted, nothing runs yet",
    "PAUSED": "go on with: microcurrent resume",
    "FAULT": "see: microcurrent faults",
}


def _state_text(state: str) -> str:
    return at_port(f"{state} ({_STATE_MEANINGS[state]})") if state in _STATE_MEANINGS else state


def _print(found: dict, identity: dict) -> None:
    from firmware.shared import faults

    from ..engine_text import capability_text
    from .calibration_text import short

    emergency = "open (no output possible)" if found["estop"] else "closed"
    rows = [
        ("board", f"{identity['board']} {identity['uid']}"),
        (
            "firmware",
            f"{identity['firmware']} on MicroPython {identity['micropython']} ({identity.get('image', 'uploaded')}, "
            f"manifest {identity['manifest']})",
        ),
        ("outputs", capability_text(identity)),
        ("state", _state_text(found["state"])),
        ("fault", faults.name_of(found["fault"])),
        ("gate", "closed: current can flow" if found["gate"] else "open: no current"),
        ("e-stop", emergency),
        ("commissioned", "yes" if identity["commissioned"] else at_port("no; run: microcurrent commission")),
        ("calibration", short(identity.get("calibration"))),
        ("sessions", f"{found['session']} since boot, the last one ended: {found['end']}"),
        ("up", f"{found['uptime_ms'] / 1000:.1f} s since reset ({found['reset']})"),
    ]
    if identity.get("altered"):
        rows.insert(2, ("ALTERED", at_port(identity["altered"])))
    for name, value in rows:
        click.echo(f"{name:12} {value}")
