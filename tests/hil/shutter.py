"""What the flash may hold when power fails at any moment of what is being written."""

from microcurrent.bench import files
from microcurrent.bench.flash_chip import TimedFlash
from microcurrent.bench.pico import VirtualPico


class Shutter:
    """Keeps the filesystem's sectors as they are before and within every command that erases or programs the flash.

    Within: the first half of the changed bytes is new, or the second; an erase also leaves bits halfway.
    """

    def __init__(self, pico: VirtualPico) -> None:
        assert isinstance(pico.mcu.ssi, TimedFlash)
        self.states: list[bytes] = []
        self._pico, self._flash = pico, pico.mcu.ssi
        self._stock = self._flash._apply_command
        self._flash._apply_command = self._apply

    def _apply(self) -> None:
        before, changes = self.filesystem(), self._flash.changes
        self._stock()
        if self._flash.changes > changes:
            self.states += [before, *halfway(before, self.filesystem())]

    def filesystem(self) -> bytes:
        """The sectors as they are now."""
        return self._pico.flash_bytes()[files.FILESYSTEM_OFFSET :]


def halfway(before: bytes, after: bytes) -> list[bytes]:
    """What a flash may hold when power fails while `before` becomes `after`."""
    blocks = [at for at in range(0, len(before), 256) if before[at : at + 256] != after[at : at + 256]]
    if not blocks:
        return []
    low, high = blocks[0], blocks[-1] + 256
    middle = (low + high) // 2
    states = [before[:middle] + after[middle:], after[:middle] + before[middle:]]
    if high - low > 256:
        states.append(before[:low] + bytes([0x5A, 0xF3]) * ((high - low) // 2) + before[high:])
    return states
