"""What a person sees while a change of settings waits for the device's button."""

import sys

import click

from firmware.shared import protocol

from .options import say, typed_port

PIPE_STEP_S = 5  # how often a line is written where no terminal can be drawn on
_HOLD_S = protocol.HOLD_MS / 1000
_CONFIRM_S = protocol.CONFIRM_MS / 1000


class Confirming:
    """Says what to do, counts down, and holds a virtual Pico's button with `press`. Use it with `with`.

    Raises RefusedError when `press` is asked of a real board, before anything is sent to it.
    """

    def __init__(self, port: str, press: bool) -> None:
        self._port = port
        self._press = press
        self._shown_s: int | None = None
        self._left_s = 0

    def __enter__(self) -> "Confirming":
        if self._press:
            from .. import confirmation

            confirmation.require_virtual(self._port)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if self._shown_s is None:
            return
        if sys.stderr.isatty():
            click.echo(err=True)
        if kind is KeyboardInterrupt:
            say(f"nothing was changed yet; the button still confirms it for {self._left_s} s")

    def wait(self, names: list[str]) -> None:
        """The change needs the button."""
        say(f"hold the device's button for {_HOLD_S:g} s within {_CONFIRM_S:g} s to confirm: {', '.join(names)}")
        from .. import confirmation

        if self._press:
            confirmation.press(self._port)
        elif confirmation.virtual_control(self._port):
            name = typed_port(click.get_current_context()) or self._port
            say(f"a virtual Pico's button: microcurrent press --port {name} in a second terminal, or --press here")

    def left(self, left_s: float) -> None:
        """Show the time that is left, when it has changed by a second (or on a pipe by five)."""
        whole_s = self._left_s = round(left_s)
        if sys.stderr.isatty():
            if whole_s != self._shown_s:
                click.echo(f"\r{whole_s:3d} s left ", nl=False, err=True)
                self._shown_s = whole_s
        elif self._shown_s is None or self._shown_s - whole_s >= PIPE_STEP_S:
            say(f"{whole_s} s left")
            self._shown_s = whole_s
