"""The I2C bus at bit times, and its wires for programs that bit-bang them."""

import pytest

from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.trace import ADDRESS, BUS_KINDS, WRITE

from .conftest import MakePico
from .python_on import ADAFRUIT, boot, run

BIT_NS = 2504  # 313 clocks: what the SDK makes of 400 kHz
SETUP = "from machine import I2C, Pin, SoftI2C; bus = I2C(0, sda=Pin(4), scl=Pin(5), freq=400000, timeout=2000)"
CATCH = "try: {}\nexcept OSError as error: print(error.errno)"


@pytest.fixture
def wired(pico: VirtualPico) -> VirtualPico:
    run(pico, SETUP)
    return pico


def events(pico: VirtualPico, since_ns: int) -> list[tuple[int, int, int, int, bool]]:
    return list(pico.trace.bus.between(since_ns, pico.now_ns + 1))


def test_a_write_takes_its_bits(wired: VirtualPico) -> None:
    since = wired.now_ns
    run(wired, "bus.writeto(0x60, bytes((0x09, 0xAB)))")
    log = events(wired, since)
    assert [BUS_KINDS[kind] for _, _, kind, _, _ in log] == ["START", "ADDRESS", "WRITE", "WRITE", "STOP"]
    assert [byte for _, _, kind, byte, _ in log if kind in (ADDRESS, WRITE)] == [0xC0, 0x09, 0xAB]
    assert {bit_ns for _, bit_ns, *_ in log} == {BIT_NS}
    ends = [end for end, *_ in log]
    assert ends[1] - ends[0] == 9 * BIT_NS
    assert ends[2] - ends[1] == 9 * BIT_NS
    assert 9 * BIT_NS < ends[3] - ends[2] < 9 * BIT_NS + 2000  # the SDK waits for each byte before it sends the next
    assert ends[4] - ends[3] == BIT_NS
    assert wired.trace.dac_ns[-1] == ends[3]  # the DAC moves at the acknowledge of the last byte


def test_silicon_is_slower_than_its_counts(make: MakePico) -> None:
    pico = make()
    controller = pico.bus.controller
    controller.silicon_scl = True
    run(boot(pico), SETUP)
    assert controller.bit_ns == 332 * 8  # 376 kHz


def test_absent_device_is_an_error_at_once(wired: VirtualPico) -> None:
    since = wired.now_ns
    assert run(wired, CATCH.format("bus.writeto(0x61, b'ab')")) == "5"
    assert [(kind, acknowledge) for _, _, kind, _, acknowledge in events(wired, since)][1] == (ADDRESS, False)
    assert run(wired, "print(bus.readfrom(0x60, 5)[0])") == "192"


def test_zero_length_probe_and_scan(wired: VirtualPico) -> None:
    assert run(wired, "print(bus.writeto(0x60, b''), bus.scan())") == "0 [96]"
    assert run(wired, CATCH.format("bus.writeto(0x61, b'')")) == "19"
    wired.dac.absent = True
    assert run(wired, "print(bus.scan())") == "[]"


def test_bit_banged_transfers_reach_the_dac(wired: VirtualPico) -> None:
    assert (
        run(
            wired,
            "soft = SoftI2C(sda=Pin(4), scl=Pin(5))\n"
            "soft.writeto(0x60, b'\\x08\\x78\\x08\\x79')\n"
            "print(soft.readfrom(0x60, 5).hex(), soft.readfrom(0x60, 2).hex())",
        )
        == "c087900000 c087"
    )
    assert [code & 0xFFF for code in wired.trace.dac_codes[-2:]] == [0x878, 0x879]


def test_a_stuck_bus_times_out_and_nine_clocks_free_it(wired: VirtualPico) -> None:
    wired.hold_sda = True
    assert run(wired, CATCH.format("bus.writeto(0x60, b'ab')")) == "110"
    assert run(wired, "print(Pin(4).value())") == "0"
    clocks = "scl = Pin(5, Pin.OPEN_DRAIN, value=1)\nfor _ in range({}): scl(0); scl(1)"
    run(wired, clocks.format(8))
    assert wired.hold_sda
    run(wired, clocks.format(1))
    assert not wired.hold_sda
    assert run(wired, f"{SETUP}\nbus.writeto(0x60, b'\\x08\\x77'); print(bus.readfrom(0x60, 3).hex())") == "c08770"


def test_a_transfer_that_waits_goes_on_when_the_bus_is_freed(wired: VirtualPico) -> None:
    wired.hold_sda = True
    wired.at(wired.now_ns + 20_000_000, lambda: setattr(wired, "hold_sda", False))
    run(wired, "bus = I2C(0, sda=Pin(4), scl=Pin(5), freq=400000, timeout=50000)\nbus.writeto(0x60, b'\\x08\\x11')")
    assert wired.dac.code == 0x811


def test_a_bus_that_is_held_within_a_byte_is_lost(wired: VirtualPico) -> None:
    """The controller drives a 1 and reads a 0: arbitration lost, and it lets go. Zeros alone would pass."""
    run(wired, "bus.writeto(0x60, b'\\x08\\x11')")
    controller, since = wired.bus.controller, wired.now_ns
    for byte in (0x00, 0x08, 0x21):  # straight into the FIFO; no STOP: the transaction stays open
        controller.write_uint32(0x10, byte)
    wired.at(since + 12 * BIT_NS, lambda: setattr(wired, "hold_sda", True))  # START and address take ten
    wired.run_for_ms(1)
    assert [byte for _, _, kind, byte, _ in events(wired, since) if kind == WRITE] == [0x00]
    assert controller.read_uint32(0x80) & 1 << 12  # IC_TX_ABRT_SOURCE: ARB_LOST
    assert wired.dac.code == 0x811


def test_adafruits_driver_works_unchanged(make: MakePico, firmware_files: dict[str, bytes]) -> None:
    """Both libraries as they are shipped to the board, on the adapter that the firmware gives them."""
    adafruit = {path: data for path, data in firmware_files.items() if "adafruit" in path}
    assert adafruit
    pico = make()
    pico.install_files(adafruit)
    boot(pico)
    run(pico, SETUP)
    source = ADAFRUIT + "dac.raw_value = 1234\nprint(dac.raw_value)\ndac.save_to_eeprom()"
    assert run(pico, source) == "1234"
    assert pico.dac.eeprom_code == 1234
