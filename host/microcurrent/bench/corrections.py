"""Every correction of the emulator that our figures need, one function each. `apply` makes them all.

They mend rp2040py 0.3.6 from outside, before anything is connected to the chip; tests/bench/test_corrections.py
shows for each that the stock behaviour is still wrong, so it tells when one can go.
"""

from collections.abc import Callable

from rp2040py.rp2040 import RP2040

from .adc import LazyAdc, StreamedChannel
from .compiled import fast_core
from .corrected_blocks import (
    GPIO_COUNT,
    BlockResets,
    ExactTimer,
    PioDoor,
    QuietPin,
    SleepingPio,
    WakingIo,
)
from .flash_chip import TimedFlash
from .i2c_controller import BusController
from .sio import PlainSio
from .usb_host import PacedUsb

_ADC, _TIMER, _USB, _SSI = 0x4004C, 0x40054, 0x50110, 0x18000  # keys of RP2040.peripherals
_I2C = (0x40044, 0x40048)
_PIO = (0x50200, 0x50300)
_IO_BANK0, _RESETS = 0x40014, 0x4000C


def usb_waits_for_the_host(mcu: RP2040) -> PacedUsb:
    """Hold transfers as a host paces them.

    Stock completes every OUT transfer within 10 us with an empty packet, so the CPU never idles (14 times slower, and 3
    times wrong in emulated time), and completes every IN packet, so a host that stopped reading holds nothing back.
    UsbHost does the holding; DTR follows its open port instead of being high for ever.
    """
    usb = PacedUsb(mcu)
    mcu.usb_ctrl = usb
    mcu.peripherals[_USB] = usb
    return usb


def edges_need_a_change(mcu: RP2040) -> None:
    """Stock sets an edge interrupt whenever an input is driven or refreshed, even to the level it already has."""
    mcu.gpio[:] = [QuietPin(mcu, index) for index in range(GPIO_COUNT)]


def pins_tell_of_resets(mcu: RP2040) -> None:
    """At a chip reset stock lets pins float without telling listeners: a gate that opens would not be seen."""
    stock: Callable[..., None] = mcu.enter_reset

    def enter_reset(*, from_watchdog: bool = False) -> None:
        before = [pin.value for pin in mcu.gpio]
        stock(from_watchdog=from_watchdog)
        for pin, old in zip(mcu.gpio, before, strict=True):
            if pin.value != old:
                for listener in pin._listeners:
                    listener(pin.value, old)

    mcu.enter_reset = enter_reset


def alarms_are_exact(mcu: RP2040) -> None:
    """Stock truncates the time to an alarm to whole us and fires it up to 1 us early: jitter that silicon has not."""
    timer = ExactTimer(mcu)
    mcu.timer = timer
    mcu.peripherals[_TIMER] = timer


def sio_divides_and_reads_as_silicon(mcu: RP2040) -> None:
    """An SIO whose figures add up.

    Stock adds 8 to core.cycles per divider operand without advancing time, so CPU load reads above 100 %; and
    GPIO_IN of a pin that the chip drives shows what is driven from outside, not the level of the pin.
    """
    plain = PlainSio(mcu)
    mcu.sio = fast_core.Sio(plain) if fast_core else plain


def adc_converts_when_read(mcu: RP2040) -> LazyAdc:
    """An ADC with analog inputs, at no cost while it runs free.

    Stock takes an alarm per conversion (500000 a second in free running), never clears START_ONE, selects wrong
    channels in round robin, leaves the FIFO interrupt up after the FIFO was read, and knows no RP2040-E11.
    """
    adc = LazyAdc(mcu)
    mcu.adc = adc
    mcu.peripherals[_ADC] = adc
    mcu.dma.channels[:] = [StreamedChannel(mcu.dma, mcu, index) for index in range(len(mcu.dma.channels))]
    return adc


def flash_takes_time(mcu: RP2040) -> TimedFlash:
    """Stock erases in no time; a real sector erase blocks interrupts for 45 ms, which must not happen in a session."""
    mcu.qspi[1]._listeners.discard(mcu.ssi._on_cs_pin_changed)
    flash = TimedFlash(mcu)
    mcu.ssi = flash
    mcu.peripherals[_SSI] = flash
    return flash


def i2c_reports_as_silicon_does(mcu: RP2040) -> list[BusController]:
    """A controller whose flags the SDK can rely on, and that survives absent devices and a stuck bus.

    Stock raises TX_EMPTY at the start of a byte instead of its end (IC_CON.TX_EMPTY_CTRL) and not at all when an abort
    empties the FIFO (the SDK then reports a timeout instead of a missing device), accepts data at once afterwards,
    where silicon drops it until IC_CLR_TX_ABRT is read, and when disabled keeps waiting for a bus that was stuck.
    """
    controllers = [BusController(mcu, index) for index in range(2)]
    mcu.i2c[:] = controllers
    for key, controller in zip(_I2C, controllers, strict=True):
        mcu.peripherals[key] = controller
    return controllers


def watchdog_stops_at_a_reset(mcu: RP2040) -> None:
    """Stock keeps the watchdog counting through a reset by the RUN pin, which then resets the chip once more."""
    stock: Callable[..., None] = mcu.enter_reset

    def enter_reset(*, from_watchdog: bool = False) -> None:
        watchdog = mcu.watchdog
        watchdog.timer.enable = False
        watchdog.alarm.enable = False
        watchdog._enable = False
        stock(from_watchdog=from_watchdog)

    mcu.enter_reset = enter_reset


def block_resets_reach_the_blocks(mcu: RP2040) -> None:
    """Stock stores RESETS.RESET and resets nothing: machine.I2C(...) would keep the state of a transfer that hung."""
    resets = BlockResets(mcu)
    mcu.resets = resets
    mcu.peripherals[_RESETS] = resets


def idle_pio_costs_nothing(mcu: RP2040) -> None:
    """Stock asks both PIO blocks after every instruction whether they run: a fifth of the time of a session.

    They leave the loop until something is written to them or a pin is given to them. Results are the same.
    """
    stock: Callable[..., None] = mcu.enter_reset
    sleeping = SleepingPio(mcu)
    for key, block in zip(_PIO, sleeping.blocks, strict=True):
        mcu.peripherals[key] = PioDoor(block, sleeping)
    mcu.peripherals[_IO_BANK0] = WakingIo(mcu, sleeping)

    def enter_reset(*, from_watchdog: bool = False) -> None:
        sleeping.wake()  # the stock reset wants to reach them
        stock(from_watchdog=from_watchdog)
        sleeping.sleep()

    mcu.enter_reset = enter_reset


def apply(mcu: RP2040) -> None:
    """All corrections, on a chip that nothing is connected to yet."""
    usb_waits_for_the_host(mcu)
    edges_need_a_change(mcu)
    pins_tell_of_resets(mcu)
    alarms_are_exact(mcu)
    sio_divides_and_reads_as_silicon(mcu)
    adc_converts_when_read(mcu)
    flash_takes_time(mcu)
    i2c_reports_as_silicon_does(mcu)
    watchdog_stops_at_a_reset(mcu)
    block_resets_reach_the_blocks(mcu)
    idle_pio_costs_nothing(mcu)
