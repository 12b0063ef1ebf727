"""`microcurrent bridge`: telemetry and faults of many boards to MQTT and Prometheus."""

from pathlib import Path

import click

from .options import data_dir_option, say


@click.command("bridge")
@click.option(
    "--port",
    "ports",
    metavar="NAME",
    multiple=True,
    help="A board's serial port, or the name of a running virtual Pico; may be given many times.",
)
@click.option("--all", "every", is_flag=True, help="Every board there is, also one that is plugged in later.")
@click.option("--mqtt", metavar="HOST[:PORT]", help="The broker [port 1883, with --tls-ca 8883].")
@click.option("--user", metavar="NAME", help="Who we are at the broker.")
@click.option("--password-file", metavar="FILE", help="Its first line is the password.")
@click.option("--tls-ca", metavar="FILE", help="Connect with TLS, and check the broker's certificate against this one.")
@click.option("--prefix", default="microcurrent", show_default=True, help="How all topics begin.")
@click.option("--spool", metavar="DIR", help="Where messages wait for their PUBACK [bridge/ in the data directory].")
@click.option(
    "--spool-limit",
    "limit_mb",
    metavar="MB",
    type=click.IntRange(1, 1 << 20),
    default=1024,
    show_default=True,
    help="What the waiting messages may take; beyond it the oldest telemetry is dropped first, and counted.",
)
@click.option(
    "--prometheus",
    metavar="[HOST:]PORT",
    help="Serve metrics over HTTP too, to this machine only unless a host is named.",
)
@click.option("--topics", is_flag=True, help="Print the topics and what is in them, and end.")
@data_dir_option
@click.pass_context
def command(
    ctx: click.Context,
    ports: tuple[str, ...],
    every: bool,
    mqtt: str | None,
    user: str | None,
    password_file: str | None,
    tls_ca: str | None,
    prefix: str,
    spool: str | None,
    limit_mb: int,
    prometheus: str | None,
    topics: bool,
    data_dir: str | None,
) -> None:
    """Publish telemetry, events and faults of boards to an MQTT broker; serve them to Prometheus.

    It reads only: no message from the network reaches a board. A `run` in another terminal goes first: it gets the
    port, and the bridge reads through it. Messages wait in a spool until the broker has acknowledged them, through an
    outage, a crash and a reboot. Ctrl-C ends it; what was not sent waits for the next one.
    """
    from ..bridge import messages

    if topics:
        click.echo(messages.__doc__)
        return
    from ..bridge import broker, service
    from ..errors import INTERRUPTED_EXIT_CODE, BadValueError
    from ..interrupts import Interrupts
    from ..paths import make_data_dir

    if mqtt is None:
        raise BadValueError("--mqtt is missing; nothing was started; name the broker, such as --mqtt localhost")
    if not ports and not every:
        raise BadValueError("no board is named; nothing was started; name ports with --port, or take --all")
    _check_prefix(prefix)
    broker.available()
    plan = service.Plan(
        ports=[_port_of(name) for name in ports],
        find=_found if every else None,
        access=broker.access(mqtt, user, password_file, tls_ca),
        prefix=prefix,
        spool=Path(spool).expanduser() if spool else make_data_dir(data_dir) / "bridge",
        limit_bytes=limit_mb << 20,
        metrics=_metrics_at(prometheus),
    )
    with Interrupts() as interrupts:
        service.Bridge(plan, say).run(lambda: interrupts.count > 0)
    ctx.exit(INTERRUPTED_EXIT_CODE)


def _found() -> list[str]:
    from ..ports import find_boards

    return [board.port for board in find_boards()]


def _port_of(typed: str) -> str:
    """A port by its path, or by the name of a virtual Pico that runs. Raises BadValueError for 'sim'."""
    from .. import ports
    from ..errors import BadValueError

    if typed == ports.SIM:
        raise BadValueError(
            "--port sim is a virtual Pico of one command's own; nothing was started; run one with microcurrent sim "
            "and name its port"
        )
    if "/" in typed:
        return typed
    return next((board.port for board in ports.virtual_boards() if board.serial == typed), typed)


def _check_prefix(prefix: str) -> None:
    from ..errors import BadValueError

    misplaced = prefix.startswith(("$", "/")) or prefix.endswith("/")
    if not 0 < len(prefix) <= 100 or misplaced or set(prefix) & {*"+#\0"}:
        raise BadValueError(
            f"--prefix is {prefix!r}; nothing was started; a topic begins with neither $ nor /, ends without /, has "
            f"no + and no #, and here 1 to 100 characters"
        )


def _metrics_at(text: str | None) -> tuple[str, int] | None:
    """[HOST:]PORT of the metrics; without a host, this machine only. Raises BadValueError."""
    from ..bridge import broker, metrics

    if text is None:
        return None
    alone = text if ":" in text else f"{metrics.LOCALHOST}:{text}"
    return broker.host_and_port(alone, metrics.PORT, "--prometheus")
