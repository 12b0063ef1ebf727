"""Progress of uploads and sessions: a live line on a terminal, plain lines elsewhere. Everything goes to stderr."""

import sys
from typing import TYPE_CHECKING

import click

from firmware.shared import protocol

from .options import at_port

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress, TaskID


class UploadProgress:
    """A bar on a terminal from the first file to the last, nothing elsewhere. Use it with `with`."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "UploadProgress":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._end()

    def show(self, name: str, done: int, total: int) -> None:
        """`done` of `total` bytes are on the board, `name` is on its way."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = _upload_bar()
            self._task = self._bar.add_task("", total=total)
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, description=name, completed=done)
        if done >= total:
            self._end()

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _upload_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("  "), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}"))
    return Progress(*columns, console=Console(stderr=True), transient=True)


def row_text(row: dict[str, int], second: dict[str, int] | None = None) -> str:
    """One telemetry row as one line; second: of a second channel."""
    behind = "" if second is None else f"  channel 2  {second_text(second)}"
    return " ".join(line.strip() for line in row_lines(row)) + behind


def second_text(row: dict[str, int]) -> str:
    """The row of a second channel as one line, without time and state: those are the session's."""
    return " ".join(line.strip() for line in _readings(row))


def row_lines(row: dict[str, int], second: dict[str, int] | None = None) -> tuple[str, ...]:
    """One telemetry row as two lines that fit a terminal of 80 columns, and two more for a second channel."""
    begun = f"{row['elapsed_ms'] / 1000:6.1f} s  {protocol.STATE_NAMES[row['state']]:9}  "
    current, contact = _readings(row)
    first = (f"{begun}{current}", contact)
    if second is None:
        return first
    current, contact = _readings(second)
    return (*first, f"{'':10}{'channel 2':9}  {current}", contact)


def _readings(row: dict[str, int]) -> tuple[str, str]:
    """What is measured at one output, in two lines."""
    impedance = f"{row['impedance_ohm']} ohm" if row["impedance_ohm"] >= 0 else "-"
    touch = "seeking contact" if row["sensing"] else f"contact {protocol.CONTACT_NAMES[row['contact']]:7}"
    current = f"commanded {row['commanded_ua']:4d} uA  delivered {row['delivered_ua']:4d} uA  "
    contact = f"          {touch:15}  {impedance:>11}  lift-offs {row['lift_offs']}  "
    charge = f"net {row['net_charge_nc'] / 1000:+.2f} uC  missed {row['missed']}"
    return f"{current}{row['electrode_mv'] / 1000:5.2f} V", f"{contact}{charge}"


class SessionProgress:
    """Shows rows and notes of a running session on stderr: a live bar on a terminal, a line per second elsewhere."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._shown_ms = -1000

    def row(self, row: dict[str, int], second: dict[str, int] | None = None) -> None:
        """A telemetry row; second: of a second channel."""
        if sys.stderr.isatty():
            self._draw(row, second)
        elif row["elapsed_ms"] - self._shown_ms >= 1000:
            self._shown_ms = row["elapsed_ms"]
            click.echo(row_text(row, second), err=True)

    def note(self, text: str) -> None:
        """A change of state, a fault, an interrupt."""
        text = at_port(text)
        if self._live is None:
            click.echo(text, err=True)
        else:
            self._live.console.print(text, highlight=False, markup=False)

    def __enter__(self) -> "SessionProgress":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.end()

    def end(self) -> None:
        """Leave the last drawing as it stands; safe to call twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self, row: dict[str, int], second: dict[str, int] | None) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.padding import Padding
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        if self._live is None:
            self._live = Live(console=Console(stderr=True), auto_refresh=False)
            self._live.start()
        bar = ProgressBar(total=row["elapsed_ms"] + row["remaining_ms"], completed=row["elapsed_ms"], width=60)
        self._live.update(Group(Padding(bar), *(Text(line) for line in row_lines(row, second))), refresh=True)


def print_table(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table on stdout: the same plain columns on a terminal and in a pipe."""
    widths = [max(len(row[index]) for row in (heads, *rows)) for index in range(len(heads))]
    if title:
        click.echo(title)
    for row in (heads, tuple("-" * width for width in widths), *rows):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
