"""`microcurrent monitor`: readings as they change."""

import json
import time

import click

from .. import quantities
from .options import Quantity, data_dir_option, port_option, say

SERVE_S = 0.05  # how often other commands that want the port are looked after


@click.command("monitor")
@port_option
@data_dir_option
@click.option(
    "--rate",
    "rate_hz",
    type=Quantity(quantities.RATE, 1, 50),
    default="5Hz",
    show_default=True,
    help="How often the board is asked.",
)
@click.option(
    "--duration",
    "duration_ms",
    type=Quantity(quantities.DURATION, 1, 86400000),
    help="Stop after this time [until Ctrl-C].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def command(port: str | None, data_dir: str | None, rate_hz: int, duration_ms: int | None, as_json: bool) -> None:
    """Show state and readings, again and again. Never starts, renews or stops a session.

    A `run` in another terminal goes first: the port is handed over and the readings come through it.
    """
    from ..connect import chosen_port
    from ..interrupts import Interrupts
    from ..monitoring import StatusSource

    with chosen_port(port, data_dir, say) as place, StatusSource(place.port) as source, Interrupts() as interrupts:
        now_s = time.monotonic()
        end_s = float("inf") if duration_ms is None else now_s + duration_ms / 1000
        while not interrupts.count and now_s < end_s:
            status = source.status()
            if status is not None and status["telemetry"]:
                _print(status, as_json)
            due_s = min(now_s + 1 / rate_hz, end_s)
            while not interrupts.count and (left_s := due_s - time.monotonic()) > 0:
                source.serve()
                time.sleep(min(left_s, SERVE_S))
            now_s = time.monotonic()


def _print(status: dict, as_json: bool) -> None:
    from firmware.shared import faults

    from ..client import telemetry_values
    from ..exports import named
    from .progress import row_text

    rows = {name: telemetry_values(status[name]) for name in ("telemetry", "telemetry2") if status.get(name)}
    if as_json:
        telemetry = {name: named(row) for name, row in rows.items()}
        click.echo(json.dumps({**status, "fault": faults.name_of(status["fault"]), **telemetry}))
        return
    fault = f"  fault {faults.name_of(status['fault'])}" if status["fault"] else ""
    emergency = "  e-stop open" if status["estop"] else ""
    click.echo(f"{row_text(*rows.values()).strip()}{fault}{emergency}")
