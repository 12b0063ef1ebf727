"""Two virtual Picos wired together, in one emulated time: the board under test, and the probe.

They run in turns. The board goes first; then the probe sees each of its edges at its very instant, and asks its
voltages at the instants of its own conversions: exact. What the probe drives reaches the board at the end of the turn,
up to TURN_NS late.
"""

from bisect import bisect_right
from collections.abc import Callable
from math import exp
from pathlib import Path
from typing import Any, cast

from microcurrent.bench.mcp4725 import SETTLING_TAU_NS, STEPS
from microcurrent.bench.pico import NS_PER_MS, VirtualPico
from microcurrent.transport import BenchTransport

from .build import probe_files
from .firmware import wires
from .pico import REFERENCE_MV, Millivolts, ProbePico

# A turn while the probe may drive a line: ours, a fifth of the shortest time that is measured from there. A request is
# carried out within ATTENTIVE_MS of its arrival. Otherwise turns are longer: a listener's times do not depend on them.
TURN_NS, LONG_TURN_NS = 20_000, 400_000
ATTENTIVE_MS = 20


class Pair:
    """`board` under test, wired to a probe as tests/probe/README.md says."""

    def __init__(self, board: VirtualPico, image: Path) -> None:
        self.board = board
        self._seen = 0
        self._due: list[Callable[[], None]] = []
        self._attentive_until_ns = 0
        pins: dict[str, int] = dict(zip(wires.INPUTS, wires.INPUT_PINS, strict=True))
        stage = board.stage
        sources: dict[str, Millivolts] = {
            "dac": lambda t_ns: dac_mv(board, t_ns), "sense": stage.sense_mv, "voltage": stage.divider_mv,
        }  # fmt: skip
        self.probe = ProbePico(
            image,
            probe_files(),
            {pins[name] - wires.INPUT_PINS[0]: source for name, source in sources.items()},
            (wires.ESTOP_PIN, wires.RUN_PIN),
            self._driven,
        )
        board.drive_pin(board.board.ESTOP_PIN, 1)

    def _driven(self, number: int, level: int) -> None:
        """The probe pulls one of its lines low, or lets go of it."""
        if number == wires.ESTOP_PIN:
            self._due.append(lambda: self.board.drive_pin(self.board.board.ESTOP_PIN, level))
        elif not level:
            self._due.append(self.board.reset)

    @property
    def now_ns(self) -> int:
        """Emulated time since both were powered on."""
        return self.probe.now_ns

    def attend(self) -> None:
        """The probe was asked for something."""
        self._attentive_until_ns = self.now_ns + ATTENTIVE_MS * NS_PER_MS

    def turn(self) -> None:
        """Both run for a turn."""
        end_ns = self.now_ns + (TURN_NS if self.now_ns < self._attentive_until_ns else LONG_TURN_NS)
        self.board.run_until(end_ns)
        for t_ns, level in self._new_edges():
            self.probe.run_until(t_ns)  # up to the edge with the level before it
            self.probe.drive(wires.GATE_PIN, level)
        self.probe.run_until(end_ns)
        due, self._due = self._due, []
        for action in due:
            action()

    def _new_edges(self) -> list[tuple[int, int]]:
        pins, gate = self.board.trace.pins, self.board.board.GATE_PIN
        new = [(t_ns, level) for t_ns, number, level in pins[self._seen :] if number == gate]
        self._seen = len(pins)
        return new

    def run_while(self, predicate: Callable[[], bool], limit_ms: float) -> bool:
        """Run while `predicate()` holds, at most `limit_ms`. True when it ended in time. Asked after every turn."""
        end_ns = self.now_ns + limit_ms * NS_PER_MS
        while predicate():
            if self.now_ns >= end_ns:
                return False
            self.turn()
        return True

    def run_for_ms(self, ms: float) -> None:
        """Run for a time."""
        self.run_while(lambda: True, ms)


def dac_mv(board: VirtualPico, t_ns: float) -> float:
    """The DAC's output, on its way to the last code: one pole, as the stage takes it (mcp4725.py)."""
    trace = board.trace
    index = bisect_right(trace.dac_ns, t_ns) - 1
    code = trace.dac_codes[index] & 0xFFF
    before = trace.dac_codes[max(index - 1, 0)] & 0xFFF
    settled = code + (before - code) * exp((trace.dac_ns[index] - t_ns) / SETTLING_TAU_NS)
    return settled * REFERENCE_MV / STEPS


class End:
    """One end of a pair as BenchTransport takes a board: its own port, and the time of both."""

    def __init__(self, pair: Pair, pico: VirtualPico | ProbePico) -> None:
        self._pair = pair
        self._pico = pico
        self.usb = pico.usb
        self.open_port, self.close_port = pico.open_port, pico.close_port
        self.serial_read, self.run_while = pico.serial_read, pair.run_while

    def transport(self) -> BenchTransport:
        """A link to it; reading runs both."""
        return BenchTransport(cast(Any, self))

    def serial_write(self, data: bytes) -> None:
        """Queue bytes for this end."""
        if self._pico is self._pair.probe:
            self._pair.attend()
        self._pico.serial_write(data)

    @property
    def now_ns(self) -> int:
        """Emulated time of both."""
        return self._pair.now_ns
