"""The Howland pump: the current it drives as far as limiter and compliance let it."""

from math import exp

from .segments import TAU_D


class Pump:
    """Current in uA on its way to `target`, with the DAC's settling, or there at once. Times are emulated ns."""

    def __init__(self, target: float) -> None:
        self.target = target
        self._delta = 0.0
        self._since_ns = 0.0

    def at(self, t_ns: float) -> float:
        """Current at an instant since the last change."""
        return self.target + self._delta * exp((self._since_ns - t_ns) / TAU_D)

    def settle(self, t_ns: float, target: float) -> None:
        """The DAC's output moves: towards `target` from whatever the current is now."""
        self._delta = self.at(t_ns) - target
        self.target, self._since_ns = target, t_ns

    def jump(self, t_ns: float, target: float) -> None:
        """Something broke or was mended: `target` at once."""
        self.target, self._delta, self._since_ns = target, 0.0, t_ns
