"""The ADC: code steps of the RP2040, and conversions that happen only when somebody looks."""

import pytest
from rp2040py.rp2040 import RP2040

from microcurrent.bench.adc import CONVERSION_NS, STEPS, WIDE_CODES, WIDE_LSB, LazyAdc, code_of
from microcurrent.bench.corrections import adc_converts_when_read

CS, RESULT, FCS, FIFO, DIV = 0x00, 0x04, 0x08, 0x0C, 0x10
EN, START_ONE, START_MANY, READY = 1, 1 << 2, 1 << 3, 1 << 8
FCS_EN = 1
CHANNEL_1 = 1 << 12
READ_FIFO_IRQ_LEVEL_1 = 1 << 24


class Chip:
    """A bare chip whose ADC channel c reads 1000 * c + microseconds."""

    def __init__(self) -> None:
        self.mcu = RP2040()
        self.adc: LazyAdc = adc_converts_when_read(self.mcu)
        self.asked: list[tuple[int, float]] = []
        self.adc.analog = self._analog

    def _analog(self, channel: int, t_ns: float) -> float:
        self.asked.append((channel, t_ns))
        return 1000.0 * channel + t_ns / 1000

    def wait(self, ns: float) -> None:
        self.mcu.clock.tick(ns)

    def converted(self) -> tuple[int, float]:
        """(channel, instant) behind RESULT."""
        self.adc.read_uint32(RESULT)
        return self.asked[-1]


@pytest.fixture
def chip() -> Chip:
    return Chip()


def test_codes_are_monotonic_and_the_ends_unchanged() -> None:
    codes = [code_of(step / 8) for step in range(STEPS * 8)]
    assert codes == sorted(codes)
    assert set(codes) == set(range(STEPS))
    assert (code_of(-100.0), code_of(0.5), code_of(STEPS - 0.5), code_of(9999.0)) == (0, 0, STEPS - 1, STEPS - 1)


def test_four_wide_codes() -> None:
    fine = [code_of(step / 64) for step in range(STEPS * 64)]
    widths = [fine.count(code) / 64 for code in (*WIDE_CODES, 511, 1000, 2048, 4000)]
    assert widths[:4] == pytest.approx([WIDE_LSB] * 4, abs=0.05)
    assert widths[4:] == pytest.approx([0.9913] * 4, abs=0.05)


def test_mid_scale_is_where_an_ideal_adc_has_it() -> None:
    assert code_of(2048.0) == 2048
    assert code_of(2047.99) == 2047


def test_one_conversion_takes_2_us_and_is_of_its_end(chip: Chip) -> None:
    chip.adc.write_uint32(CS, EN | START_ONE | CHANNEL_1)
    assert chip.adc.read_uint32(CS) == EN | CHANNEL_1  # START_ONE clears itself, not ready
    chip.wait(CONVERSION_NS - 1)
    assert not chip.adc.read_uint32(CS) & READY
    chip.wait(1)
    assert chip.adc.read_uint32(CS) & READY
    chip.wait(500_000)
    assert chip.converted() == (1, CONVERSION_NS)


def test_free_running_costs_nothing_until_read(chip: Chip) -> None:
    chip.adc.write_uint32(CS, EN | START_MANY)
    chip.wait(1_000_000)
    assert chip.asked == []
    assert not chip.mcu.clock.has_scheduled_alarm
    assert chip.converted() == (0, 1_000_000)
    chip.wait(3_000)
    assert chip.converted() == (0, 1_002_000)


def test_reading_twice_gives_the_same_conversion(chip: Chip) -> None:
    chip.adc.write_uint32(CS, EN | START_MANY)
    chip.wait(5_000)
    assert chip.adc.read_uint32(RESULT) == chip.adc.read_uint32(RESULT) == code_of(4.0)
    assert len(chip.asked) == 1


def test_a_conversion_keeps_the_channel_it_began_with(chip: Chip) -> None:
    chip.adc.write_uint32(CS, EN | START_MANY)
    chip.wait(101_000)
    chip.adc.write_uint32(CS, EN | START_MANY | CHANNEL_1)
    chip.wait(500)
    assert chip.converted() == (0, 100_000)
    chip.wait(500)
    assert chip.converted() == (0, 102_000)  # in progress when the channel was switched
    chip.wait(2_000)
    assert chip.converted() == (1, 104_000)


def test_clock_divider_spaces_conversions(chip: Chip) -> None:
    chip.adc.write_uint32(DIV, 479 << 8)  # 480 clocks of 48 MHz: 10 us
    chip.adc.write_uint32(CS, EN | START_MANY)
    chip.wait(11_999)
    assert chip.converted() == (0, 2_000)
    chip.wait(1)
    assert chip.converted() == (0, 12_000)


def test_disabled_in_mid_conversion(chip: Chip) -> None:
    chip.adc.write_uint32(CS, EN | START_MANY)
    chip.wait(3_000)
    chip.adc.write_uint32(CS, EN)
    chip.wait(10_000)
    assert chip.converted() == (0, 4_000)
    assert chip.adc.read_uint32(CS) & READY


def test_fifo_collects_every_conversion(chip: Chip) -> None:
    chip.adc.write_uint32(FCS, FCS_EN | READ_FIFO_IRQ_LEVEL_1)
    chip.adc.write_uint32(CS, EN | START_MANY)
    chip.wait(7_000)
    chip.adc.write_uint32(CS, EN)
    assert [chip.adc.read_uint32(FIFO) for _ in range(3)] == [code_of(2.0), code_of(4.0), code_of(6.0)]


def test_round_robin_visits_the_selected_channels(chip: Chip) -> None:
    chip.adc.write_uint32(FCS, FCS_EN)
    chip.adc.write_uint32(CS, EN | START_MANY | (0b01011 << 16))
    chip.wait(8_500)
    assert [channel for channel, _ in chip.asked] == [0, 1, 3, 0]
