"""A pseudo-terminal that behaves as the serial port of a USB board: it can vanish and come back under the same name."""

import errno
import os
import pty
import select
import termios
import tty
from pathlib import Path

READ_BYTES = 4096


class PtyPort:
    """A port at the path `link`. The path is a link to a pty: mpremote treats paths under /dev/pts differently."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master = -1

    @property
    def present(self) -> bool:
        """Whether the port exists at present, as while a board is plugged in."""
        return self._master >= 0

    def fileno(self) -> int:
        """For select; only while present."""
        return self._master

    def appear(self) -> None:
        """Make a new pty and point the link at it. Raises OSError."""
        self.vanish()
        master, slave = pty.openpty()
        tty.setraw(slave)  # no echo, no line editing; lasts as long as the master is open
        name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(master, False)
        self._master = master
        fresh = self.link.with_name(f".{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(name)
        fresh.replace(self.link)

    def vanish(self) -> None:
        """Remove the link and hang up on whoever has the port open."""
        if not self.present:
            return
        self.link.unlink(missing_ok=True)
        os.close(self._master)
        self._master = -1

    def is_open(self) -> bool:
        """Whether some program has the port open."""
        if not self.present:
            return False
        poller = select.poll()
        poller.register(self._master, 0)
        return not any(events & select.POLLHUP for _, events in poller.poll(0))

    def forget(self) -> None:
        """Throw away what nobody read, as closing a USB port does."""
        if self.present:
            termios.tcflush(self._master, termios.TCIOFLUSH)

    def read(self) -> bytes:
        """What programs wrote; b"" when there is nothing."""
        try:
            return os.read(self._master, READ_BYTES) if self.present else b""
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EIO):  # EIO: nobody has it open
                return b""
            raise

    def write(self, data: bytes) -> int:
        """Give bytes to whoever has the port open; returns how many were taken."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
