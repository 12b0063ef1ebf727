"""`microcurrent change`: another amplitude, frequency or form for the running session, from any terminal."""

from typing import Any

import click
from click.core import ParameterSource

from firmware.shared import waveform

from .. import quantities
from .options import data_dir_option, device, json_option, port_option, print_json
from .sections import SectionedCommand
from .wave_options import wave_options

_FIXED = ("duration_ms", "ramp_ms", "sample_us", "polarity", "alternate_ms")  # refused by the board, with its reason


@click.command("change", cls=SectionedCommand)
@click.argument("shape", metavar="[WAVEFORM]", type=click.Choice(waveform.SHAPES), required=False)
@wave_options(amplitude=None)
@click.option(
    "--channel", type=click.IntRange(1, 2), default=1, show_default=True, help="Which output of a session with two."
)
@port_option
@data_dir_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    shape: str | None,
    channel: int,
    port: str | None,
    data_dir: str | None,
    as_json: bool,
    **fields: int | str | None,
) -> None:
    """Change what is named here; everything else stays. It takes effect at the end of a cycle, without a jump.

    Works while another terminal runs the session. Time, polarity and the place of the electrodes cannot change.
    """
    from ..errors import BadValueError

    typed = {name: value for name, value in fields.items() if ctx.get_parameter_source(name) != ParameterSource.DEFAULT}
    changes = typed | ({"shape": shape} if shape else {})
    if not changes:
        raise BadValueError("nothing to change was named; nothing was sent; name for example --amplitude 150uA")
    with device(port, shared=True, data_dir=data_dir) as board:
        status = board.request("status")
        if channel == 2 and not status.get("wave2"):
            raise BadValueError(
                "--channel 2: the session has one channel; nothing was sent; leave --channel away, or start one with: "
                "microcurrent run ... --channel2 '...'"
            )
        _require_free(status.get("wave2"), changes)
        wave = "wave" if channel == 1 else "wave2"
        terms = board.request("change", {"session": status["session"], wave: changes})
    if as_json:
        print_json(terms)
        return
    named, of_it = ("", terms) if channel == 1 else (", channel 2", terms["terms2"])
    peak = quantities.show(of_it["amplitude_ua"], quantities.CURRENT)
    click.echo(f"session {terms['session']}{named}: up to {peak} now")


for _option in command.params:  # what is not named stays as it is: there are no defaults
    if isinstance(_option, click.Option) and _option.name != "channel":
        _option.show_default = False
        _option.hidden = _option.name in _FIXED


def _require_free(wave2: dict[str, Any] | None, changes: dict[str, Any]) -> None:
    """Raise BadValueError for what channels that are locked cannot change."""
    from ..errors import BadValueError
    from ..report import FREE

    if not wave2 or wave2.get("phase_deg", FREE) == FREE:
        return
    for name, said in (("frequency_mhz", "--frequency"), ("shape", "another waveform")):
        if name in changes:
            raise BadValueError(
                f"{said}: the channels of this session are locked by --phase, and keep their frequency and form; "
                f"nothing was sent; change the amplitude, or start a session without --phase"
            )
