"""`microcurrent limits`: which current and time a waveform may have, by every rule, and why."""

import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from firmware.shared import rules, waveform

from .. import quantities
from .options import Quantity, data_dir_option, device, json_option, port_option, print_json
from .sections import SectionedCommand
from .wave_options import wave_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..explained import Explained

_DEFAULT_BOARD = "rp2040_pico"  # whose hard cap counts where no board was asked
_NARROWEST = 30  # columns of wrapped text


@click.command("limits", cls=SectionedCommand)
@click.argument("shape", metavar="[WAVEFORM]", type=click.Choice(waveform.SHAPES), default=waveform.SQUARE)
@wave_options(amplitude=None)
@click.option("--profile", type=click.Choice(rules.PROFILES), help="Suppose this profile.")
@click.option("--zone", type=click.Choice(waveform.ZONES), help="Suppose that the electrodes are there.")
@click.option("--area", "area_mm2", type=Quantity(quantities.AREA, 1, 20000), help="Suppose this declared area.")
@click.option(
    "--threshold", "threshold_ua", type=Quantity(quantities.CURRENT, 1, 1000), help="Suppose this measured threshold."
)
@port_option
@data_dir_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    shape: str,
    profile: str | None,
    zone: str | None,
    area_mm2: int | None,
    threshold_ua: int | None,
    port: str | None,
    data_dir: str | None,
    as_json: bool,
    **fields: int | str | None,
) -> None:
    """Explain every limit of a waveform: its number, where it comes from, and which one binds.

    With --amplitude: whether that is permitted (exit code 6 when not). The settings are those of the board, or the
    defaults when no board is found.
    """
    from .. import explained as explaining
    from .. import preferences, treatment
    from ..errors import RefusedError
    from .wave import WaveOptions

    changes, asked_zone = explaining.zone_wishes(zone)
    if profile is not None:
        changes["profile"] = preferences.parse("profile", profile)
    if area_mm2 is not None:
        changes["area_mm2"] = area_mm2
    if threshold_ua is not None:
        changes["threshold_ua"] = threshold_ua
    asked = fields["amplitude_ua"] is not None
    fields["amplitude_ua"] = fields["amplitude_ua"] or explaining.LEAST_UA
    wave = treatment.checked_wave(WaveOptions(ctx, shape, fields).checked() | {"zone": asked_zone})
    held, hard_cap_ua, origin = _settings_of(port, data_dir)
    settings, note = explaining.supposed(held, changes)
    found = explaining.explain(wave, settings, hard_cap_ua, asked=asked)
    if as_json:
        print_json(explaining.as_json(wave, settings, origin, found))
    else:
        _print(found, origin, note)
    if found.refusal:
        raise RefusedError(found.refusal)


def _settings_of(port: str | None, data_dir: str | None) -> tuple[dict[str, int], int, str]:
    """(settings, hard cap in uA, whose they are): of the board that is named or found, else the defaults."""
    from firmware.shared.settings import defaults

    from .. import ports
    from ..build import board_constants

    named = port or os.environ.get(ports.PORT_ENV)
    count = 1 if named else len(ports.find_boards())
    if count != 1:
        why = "no board was found" if not count else f"{count} boards were found and none was named"
        return defaults(), board_constants(_DEFAULT_BOARD).HARD_CAP_UA, f"the default settings ({why})"
    with device(port, shared=True, data_dir=data_dir) as board:
        held = board.request("config")["set"]
        return held, board_constants(board.identity["board"]).HARD_CAP_UA, f"the settings of the board on {board.port}"


def _print(found: "Explained", origin: str, note: str) -> None:
    from .. import explained as explaining
    from .progress import print_table

    rows = [
        (name, explaining.limit_shown(name, limit_ua, found), verdict, source)
        for name, limit_ua, verdict, source in found.rows
    ]
    below = explaining.summary(found)
    if found.asked and not found.refusal:
        asked = quantities.show(found.at_ua, quantities.CURRENT)
        below.append(("verdict", f"{asked} is permitted"))
    if note:
        below.append(("supposed", note))
    print_table("", ("rule", "permits", "verdict", "source"), _wrapped(rows))
    click.echo()
    print_table("", ("result", f"with {origin}"), _wrapped(below))


def _wrapped(rows: "Sequence[tuple[str, ...]]") -> list[tuple[str, ...]]:
    """On a terminal, the last column is continued on lines of its own instead of running over the edge."""
    if not sys.stdout.isatty():
        return list(rows)
    used = sum(max(len(cell) for cell in column) + 2 for column in list(zip(*rows, strict=True))[:-1])
    width = max(_NARROWEST, shutil.get_terminal_size().columns - used)
    lines: list[tuple[str, ...]] = []
    for *cells, text in rows:
        first, *more = textwrap.wrap(text, width)
        lines.append((*cells, first))
        lines += [(*("" for _ in cells), line) for line in more]
    return lines
