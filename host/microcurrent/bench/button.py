"""The push button on the board."""

from rp2040py.clock.clock import IClock

from .probes import Pins

NS_PER_MS = 1_000_000


class Button:
    """Connects a GPIO to ground while `held`; released, the chip's own pull-up decides. Times are emulated."""

    def __init__(self, pins: Pins, number: int, clock: IClock) -> None:
        self._pins = pins
        self._number = number
        self.held = False
        self._alarm = clock.create_alarm(self.release)

    def hold(self) -> None:
        """Hold it down until `release`."""
        self._alarm.cancel()
        self.held = True
        self._pins.drive(self._number, 0)

    def release(self) -> None:
        """Let go."""
        self._alarm.cancel()
        self.held = False
        self._pins.release(self._number)

    def press(self, for_ms: float) -> None:
        """Hold it down for a time from now on, whatever was to be before."""
        self.hold()
        self._alarm.schedule(for_ms * NS_PER_MS)
