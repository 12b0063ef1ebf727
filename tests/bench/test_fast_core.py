"""The compiled inner loop changes no event and no timestamp: the same board, run by it and by the portable one."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from rp2040py.rp2040 import RP2040
from rp2040py.sio import (
    CPUID,
    DIV_CSR,
    DIV_QUOTIENT,
    DIV_REMAINDER,
    DIV_SDIVIDEND,
    DIV_SDIVISOR,
    DIV_UDIVIDEND,
    DIV_UDIVISOR,
    GPIO_OUT,
    INTERP0_BASE0,
)

from firmware.shared import settings
from microcurrent.bench import chip, corrections
from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.sio import PlainSio
from microcurrent.client import DeviceClient
from microcurrent.transport import BenchTransport

WAVE = {"amplitude_ua": 200, "frequency_mhz": 100_000, "duration_ms": 60_000, "ramp_ms": 100, "shape": "sine"}
OPERANDS = (DIV_UDIVIDEND, DIV_UDIVISOR, DIV_SDIVIDEND, DIV_SDIVISOR)
RESULTS = (DIV_QUOTIENT, DIV_REMAINDER, DIV_CSR)
CORNERS = (0, 1, 2, 3, 7, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)


def played(image: Path, files: dict[str, bytes]) -> dict[str, Any]:
    """Everything that a boot, a self-test and the beginning of a session leave behind."""
    pico = VirtualPico(image, dac_eeprom=(2048, 0))
    pico.install_files(files | {"/settings_a": settings.encode_slot(1, settings.defaults() | {"area_mm2": 1000})})
    client = DeviceClient(BenchTransport(pico))
    client.hello()
    terms = client.request("arm", {"wave": WAVE})
    client.request("start", {"session": terms["session"]})
    pico.run_for_ms(450)
    pico.set_load("open")
    pico.run_for_ms(30)
    pico.reset("watchdog")
    pico.run_for_ms(20)
    trace = pico.trace
    return {
        "dac": list(zip(trace.dac_ns, trace.dac_codes, strict=True)),
        "bus": list(trace.bus.between(0, pico.now_ns)),
        "pins": {pin: trace.pin_edges(pin) for pin in range(30)},
        "switch": trace.switch,
        "status": client.identity,
        "time": pico.now_ns,
        "cycles": pico.mcu.core.cycles,
        "ram": bytes(pico.mcu.sram),
        "flash": pico.flash_bytes(),
    }


def test_no_event_and_no_timestamp_differs(
    image: Path, firmware_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = played(image, firmware_files)
    monkeypatch.setattr(chip, "fast_core", None)
    monkeypatch.setattr(corrections, "fast_core", None)
    slow = played(image, firmware_files)
    assert len(fast["dac"]) > 4000 and len(fast["bus"]) > 10_000
    for name, value in slow.items():
        assert fast[name] == value, name


def pair() -> tuple[Any, PlainSio]:
    """The SIO of a corrected chip, and the portable one."""
    mcu = RP2040()
    corrections.sio_divides_and_reads_as_silicon(mcu)
    return mcu.sio, PlainSio(RP2040())


def test_the_divider_divides_as_the_portable_one() -> None:
    """Any order of operands, results put back by an interrupt, results read at any time."""
    compiled, portable = pair()
    random = Random(1)
    for _ in range(20_000):
        value = random.choice((*CORNERS, random.getrandbits(32), random.getrandbits(8)))
        move = random.randrange(3)
        offset = random.choice(OPERANDS if move < 2 else (DIV_QUOTIENT, DIV_REMAINDER))
        if move < 2 or random.random() < 0.2:
            compiled.write_uint32(offset, value)
            portable.write_uint32(offset, value)
        for register in random.sample((*OPERANDS, *RESULTS), 3):
            assert compiled.read_uint32(register) == int(portable.read_uint32(register)) & 0xFFFFFFFF


def test_everything_else_is_the_portable_one() -> None:
    compiled, portable = pair()
    for sio in (compiled, portable):
        sio.write_uint32(INTERP0_BASE0, 1234)
        sio.write_uint32(GPIO_OUT, 1 << 5)
        sio.write_uint32(DIV_UDIVIDEND, 9)
        assert (sio.read_uint32(CPUID), sio.read_uint32(INTERP0_BASE0), sio.gpio_value) == (0, 1234, 1 << 5)
        sio.gpio_output_enable = 3
        assert sio.gpio_output_enable == 3
        sio.reset()
        assert (sio.read_uint32(DIV_UDIVIDEND), sio.read_uint32(DIV_CSR), sio.gpio_value) == (0, 0, 0)
