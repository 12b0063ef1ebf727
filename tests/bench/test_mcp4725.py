"""The DAC's commands, byte by byte, against the data sheet (Microchip DS22039)."""

import math

import pytest

from microcurrent.bench.mcp4725 import EEPROM_WRITE_NS, SETTLING_NS, SETTLING_TAU_NS, Mcp4725

ADDRESS = 0x60
PD_500K = 3


class Bench:
    """A part, a clock, and the master's side of transfers."""

    def __init__(self, eeprom_code: int = 0, eeprom_power_down: int = 0) -> None:
        self.now_ns = 0
        self.outputs: list[tuple[int, int]] = []
        self.dac = Mcp4725(lambda: self.now_ns, ADDRESS, eeprom_code, eeprom_power_down)
        self.dac.on_output = lambda code, power_down: self.outputs.append((code, power_down))

    def write(self, *data: int, address: int = ADDRESS) -> list[bool]:
        acknowledges = [self.dac.start(address, False)]
        acknowledges += [self.dac.write(byte) for byte in data]
        self.dac.stop()
        return acknowledges

    def read(self) -> list[int]:
        assert self.dac.start(ADDRESS, True)
        data = [self.dac.read() for _ in range(5)]
        self.dac.stop()
        return data


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_powers_on_from_its_eeprom() -> None:
    bench = Bench(0x123, 2)
    assert (bench.dac.code, bench.dac.power_down) == (0x123, 2)
    assert bench.read() == [0xC4, 0x12, 0x30, 0x41, 0x23]


def test_fast_write(bench: Bench) -> None:
    assert bench.write(0x18, 0x01) == [True, True, True]
    assert bench.outputs == [(0x801, 1)]
    assert bench.dac.eeprom_code == 0


def test_continuous_fast_writes_need_no_new_address(bench: Bench) -> None:
    bench.write(0x08, 0x00, 0x0F, 0xFF, 0x00, 0x01)
    assert bench.outputs == [(0x800, 0), (0xFFF, 0), (0x001, 0)]


def test_takes_effect_at_the_last_bytes_acknowledge(bench: Bench) -> None:
    bench.dac.start(ADDRESS, False)
    bench.dac.write(0x08)
    assert bench.outputs == []
    bench.dac.write(0x00)
    assert bench.outputs == [(0x800, 0)]


def test_an_unfinished_write_is_forgotten(bench: Bench) -> None:
    bench.write(0x0F)
    bench.write(0x08, 0x00)
    assert bench.outputs == [(0x800, 0)]


def test_register_write_leaves_the_eeprom(bench: Bench) -> None:
    bench.write(0x40 | PD_500K << 1, 0x80, 0x10)
    assert bench.outputs == [(0x801, PD_500K)]
    assert (bench.dac.eeprom_code, bench.dac.busy) == (0, False)


def test_eeprom_write_reads_back_after_25_ms(bench: Bench) -> None:
    bench.write(0x60, 0x80, 0x00)
    assert bench.outputs == [(0x800, 0)]
    assert bench.read() == [0x40, 0x80, 0x00, 0x08, 0x00]  # RDY/BSY is low
    bench.now_ns = EEPROM_WRITE_NS
    assert bench.read() == [0xC0, 0x80, 0x00, 0x08, 0x00]


def test_writes_while_busy_are_acknowledged_and_ignored(bench: Bench) -> None:
    bench.write(0x60, 0x80, 0x00)
    bench.now_ns = EEPROM_WRITE_NS - 1
    assert all(bench.write(0x00, 0x00))
    assert (bench.dac.code, bench.dac.ignored_writes) == (0x800, 1)
    bench.now_ns += 1
    bench.write(0x00, 0x00)
    assert bench.dac.code == 0


def test_general_call_reset_reloads_the_eeprom(bench: Bench) -> None:
    bench.dac.eeprom_code = 0x800
    bench.write(0x0F, 0xFF)
    assert bench.write(0x06, address=0) == [True, True]
    assert bench.outputs[-1] == (0x800, 0)


def test_general_call_wake_up_clears_the_power_down_bits(bench: Bench) -> None:
    bench.write(0x30 | 0x08, 0x00)
    bench.write(0x09, address=0)
    assert bench.outputs == [(0x800, 3), (0x800, 0)]


def test_answers_to_its_address_only(bench: Bench) -> None:
    assert bench.write(0x08, 0x00, address=0x61)[0] is False
    bench.dac.address = 0x61
    assert bench.write(0x08, 0x00, address=0x61)[0] is True


def test_faults(bench: Bench) -> None:
    bench.dac.stuck = True
    assert all(bench.write(0x08, 0x00))
    assert (bench.dac.code, bench.outputs) == (0, [])
    bench.dac.absent = True
    assert bench.write(0x08, 0x00)[0] is False
    assert bench.write(0x06, address=0)[0] is False


def test_a_dac_that_vanishes_within_a_transaction_acknowledges_no_more(bench: Bench) -> None:
    assert bench.dac.start(ADDRESS, False) and bench.dac.write(0x08)
    bench.dac.absent = True
    assert bench.dac.write(0x77) is False
    assert bench.dac.code == 0


def test_settling_is_half_a_step_after_6_us() -> None:
    assert 2048 * math.exp(-SETTLING_NS / SETTLING_TAU_NS) == pytest.approx(0.5)
