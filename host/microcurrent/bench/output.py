"""What belongs to one output of a virtual Pico: DAC on its bus, output stage with its latch, load, record."""

import types
from collections.abc import Callable
from typing import Any

from rp2040py.clock.clock import IClock
from rp2040py.rp2040 import RP2040

from .faults import Value
from .mcp4725 import Mcp4725
from .parameters import StageParameters
from .probes import Pins, probed_pins
from .skin import Load, load_of
from .stage import Stage
from .trace import Trace
from .wiring import connect_bus, connect_latch

Wake = Callable[[], None]


class Output:
    """Output `number`, 1 or 2. Times are emulated.

    wiring: what is this output's own of a board module: the module for the first, its class SECOND for the second.
    wake: called after everything that somebody may wait for. dac_eeprom: (code, power-down bits) that the DAC powers on
    with. DUMMY_PIN and TRIP_TEST_PIN of `board` act on every output.
    """

    def __init__(
        self,
        number: int,
        mcu: RP2040,
        board: types.ModuleType,
        wiring: Any,
        *,
        load: str | Load,
        area_mm2: float,
        stage: StageParameters,
        dac_eeprom: tuple[int, int],
        wake: Wake,
    ) -> None:
        self.number = number
        self.wiring = wiring
        self.area_mm2 = area_mm2
        self._board = board
        self._clock: IClock = mcu.clock
        self._wake = wake
        self._load = load_of(load, area_mm2)
        self._pins: Pins | None = None
        self.stage = Stage(stage, self._load, *dac_eeprom)
        wires = {wiring.SDA_PIN: "SDA", wiring.SCL_PIN: "SCL"}
        self.trace = Trace(self.stage, self._now_ns, probed_pins(board, wiring), wires)
        self.dac = Mcp4725(self._now_ns, board.DAC_ADDRESS, *dac_eeprom)
        self.dac.on_output = self._dac_output
        self.bus = connect_bus(mcu, wiring, self.dac, self.trace)
        self._dac_output(*dac_eeprom)

    def connect_pins(self, pins: Pins) -> None:
        """Wire the latch to TRIPPED_PIN, once there are pins."""
        self._pins = pins
        connect_latch(self._clock, self.stage, lambda tripped: pins.drive(self.wiring.TRIPPED_PIN, tripped))

    @property
    def gate(self) -> int:
        """1 while the gate pin drives the switch closed; floating, an external resistor keeps it open."""
        return self._pins.level(self.wiring.GATE_PIN) if self._pins else 0

    # --- what moves it

    def pin_edge(self, number: int, level: int) -> None:
        """A probed pin of the board moved, now; those of the other output's are none of ours."""
        if number not in self.trace.pin_names:
            return
        now = self._clock.nanos
        self.trace.pins.append((int(now), number, level))
        if number == self.wiring.GATE_PIN:
            self.stage.gate(now, bool(level))
        elif number == self._board.DUMMY_PIN:
            self.stage.select(now, bool(level))
        elif number == self._board.TRIP_TEST_PIN:
            self.stage.trip_test(now, bool(level))

    def _dac_output(self, code: int, power_down: int) -> None:
        now = self._clock.nanos
        self.trace.dac_ns.append(int(now))
        self.trace.dac_codes.append(code | power_down << 12)
        self.stage.dac(now, code, power_down)
        self._wake()

    # --- what can be done to it

    def fail(self, **changes: Value) -> None:
        """Break or mend parts of the output stage, now (faults.StageFaults). Raises BadValueError."""
        self.stage.fail(self._clock.nanos, **changes)

    @property
    def hold_sda(self) -> bool:
        """Whether a device holds SDA low: the bus is stuck until nine clocks free it."""
        return self.bus.hold_sda

    @hold_sda.setter
    def hold_sda(self, held: bool) -> None:
        self.bus.hold_sda = held

    @property
    def load_name(self) -> str:
        """Name of the present load."""
        return self._load.name

    def set_load(self, load: str | Load, area_mm2: float | None = None) -> None:
        """Put the electrodes on something else, now. Raises BadValueError for an unknown name."""
        area_mm2 = self.area_mm2 if area_mm2 is None else area_mm2
        self._load = load_of(load, area_mm2)
        self.area_mm2 = area_mm2
        self.stage.connect(self._clock.nanos, self._load)

    def _now_ns(self) -> int:
        return int(self._clock.nanos)
