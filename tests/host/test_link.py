"""The link under rough handling, both directions, against the real firmware: garbage, half lines, damage, silence."""

import os
import pty
import signal
import socket
import subprocess
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.shared import framing, protocol
from microcurrent import flash, remote
from microcurrent.bench.pico import VirtualPico
from microcurrent.client import DeviceClient, telemetry_values
from microcurrent.errors import BadValueError, FaultError, FirmwareError, PortError, RecordError, VerifyError
from microcurrent.lines import MAX_PENDING_BYTES, LineReader, LinkCounters
from microcurrent.records import Records
from microcurrent.refusals import data_of
from microcurrent.share import ShareServer, remove_dead, socket_path
from microcurrent.transport import BenchTransport
from microcurrent.treatment import Treated, Watcher, checked_wave, treat, verdict
from tests.support import compile_for_pico

from .conftest import PORT, make_board

WAVE = {"amplitude_ua": 100, "frequency_mhz": 50_000, "duration_ms": 700, "ramp_ms": 100}
ROOT = Path(__file__).parents[2]


class Spoiler(BenchTransport):
    """A link that changes what passes: `spoil` sees every line from the board, `spoil_sent` every one to it."""

    def __init__(self, pico: VirtualPico) -> None:
        super().__init__(pico, PORT)
        self.spoil: Callable[[bytes], bytes] = bytes
        self.spoil_sent: Callable[[bytes], bytes] = bytes
        self._half = b""

    def write(self, data: bytes) -> None:
        super().write(self.spoil_sent(data))

    def read(self, timeout_s: float) -> bytes:
        *lines, self._half = (self._half + super().read(timeout_s)).split(b"\n")
        return b"".join(self.spoil(line + b"\n") for line in lines)


@pytest.fixture
def link(board: VirtualPico) -> Iterator[Spoiler]:
    spoiler = Spoiler(board)
    yield spoiler
    spoiler.close()


@pytest.fixture
def client(link: Spoiler) -> DeviceClient:
    made = DeviceClient(link)
    made.hello()
    return made


def once(change: Callable[[bytes], bytes], when: Callable[[bytes], bool]) -> Callable[[bytes], bytes]:
    """Apply `change` to the first chunk for which `when` holds."""
    done = []

    def spoil(data: bytes) -> bytes:
        if done or not when(data):
            return data
        done.append(True)
        return change(data)

    return spoil


def quiet(
    records: Records,
    client: DeviceClient,
    wave: dict,
    *,
    interrupts: Callable[[], int] = lambda: 0,
    on_row: Callable[[dict[str, int]], None] = lambda _row: None,
) -> Treated:
    return treat(
        client, records, checked_wave(wave), Watcher(lambda row, _second: on_row(row), lambda _text: None), interrupts
    )


def test_garbage_to_the_board_is_counted_there(link: Spoiler, client: DeviceClient) -> None:
    before = client.request("counters")["damaged_lines"]
    link.write(b"\xff\x00garbage\r\nstat\n" + b"x" * 3000 + b"\n")
    link.write(framing.encode({"id": 1, "cmd": "status"}).encode()[:20] + b"\n")
    assert client.request("status")["state"] == "READY"
    assert client.request("counters")["damaged_lines"] > before


def test_half_a_line_left_by_another_program(link: Spoiler, board: VirtualPico) -> None:
    link.write(b'12345678 {"id": 7, "cmd": "sta')
    assert DeviceClient(link).hello()["board"] == "rp2040_pico"


def test_damaged_request_is_sent_again(link: Spoiler, client: DeviceClient) -> None:
    link.spoil_sent = once(lambda data: data.replace(b"status", b"stauts"), lambda data: b"status" in data)
    assert client.request("status")["state"] == "READY"
    assert client.counters.repeated == 1


def test_damaged_reply_is_asked_for_again(link: Spoiler, client: DeviceClient) -> None:
    link.spoil = once(lambda data: data.replace(b"o", b"0"), lambda data: b"ok" in data)
    assert client.request("status")["state"] == "READY"
    assert client.counters.repeated == 1
    assert client.counters.damaged + client.counters.foreign >= 1


def test_damage_of_an_earlier_line_ends_no_command_that_is_sent_once(link: Spoiler, client: DeviceClient) -> None:
    """Its complaint comes first; the reply takes longer than a damaged request is waited for."""
    link.write(b"garbage\n" * 3)
    assert client.request("selftest")["passed"]
    assert client.counters.repeated == 0


# What only the reply to a command holds.
LOST_REPLIES = [("arm", b'"binding"'), ("start", b'"state": "RAMP_UP"')]


@pytest.mark.parametrize(("command", "mark"), LOST_REPLIES)
def test_a_start_is_never_sent_twice(
    link: Spoiler, client: DeviceClient, board: VirtualPico, command: str, mark: bytes
) -> None:
    """Its reply lost, the session's state is unknown: the host stops it and says so."""
    link.spoil = once(lambda data: b"", lambda data: mark in data)
    with Records() as records, pytest.raises(PortError, match=f"no answer to {command} from bench:0"):
        quiet(records, client, WAVE)
    assert client.counters.repeated == 0
    board.run_for_ms(300)
    assert board.gate == 0
    assert client.request("status")["state"] == "READY"


def test_silence(link: Spoiler, client: DeviceClient) -> None:
    link.spoil = lambda data: b""
    with pytest.raises(PortError) as caught:
        client.request("status")
    assert str(caught.value) == (
        "no answer to status from bench:0 within 3.0 s; a running session ends by itself when "
        "its lease runs out; check the cable, then run: microcurrent status"
    )


def test_lost_telemetry_is_fetched_from_the_ring(link: Spoiler, client: DeviceClient) -> None:
    lost = []

    def spoil(line: bytes) -> bytes:
        if b'"telemetry"' not in line or len(lost) == 3:
            return line
        lost.append(line)
        return b""

    link.spoil = spoil
    with Records() as records:
        treated = quiet(records, client, WAVE)
        rows = records.telemetry(treated.number)
    assert len(lost) == 3
    assert client.counters.replayed == client.counters.missed >= 3  # the board itself drops some when it is busy
    seqs = [row["seq"] for row in rows if row["seq"] >= 0]  # -1: the last one, from a status reply
    assert seqs == sorted(seqs)
    assert len(set(seqs)) == len(seqs) >= 7


def test_link_lost_during_a_session(link: Spoiler, client: DeviceClient, board: VirtualPico) -> None:
    """The device stops by its lease; the host says so; the record is closed."""
    gone_ns = board.now_ns + 900_000_000

    def spoil(data: bytes) -> bytes:
        if board.now_ns > gone_ns:
            raise PortError("bench:0 vanished")
        return data

    link.spoil = spoil
    with Records() as records:
        treated = quiet(records, client, {**WAVE, "duration_ms": 60_000})
        kept = records.session(treated.number)
    problem = verdict(treated)
    assert isinstance(problem, PortError)
    assert "the device stops by itself within 2000 ms plus its ramp" in str(problem)
    assert kept["ended"] == "link-lost"
    board.run_for_ms(2000 + 100 + 100)
    assert board.gate == 0
    link.spoil = bytes
    assert client.request("status")["end"] == "lease"
    assert client.request("faults")["name"] == "lease-lost"
    client.request("clear")


def test_disk_full_during_a_session(client: DeviceClient, board: VirtualPico) -> None:
    """SQLite's own page limit stands for the disk's: the session is ramped down, the error says so."""
    client.request("telemetry", {"rate_hz": 30})
    with Records() as records:

        def fill(_row: dict[str, int]) -> None:
            records._db.execute("PRAGMA max_page_count = 1")  # SQLite takes the pages there are as the smallest limit

        treated = quiet(records, client, {**WAVE, "duration_ms": 60_000}, on_row=fill)
    problem = verdict(treated)
    assert isinstance(problem, RecordError)
    assert "cannot be written (database or disk is full); " in str(problem)
    assert str(problem).endswith("; the session was ramped down")
    assert treated.outcome.ended == "stopped"
    assert board.gate == 0


def test_reset_during_a_session(client: DeviceClient, board: VirtualPico) -> None:
    board.at(board.now_ns + 500_000_000, lambda: board.reset("run"))
    with Records() as records:
        treated = quiet(records, client, {**WAVE, "duration_ms": 60_000})
    assert treated.outcome.ended == "device-reset"
    assert isinstance(verdict(treated), FaultError)
    assert board.gate == 0


def test_first_interrupt_ramps_down_second_is_at_once(client: DeviceClient, board: VirtualPico) -> None:
    seen: list[dict[str, int]] = []
    wanted = [0]

    def on_row(row: dict[str, int]) -> None:
        seen.append(row)
        wanted[0] = (row["elapsed_ms"] > 400) + (row["state"] == protocol.RAMP_DOWN)

    with Records() as records:
        wave = {**WAVE, "duration_ms": 60_000, "ramp_ms": 5000}
        treated = quiet(records, client, wave, interrupts=lambda: wanted[0], on_row=on_row)
        kept = records.session(treated.number)
    assert treated.outcome.interrupted
    assert protocol.RAMP_DOWN in {row["state"] for row in seen}
    assert (treated.outcome.ended, kept["ended"]) == ("stopped", "stopped")
    assert treated.summary["elapsed_ms"] < 2000
    assert board.gate == 0


def test_telemetry_of_another_length_is_another_firmware() -> None:
    with pytest.raises(FirmwareError, match=f"a telemetry tuple has 3 fields, {len(protocol.TELEMETRY_FIELDS)} are "):
        telemetry_values([1, 2, 3])


def test_endless_line_is_dropped() -> None:
    reader = LineReader(LinkCounters())
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []
    assert reader.counters.foreign >= 100_000 // (MAX_PENDING_BYTES + 1000)
    assert reader.feed(b"\n" + framing.encode({"id": 1}).encode()) == [{"id": 1}]


def test_old_firmware(image: Path, firmware_files: dict[str, bytes], tmp_path: Path) -> None:
    """The protocol number differs: the handshake names the command that repairs it."""
    source = (ROOT / "firmware" / "shared" / "protocol.py").read_text()
    old = tmp_path / "protocol.py"
    old.write_text(source.replace(f"PROTOCOL_VERSION = {protocol.PROTOCOL_VERSION} ", "PROTOCOL_VERSION = 1 "))
    files = {**firmware_files, "/lib/firmware/shared/protocol.mpy": compile_for_pico(old)}
    client = DeviceClient(BenchTransport(make_board(image, files), PORT))
    with pytest.raises(FirmwareError) as caught:
        client.hello()
    assert str(caught.value) == (
        f"the board on bench:0 speaks protocol 1, this program speaks {protocol.PROTOCOL_VERSION}; nothing was "
        f"changed; run: microcurrent flash --port bench:0"
    )


AT_PROMPT = (
    "the board on bench:0 shows a MicroPython prompt, so the firmware is not running; the "
    "output is off; run: microcurrent reset --port bench:0, or if it is not installed: "
    "microcurrent flash --port bench:0"
)


def test_missing_firmware(image: Path) -> None:
    """Every command says the same, whether the prompt is fresh, read by an earlier one, or left in the raw REPL."""
    transport = BenchTransport(make_board(image, {}), PORT)
    for before in (b"", b"", b"1 +", b"\x01"):
        transport.write(before)
        transport.read(0.2)
        with pytest.raises(FirmwareError) as caught:
            DeviceClient(transport).hello()
        assert str(caught.value) == AT_PROMPT
        while transport.read(0.2):
            pass  # nothing is left for the next one to find


class Loopback:
    """A port whose ends are joined."""

    name = "loop:0"

    def __init__(self) -> None:
        self._data = b""
        self._now_s = 0.0

    def write(self, data: bytes) -> None:
        self._data += data

    def read(self, timeout_s: float) -> bytes:
        data, self._data = self._data, b""
        self._now_s += 0.0 if data else timeout_s
        return data

    def now(self) -> float:
        return self._now_s

    def reopen(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


def test_port_that_returns_what_was_sent() -> None:
    with pytest.raises(PortError) as caught:
        DeviceClient(Loopback()).hello()
    assert str(caught.value) == (
        "loop:0 returns what was sent; it is no board; nothing was started; check --port, or list the boards with: "
        "microcurrent devices"
    )


def test_echo_before_the_reply(link: Spoiler) -> None:
    """A half-duplex line returns the request first: it is passed over."""
    echoed: list[bytes] = []
    link.spoil_sent = lambda data: echoed.append(data) or data
    link.spoil = lambda line: b"".join(echoed[-1:]) + line
    client = DeviceClient(link)
    assert client.hello()["board"] == "rp2040_pico"
    assert client.request("status")["state"] == "READY"
    assert client.counters.echoed >= 2


def test_refusal_without_a_reason() -> None:
    with pytest.raises(FirmwareError) as caught:
        data_of({"id": 1, "ok": False})
    assert str(caught.value) == (
        "the board refused and gave no reason (error without a code); nothing was changed; bring firmware and program "
        "to one version: microcurrent flash"
    )


VALUE_TEXTS = [
    (
        "frequency_mhz is 900000; this board's 5000 samples a second permit 500000",
        "--frequency is 900Hz; this board's 5000 samples a second permit 500Hz; "
        "nothing was changed; correct the value and try again",
    ),
    (
        "gap_us is 20; this board's shortest is 100",
        "--gap is 20us; this board's shortest is 100us; nothing was changed; correct the value and try again",
    ),
    (
        "alternate_ms is 1000; one cycle lasts 10000",
        "--alternate-every is 1s; one cycle lasts 10s; nothing was changed; correct the value and try again",
    ),
    (
        "ramp_ms is 2000; two ramps must fit into duration_ms 1000",
        "--ramp is 2s; two ramps must fit into --duration 1s; nothing was changed; correct the value and try again",
    ),
    ("args must be an object", "args must be an object; nothing was changed; correct the value and try again"),
]


@pytest.mark.parametrize(("text", "shown"), VALUE_TEXTS)
def test_refused_values_are_shown_as_options(text: str, shown: str) -> None:
    with pytest.raises(BadValueError) as caught:
        data_of({"id": 1, "ok": False, "err": protocol.ERR_VALUE, "text": text})
    assert str(caught.value) == shown


def bare_pty() -> tuple[int, str]:
    """(master end, port) of a pty without echo that nobody serves."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    return master, name


@pytest.mark.parametrize("source", [["sleep", "1000"], ["cat", "/dev/urandom"]])
def test_flash_without_a_prompt(source: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent port, and one that never stops: mpremote would wait for ever. Its process is gone afterwards."""
    monkeypatch.setattr(remote, "PROMPT_S", 1.0)
    popen = subprocess.Popen
    started: list[subprocess.Popen[str]] = []
    monkeypatch.setattr(
        subprocess, "Popen", lambda *given, **options: started.append(popen(*given, **options)) or started[-1]
    )
    master, port = bare_pty()
    kept = os.open(port, os.O_RDWR | os.O_NOCTTY)  # without any opener the chatter would end with an error
    with popen(source, stdout=master) as chatter:
        with pytest.raises(PortError) as caught:
            remote.run(port, ["reset"])
        chatter.kill()
    os.close(kept)
    os.close(master)
    assert str(caught.value) == (
        f"no MicroPython prompt on {port} within 1 s; nothing was written; check that this is the board and that "
        f"MicroPython is on it (microcurrent image), then unplug it, plug it in and try again"
    )
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_silence_at_the_prompt_ends_a_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the prompt was reached, the patience is another, and counts anew with every line."""
    monkeypatch.setattr(remote, "SILENCE_S", 0.3)
    heard: list[str] = []
    script = "echo microcurrent-ready; echo cp a; exec sleep 1000"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as process:
        with pytest.raises(PortError, match="the board on p fell silent for 0 s at its prompt; the output is off; "):
            remote._said(process, "p", heard.append)
        process.kill()
    assert heard == ["microcurrent-ready", "cp a"]


def test_firmware_that_does_not_start(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = BenchTransport(make_board(image, {}), PORT)
    monkeypatch.setattr(flash, "BACK_S", 2.0)
    monkeypatch.setattr(remote, "reset", lambda _port: None)
    monkeypatch.setattr(flash, "open_transport", lambda _port, wait_s: transport)
    with pytest.raises(FirmwareError) as caught:
        flash.restart(PORT)
    assert str(caught.value) == (
        "the firmware on bench:0 does not start: 2 s after a reset the board shows a MicroPython prompt; the output "
        "is off; upload it again: microcurrent flash --port bench:0 --force"
    )


FILES = {"/boot.py": "1", "/main.py": "2", "/lib/a.mpy": "3"}
DIFFERENCES = [
    ({**FILES, "/main.py": "x"}, "1 of 3 files on p differ from the build: /main.py; "),
    ({"/boot.py": "x", "/main.py": "2"}, "2 of 3 files on p differ from the build (1 of them missing): /boot.py, /lib"),
    ({"/other": "1"}, "no firmware: 3 of 3 files missing on p: /boot.py, /lib/a.mpy, /main.py; the output is off; run"),
]


@pytest.mark.parametrize(("found", "text"), DIFFERENCES)
def test_files_that_differ(found: dict[str, str], text: str) -> None:
    remote.require_same(FILES, FILES, "p")
    with pytest.raises(VerifyError) as caught:
        remote.require_same(FILES, found, "p")
    assert str(caught.value).startswith(text)


def test_the_fitting_board_is_named() -> None:
    held = remote.Inventory("1.26.1", "Raspberry Pi Pico with RP2040", {})
    assert flash.boards_for(held) == ["rp2040_pico", "rp2040_pico_dual"]
    assert flash.boards_for(remote.Inventory("1.26.1", "Toaster", {})) == []
    assert flash.running_board({"board": "rp2040_pico_dual"}) == "rp2040_pico_dual"
    assert flash.running_board({"board": "toaster"}) == flash.running_board({}) == "rp2040_pico"


def test_sockets_of_killed_programs_are_swept(client: DeviceClient) -> None:
    """A socket that nobody listens to goes away; a living one stays."""
    dead = socket_path("/dev/elsewhere")
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(dead))
        killed.listen()
    with ShareServer(client):
        assert (dead.exists(), socket_path(PORT).exists()) == (False, True)
        remove_dead()
        assert socket_path(PORT).exists()
    assert not list(dead.parent.glob("port-*.sock"))


def test_mute_board(link: Spoiler) -> None:
    link.spoil = lambda data: b""
    with pytest.raises(FirmwareError) as caught:
        DeviceClient(link).hello()
    assert str(caught.value) == (
        "no answer to hello on bench:0 within 15 s (0 other lines heard); nothing was started; "
        "if this is the board, run: microcurrent flash --port bench:0"
    )


def test_share_server_survives_garbage(client: DeviceClient) -> None:
    with ShareServer(client) as share:
        for line in (b"", b"\n", b"not json\n", b"[1]\n", b'{"cmd": 3}\n', b'{"cmd": "start"}\n'):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(socket_path(PORT)))
                caller.sendall(line)
                caller.shutdown(socket.SHUT_WR)
                share.serve()
                assert b'"ok": false' in caller.recv(4096)
