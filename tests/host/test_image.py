"""The image resolver: order, checks, and what it says when steps fail. The network is a server on this machine."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from microcurrent.errors import ImageError
from microcurrent.image import cache, check, debian, download, probe, resolver

from .conftest import run_cli


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROCURRENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MICROCURRENT_IMAGE", raising=False)
    return tmp_path / "cache"


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """One connection on a local port, answered by `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/image.uf2"
        thread.join()


def http(body: bytes, length: int | None = None) -> Callable[[socket.socket], None]:
    head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    return lambda connection: connection.sendall(head.encode() + body)


def from_server(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(download, "address_of", lambda _version: url)


def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without apt."""
    monkeypatch.setattr(debian.shutil, "which", lambda _name: None)


def test_download_enters_the_cache(empty_cache: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    with server(http(image.read_bytes())) as url:
        from_server(monkeypatch, url)
        found = resolver.resolve_image(None, heard.append)
    assert heard[0] == f"cache: no MicroPython 1.26.1 in {empty_cache / 'images'}; next: download"
    assert found.path.read_bytes() == image.read_bytes()
    assert (found.version, found.machine, found.origin) == ("1.26.1", "Raspberry Pi Pico with RP2040", url)
    assert "checking the image: booting it on the virtual Pico" in heard
    assert resolver.resolve_image() == found  # the server is gone: this one is from the cache
    assert sorted(path.name for path in empty_cache.iterdir()) == ["images"]
    shown = run_cli("image").stdout
    assert f"sha256        {found.sha256}\n" in shown
    assert f"origin        {url}\n" in shown


BROKEN = [
    (http(b""), "the server sent an empty file"),
    (http(b"x" * 5000, 9000), "the network says: the transfer ended 4000 bytes early"),
    (http(b"<html>sign in</html>"), "is not a UF2 image: 20 bytes are no whole number of 512-byte blocks"),
    (lambda connection: connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n"), "the network says: HTTP Error 404"),
    (lambda connection: connection.sendall(b"garbage\r\n\r\n"), "the network says: garbage"),
]


@pytest.mark.parametrize(("answer", "reason"), BROKEN)
def test_broken_download_never_enters_the_cache(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[socket.socket], None], reason: str
) -> None:
    no_build(monkeypatch)
    heard: list[str] = []
    with server(answer) as url:
        from_server(monkeypatch, url)
        with pytest.raises(ImageError) as caught:
            resolver.resolve_image(None, heard.append)
    assert reason in str(caught.value)
    assert any(line.endswith("; next: building it from Debian's source packages") for line in heard)
    assert not list(empty_cache.rglob("*.uf2*"))


def test_network_that_answers_nothing(empty_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The default patience is seconds; here it is shortened so that the test is not."""
    assert download.CONNECT_S + download.STALL_S < 20
    monkeypatch.setattr(download, "CONNECT_S", 0.05)
    silent = threading.Event()

    def say_nothing(_connection: socket.socket) -> None:
        silent.wait()

    with server(say_nothing) as url:
        with pytest.raises(ImageError, match=r"no answer from the network within 0 s \(0 bytes received\)"):
            download.fetch(url, tmp_path / "x", lambda _text: None)
        silent.set()


def test_all_sources_fail(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_build(monkeypatch)
    from_server(monkeypatch, "http://127.0.0.1:9/image.uf2")
    result = run_cli("image")
    assert result.exit_code == 8
    steps = [line.rpartition("; next: ")[2] for line in result.stderr.splitlines() if "; next: " in line]
    assert steps == [
        "download",
        "building it from Debian's source packages",
        "mend what it names, then run: microcurrent image",
    ]
    assert result.stderr.splitlines()[-7:] == [
        "error: no MicroPython 1.26.1 image could be obtained; nothing was booted; every source failed:",
        f"  cache: no MicroPython 1.26.1 in {empty_cache / 'images'}",
        "      -> nothing to mend; an image of your own is named with --image FILE.uf2 or MICROCURRENT_IMAGE",
        "  download: the network says: <urlopen error [Errno 111] Connection refused>",
        "      -> check the network, or download the RPI_PICO image elsewhere and name it with --image",
        "  build: this machine has no apt, so Debian's source packages cannot be used; on another machine build the "
        "image there and pass it with --image",
        "      -> mend what it names, then run: microcurrent image",
    ]


class Archive(ThreadingHTTPServer):
    """The proxy of a machine's apt: files it has by name (an empty one: it hangs up), None to answer nothing at all.

    asked: the addresses of all requests.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, files: dict[str, bytes] | None) -> None:
        super().__init__(("127.0.0.1", 0), ArchiveRequest)
        self.files = files
        self.asked: list[str] = []
        self.closing = threading.Event()


class ArchiveRequest(BaseHTTPRequestHandler):
    """One connection of apt."""

    def do_GET(self) -> None:
        archive = self.server
        assert isinstance(archive, Archive)
        archive.asked.append(self.path)
        if archive.files is None:
            archive.closing.wait()
            return
        body = archive.files.get(self.path.rpartition("/")[2])
        if body is None:
            self.send_error(404)
        elif body:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def apt_behind(archive: Archive, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's apt has one archive, reached through ours, and a toolchain is there."""
    (place / "list").write_text("deb [trusted=yes] http://archive.test/debian stable main\n")
    proxy = f'"http://127.0.0.1:{archive.server_port}"'
    (place / "conf").write_text(
        f"Acquire::http::Proxy {proxy};\nAcquire::https::Proxy {proxy};\n"
        f'Dir::Etc::SourceList "{place / "list"}";\nDir::Etc::SourceParts "/dev/null";\n'
    )
    for name in ("arm-none-eabi-gcc", "arm-none-eabi-g++", "cmake", "make", "gcc", "g++"):
        (place / name).write_text("#!/bin/sh\necho /found\n")
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(place), prepend=os.pathsep)
    monkeypatch.setenv("APT_CONFIG", str(place / "conf"))


def release(label: str) -> dict[str, bytes]:
    head = f"Origin: {label}\nLabel: {label}\nSuite: stable\nCodename: trixie\nDate: Sat, 01 Jan 2022 00:00:00 UTC\n"
    return {"Release": f"{head}Architectures: amd64\nComponents: main\nSHA256:\n {'0' * 64} 0 main/x\n".encode()}


# What the archive has; the error; how many requests there are at least, and at most.
SILENT = "no Debian archive of this machine's apt answered within 2 s; no image was written; check the network"
HANGS_UP = r"no Debian archive of this machine's apt answers \([EW]: .*\); no image was written; see more with: apt"
NOT_DEBIAN = "no archive of this machine's apt says that it is Debian's; no image was written; an image from elsewhere"
NO_LISTS = "the archive http://archive.test/debian/ does not give the lists of suites sid and trixie; no image was"
ARCHIVES = [
    (None, SILENT, 1, 1),
    ({"InRelease": b""}, HANGS_UP, 1, 3),
    ({}, NOT_DEBIAN, 2, 3),
    (release("Other"), NOT_DEBIAN, 2, 3),
    (release("Debian"), NO_LISTS, 4, 9),
]
ON_DEBIAN = Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists()


@pytest.mark.parametrize(("files", "reason", "least", "most"), ARCHIVES if ON_DEBIAN else [])
def test_archive_that_cannot_be_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, bytes] | None,
    reason: str,
    least: int,
    most: int,
) -> None:
    """The default patience is seconds; here it is shortened. Nobody is asked again who did not answer."""
    assert debian.ARCHIVE_S < 15
    monkeypatch.setattr(debian, "ARCHIVE_S", 2.0)
    heard: list[str] = []
    with Archive(files) as archive:
        apt_behind(archive, tmp_path, monkeypatch)
        thread = threading.Thread(target=archive.serve_forever)
        thread.start()
        try:
            with pytest.raises(ImageError, match=reason):
                debian.build("1.26.1", tmp_path / "out.uf2", tmp_path / "work", heard.append)
        finally:
            archive.closing.set()
            archive.shutdown()
            thread.join()
    assert heard[0] == "[1/7] asking this machine's Debian archive"
    assert least <= len(archive.asked) <= most, archive.asked
    assert not (tmp_path / "out.uf2").exists()


@pytest.mark.parametrize("name", ["file"] if ON_DEBIAN else [])
def test_build_step_that_fails_unforeseen(tmp_path: Path, name: str) -> None:
    """The script's safety net: a command that nothing was written for still gets a sentence."""
    (tmp_path / name).write_text("")
    heard: list[str] = []
    with pytest.raises(ImageError, match=r"the build script failed in line \d+; no image was written; see above why"):
        debian.build("1.26.1", tmp_path / "out.uf2", tmp_path / name / "work", heard.append)
    assert any("Not a directory" in line for line in heard)


def test_damaged_cache_is_obtained_again(empty_cache: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(http(image.read_bytes())) as url:
        from_server(monkeypatch, url)
        path = resolver.resolve_image().path
    path.write_bytes(path.read_bytes()[:-512])
    heard: list[str] = []
    with server(http(image.read_bytes())) as url:
        from_server(monkeypatch, url)
        assert resolver.resolve_image(None, heard.append).path.read_bytes() == image.read_bytes()
    assert "is damaged: its sha256 is" in heard[0]
    assert heard[0].endswith("; next: download")


def test_named_image_is_taken_or_refused(tmp_path: Path, image: Path) -> None:
    assert resolver.resolve_image(str(image)).path == image.absolute()
    missing = run_cli(f"image --image {tmp_path / 'none.uf2'}")
    assert (missing.exit_code, missing.stderr) == (
        8,
        f"error: there is no image {tmp_path / 'none.uf2'}; nothing was booted; check --image and MICROCURRENT_IMAGE\n",
    )
    text = tmp_path / "text.uf2"
    text.write_text("not an image")
    wrong = run_cli(f"image --image {text}")
    assert wrong.exit_code == 8
    assert f"{text} is not a UF2 image: 12 bytes are no whole number of 512-byte blocks" in wrong.stderr
    assert "; nothing was started; name another with --image, or leave --image and" in wrong.stderr


def test_image_that_does_not_boot(tmp_path: Path, image: Path) -> None:
    """Every payload byte after the boot stage zeroed: a UF2 in form, but no MicroPython."""
    data = bytearray(image.read_bytes())
    for block in range(1, len(data) // 512):
        data[block * 512 + 32 : block * 512 + 288] = bytes(256)
    dead = tmp_path / "dead.uf2"
    dead.write_bytes(data)
    assert probe.converse(dead) == ""  # in seconds: not after an emulated time that would take minutes
    with pytest.raises(ImageError, match="does not boot to a MicroPython prompt on the virtual Pico"):
        check.boot_and_ask(dead)


def test_image_that_hangs_the_emulator(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience ends; here at once, for any image."""
    monkeypatch.setattr(check, "PATIENCE_S", 0.01)
    with pytest.raises(ImageError, match="does not boot to a MicroPython prompt on the virtual Pico"):
        check.boot_and_ask(image)


def test_uf2_that_is_cut_or_for_another_chip(tmp_path: Path, image: Path) -> None:
    cut = tmp_path / "cut.uf2"
    cut.write_bytes(image.read_bytes()[: 512 * 100])
    with pytest.raises(ImageError, match=r"is incomplete: block 0 of \d+ stands at place 0 of 100"):
        check.require_uf2(cut)
    data = bytearray(image.read_bytes())
    data[28:32] = (0xE48BFF59).to_bytes(4, "little")
    cut.write_bytes(data)
    with pytest.raises(ImageError, match=r"is a UF2 image for family 0xe48bff59, 0xe48bff56 \(RP2040\) is needed"):
        check.require_uf2(cut)


def test_too_old_an_image(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is what the booted image says; the threshold is moved, not the image."""
    monkeypatch.setattr(check, "MIN_VERSION", (1, 99, 0))
    with pytest.raises(ImageError, match=r"is MicroPython 1\.26\.1, 1\.99 or newer is needed"):
        check.boot_and_ask(image)


def test_cache_note_names_its_own_image(empty_cache: Path, image: Path) -> None:
    kept = cache.store(image, "1.26.1", "Raspberry Pi Pico with RP2040", "a test", "1.26.1")
    assert cache.load("1.26.1") == kept
    kept.path.with_suffix(".json").write_text("{")
    with pytest.raises(ImageError, match="has no readable note of its origin"):
        cache.load("1.26.1")


def test_the_list_of_official_images_knows_our_version() -> None:
    assert download.address_of(resolver.VERSION).endswith(".uf2")
    with pytest.raises(ImageError, match=r"the list of official images has no 0\.0\.1"):
        download.address_of("0.0.1")
