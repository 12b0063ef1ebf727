"""The hardware watchdog, fed only on proof that every loop made progress."""

import machine


class Watchdog:
    """Resets the board when feed() was not called for timeout_ms with proof of progress from every loop."""

    def __init__(self, timeout_ms):
        self._timeout_ms = timeout_ms
        self._device = machine.WDT(timeout=timeout_ms)
        self._proofs = 0

    def wait_longer(self, timeout_ms):
        """Allow one silence of timeout_ms: a flash erase may take 400 ms, several in a row. Gate open only."""
        self._device = machine.WDT(timeout=timeout_ms)

    def wait_normally(self):
        """Back to the usual time-out, which starts anew."""
        self._device = machine.WDT(timeout=self._timeout_ms)

    def proof(self, bit):
        """Note that one loop made progress: bit 1 sample interrupt, 2 supervisor, 4 link."""
        self._proofs |= bit

    def feed(self):
        """Feed only when all three loops made progress since the last feed."""
        if self._proofs == 7:
            self._device.feed()
            self._proofs = 0
