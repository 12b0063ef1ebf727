"""What stands for an update on the virtual Pico: cut short it leaves firmware whole; altered or older it is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firmware.shared import faults, protocol
from microcurrent import build, flash, remote, signing, staging
from microcurrent.bench.pico import VirtualPico
from microcurrent.client import DeviceClient
from microcurrent.errors import FaultError, FirmwareError, RefusedError, VerifyError
from microcurrent.transport import BenchTransport
from tests.host.conftest import run_cli

from . import torture
from .host import PORT, Host

MODULE = "/lib/firmware/hw/commission.mpy"  # boot does not need it


@pytest.fixture(autouse=True)
def no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration of the test's own."""
    monkeypatch.setenv("MICROCURRENT_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def pico(image: Path) -> VirtualPico:
    """A commissioned board without files."""
    return VirtualPico(image, dac_eeprom=(2048, 0))


@pytest.fixture
def attached(pico: VirtualPico) -> Iterator[Host]:
    """Its host, reachable as PORT."""
    with Host(pico).attached() as host:
        yield host


def rebooted(pico: VirtualPico, files: dict[str, bytes]) -> tuple[DeviceClient, dict]:
    """A client of the board with these files changed, and what the board says of itself."""
    pico.install_files(files)
    pico.reset("power")
    client = DeviceClient(BenchTransport(pico))
    return client, client.hello(5.0)


def refuses(client: DeviceClient, identity: dict) -> str:
    """What the board says is wrong; no output is permitted."""
    assert identity["state"] == protocol.FAULT
    assert client.request("faults")["code"] == faults.FIRMWARE_ALTERED
    with pytest.raises((RefusedError, FaultError)):
        client.request("arm", {"wave": {"amplitude_ua": 10, "frequency_mhz": 10000, "duration_ms": 9000}})
    with pytest.raises(FaultError, match="stays latched; Run: microcurrent status, which names it"):
        client.request("clear")
    return identity["altered"]


def test_an_altered_module_is_refused_named_by_verify_and_mended(pico: VirtualPico, attached: Host) -> None:
    files = build.build_firmware("rp2040_pico").files
    altered = bytearray(files[MODULE])
    altered[len(altered) // 2] ^= 1
    pico.install_files(files)
    client, identity = rebooted(pico, {MODULE: bytes(altered)})
    assert refuses(client, identity) == f"{MODULE} is not what was uploaded; run: microcurrent flash"
    client.close()
    with pytest.raises(VerifyError, match=f"1 of {len(files)} files on {PORT} differ from the build: {MODULE}; "):
        flash.verify(PORT, None)
    signing.new_key()
    done = flash.flash(PORT, None, say=lambda _text: None, progress=lambda *_step: None)
    assert sorted(done.uploaded) == sorted([MODULE, build.MANIFEST, build.SIGNATURE, "/main.py"])
    assert "altered" not in done.identity
    with DeviceClient(BenchTransport(pico)) as client:
        client.hello()
        assert client.request("clear") == {"code": 0}
        assert client.request("status")["state"] == "READY"
    assert flash.verify(PORT, None).signature.startswith("signed by your own key (")
    assert pico.gate == 0 and attached.serial is not None


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("/lib/firmware/hw/more.mpy", b"", "/lib/firmware/hw/more.mpy is no file of the firmware"),
        ("/mine.py", b"", "/mine.py is no file of the firmware"),
        (build.MANIFEST, b"{", "there is no readable manifest"),
    ],
)
def test_what_lies_beside_the_firmware_is_refused(pico: VirtualPico, name: str, content: bytes, text: str) -> None:
    pico.install_files(build.build_firmware("rp2040_pico").files)
    client, identity = rebooted(pico, {name: content})
    assert refuses(client, identity).startswith(text)


def test_an_altered_manifest_does_not_fit_its_own_hash(pico: VirtualPico) -> None:
    files = build.build_firmware("rp2040_pico").files
    manifest = files[build.MANIFEST].replace(b'"number": 1', b'"number": 9')
    assert manifest != files[build.MANIFEST]
    pico.install_files(files)
    client, identity = rebooted(pico, {build.MANIFEST: manifest})
    assert refuses(client, identity).startswith(f"{build.MANIFEST} is not what was uploaded")


def test_older_firmware_that_was_signed_once_is_refused_by_board_and_host(
    pico: VirtualPico, attached: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody puts back files that carry a good signature; then the host is asked to, and then told to."""
    signing.new_key()
    old, new = (signing.signed(built) for built in torture.versions())
    monkeypatch.setattr(flash.build, "build_firmware", lambda _board: torture.versions()[0])
    client, identity = rebooted(pico, new.files)
    assert "altered" not in identity
    client.close()
    with pytest.raises(FirmwareError, match=r"with number 1, the board on .* has run number 2; nothing was written; "):
        flash.flash(PORT, None, say=lambda _text: None, progress=lambda *_step: None)
    done = flash.flash(PORT, None, allow_downgrade=True, say=lambda _text: None, progress=lambda *_step: None)
    assert "altered" not in done.identity and done.identity["manifest"] == old.hash
    client, identity = rebooted(pico, {staging.HIGHEST: b"2\n"})
    assert refuses(client, identity) == "its number is 1, firmware 2 ran here before; run: microcurrent flash"
    client.close()
    with pytest.raises(VerifyError, match="its number is 1, firmware 2 ran here before"):
        flash.verify(PORT, None)


def test_uploads_that_are_cut_short_leave_whole_firmware() -> None:
    """The quick form of `make update-torture`."""
    results = list(torture.run(4, 1, seed=3))
    assert [result["problems"] for result in results] == [[], [], [], []]
    assert {result["outcome"] for result in results} <= {"old", "new", "no boot"}  # never a prompt


# Keys ---------------------------------------------------------------------------------------------------------------

MADE = build.Build("b", {build.MANIFEST: b'{"number": 1, "firmware": "0.2.0", "hash": "h"}'}, "1")


def signature() -> bytes:
    """Of MADE, by a key that is made for it."""
    signing.new_key()
    return signing.signed(MADE).files[build.SIGNATURE]


def test_without_any_key_nothing_is_signed_and_that_is_said() -> None:
    assert signing.signed(MADE) is MADE
    assert signing.judged(b"m", b"", PORT) == signing.UNSIGNED


def test_a_signature_of_ones_own_key() -> None:
    text = signature()
    assert signing.judged(MADE.files[build.MANIFEST], text, PORT).startswith("signed by your own key (")
    with pytest.raises(VerifyError, match="is not signed, and 1 keys are trusted here"):
        signing.judged(MADE.files[build.MANIFEST], b"", PORT)


def test_an_altered_manifest_or_signature() -> None:
    text = signature()
    other = json.loads(text)
    other["signature"] = "00" + other["signature"][2:]
    for manifest, sign in (
        (MADE.files[build.MANIFEST].replace(b"1", b"2"), text),
        (MADE.files[build.MANIFEST], json.dumps(other).encode()),
        (MADE.files[build.MANIFEST], b"{}"),
        (MADE.files[build.MANIFEST], b"\xff"),
        (MADE.files[build.MANIFEST], b'{"key": "00", "signature": 1}'),
    ):
        with pytest.raises(VerifyError, match="one of the two was altered"):
            signing.judged(manifest, sign, PORT)


def test_a_key_of_somebody_else_counts_once_it_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = signature()
    theirs = signing.own_public()
    assert theirs
    monkeypatch.setenv("MICROCURRENT_CONFIG_DIR", str(tmp_path / "another"))
    with pytest.raises(VerifyError, match=f"signed by {theirs}, which is not trusted here"):
        signing.judged(MADE.files[build.MANIFEST], text, PORT)
    signing.trust(theirs, "the workshop")
    assert signing.judged(MADE.files[build.MANIFEST], text, PORT) == f"signed by the workshop ({theirs[:16]}...)"


# Refused by the host before anything is written ---------------------------------------------------------------------


def held(**told: Any) -> remote.Inventory:
    """What a board said."""
    return remote.Inventory("1.26.1", "Raspberry Pi Pico with RP2040", {}, **told)


def test_the_newest_number_decides() -> None:
    for told in ({"highest": "2\n"}, {"manifest": '{"number": 2}'}):
        with pytest.raises(FirmwareError, match="with number 1, the board on p has run number 2; nothing was written"):
            flash.check_number(held(**told), MADE, "p", False)
        flash.check_number(held(**told), MADE, "p", True)
    for told in ({"highest": "1"}, {"highest": "x"}, {"manifest": "{"}, {"manifest": "{}"}):
        flash.check_number(held(**told), MADE, "p", False)


def test_a_stranger_is_named_before_anything_is_written() -> None:
    found = held()
    found.files = {"/mine.py": "0", "/lib/firmware/old.mpy": "0", "/next/lib/x.mpy": "0"}
    with pytest.raises(FirmwareError, match=r"^/mine.py on p could .*; nothing was written; remove it: mpremote"):
        flash.check_strangers(found, MADE, "p")
    del found.files["/mine.py"]
    flash.check_strangers(found, replace(MADE), "p")  # what is ours goes with the upload


def test_keys_on_the_command_line(tmp_path: Path) -> None:
    assert "firmware is uploaded unsigned" in run_cli("keys show").stdout
    made = run_cli("keys new").stdout.split("\n")[0].removeprefix("your key ")
    kept = tmp_path / "config" / "signing_key.pem"
    assert kept.stat().st_mode & 0o777 == 0o600
    again = run_cli("keys new")
    assert (again.exit_code, "there is a key already" in again.stderr) == (2, True)
    odd = run_cli("keys trust 12 somebody")
    assert (odd.exit_code, "'12' is no public key; nothing was changed" in odd.stderr) == (2, True)
    other = "ab" * 32
    assert run_cli(f"keys trust {other} 'the workshop'").stdout == "the workshop is trusted\n"
    assert json.loads(run_cli("keys show --json").stdout) == {
        "own": made,
        "trusted": {made: signing.OWN, other: "the workshop"},
    }
    kept.chmod(0o644)
    read = run_cli("keys show")
    assert (read.exit_code, "can be read by others" in read.stderr) == (9, True)
    kept.write_text("no key")
    kept.chmod(0o600)
    assert "holds no Ed25519 key" in run_cli("keys show").stderr
