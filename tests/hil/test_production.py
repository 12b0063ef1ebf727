"""What is different on a production image. All other scenarios run on one too: `make test-frozen`.

The image comes from the cache or is built; a machine that can do neither skips these tests, and says why.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from boards.rp2040_pico import board as pico_board
from firmware.shared import protocol
from microcurrent.bench.files import FILESYSTEM_OFFSET
from microcurrent.bench.pico import VirtualPico
from microcurrent.build import build_firmware
from microcurrent.errors import ImageError
from microcurrent.image import uf2
from microcurrent.image.production import production_image
from microcurrent.image.resolver import IMAGE_ENV, resolve_image
from tests import frozen

from .conftest import Bench, made_bench

MS = 1_000_000
GATES = 1 << pico_board.GATE_PIN | 1 << 17  # boot.py drops both on every board
RAM = range(0x20000000, 0x20042000)  # RP2040 data sheet 2.2
FLASH = range(0x10000000, 0x10200000)
Made = Callable[..., Bench]


@pytest.fixture(scope="module")
def production_uf2() -> Path:
    """The Pico's production image."""
    try:
        return production_image("rp2040_pico")[0]
    except ImageError as error:
        pytest.skip(f"no production image can be built here: {error}")


@pytest.fixture
def uploaded(monkeypatch: pytest.MonkeyPatch) -> Made:
    """Make a virtual Pico with plain MicroPython and uploaded firmware, whatever the environment names."""
    monkeypatch.delenv(IMAGE_ENV, raising=False)
    return lambda: made_bench(resolve_image().path, build_firmware("rp2040_pico").files, {})


@pytest.fixture
def production(production_uf2: Path) -> Made:
    """Make a virtual Pico with a production image and these files in its filesystem; it has not run yet."""
    return lambda files=None, **keywords: made_bench(production_uf2, files or {}, keywords)


def driven_ns(pico: VirtualPico) -> int:
    """When both gate pins were driven, low, after power-on."""
    sio = pico.mcu.sio
    while sio.gpio_output_enable & GATES != GATES:
        assert pico.now_ns < 100 * MS
        pico.run_until(pico.now_ns + 1000)
    assert not sio.gpio_value & GATES
    return pico.now_ns


def at_repl(pico: VirtualPico, line: str) -> str:
    """What the REPL prints for a line, after Ctrl-C has ended the firmware."""
    pico.open_port()
    pico.run_while(lambda: pico.device_state != protocol.READY, 3000)
    pico.serial_write(b"\x03")
    pico.run_for_ms(200)
    pico.serial_read()
    pico.serial_write(line.encode() + b"\r\n")
    pico.run_for_ms(300)
    return pico.serial_read().decode().partition("\r\n")[2].replace("\r\n", "\n").removesuffix(">>> ").strip()


def test_it_says_what_it_is_and_proves_every_byte(production: Made) -> None:
    bench = production()
    identity = bench.client.hello()
    built = build_firmware("rp2040_pico")
    assert (identity["image"], identity["board"], identity["manifest"]) == ("frozen", "rp2040_pico", built.hash)
    assert bench.request("status")["state"] == "READY"
    proven = bench.request("selftest")
    assert proven["passed"] and proven["tests"][-1][0] == "firmware-files", proven
    assert "as built" in proven["tests"][-1][3]


def test_a_bit_of_the_image_that_flips_is_noticed(production: Made, production_uf2: Path) -> None:
    bench = production()
    bench.client.hello()
    _begin, image = uf2.contents(production_uf2)
    bench.pico.mcu.flash[len(image) - 1] ^= 0x10  # behind all that runs
    proven = bench.request("selftest")
    assert [test[0] for test in proven["tests"] if not test[1]] == ["firmware-files"]
    assert bench.request("faults")["name"] == "selftest-failed"


def test_the_gates_open_before_the_filesystem_is_mounted(production: Made, uploaded: Made) -> None:
    """Fourteen milliseconds before an uploaded boot.py can do it: that has to be found, read and compiled."""
    frozen_ns, uploaded_ns = driven_ns(production().pico), driven_ns(uploaded().pico)
    assert frozen_ns < 2 * MS and uploaded_ns > frozen_ns + 10 * MS


def test_viper_code_runs_from_ram_and_bytecode_from_flash(production: Made) -> None:
    """A flash cache that misses must not delay the sample interrupt: its 8 kB would have to be fetched anew."""
    ask = (
        "from machine import mem32; from firmware.hw import interrupt as i, output_rp2 as o; "
        "print(*(mem32[id(f) + 12] for f in (i.tick, i.watch, i.lift, i.gather, i.start, o._signed)))"
    )
    *viper, bytecode = (int(word) for word in at_repl(production().pico, ask).split())
    assert all(address in RAM for address in viper) and bytecode in FLASH


@pytest.mark.parametrize("name", ["/main.py", "/boot.py", "/board.py", "/lib/board.py", "/json.py", "/firmware/app.py"])
def test_no_file_replaces_what_is_frozen_or_built_in(production: Made, name: str) -> None:
    bench = production({name: b"raise SystemExit\n"})
    assert bench.client.hello()["image"] == "frozen"
    assert bench.request("status")["state"] == "READY"


def test_files_cannot_be_imported(production: Made) -> None:
    printed = at_repl(production({"/lib/mine.py": b"x = 1\n"}).pico, "import mine")
    assert printed.endswith("ImportError: no module named 'mine'")


def test_an_empty_flash_gets_a_filesystem_of_its_own(production: Made, production_uf2: Path) -> None:
    _begin, image = uf2.contents(production_uf2)
    bench = production(flash=image.ljust(FILESYSTEM_OFFSET, b"\xff") + b"\xff" * (0x200000 - FILESYSTEM_OFFSET))
    bench.client.hello()
    assert bench.request("status")["state"] == "READY"
    bench.client.request("config", {"set": {"lease_ms": 1234}}, 10.0)
    bench.pico.reset("power")
    bench.client.reconnect()
    assert bench.request("config")["set"]["lease_ms"] == 1234


def test_settings_and_journal_survive_the_change_to_a_production_image(
    production: Made, uploaded: Made, production_uf2: Path
) -> None:
    before = uploaded()
    before.client.hello()
    before.client.request("config", {"set": {"lease_ms": 1234}}, 10.0)
    before.run(duration_ms=500)
    told = before.request("journal")["lines"]
    _begin, image = uf2.contents(production_uf2)
    after = production(flash=image + before.pico.flash_bytes()[len(image) :])
    assert after.client.hello()["image"] == "frozen"
    assert after.request("config")["set"]["lease_ms"] == 1234
    assert len(told) >= 2 and after.request("journal")["lines"][: len(told)] == told


def test_a_session_plays_the_same_codes(production: Made, uploaded: Made) -> None:
    played = []
    for bench in (production(), uploaded()):
        bench.client.hello()
        assert bench.run(duration_ms=500).reason == "duration"
        played.append(bench.treated())
    short, long = sorted(played, key=len)  # one main loop ends the interrupt some zeros after the other
    assert len(short) > 4000 and long == short + [0] * (len(long) - len(short))


def test_it_is_no_usb_drive(production: Made) -> None:
    """The interfaces that it names to a host: a serial port's two, no mass storage (class 8)."""
    pico = production().pico
    pico.run_while(lambda: pico.device_state != protocol.READY, 3000)
    told = bytes(pico.usb._descriptors)
    classes = []
    while told:
        classes += [told[5]] if told[1] == 4 else []
        told = told[told[0] :]
    assert classes == [2, 10]


def test_changed_modules_make_another_image(production_uf2: Path, firmware_files: dict[str, bytes]) -> None:
    """What the tests with --frozen rest upon: an image of their own for a changed module."""
    assert frozen.image_of("rp2040_pico", firmware_files) == production_uf2
