"""The `microcurrent` command: one file per command, imported only when the command runs."""

import importlib
import sys
from collections.abc import Sequence

import click

from .. import __version__

# name: what it does. The module is cli/<name>.py, the command in it is called `command`.
COMMANDS = {
    "devices": "List the boards that are connected, and virtual ones that run.",
    "sim": "Run a virtual Pico behind a pseudo-terminal.",
    "load": "Put a running virtual Pico's electrodes on something else.",
    "press": "Hold a running virtual Pico's button.",
    "image": "Obtain and check the MicroPython image.",
    "flash": "Put the firmware on a board: what changed, verified by hash.",
    "verify": "Compare every file on the board with the build, and check who signed it.",
    "keys": "Make and show the keys that sign firmware.",
    "commission": "Store the zero-current code in the DAC's EEPROM.",
    "selftest": "Run the board's self-test.",
    "calibrate": "Measure what the board's output and sense differ in from the design, and store it.",
    "config": "Show and change the board's settings.",
    "characterise": "Measure voltage, current and charge at known resistors; a page of it.",
    "limits": "Explain which current and time a waveform may have, and why.",
    "run": "Run a waveform and record it.",
    "programs": "List, explain, check and write programmes.",
    "contact": "Show how the electrodes touch, and what to do, until it is good.",
    "threshold": "Find from which current on a person feels something.",
    "treat": "Run a programme for a person, step by step, and record it.",
    "change": "Give the running session another amplitude, frequency or form; from a second terminal.",
    "felt": "Somebody feels the current: step down at once; also from a second terminal.",
    "skip": "Go on with the programme's next step; also from a second terminal.",
    "pause": "Ramp the running session down and keep it; also from a second terminal.",
    "resume": "Go on with the paused session; also from a second terminal.",
    "stop": "Ramp the running session down and end it; also from a second terminal.",
    "status": "Show state, fault and present readings.",
    "monitor": "Show telemetry as it arrives.",
    "faults": "Show the latched fault, clear it, or list all there are.",
    "log": "Show the events the board remembers.",
    "screening": "Ask whether a person may be treated, and show what was answered.",
    "course": "Plan a series of treatments: what is due, what was missed, what was delivered.",
    "records": "List, show, check, export, import, plot and repair recorded sessions.",
    "subjects": "List the subjects of sessions, and delete one with everything of it.",
    "report": "Write the report of one session: a page that works offline, or a picture.",
    "bridge": "Publish telemetry and faults of many boards to MQTT and Prometheus.",
    "doctor": "Check this machine, the image and the board.",
    "demo": "The whole chain on a virtual Pico, from image to picture.",
    "reset": "Reset the board.",
    "completion": "Print the shell completion script.",
}

EPILOG = (
    "Ports: --port NAME, the environment variable MICROCURRENT_PORT, or the only board found; --port sim uses a "
    "virtual Pico. Exit codes: 0 done, 2 wrong usage, 3 no board, 4 port or link, 5 firmware, 6 refused by the "
    "device, 7 fault, 8 image or build, 9 records or files, 10 verification failed, 130 interrupted."
)


class LazyGroup(click.Group):
    """Lists commands from the table above and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table: the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command's object, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"{__name__}.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; every expected failure becomes one sentence and an exit code."""
        from ..errors import INTERRUPTED_EXIT_CODE, MicrocurrentError
        from ..remedies import with_port
        from .options import typed_port

        try:
            return super().invoke(ctx)
        except MicrocurrentError as error:
            text, code = str(error), error.exit_code
        except BrokenPipeError:
            raise  # `microcurrent ... | head`: main() ends quietly
        except OSError as error:  # one that no layer has put into words
            text, code = f"the system refused: {error}; the command was given up; check the path or the device", 1
        except KeyboardInterrupt:
            text, code = (
                "interrupted; no session is left running; check with: microcurrent status",
                INTERRUPTED_EXIT_CODE,
            )
        click.echo(f"error: {with_port(text, typed_port(ctx))}", err=True)
        ctx.exit(code)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="microcurrent")
def cli() -> None:
    """Controller for microcurrent stimulators. Not a medical device; never use it on people without qualified care."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    try:
        cli.main(args=arguments, prog_name="microcurrent")
    except BrokenPipeError:  # `microcurrent ... | head`
        sys.stderr.close()
        sys.exit(0)
