"""Production images as files: form and seal; and their way onto a board, with directories that play its drive."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.shared import protocol
from microcurrent import bootsel, esp32_image, flash_production, ports, remote, virtual
from microcurrent.bench.files import read_files
from microcurrent.bench.pico import VirtualPico
from microcurrent.build import MANIFEST, build_firmware
from microcurrent.errors import BadValueError, FirmwareError, ImageError, NoBoardError, PortError, VerifyError
from microcurrent.image import cache, production, seal, uf2
from microcurrent.image.seal import Production

from .conftest import SAFE_EEPROM, run_cli

INFO = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
BEGIN = uf2.FLASH_BEGIN
On = Callable[[VirtualPico], str]
Told = list[tuple[str, int, int]]


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A file in the form of a production image, around noise instead of code."""
    path = tmp_path / "image.uf2"
    block = seal.module_source("rp2040_pico", "0.2.0", "0123456789ab", "1.26.1").partition(b"b'")[2].rpartition(b"'")[0]
    path.write_bytes(uf2.encode(BEGIN, bytes(range(256)) * 8 + block + bytes(range(255, -1, -1)) * 8))
    seal.seal(path)
    return path


@pytest.fixture(scope="module")
def real() -> Path:
    """The Pico's own production image."""
    try:
        return production.production_image("rp2040_pico")[0]
    except ImageError as error:
        pytest.skip(f"no production image can be built here: {error}")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A directory with what the boot ROM's drive shows."""
    place = tmp_path / "RPI-RP2"
    place.mkdir()
    (place / "INFO_UF2.TXT").write_text(INFO)
    return place


def silent(*_arguments: object) -> None:
    """Nobody listens."""


def changed(path: Path, at: int, *values: int) -> Path:
    data = bytearray(path.read_bytes())
    data[at : at + len(values)] = bytes(values)
    other = path.with_name("changed.uf2")
    other.write_bytes(data)
    return other


# The file -----------------------------------------------------------------------------------------------------------


def test_uf2_holds_what_was_put_in(tmp_path: Path) -> None:
    path = tmp_path / "x.uf2"
    path.write_bytes(uf2.encode(BEGIN, b"x" * 300))
    assert uf2.contents(path) == (BEGIN, b"x" * 300 + bytes(212))


def test_a_sealed_image_says_what_it_is(sealed: Path) -> None:
    found = seal.described(sealed)
    assert found == Production("rp2040_pico", "0.2.0", "0123456789ab", "1.26.1", protocol.FIRMWARE_NUMBER, found.sha256)
    begin, data = uf2.contents(sealed)
    assert f'"start": "{begin:08x}", "bytes": "{len(data):08x}", "sha256": "{found.sha256}"'.encode() in data


def test_every_changed_byte_is_noticed(sealed: Path) -> None:
    """In each block, three bytes of its payload, of its marks and of its address."""
    blocks = sealed.stat().st_size // uf2.BLOCK_BYTES
    assert blocks > 16
    whole = sealed.read_bytes()
    for number in range(blocks):
        for at in (0, 5, 13, 16, 21, 29, 32, 160, 287, 508):
            place = number * uf2.BLOCK_BYTES + at
            other = changed(sealed, place, whole[place] ^ 0x40)
            with pytest.raises(ImageError, match=r"damaged|is not a|incomplete|family|names no board"):
                seal.described(other)


def test_what_is_no_production_image_is_refused_with_the_way_to_one(tmp_path: Path, image: Path) -> None:
    if seal.described_if_ours(image) is None:  # with --frozen it is one
        with pytest.raises(
            ImageError, match="names no board of ours; nothing was written; build one with: microcurrent"
        ):
            seal.described(image)
    empty = tmp_path / "empty.uf2"
    empty.write_bytes(b"")
    with pytest.raises(ImageError, match="0 bytes are no whole number of 512-byte blocks"):
        seal.described(empty)
    with pytest.raises(ImageError, match=r"none\.uf2 cannot be read \(No such file or directory\)"):
        seal.described(tmp_path / "none.uf2")


def test_addresses_outside_the_flash_and_gaps_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.uf2"
    path.write_bytes(uf2.encode(0x20000000, bytes(512)))
    with pytest.raises(ImageError, match="block 0 is for address 0x20000000, the flash is 0x10000000 to 0x10200000"):
        uf2.contents(path)
    path.write_bytes(uf2.encode(uf2.FLASH_END - 256, bytes(512)))
    with pytest.raises(ImageError, match="block 1 is for address 0x10200000"):
        uf2.contents(path)
    path.write_bytes(uf2.encode(BEGIN, bytes(512)))
    with pytest.raises(ImageError, match="block 1 for address 0x10000200 does not follow the one before"):
        uf2.contents(changed(path, 512 + 13, 2))


def test_an_image_that_is_none_of_ours_may_leave_gaps(tmp_path: Path) -> None:
    path = tmp_path / "x.uf2"
    path.write_bytes(uf2.encode(BEGIN, bytes(512)))
    assert seal.described_if_ours(changed(path, 512 + 13, 2)) is None


def test_an_image_without_room_for_a_seal_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.uf2"
    path.write_bytes(uf2.encode(BEGIN, bytes(512)))
    with pytest.raises(ImageError, match="has no block that names its board"):
        seal.seal(path)


def test_what_is_frozen_is_what_an_upload_would_send() -> None:
    built = build_firmware("rp2040_pico")
    modules = production.modules_of(built)
    assert modules.pop("frozen_image.mpy") and modules.pop("boot.mpy") and modules.pop("main.mpy")
    uploaded = {name: data for name, data in built.files.items() if name.endswith(".mpy")}
    assert {f"/lib/{name}": data for name, data in modules.items()} == uploaded
    assert set(built.files) - set(uploaded) == {"/boot.py", "/main.py", MANIFEST}


def test_the_gates_that_are_opened_first_are_those_of_boot_py() -> None:
    """Which a test holds against every board."""
    root = Path(__file__).parents[2]
    first = [
        re.findall(
            r"^Pin\((\d+), Pin\.OUT, value=0\)$", (root / name).read_text().partition("import gc")[0], re.MULTILINE
        )
        for name in ("firmware/boot.py", "boards/rp2040_pico/micropython/modules/_boot.py")
    ]
    assert first[0] == first[1] == ["18", "17"]


def test_boards_that_have_a_production_image() -> None:
    assert production.boards() == ["rp2040_pico", "rp2040_pico_dual"]
    with pytest.raises(BadValueError, match="no production image for 'esp32_devkit'; nothing was built; there is one"):
        production.production_image("esp32_devkit")


def test_the_image_command_takes_one_kind_at_a_time() -> None:
    for line in ("image --production --image x.uf2", "image --board rp2040_pico", "image --output x.uf2"):
        assert run_cli(line).exit_code == 2


def test_a_copy_of_the_image(real: Path, tmp_path: Path) -> None:
    copy = tmp_path / "new" / "x.uf2"
    shown = run_cli(f"image --production --output {copy}")
    assert shown.exit_code == 0 and f"path          {copy}\nboard         rp2040_pico\n" in shown.stdout
    assert copy.read_bytes() == real.read_bytes() and os.listdir(copy.parent) == ["x.uf2"]
    (tmp_path / "file").write_text("")
    refused = run_cli(f"image --production --output {tmp_path / 'file' / 'x.uf2'}")
    assert refused.exit_code == 8 and "cannot be copied to" in refused.stderr


# The drive ----------------------------------------------------------------------------------------------------------


def mounted(monkeypatch: pytest.MonkeyPatch, *places: Path) -> None:
    monkeypatch.setattr(bootsel, "_mounted", lambda: list(places))


def test_the_only_drive_of_a_waiting_board_is_found(
    drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    mounted(monkeypatch, stick, drive)
    assert bootsel.find_drive(None) == drive
    mounted(monkeypatch, stick)
    with pytest.raises(
        NoBoardError, match="no drive of a board that waits for an image is mounted; nothing was written"
    ):
        bootsel.find_drive(None)
    shutil.copytree(drive, tmp_path / "second")
    mounted(monkeypatch, drive, tmp_path / "second")
    with pytest.raises(NoBoardError, match=r"2 boards wait for an image: .*; choose with --drive"):
        bootsel.find_drive(None)


def test_this_machines_drives_are_asked() -> None:
    assert all(place.is_absolute() for place in bootsel._mounted())


def test_another_chips_drive_is_refused(drive: Path) -> None:
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n")
    with pytest.raises(FirmwareError, match="is 'RP2350', RPI-RP2 \\(an RP2040\\) is needed; nothing was written"):
        bootsel.find_drive(drive)
    (drive / "INFO_UF2.TXT").unlink()
    with pytest.raises(NoBoardError, match=r"it holds no INFO_UF2\.TXT; hold BOOTSEL while you plug the board in"):
        bootsel.find_drive(drive)


def test_everything_is_copied_with_progress(drive: Path) -> None:
    told: Told = []
    bootsel.copy(b"x" * 100_000, drive, lambda *row: told.append(row))
    assert (drive / "microcurrent.uf2").read_bytes() == b"x" * 100_000
    assert [done for _name, done, _total in told] == [0, 32768, 65536, 98304, 100_000]


def test_a_full_drive_is_told(drive: Path) -> None:
    (drive / "microcurrent.uf2").symlink_to("/dev/full")
    with pytest.raises(PortError, match=r"the drive .*RPI-RP2 is full; nothing was written; hold BOOTSEL"):
        bootsel.copy(b"x" * 100_000, drive, silent)


def test_a_drive_that_vanishes_in_mid_copy_is_told_with_what_is_on_the_board(drive: Path) -> None:
    def unplug(_name: str, done: int, _total: int) -> None:
        if done:
            shutil.rmtree(drive, ignore_errors=True)

    with pytest.raises(PortError) as caught:
        bootsel.copy(b"x" * 100_000, drive, unplug)
    assert (
        "went away or does not take it (the drive is gone) after 32768 of 100000 bytes; the board holds no whole"
        in str(caught.value)
    )


def test_a_drive_that_goes_with_the_last_byte_is_no_failure(drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_descriptor: int) -> None:
        shutil.rmtree(drive)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", gone)
    bootsel.copy(b"x" * 1000, drive, silent)
    assert not bootsel.is_there(drive)


# From the file to a board that answers --------------------------------------------------------------------------------


class Ending:
    """Progress that plays the board: with the last byte the drive goes, and a board comes up on the bench's port."""

    def __init__(self, drive: Path, monkeypatch: pytest.MonkeyPatch, port: str | None) -> None:
        self.drive, self.port, self.on = drive, port, False
        monkeypatch.setattr(ports, "find_boards", self.boards)
        monkeypatch.setattr(flash_production.time, "sleep", silent)

    def boards(self) -> list[ports.Board]:
        return [ports.Board(self.port, "virtual Pico", "")] if self.on and self.port else []

    def __call__(self, _name: str, done: int, total: int) -> None:
        if done >= total:
            shutil.rmtree(self.drive)
            self.on = True


def flashed(image: Path, drive: Path, ending: Callable[[str, int, int], None], board: str | None = None) -> object:
    return flash_production.flash_production(image, port=None, drive=drive, board=board, say=silent, progress=ending)


def test_a_board_that_comes_back_with_the_image(
    real: Path, drive: Path, on_port: On, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = on_port(VirtualPico(real, dac_eeprom=SAFE_EEPROM))
    done = flashed(real, drive, Ending(drive, monkeypatch, port))
    assert isinstance(done, flash_production.Flashed)
    assert (done.port, done.board, done.manifest) == (port, "rp2040_pico", build_firmware("rp2040_pico").hash)
    assert done.identity["image"] == "frozen"


def test_a_running_board_is_asked_for_its_drive(
    real: Path, drive: Path, on_port: On, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The boot ROM is not emulated: what mpremote sends is left out here, and that its drive appears is played."""
    port = on_port(VirtualPico(real, dac_eeprom=SAFE_EEPROM))
    mounted(monkeypatch)
    asked: list[str] = []

    def quiesce(name: str, look: Callable[[dict, str], None]) -> dict:
        look({"board": "rp2040_pico"}, name)
        asked.append(name)
        return {}

    monkeypatch.setattr(flash_production, "quiesce", quiesce)
    monkeypatch.setattr(remote, "enter_bootloader", lambda _port: mounted(monkeypatch, drive))
    ending = Ending(drive, monkeypatch, port)
    done = flash_production.flash_production(real, port=port, drive=None, board=None, say=silent, progress=ending)
    assert (done.port, asked, done.identity["image"]) == (port, [port], "frozen")


def test_a_board_that_comes_back_with_something_else(
    real: Path, drive: Path, image: Path, board: VirtualPico, on_port: On, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = on_port(board)
    with pytest.raises(VerifyError, match=r"runs uploaded firmware of rp2040_pico with manifest \w+; the image holds"):
        flashed(real, drive, Ending(drive, monkeypatch, port))
    blank = on_port(VirtualPico(image))
    (drive.parent / "again").mkdir()
    (drive.parent / "again" / "INFO_UF2.TXT").write_text(INFO)
    with pytest.raises(VerifyError, match="came back with a MicroPython prompt and no firmware; the output is off"):
        flashed(real, drive.parent / "again", Ending(drive.parent / "again", monkeypatch, blank))


def test_a_board_that_does_not_come_back(sealed: Path, drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flash_production, "BACK_S", 0.0)
    with pytest.raises(PortError, match="the image was copied, but no board answered on any new port within 0 s"):
        flashed(sealed, drive, Ending(drive, monkeypatch, None))


def test_a_board_that_does_not_take_the_image(sealed: Path, drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flash_production, "GONE_S", 0.0)
    with pytest.raises(VerifyError, match="is still there 0 s after the last byte: the board has not taken the image"):
        flashed(sealed, drive, silent)


def test_images_that_are_refused_before_anything_is_written(sealed: Path, drive: Path, tmp_path: Path) -> None:
    whole = sealed.read_bytes()
    cases = {
        "for family 0xe48bff59": changed(sealed, 28, 0x59).read_bytes(),
        "incomplete: block 0": whole[:-512],
        "damaged: ": whole[:40] + bytes([whole[40] ^ 1]) + whole[41:],
    }
    for text, data in cases.items():
        path = tmp_path / "bad.uf2"
        path.write_bytes(data)
        shown = run_cli(f"flash --production {path} --drive {drive}")
        assert shown.exit_code == 8 and text in shown.stderr
    shown = run_cli(f"flash --production {sealed} --drive {drive} --board rp2040_pico_dual")
    assert shown.exit_code == 5 and "is for rp2040_pico, not for rp2040_pico_dual; nothing was written" in shown.stderr
    assert sorted(os.listdir(drive)) == ["INFO_UF2.TXT"]


def test_a_running_board_of_another_kind_is_refused(
    sealed: Path, board: VirtualPico, on_port: On, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = on_port(board)
    monkeypatch.setattr(ports, "find_boards", list)
    monkeypatch.setattr(seal, "described", lambda _path: Production("rp2040_pico_dual", "0.2.0", "0", "1.26.1", 1, "0"))
    shown = run_cli(f"flash --production {sealed} --port {port}")
    assert shown.exit_code == 5
    assert "runs the firmware of rp2040_pico, the image is for rp2040_pico_dual; it goes on, nothing" in shown.stderr


def test_an_image_that_is_older_than_what_runs_is_refused(
    sealed: Path, board: VirtualPico, on_port: On, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = on_port(board)
    older = Production("rp2040_pico", "0.1.0", "0", "1.26.1", protocol.FIRMWARE_NUMBER - 1, "0")
    monkeypatch.setattr(ports, "find_boards", list)
    monkeypatch.setattr(seal, "described", lambda _path: older)
    shown = run_cli(f"flash --production {sealed} --port {port}")
    assert shown.exit_code == 5
    assert (
        f"the image is 0.1.0 with number {older.number}, the board on bench:0 runs number {protocol.FIRMWARE_NUMBER} "
        f"and would refuse output under a lower one; it goes on, nothing was written"
    ) in shown.stderr
    assert json.loads(run_cli(f"status --json --port {port}").stdout)["state"] == "READY"


def test_options_that_do_not_go_together(sealed: Path, drive: Path) -> None:
    assert run_cli(f"flash --production {sealed} --drive {drive} --force").exit_code == 2
    assert run_cli(f"flash --drive {drive}").exit_code == 2
    virtual = run_cli(f"flash --production {sealed} --port sim")
    assert (
        virtual.exit_code == 2 and "a virtual Pico shows no drive; nothing was written; boot an image" in virtual.stderr
    )


# On a board that has one ----------------------------------------------------------------------------------------------


def test_files_are_refused_by_a_frozen_board_and_verify_compares_its_manifest(real: Path, on_port: On) -> None:
    pico = VirtualPico(real, dac_eeprom=SAFE_EEPROM)
    on_port(pico)
    refused = run_cli("flash")
    assert refused.exit_code == 5
    assert "has a production image, whose frozen modules go before every file; nothing was written" in refused.stderr
    assert pico.trace.resets == []  # it was not disturbed
    same = run_cli("verify")
    assert same.exit_code == 0 and "are those of the build for rp2040_pico" in same.stdout
    other = run_cli("verify --board rp2040_pico_dual")
    assert other.exit_code == 10 and "holds rp2040_pico with manifest" in other.stderr
    assert "(frozen, manifest " in run_cli("status").stdout


def test_a_virtual_pico_takes_the_image_as_it_is(real: Path, tmp_path: Path) -> None:
    found = cache.Image(real, "1.26.1", "Raspberry Pi Pico with RP2040", "", "a test", "")
    assert virtual.board_of(found) == "rp2040_pico"
    virtual.install(found, tmp_path / "state", 2048)
    assert read_files((tmp_path / "state" / "flash.bin").read_bytes()) == {}  # nothing was uploaded
    assert json.loads((tmp_path / "state" / "dac.json").read_text())["code"] == 2048
    with pytest.raises(BadValueError, match="is a production image for rp2040_pico, the virtual Pico is wired"):
        virtual.install(found, tmp_path / "state", board="rp2040_pico_dual")


# ESP32 ----------------------------------------------------------------------------------------------------------------


def test_what_is_no_image_for_an_esp32(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    for data, text in (
        (b"", "does not begin with 0xe9"),
        (b"UF2\n" * 100, "does not begin with 0xe9"),
        (bytes([0xE9, *bytes(11), 9, *bytes(100)]), "is for Espressif's chip number 9, 0"),
    ):
        path.write_bytes(data)
        shown = run_cli(f"flash --production {path} --port /dev/null")
        assert shown.exit_code == 8 and text in shown.stderr and "nothing was written" in shown.stderr
    path.write_bytes(bytes([0xE9, *bytes(200)]))
    with pytest.raises(BadValueError, match="an ESP32 shows no drive; nothing was written; name its port with --port"):
        flash_production.flash_production(path, port=None, drive=None, board=None, say=silent, progress=silent)


def test_esptool_with_a_port_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real esptool on a pseudo-terminal with nobody behind it; its default of seven attempts is cut to one."""
    monkeypatch.setattr(esp32_image, "CONNECT_ATTEMPTS", 1)
    path = tmp_path / "x.bin"
    path.write_bytes(bytes([0xE9, *bytes(200)]))
    master, slave = os.openpty()
    try:
        shown = run_cli(f"flash --production {path} --port {os.ttyname(slave)}")
    finally:
        os.close(master)
        os.close(slave)
    assert shown.exit_code == 4
    assert "Failed to connect to ESP32" in shown.stderr and "; hold BOOT while it connects" in shown.stderr
    missing = run_cli(f"flash --production {path} --port /dev/no-such-port")
    assert missing.exit_code == 4 and "esptool failed on /dev/no-such-port" in missing.stderr
