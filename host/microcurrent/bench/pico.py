"""The virtual Pico: the real firmware on an emulated RP2040, with DACs, output stages, skin, probes and faults."""

import types
from collections.abc import Callable
from pathlib import Path

from boards.rp2040_pico import board as pico_board

from ..errors import BadValueError
from . import files
from .adc import ROOM_C
from .analog_inputs import connect_adc
from .button import Button
from .chip import Chip
from .faults import Value
from .output import Output
from .parameters import StageParameters
from .probes import Pins
from .skin import Load
from .trace import ANALOG_STEP_NS, TICK_NS, Trace
from .wiring import connect_usb

NS_PER_MS = 1_000_000
POLL_NS = 1_000_000  # run_while looks at its predicate at least this often
SUPPLY_MV = 12_000  # ours: nominal
STATE_SCRATCH = 1  # watchdog scratch register whose low byte the firmware keeps its state in


class VirtualPico:
    """A Pico wired as `board` says, powered on at 0 ns, with the emergency-stop contact closed and the button released.

    It runs from a battery: its data line is isolated, VBUS_PIN is low. supply_mv, of the output stages' positive rail,
    and temperature_c, of the chip, may be set: they are what the ADC sees; compliance does not follow the supply.
    image: a UF2 file; flash: the whole flash of an earlier run instead, None for the image and an empty filesystem.
    load: a preset's name or a skin.Load under electrodes of area_mm2. dac_eeprom: (code, power-down bits) that the DAC
    powers on with; 0 V is the worst case of this stage. All times are emulated; the same calls give the same run.

    outputs: one Output, or two of a board with SECOND; stage, dac, trace and all else here that belongs to an output
    are the first's. load2, dac_eeprom2: the second's, None for the same as the first. Raises BadValueError for a load
    that there is not, and when a board with one output is given a second load.
    """

    def __init__(
        self,
        image: Path,
        *,
        load: str | Load = "typical",
        load2: str | Load | None = None,
        area_mm2: float = 1000,
        stage: StageParameters | None = None,
        flash: bytes | None = None,
        dac_eeprom: tuple[int, int] = (0, 0),
        dac_eeprom2: tuple[int, int] | None = None,
        board: types.ModuleType = pico_board,
    ) -> None:
        self.board = board
        if load2 is not None and not board.SECOND:
            raise no_second(board)
        self._chip = Chip(Path(image), flash)
        self.mcu = self._chip.mcu
        self._clock = self._chip.clock
        self.on_reset: list[Callable[[str], None]] = []
        self._watched = False
        self._chip.on_reset = self._was_reset
        self.usb = connect_usb(self.mcu, self._wake)
        second = (board.SECOND, load if load2 is None else load2, dac_eeprom2 or dac_eeprom)
        self.outputs = [
            Output(
                number,
                self.mcu,
                board,
                wiring,
                load=its_load,
                area_mm2=area_mm2,
                stage=stage or StageParameters.of_board(board),
                dac_eeprom=eeprom,
                wake=self._wake,
            )
            for number, (wiring, its_load, eeprom) in enumerate(((board, load, dac_eeprom), second), 1)
            if wiring
        ]
        first = self.outputs[0]
        self.stage, self.dac, self.bus, self.trace = first.stage, first.dac, first.bus, first.trace
        self.supply_mv: float = SUPPLY_MV
        self.temperature_c = ROOM_C
        self._mux = connect_adc(self.mcu, board, self.outputs, lambda: self.supply_mv, lambda: self.temperature_c)
        self._connect_pins()

    def _connect_pins(self) -> None:
        board = self.board
        probed = {number: None for output in self.outputs for number in output.trace.pin_names}
        pulled_down = {output.wiring.GATE_PIN for output in self.outputs} | {board.DUMMY_PIN, board.TRIP_TEST_PIN}
        self._pins = Pins(self.mcu, [*probed, *self._mux.pins], pulled_down, self._pin_edge)
        self.button = Button(self._pins, board.BUTTON_PIN, self._clock)
        for output in self.outputs:
            output.connect_pins(self._pins)
        self.drive_pin(board.ESTOP_PIN, 0)  # the normally-closed contact to ground
        self.drive_pin(board.VBUS_PIN, 0)

    def output(self, channel: int) -> Output:
        """Output 1 or 2. Raises BadValueError where there is none of that number."""
        if type(channel) is not int or channel not in (1, 2):
            raise BadValueError(f"there is no channel {channel!r}; nothing was changed; give 1 or 2")
        if channel > len(self.outputs):
            raise no_second(self.board)
        return self.outputs[channel - 1]

    # --- record

    def write_csv(self, path: Path, from_ns: int = 0, to_ns: int | None = None) -> int:
        """What all outputs did, as CSV (csv_file.py); returns the rows. Raises OSError."""
        from .csv_file import write_csv

        return write_csv(self._traces, path, from_ns, to_ns)

    def write_vcd(
        self,
        path: Path,
        from_ns: int = 0,
        to_ns: int | None = None,
        *,
        analog_step_ns: int = ANALOG_STEP_NS,
        tick_ns: int = TICK_NS,
    ) -> int:
        """What all outputs did, as VCD (vcd.py); returns the bytes written. Raises OSError."""
        from .vcd import write_vcd

        return write_vcd(self._traces, path, from_ns, to_ns, analog_step_ns, tick_ns)

    def bound(self, limit_bytes: int) -> None:
        """Forget the oldest of a record larger than this, of every output up to the same instant."""
        for trace in self._traces:
            trace.bound(limit_bytes // len(self._traces))
        begin_ns = max(trace.begin_ns for trace in self._traces)
        for trace in self._traces:
            if trace.begin_ns < begin_ns:
                trace.forget(begin_ns)

    @property
    def _traces(self) -> list[Trace]:
        return [output.trace for output in self.outputs]

    # --- time

    @property
    def now_ns(self) -> int:
        """Emulated time since power-on."""
        return int(self._clock.nanos)

    def run_until(self, t_ns: float) -> None:
        """Run to an exact emulated instant; one that is past does nothing."""
        while not self._chip.advance(t_ns):
            pass

    def run_for_ms(self, ms: float) -> None:
        """Run for a time."""
        self.run_until(self._clock.nanos + ms * NS_PER_MS)

    def run_while(self, predicate: Callable[[], bool], limit_ms: float) -> bool:
        """Run while `predicate()` holds, at most `limit_ms`. True when it ended in time.

        It is asked after every received byte, pin edge, DAC update and reset, and every millisecond.
        """
        end = self._clock.nanos + limit_ms * NS_PER_MS
        self._watched = True
        try:
            while predicate():
                if self._clock.nanos >= end:
                    return False
                self._chip.advance(min(end, self._clock.nanos + POLL_NS))
            return True
        finally:
            self._watched = False

    def at(self, t_ns: float, action: Callable[[], None]) -> None:
        """Run `action` at an exact emulated instant. Raises ValueError when it is past."""
        self._chip.at(t_ns, action)

    # --- serial port

    def open_port(self) -> None:
        """Open the serial port: DTR rises."""
        self.usb.set_open(True)

    def close_port(self) -> None:
        """Close the serial port: DTR falls, the board's output stays in its buffers."""
        self.usb.set_open(False)

    def serial_write(self, data: bytes) -> None:
        """Queue bytes for the board."""
        self.usb.send(data)

    def serial_read(self) -> bytes:
        """Everything the board has sent since the last call."""
        return self.usb.take()

    # --- pins

    @property
    def gate(self) -> int:
        """1 while the gate pin drives the switch closed; floating, an external resistor keeps it open."""
        return self.outputs[0].gate

    def pin(self, number: int) -> int:
        """Level at a GPIO: what the chip drives, else what is connected, else its pull."""
        return self._pins.level(number)

    def drive_pin(self, number: int, level: int) -> None:
        """Connect a GPIO to a level from outside."""
        self._pins.drive(number, level)

    def release_pin(self, number: int) -> None:
        """Disconnect what drives a GPIO from outside: its pull decides."""
        self._pins.release(number)

    def _pin_edge(self, number: int, level: int) -> None:
        if number in self._mux.pins:
            self._mux.pin_edge(number, level)
            return
        for output in self.outputs:
            output.pin_edge(number, level)
        self._wake()

    # --- the first output

    def fail(self, **changes: Value) -> None:
        """Break or mend parts of the output stage, now (faults.StageFaults). Raises BadValueError."""
        self.outputs[0].fail(**changes)

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
        return self.outputs[0].load_name

    @property
    def area_mm2(self) -> float:
        """Area of an electrode."""
        return self.outputs[0].area_mm2

    def set_load(self, load: str | Load, area_mm2: float | None = None) -> None:
        """Put the electrodes on something else, now. Raises BadValueError for an unknown name."""
        self.outputs[0].set_load(load, area_mm2)

    # --- resets and flash

    @property
    def device_state(self) -> int:
        """The firmware's state, index into protocol.STATE_NAMES, as it keeps it beside the watchdog."""
        return self.mcu.watchdog.scratch_data[STATE_SCRATCH] & 0xFF

    def reset(self, cause: str = "run") -> None:
        """Reset the chip: "run", "watchdog" or "power". Only the last one reloads the DACs from their EEPROM."""
        self._chip.reset(cause)
        if cause == "power":
            for output in self.outputs:
                output.dac.power_on()

    def _was_reset(self, cause: str) -> None:
        for output in self.outputs:
            output.trace.resets.append((self.now_ns, cause))
        for listener in self.on_reset:
            listener(cause)
        self._wake()

    def flash_bytes(self) -> bytes:
        """The whole flash, to start another virtual Pico from."""
        return self._chip.flash_bytes()

    def install_files(self, contents: dict[str, bytes]) -> None:
        """Write files straight into the flash's filesystem; reset a running board afterwards. Raises ImageError."""
        files.install_files(self.mcu.flash, contents)

    def read_files(self) -> dict[str, bytes]:
        """{path: contents} of the flash's filesystem. Raises ImageError."""
        return files.read_files(self.mcu.flash)

    def _wake(self) -> None:
        if self._watched:
            self._chip.pause()


def no_second(board: types.ModuleType) -> BadValueError:
    """What to say of a second channel where there is none."""
    return BadValueError(
        f"{board.BOARD} has one output; nothing was changed; use channel 1, or a virtual Pico with two outputs: "
        f"microcurrent sim --board rp2040_pico_dual"
    )
