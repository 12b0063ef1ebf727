"""Single keys from a terminal, without waiting; nothing where standard input is none."""

import os
import select
import sys
import termios
import tty


class Keys:
    """While entered, read() gives the keys that were pressed. The terminal is as it was afterwards."""

    def __init__(self) -> None:
        self._before: list | None = None

    def __enter__(self) -> "Keys":
        if sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def read(self) -> str:
        """The keys since the last call."""
        if self._before is None or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return os.read(sys.stdin.fileno(), 64).decode(errors="replace")
