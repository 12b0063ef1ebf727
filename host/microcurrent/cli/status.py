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
    from ..report import named
    from .progress import row_text

    with device(port, shared=True, data_dir=data_dir) as board:
        found = board.request("status")
        settings = board.request("config")["set"]
        identity = board.identity
    readings = telemetry_values(found["telemetry"]) if found["telemetry"] else None
    if as_json:
        named_device = {**identity, "state": protocol.STATE_NAMES[identity["state"]]}
        fault = faults.name_of(found["fault"])
        print_json(
            {
                **found,
                "fault": fault,
                "telemetry": readings and named(readings),
                "settings": preferences.named(settings),
                "device": named_device,
            }
        )
        return
    _print(found, identity)
    for name in ("profile", "zone", "area_mm2"):
        click.echo(f"{name.removesuffix('_mm2'):12} {preferences.shown(name, settings[name])}")
    if readings:
        click.echo(f"contact      {protocol.CONTACT_NAMES[readings['contact']]}")
        click.echo(f"supply       {readings['supply_mv'] / 1000:.2f} V")
        click.echo(f"temperature  {readings['temperature_c']} C")
        click.echo(f"readings     {row_text(readings).strip()}")


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

    emergency = "open (no output possible)" if found["estop"] else "closed"
    rows = [
        ("board", f"{identity['board']} {identity['uid']}"),
        (
            "firmware",
            f"{identity['firmware']} on MicroPython {identity['micropython']} (manifest {identity['manifest']})",
        ),
        ("state", _state_text(found["state"])),
        ("fault", faults.name_of(found["fault"])),
        ("gate", "closed: current can flow" if found["gate"] else "open: no current"),
        ("e-stop", emergency),
        ("commissioned", "yes" if identity["commissioned"] else at_port("no; run: microcurrent commission")),
        ("sessions", f"{found['session']} since boot, the last one ended: {found['end']}"),
        ("up", f"{found['uptime_ms'] / 1000:.1f} s since reset ({found['reset']})"),
    ]
    for name, value in rows:
        click.echo(f"{name:12} {value}")
