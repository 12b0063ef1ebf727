"""The link under rough handling, both directions, against the real firmware: garbage, half lines, damage, silence."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.shared import framing, protocol
from microcurrent.bench.pico import VirtualPico
from microcurrent.client import DeviceClient, telemetry_values
from microcurrent.errors import FaultError, FirmwareError, PortError, RecordError
from microcurrent.lines import MAX_PENDING_BYTES, LineReader, LinkCounters
from microcurrent.records import Records
from microcurrent.share import ShareServer
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
    return treat(client, records, checked_wave(wave), Watcher(on_row, lambda _text: None), interrupts)


def test_garbage_to_the_board_is_counted_there(link: Spoiler, client: DeviceClient) -> None:
    before = client.request("counters")["damaged_lines"]
    link.write(b"\xff\x00garbage\r\nstat\n" + b"x" * 3000 + b"\n")
    link.write(framing.encode({"id": 1, "cmd": "status"}).encode()[:20] + b"\n")
    assert client.request("status")["state"] == "OFF"
    assert client.request("counters")["damaged_lines"] > before


def test_half_a_line_left_by_another_program(link: Spoiler, board: VirtualPico) -> None:
    link.write(b'12345678 {"id": 7, "cmd": "sta')
    assert DeviceClient(link).hello()["board"] == "rp2040_pico"


def test_damaged_request_is_sent_again(link: Spoiler, client: DeviceClient) -> None:
    link.spoil_sent = once(lambda data: data.replace(b"status", b"stauts"), lambda data: b"status" in data)
    assert client.request("status")["state"] == "OFF"
    assert client.counters.repeated == 1


def test_damaged_reply_is_asked_for_again(link: Spoiler, client: DeviceClient) -> None:
    link.spoil = once(lambda data: data.replace(b"o", b"0"), lambda data: b"ok" in data)
    assert client.request("status")["state"] == "OFF"
    assert client.counters.repeated == 1
    assert client.counters.damaged + client.counters.foreign >= 1


def test_a_start_is_never_sent_twice(link: Spoiler, client: DeviceClient, board: VirtualPico) -> None:
    """Its reply lost, the session's state is unknown: the host stops it and says so."""
    link.spoil = once(lambda data: b"", lambda data: b'"binding"' in data)
    with Records() as records, pytest.raises(PortError, match="no answer to start from bench:0"):
        quiet(records, client, WAVE)
    assert client.counters.repeated == 0
    board.run_for_ms(300)
    assert board.gate == 0
    assert client.request("status")["state"] == "OFF"


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
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert len({row["seq"] for row in rows}) == len(rows) >= 7


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
    client.request("telemetry", {"rate_hz": 50})
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
    with pytest.raises(FirmwareError, match="a telemetry tuple has 3 fields, 22 are expected; the firmware is of"):
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
    old.write_text(source.replace("PROTOCOL_VERSION = 1 ", "PROTOCOL_VERSION = 0 "))
    files = {**firmware_files, "/lib/firmware/shared/protocol.mpy": compile_for_pico(old)}
    client = DeviceClient(BenchTransport(make_board(image, files), PORT))
    with pytest.raises(FirmwareError) as caught:
        client.hello()
    assert str(caught.value) == (
        "the board on bench:0 speaks protocol 0, this program speaks 1; nothing was changed; "
        "run: microcurrent flash --port bench:0"
    )


def test_missing_firmware(image: Path) -> None:
    client = DeviceClient(BenchTransport(make_board(image, {}), PORT))
    with pytest.raises(FirmwareError) as caught:
        client.hello()
    assert str(caught.value) == (
        "the board on bench:0 shows a MicroPython prompt, so the firmware is not running; the "
        "output is off; run: microcurrent reset --port bench:0, or if it is not installed: "
        "microcurrent flash --port bench:0"
    )


def test_mute_board(link: Spoiler) -> None:
    link.spoil = lambda data: b""
    with pytest.raises(FirmwareError) as caught:
        DeviceClient(link).hello()
    assert str(caught.value) == (
        "no answer to hello on bench:0 within 8 s (0 other lines heard); nothing was started; "
        "if this is the board, run: microcurrent flash --port bench:0"
    )


def test_share_server_survives_garbage(client: DeviceClient) -> None:
    import socket

    from microcurrent.share import socket_path

    with ShareServer(client) as share:
        for line in (b"", b"\n", b"not json\n", b"[1]\n", b'{"cmd": 3}\n', b'{"cmd": "start"}\n'):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(socket_path(PORT)))
                caller.sendall(line)
                caller.shutdown(socket.SHUT_WR)
                share.serve()
                assert b'"ok": false' in caller.recv(4096)
